"""The command `trialstore show`: an experiment, or one of its trials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trialstore.dialects.errors import ExperimentMissing, StorageError, TrialMissing, nearest

from .output import clean, console, moment, percent, print_fields, print_table, settings
from .summary import (
    config_scores,
    config_values,
    improvement,
    last_activity,
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


@click.command("show")
@click.argument("experiment")
@click.option("--csv", "csv_file", metavar="FILE", help="Write all trials to FILE instead ('-': standard output).")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most trials to show.")
@click.option(
    "--sort",
    type=click.Choice(["recent", "best"]),
    default="recent",
    show_default=True,
    help="Which trials come first: the latest, or those with the best first objective.",
)
@click.option("--trial", "trial_id", type=int, metavar="ID", help="Show this trial only, with its telemetry.")
@storage_options
def show(target: Target, experiment: str, csv_file: str | None, limit: int, sort: str, trial_id: int | None) -> None:
    """Show an experiment: its best configs and its trials."""
    if csv_file is not None and trial_id is not None:
        raise click.UsageError("--csv writes all trials and --trial shows one: give one of them.")
    with target.open_to_read() as storage:
        data = _find(storage.experiments, experiment)
        if csv_file is not None:
            _write_csv(data.results_df, csv_file)
        elif trial_id is not None:
            _show_trial(console(), data, trial_id)
        else:
            _show_experiment(console(), data, limit, sort)


def _find(experiments: dict[str, ExperimentData], experiment_id: str) -> ExperimentData:
    if experiment_id not in experiments:
        hint = nearest(experiment_id, experiments) or "There are no experiments yet."
        raise ExperimentMissing(f"There is no experiment {experiment_id!r}.", hint)
    return experiments[experiment_id]


def _write_csv(results: pd.DataFrame, file: str) -> None:
    if file == "-":
        results.to_csv(sys.stdout, index=False)
        return
    try:
        results.to_csv(Path(file), index=False)
    except OSError as exc:
        raise StorageError(f"{file!r} cannot be written: {exc.strerror or exc}.", "Choose another file.") from None
    click.echo(f"Wrote {len(results)} trials to {file}.", err=True)


# --- an experiment ----------------------------------------------------------------------------------------------------


def _show_experiment(out: Console, data: ExperimentData, limit: int, sort: str) -> None:
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
            "Trials": ", ".join(trials_by_status(results)),
            "Last activity": moment(last_activity(results)) + " UTC",
        },
    )
    if results.empty:
        out.print("There are no trials yet.")
        return
    values = config_values(results)
    default_id = data.default_tunable_config_id
    default = values.get(default_id, {}) if default_id is not None else {}
    for metric, direction in data.objectives.items():
        _print_best_configs(out, results, metric, direction, values, default_id)
    _print_trials(out, data, results, {key: settings(value, default) for key, value in values.items()}, limit, sort)


def _print_best_configs(
    out: Console,
    results: pd.DataFrame,
    metric: str,
    direction: str,
    values: dict[int, dict[str, Any]],
    default_id: int | None,
) -> None:
    ranked = config_scores(results, metric, direction)
    if not ranked:
        out.print(f"No trial has succeeded with a number as {clean(metric)} yet.")
        out.print()
        return
    default = next((score for score in ranked if score.config_id == default_id), None)
    chosen = ranked[:_BEST_CONFIGS]
    if default is not None and default not in chosen:
        chosen.append(default)
    base = values.get(default_id, {}) if default_id is not None else {}
    rows = [
        (
            ranked.index(score) + 1,
            score.config_id,
            len(score.values),
            score.median,
            min(score.values),
            max(score.values),
            percent(improvement(direction, default.median, score.median)) if default else None,
            settings(values[score.config_id], base),
        )
        for score in chosen
    ]
    title = (
        f"Best configs by {clean(metric)} ({direction}), median of trials; settings where they are not the default's"
    )
    columns = ("rank", "config", "trials", "median", "least", "most", "vs default", "settings")
    print_table(out, title, columns, rows)


def _print_trials(
    out: Console, data: ExperimentData, results: pd.DataFrame, settings_of: dict[int, str], limit: int, sort: str
) -> None:
    objectives = data.objectives
    order = [int(trial) for trial in results["trial_id"]][::-1]
    found = {metric: scores(results, metric) for metric in objectives}
    if sort == "best" and objectives:
        metric, direction = next(iter(objectives.items()))
        sign = 1 if direction == "min" else -1
        order.sort(key=lambda trial: sign * found[metric][trial] if trial in found[metric] else float("inf"))
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
                settings_of[int(row["tunable_config_id"])],
            )
        )
    which = "best first" if sort == "best" else "latest first"
    title = f"Trials, {which}" + (f" ({limit} of {len(order)}; see --limit)" if len(order) > limit else "")
    columns = ("trial", "status", "started (UTC)", "seconds", "config", *map(clean, objectives), "settings")
    print_table(out, title, columns, rows, may_omit_last=True)


# --- one trial --------------------------------------------------------------------------------------------------------


def _show_trial(out: Console, data: ExperimentData, trial_id: int) -> None:
    trials = data.trials
    if trial_id not in trials:
        hint = f"Its trials are {min(trials)} to {max(trials)}." if trials else "It has no trials yet."
        raise TrialMissing(f"Experiment {data.experiment_id!r} has no trial {trial_id}.", hint)
    trial = trials[trial_id]
    print_fields(
        out,
        {
            "Trial": f"{trial.trial_id} of {data.experiment_id}",
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
    _print_telemetry(out, trial)


def _print_telemetry(out: Console, trial: TrialData) -> None:
    import pandas as pd

    telemetry = trial.telemetry_df
    if telemetry.empty:
        out.print("Telemetry: none")
        return
    rows = []
    for metric, group in telemetry.groupby("metric", sort=True):
        numbers = pd.to_numeric(group["value"], errors="coerce")
        numeric = bool(numbers.notna().all())
        least, mean, most = (numbers.min(), numbers.mean(), numbers.max()) if numeric else (None, None, None)
        first, last = group["value"].iloc[0], group["value"].iloc[-1]
        rows.append((str(metric), len(group), least, mean, most, first, last))
    span = (telemetry["ts"].iloc[-1] - telemetry["ts"].iloc[0]).total_seconds()
    title = f"Telemetry: {len(telemetry)} points in {span:.3f} s"
    print_table(out, title, ("metric", "points", "least", "mean", "most", "first", "last"), rows)
