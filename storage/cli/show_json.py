"""`trialstore show --json`: an experiment, or one of its trials, as JSON values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from trialstore.storage.base_experiment_data import ExperimentData
    from trialstore.storage.base_trial_data import TrialData
    from trialstore.storage.reading.overview import Progress


def experiment_json(data: ExperimentData, progress: Progress, trials: pd.DataFrame) -> dict[str, Any]:
    """The experiment with these of its trials, rows of its `exact_results_df`, each with its config and results; null
    stands for what a trial lacks, and for None."""
    config, repo, commit = data.root_env_config
    return {
        "experiment": data.experiment_id,
        "description": data.description,
        "root_env_config": config,
        "git_repo": repo,
        "git_commit": commit,
        "objectives": data.objectives,
        "trials_by_status": progress.trials,
        "last_activity": progress.last_activity,
        "trials": [_row(data, row) for row in trials.to_dict("records")],
    }


def trial_json(trial: TrialData) -> dict[str, Any]:
    """One trial with all that is stored of it but its telemetry, of which there are the numbers of points."""
    points = trial.telemetry_df["metric"].value_counts(sort=False)
    return {
        "experiment": trial.experiment_id,
        **_trial(trial),
        "metadata": trial.metadata_dict,
        "context": trial.context,
        "telemetry_points": {str(metric): int(count) for metric, count in sorted(points.items())},
    }


def _row(data: ExperimentData, row: Mapping[Hashable, Any]) -> dict[str, Any]:
    def part(prefix: str) -> dict[str, Any]:
        return {str(name).removeprefix(prefix): value for name, value in row.items() if str(name).startswith(prefix)}

    return {
        "trial_id": int(row["trial_id"]),
        "status": row["status"],
        "ts_start": row["ts_start"],
        "ts_end": None if is_missing(row["ts_end"]) else row["ts_end"],
        "config_id": int(row["tunable_config_id"]),
        "trial_runner_id": None if is_missing(row["trial_runner_id"]) else int(row["trial_runner_id"]),
        "config": part(data.CONFIG_COLUMN_PREFIX),
        "results": part(data.RESULT_COLUMN_PREFIX),
    }


def is_missing(value: Any) -> bool:
    """A data frame has no value there; NaN is one."""
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT


def _trial(trial: TrialData) -> dict[str, Any]:
    return {
        "trial_id": trial.trial_id,
        "status": trial.status.name,
        "ts_start": trial.ts_start,
        "ts_end": trial.ts_end,
        "config_id": trial.tunable_config_id,
        "trial_runner_id": trial.trial_runner_id,
        "config": trial.tunable_config.config_dict,
        "results": trial.results_dict,
    }
