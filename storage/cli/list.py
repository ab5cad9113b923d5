"""The command `trialstore list`: the experiments, with their trials and best scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import console, moment, print_sentence, print_table
from .summary import best_trial, last_activity, objectives_shown, scores, trials_by_status
from .target import Target, storage_options

if TYPE_CHECKING:
    import pandas as pd

    from trialstore.storage.base_experiment_data import ExperimentData


@click.command("list")
@storage_options
def list_experiments(target: Target) -> None:
    """List the experiments with their trials and best scores."""
    with target.open_to_read() as storage:
        rows = [_experiment_row(data) for data in storage.experiments.values()]
    if not rows:
        print_sentence("There are no experiments yet.")
        return
    columns = ("experiment", "trials", "objectives", "best", "last active (UTC)", "description")
    print_table(console(), "", columns, rows, may_omit_last=True)


def _experiment_row(data: ExperimentData) -> tuple[object, ...]:
    results = data.results_df
    objectives = data.objectives
    return (
        data.experiment_id,
        trials_by_status(results),
        objectives_shown(objectives),
        _best_score(results, *next(iter(objectives.items()))) if objectives else None,
        moment(last_activity(results), seconds=False),
        data.description,
    )


def _best_score(results: pd.DataFrame, metric: str, direction: str) -> object:
    found = scores(results, metric)
    best = best_trial(found, direction)
    return None if best is None else found[best]
