"""The command `trialstore show`: an experiment, or one of its trials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from trialstore.storage.reading.contexts import read_contexts
from trialstore.storage.reading.overview import Progress, read_progress

from .csv_file import write_csv
from .follow import follow as follow_progress
from .found import find_experiment, find_trial
from .output import console, distinct, moment, percent, print_fields, print_json, print_sentence, print_table, settings
from .show_contexts import show_contexts
from .show_json import experiment_json, trial_json
from .summary import (
    as_number,
    config_scores,
    config_values,
    improvement,
    objectives_shown,
    scores,
    trials_by_status,
)
from .target import Target, storage_options

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from trialstore.storage.base_experiment_data import ExperimentData
    from trialstore.storage.base_trial_data import TrialData

_BEST_CONFIGS = 5
_MOST_TRIALS = 20


@click.command("show")
@click.argument("experiment")
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    help="Write the trials with all of their values to FILE ('-': standard output).",
)
@click.option(
    "--csv-plain-text", is_flag=True, help="With --csv: put ' before text that a spreadsheet would run (= + - @ …)."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    show_default=f"{_MOST_TRIALS}; all with --csv",
    help="Maximum number of trials to show.",
)
@click.option(
    "--sort",
    type=click.Choice(["recent", "best"]),
    show_default="recent; by id with --csv",
    help="Which trials come first: the latest, or those with the best first objective.",
)
@click.option("--trial", "trial_id", type=int, metavar="ID", help="Show this trial only, with its telemetry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; all trials unless --limit is given.")
@click.option("--contexts", is_flag=True, help="Show what the trials ran on: machines, versions, commits.")
@click.option("--follow", is_flag=True, help="Show the progress until all trials are completed, and the rest then.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.05),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="With --follow: seconds between two looks.",
)
@storage_options
def show(
    target: Target,
    experiment: str,
    csv_file: str | None,
    limit: int | None,
    sort: str | None,
    trial_id: int | None,
    interval: float,
    *,
    csv_plain_text: bool,
    as_json: bool,
    contexts: bool,
    follow: bool,
) -> None:
    """Show an experiment: its best configs and its trials."""
    _check_options(csv_file, trial_id, csv_plain_text=csv_plain_text, as_json=as_json, contexts=contexts)
    if follow:
        follow_progress(target, experiment, interval, lambda storage: find_experiment(storage.experiments, experiment))
    with target.open_to_read() as storage:
        data = find_experiment(storage.experiments, experiment)
        if contexts:
            show_contexts(console(), experiment, read_contexts(storage.database, experiment), as_json=as_json)
        elif as_json and trial_id is not None:
            print_json(trial_json(find_trial(data, trial_id)))
        elif as_json:
            trials = _chosen(data.exact_results_df, data, limit, sort)
            print_json(experiment_json(data, read_progress(storage.database, experiment), trials))
        elif csv_file is not None:
            trials = _chosen(data.trials_df(exact=True), data, limit, sort)
            write_csv(trials, csv_file, plain_text=csv_plain_text)
        elif trial_id is not None:
            _show_trial(console(), find_trial(data, trial_id))
        else:
            progress = read_progress(storage.database, experiment)
            _show_experiment(console(), data, progress, limit or _MOST_TRIALS, sort or "recent")


def _check_options(
    csv_file: str | None, trial_id: int | None, *, csv_plain_text: bool, as_json: bool, contexts: bool
) -> None:
    """Raise a UsageError for options that exclude each other."""
    if csv_file is not None and trial_id is not None:
        raise click.UsageError("--csv writes the trials and --trial shows one: give one of them.")
    if csv_file is not None and as_json:
        raise click.UsageError("--csv and --json are two forms: give one of them.")
    if contexts and (csv_file is not None or trial_id is not None):
        raise click.UsageError("--contexts is for all trials, and goes together with --json alone.")
    if csv_plain_text and csv_file is None:
        raise click.UsageError("--csv-plain-text is for --csv.")


def _chosen(results: pd.DataFrame, data: ExperimentData, limit: int | None, sort: str | None) -> pd.DataFrame:
    """The trials of a frame that `show` would list with these options, by their ids unless a sort is given."""
    chosen = _order(results, data.objectives, sort or "recent")[:limit]
    found: pd.DataFrame = results.set_index("trial_id", drop=False).loc[chosen if sort else sorted(chosen)]
    return found


def _order(results: pd.DataFrame, objectives: Mapping[str, str], sort: str) -> list[int]:
    """The trials' ids, the latest first, or those with the best first objective."""
    order = [int(trial) for trial in results["trial_id"]][::-1]
    if sort == "best" and objectives:
        metric, direction = next(iter(objectives.items()))
        found = scores(results, metric)
        sign = 1 if direction == "min" else -1
        order.sort(key=lambda trial: sign * found[trial] if trial in found else math.inf)
    return order


# --- an experiment ----------------------------------------------------------------------------------------------------


def _show_experiment(out: Console, data: ExperimentData, progress: Progress, limit: int, sort: str) -> None:
    results = data.results_df
    config, repo, commit = data.root_env_config
    print_fields(
        out,
        {
            "Experiment": data.experiment_id,
            "Description": data.description,
            "Configuration": config,
            "Git": " of ".join(filter(None, (commit, repo))) or "not in a git work tree",
            "Objectives": ", ".join(objectives_shown(data.objectives)),
            "Trials": ", ".join(trials_by_status(progress.trials)),
            "Last activity": moment(progress.last_activity) + " UTC",
        },
    )
    if attributes := data.attributes:
        print_fields(out, {name: distinct(value) for name, value in attributes.items()}, "Attributes")
    if results.empty:
        print_sentence("There are no trials yet.")
        return
    base = _read_base(data)
    for metric, direction in data.objectives.items():
        _print_best_configs(out, results, metric, direction, base)
    _print_trials(out, data, results, base, limit, sort)


