"""The command `trialstore find`: the trials that fulfil a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trialstore.dialects.text import clean
from trialstore.storage.base_experiment_data import ExperimentData

from .csv_file import write_csv
from .output import console, moment, print_json, print_sentence, print_table, say, shown
from .show_json import is_missing
from .target import Target, storage_options

if TYPE_CHECKING:
    import pandas as pd

_MOST = 20
_PREFIXES = (ExperimentData.CONFIG_COLUMN_PREFIX, ExperimentData.RESULT_COLUMN_PREFIX)


@click.command("find")
@click.argument("condition", metavar="EXPR")
@click.option("--experiment", metavar="EXPERIMENT", help="Search this experiment only.")
@click.option("--sort", metavar="FIELD", help="Field to order by, such as result.seconds; trials without it come last.")
@click.option("--descending", is_flag=True, help="With --sort: the greatest values first.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    show_default=f"{_MOST}; all with --json, --csv and --ids",
    help="Maximum number of trials.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all values as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all values as CSV.")
@click.option("--ids", "as_ids", is_flag=True, help="Print EXPERIMENT:TRIAL, a line a trial.")
@storage_options
def find(
    target: Target,
    condition: str,
    experiment: str | None,
    sort: str | None,
    limit: int | None,
    *,
    descending: bool,
    as_json: bool,
    as_csv: bool,
    as_ids: bool,
) -> None:
    """Find trials by a condition, such as 'status == "FAILED" and config.level > 3'; '' finds all.

    docs/search.md describes the language.
    """
    if as_json + as_csv + as_ids > 1:
        raise click.UsageError("--json, --csv and --ids exclude each other: give one of them.")
    if descending and sort is None:
        raise click.UsageError("--descending is for --sort.")
    from trialstore.storage.reading.search.found import Search

    most = limit or (None if as_json or as_csv or as_ids else _MOST + 1)
    with target.open_to_read() as storage:
        search = Search(condition, experiment_id=experiment, order_by=sort, descending=descending, limit=most)
        if as_ids:
            for trial in search.trials(storage.database):
                say(clean(f"{trial.experiment_id}:{trial.trial_id}"))
            return
        trials = search.frame(storage.database, exact=True)
    if as_json:
        rows = trials.astype(object).to_dict("records")
        print_json([{name: value for name, value in row.items() if not is_missing(value)} for row in rows])
    elif as_csv:
        write_csv(trials, "-")
    else:
        _print(trials, limit)


def _print(trials: pd.DataFrame, limit: int | None) -> None:
    if trials.empty:
        print_sentence("No trial fits.")
        return
    listed = trials if limit else trials.head(_MOST)
    names = [str(name) for name in listed.columns if str(name).startswith(_PREFIXES)]
    rows = []
    for row in listed.astype(object).to_dict("records"):
        ended = not is_missing(row["ts_end"])
        rows.append(
            (
                row["experiment_id"],
                row["trial_id"],
                row["status"],
                moment(row["ts_start"], seconds=False),
                (row["ts_end"] - row["ts_start"]).total_seconds() if ended else None,
                row["tunable_config_id"],
                " ".join(f"{name}={shown(row[name])}" for name in names if not is_missing(row[name])),
            )
        )
    columns = ("experiment", "trial", "status", "started (UTC)", "seconds", "config", "values")
    more = len(trials) > len(listed)
    title = f"{len(listed)} trials" if len(listed) > 1 else "1 trial"
    if more:
        title = f"The first {title} that fit; see --limit"
    print_table(console(), title, columns, rows, may_omit_last=True)
