"""The command `trialstore list`: the experiments, with their trials and best scores."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from .output import console, moment, print_json, print_sentence, print_table
from .summary import objectives_shown, progress_shown, trials_by_status
from .target import Target, storage_options
from .times import Moment

if TYPE_CHECKING:
    from trialstore.storage.reading.overview import Overview

_MOST_EXPERIMENTS = 50


@click.command("list")
@click.option("--like", metavar="PATTERN", help="Only ids like this: * stands for any text, ? for any character.")
@click.option(
    "--since", type=Moment(), metavar="TIME", help="Only those with some activity since then: 2026-03-04, 12h, 7d, 4w."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_MOST_EXPERIMENTS,
    show_default=True,
    help="Maximum number of experiments to show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@storage_options
def list_experiments(target: Target, like: str | None, since: dt.datetime | None, limit: int, *, as_json: bool) -> None:
    """List the experiments with their trials and best scores, the latest activity first."""
    from trialstore.storage.reading.overview import read_overview

    with target.open_to_read() as storage:
        page = read_overview(storage.database, like, since, limit)
    if as_json:
        print_json({"total": page.total, "experiments": [_json(one) for one in page.experiments]})
        return
    if not page.experiments:
        chosen = like is not None or since is not None
        print_sentence("No experiment is like that." if chosen else "There are no experiments yet.")
        return
    title = f"{limit} of {page.total} experiments; see --limit" if page.total > limit else ""
    columns = ("experiment", "trials", "done", "objectives", "best", "last active (UTC)", "description")
    print_table(console(), title, columns, map(_row, page.experiments), may_omit_last=True)


def _row(one: Overview) -> tuple[object, ...]:
    return (
        one.experiment_id,
        trials_by_status(one.progress.trials),
        progress_shown(one.progress),
        objectives_shown(one.objectives),
        one.best,
        moment(one.progress.last_activity, seconds=False),
        one.description,
    )


def _json(one: Overview) -> dict[str, Any]:
    return {
        "experiment": one.experiment_id,
        "description": one.description,
        "objectives": one.objectives,
        "best": one.best,
        "trials": one.progress.trials,
        "total": one.progress.total,
        "completed": one.progress.completed,
        "last_activity": one.progress.last_activity,
    }