@dataclass(frozen=True)
class _Base:
    """The config that others are compared with: the default's where a trial is marked so, else the first trial's."""

    config_id: int | None
    values: dict[int, dict[str, Any]]
    marked: bool

    @property
    def whose(self) -> str:
        """Whose config it is."""
        return "the default" if self.marked else "the first trial"

    def settings_of(self, config_id: int) -> str:
        """What is different in a config."""
        own = self.values.get(self.config_id, {}) if self.config_id is not None else {}
        return settings(self.values.get(config_id, {}), own, "(default)" if self.marked else "(as the first trial)")


def _read_base(data: ExperimentData) -> _Base:
    values = config_values(data)
    marked = data.marked_default_config_id
    if marked is not None:
        return _Base(marked, values, marked=True)
    return _Base(data.default_tunable_config_id, values, marked=False)


def _print_best_configs(out: Console, results: pd.DataFrame, metric: str, direction: str, base: _Base) -> None:
    ranked = config_scores(results, metric, direction)
    if not ranked:
        print_sentence(f"No trial has succeeded with a number as {metric} yet.")
        out.print()
        return
    default = next((score for score in ranked if score.config_id == base.config_id), None)
    chosen = ranked[:_BEST_CONFIGS]
    if default is not None and default not in chosen:
        chosen.append(default)
    rows = [
        (
            ranked.index(score) + 1,
            score.config_id,
            len(score.values),
            score.median,
            min(score.values),
            max(score.values),
            percent(improvement(direction, default.median, score.median)) if default else None,
            base.settings_of(score.config_id),
        )
        for score in chosen
    ]
    title = f"Best configs by {metric} ({direction}), median of trials; settings where they are not {base.whose}'s"
    versus = "vs default" if base.marked else "vs first"
    columns = ("rank", "config", "trials", "median", "min", "max", versus, "settings")
    print_table(out, title, columns, rows)


def _print_trials(
    out: Console, data: ExperimentData, results: pd.DataFrame, base: _Base, limit: int, sort: str
) -> None:
    objectives = data.objectives
    order = _order(results, objectives, sort)
    found = {metric: scores(results, metric) for metric in objectives}
    by_id = results.set_index("trial_id")
    rows = []
    for trial in order[:limit]:
        row = by_id.loc[trial]
        seconds = (row["ts_end"] - row["ts_start"]).total_seconds()
        rows.append(
            (
                trial,
                row["status"],
                moment(row["ts_start"], seconds=False),
                seconds,
                int(row["tunable_config_id"]),
                *(found[metric].get(trial) for metric in objectives),
                base.settings_of(int(row["tunable_config_id"])),
            )
        )
    which = "best first" if sort == "best" else "latest first"
    title = f"Trials, {which}" + (f" ({limit} of {len(order)}; see --limit)" if len(order) > limit else "")
    columns = ("trial", "status", "started (UTC)", "seconds", "config", *objectives, "settings")
    print_table(out, title, columns, rows, may_omit_last=True)


# --- one trial --------------------------------------------------------------------------------------------------------


def _show_trial(out: Console, trial: TrialData) -> None:
    print_fields(
        out,
        {
            "Trial": f"{trial.trial_id} of {trial.experiment_id}",
            "Status": trial.status.name,
            "Started": f"{moment(trial.ts_start)} UTC",
            "Ended": f"{moment(trial.ts_end)} UTC" if trial.ts_end else None,
            "Config": trial.tunable_config_id,
            "Runner": trial.trial_runner_id,
        },
    )
    for title, values in (
        ("Settings", trial.tunable_config.config_dict),
        ("Metadata", trial.metadata_dict),
        ("Results", trial.results_dict),
    ):
        print_fields(out, values, title)
    print_fields(out, {name: distinct(value) for name, value in trial.attributes.items()}, "Attributes")
    print_fields(out, {name: distinct(value) for name, value in trial.context.items()}, "Ran on")
    _print_telemetry(out, trial)


def _print_telemetry(out: Console, trial: TrialData) -> None:
    telemetry = trial.telemetry_df
    if telemetry.empty:
        print_sentence("Telemetry: none")
        return
    rows = []
    for metric, group in telemetry.groupby("metric", sort=True):
        values = list(group["value"])
        rows.append((str(metric), len(values), *_spread(values), values[0], values[-1]))
    span = (telemetry["ts"].iloc[-1] - telemetry["ts"].iloc[0]).total_seconds()
    title = f"Telemetry: {len(telemetry)} points in {span:.3f} s"
    print_table(out, title, ("metric", "points", "min", "mean", "max", "first", "last"), rows)


def _spread(values: list[Any]) -> tuple[float | None, float | None, float | None]:
    """Minimum, mean and maximum of values that all are numbers."""
    numbers = [number for value in values if (number := as_number(value)) is not None and not math.isnan(number)]
    if len(numbers) < len(values):
        return None, None, None
    return min(numbers), sum(numbers) / len(numbers), max(numbers)
