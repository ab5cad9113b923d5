"""The command `trialstore plot`: telemetry of a trial, as a picture or in the terminal."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trialstore.dialects.errors import ConfigError, StorageError, TrialError, listed, nearest
from trialstore.dialects.text import clean

from .found import find_experiment, find_trial
from .output import console, print_sentence
from .target import Target, storage_options
from .telemetry_plot import LEAST_COLUMNS, Curve, print_curve, save_curves
from .times import Moment

if TYPE_CHECKING:
    import pandas as pd

    from trialstore.storage.base_trial_data import TrialData

_BUCKETS = 1_000
"""Of a picture, which has about as many pixels."""
_MOST_COLUMNS = 120
_BESIDE = 14


@click.command("plot")
@click.argument("experiment")
@click.option("--trial", "trial_id", type=int, metavar="ID", required=True, help="The trial whose telemetry to draw.")
@click.option("--metric", "metrics", multiple=True, metavar="METRIC", help="Draw this metric only; may be repeated.")
@click.option("--since", type=Moment(), metavar="TIME", help="Draw from this time on: 2026-03-04T05:06, 12h.")
@click.option("--until", type=Moment(), metavar="TIME", help="Draw what was before this time.")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE", help="Write a picture (.png).")
@storage_options
def plot(
    target: Target,
    experiment: str,
    trial_id: int,
    metrics: tuple[str, ...],
    since: dt.datetime | None,
    until: dt.datetime | None,
    file: Path | None,
) -> None:
    """Draw telemetry of a trial in the terminal, or into a file.

    A column shows what lies between the least and the greatest value of its part of the time. A picture needs
    matplotlib: pip install 'trialstore[plot]'.
    """
    if file is not None:
        _check_can_draw()
    out = console()
    buckets = _BUCKETS if file else max(LEAST_COLUMNS, min(out.width - _BESIDE, _MOST_COLUMNS))
    with target.open_to_read() as storage:
        trial = find_trial(find_experiment(storage.experiments, experiment), trial_id)
        sample = trial.telemetry_sample(list(metrics) or None, since, until, buckets)
        if missing := sorted(set(metrics) - set(sample["metric"])):
            raise _missing(trial, missing)
    if sample.empty:
        print_sentence("There is no telemetry to draw.")
        return
    curves = _curves(sample)
    if file is None:
        for curve in curves:
            print_curve(out, curve, buckets)
        return
    try:
        save_curves(file, f"{clean(experiment)}: trial {trial_id}", [curve for curve in curves if curve.values])
    except (OSError, ValueError) as exc:
        reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        raise StorageError(f"The picture cannot be written to {file}: {reason}.", "Name another FILE.png.") from None
    print_sentence(f"Wrote {file}")


def _curves(sample: pd.DataFrame) -> list[Curve]:
    return [Curve.of(str(metric), rows) for metric, rows in sample.groupby("metric", sort=True)]


def _check_can_draw() -> None:
    from trialstore.storage.demo.plot import can_draw

    if not can_draw():
        raise ConfigError("A picture needs matplotlib.", "pip install 'trialstore[plot]', or leave -o out.")


def _missing(trial: TrialData, missing: list[str]) -> TrialError:
    known = list(trial.telemetry_sample(buckets=1)["metric"])
    hint = nearest(missing[0], known) or "It has no telemetry."
    return TrialError(f"Trial {trial.trial_id} has no points of {listed(missing)} in that time.", hint)
