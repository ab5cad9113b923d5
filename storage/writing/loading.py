"""The stored trials of an experiment: those to run, and the completed ones that an optimizer learns from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import compress
from typing import Any, NamedTuple

from trialstore.dialects.errors import TrialError, TrialMissing, ValueRejected, listed
from trialstore.dialects.text import clean, logger
from trialstore.sql.session import Session
from trialstore.storage.base_storage import Storage
from trialstore.storage.database.connections import Database
from trialstore.storage.objectives import Direction
from trialstore.storage.reading import telemetry
from trialstore.storage.status import Status
from trialstore.storage.tunables.values import with_stored
from trialstore.storage.values import rows
from trialstore.storage.values.checks import LARGEST_INT32, check_flag, int_id, to_utc
from trialstore.storage.values.encoding import python_value
from trialstore.storage.values.readers import TYPED, ValueReader

from .trial import Trial
from .unfit import Unfit

_LOG = logger(__name__)

_PENDING = (Status.PENDING.name,) * 3
_LATEST = dt.datetime(9999, 12, 31, tzinfo=dt.timezone.utc)
_PENDING_OR_RUNNING = (Status.PENDING.name, Status.READY.name, Status.RUNNING.name)


class _Due(NamedTuple):
    """A row of a trial that is due, with its stored config and its metadata."""

    row: Any
    config: dict[str, rows.Stored]
    metadata: dict[str, Any]


class StoredTrials(Storage.Experiment):
    """The part of an experiment that reads its trials."""

    def __init__(
        self,
        database: Database,
        *,
        experiment_id: str,
        trial_id: int,
        root_env_config: str,
        description: str,
        tunables: Any,
        opt_targets: Mapping[str, Direction],
        reader: ValueReader = TYPED,
    ) -> None:
        super().__init__(
            experiment_id=experiment_id,
            trial_id=trial_id,
            root_env_config=root_env_config,
            description=description,
            tunables=tunables,
            opt_targets=opt_targets,
        )
        self.database = database
        self.reader = reader
        self._unfit = Unfit()

    def _trial(
        self,
        trial_id: int,
        config_id: int,
        tunables: Any,
        config: Mapping[str, Any],
        status: Status,
        trial_runner_id: int | None,
        fence: int | None = None,
    ) -> Trial:
        return Trial(
            self.database,
            fence=fence,
            tunables=tunables,
            experiment_id=self._experiment_id,
            trial_id=trial_id,
            tunable_config_id=config_id,
            opt_targets=self._opt_targets,
            config=config,
            status=status,
            trial_runner_id=trial_runner_id,
        )

    def get_trial_by_id(self, trial_id: int) -> Trial | None:
        """The trial of that id, or None."""
        number = int_id(trial_id)
        if number is None:
            return None

        def read(tx: Session) -> tuple[Any, Any, Any] | None:
            row = tx.one("trial_get", exp_id=self._experiment_id, trial_id=number)
            if row is None:
                return None
            metadata = tx.many("trial_params", exp_id=self._experiment_id, trial_id=number)
            return row, tx.many("config_params", config_id=row.config_id), metadata

        found = self.database.read(read)
        if found is None:
            return None
        row, config, metadata = found
        own = rows.plain(self.reader.params(metadata))
        tunables = self._runnable(number, self.reader.params(config), own)
        return self._trial(number, row.config_id, tunables, own, Status.parse(row.status), row.trial_runner_id)

    def _runnable(self, trial_id: int, config: Mapping[str, rows.Stored], metadata: Mapping[str, Any]) -> Any:
        """The tunables of a trial with these stored values and metadata. Raises TrialError where it cannot be run."""
        trial = f"Trial {clean(self._experiment_id)}:{trial_id} cannot be run"
        if names := rows.unreadable(metadata):
            raise TrialError(
                f"{trial}: its metadata {listed(names)} cannot be read.",
                "Was it changed by another program?",
            )
        try:
            return with_stored(self._tunables, config)
        except ValueRejected as exc:
            raise TrialError(f"{trial}: {exc.message}", exc.hint) from None

    def pending_trials(
        self, timestamp: dt.datetime, *, running: bool, trial_runner_assigned: bool | None = None
    ) -> Iterator[Trial]:
        """Trials that are due; see `Storage.Experiment.pending_trials`."""
        statuses = _PENDING_OR_RUNNING if check_flag(running, "running") else _PENDING
        assigned = None if trial_runner_assigned is None else check_flag(trial_runner_assigned, "trial_runner_assigned")
        return self._pending(self.database.dialect.encode_ts(to_utc(timestamp)), statuses, assigned)

    def _pending(self, ts: Any, statuses: tuple[str, str, str], assigned: bool | None) -> Iterator[Trial]:
        try:
            for row, config, metadata in self._due(ts, statuses, assigned):
                try:
                    tunables = self._runnable(row.trial_id, config, metadata)
                except TrialError as exc:  # one such trial must not keep the others from being run
                    self._unfit.add(row.trial_id, exc)
                    continue
                status = Status.parse(row.status)
                yield self._trial(row.trial_id, row.config_id, tunables, metadata, status, row.trial_runner_id)
        finally:
            self._unfit.report(self._experiment_id)

    def unfit_trials(self) -> dict[int, str]:
        """PENDING trials that cannot be run, with the reason; see `Storage.Experiment.unfit_trials`."""
        unfit = {}
        for row, config, metadata in self._due(self.database.dialect.encode_ts(_LATEST), _PENDING, None):
            try:
                self._runnable(row.trial_id, config, metadata)
            except TrialError as exc:
                unfit[row.trial_id] = exc.message
        return unfit

    def _due(self, ts: Any, statuses: tuple[str, str, str], assigned: bool | None) -> list[_Due]:
        """The trials that are due."""
        bounds = (0, 1) if assigned is None else (int(assigned),) * 2
        chosen = {
            "exp_id": self._experiment_id,
            "ts": ts,
            **{f"status_{number}": status for number, status in enumerate(statuses, start=1)},
            "assigned_min": bounds[0],
            "assigned_max": bounds[1],
        }

        def read(tx: Session) -> tuple[Any, Any, Any]:
            return (
                tx.many("trial_pending", **chosen),
                tx.tuples("config_params_of_pending", **chosen),
                tx.tuples("trial_params_of_pending", **chosen),
            )

        trials, config_rows, metadata_rows = self.database.read(read)
        configs = self.reader.by_config(config_rows)
        metadata = self.reader.values_by_id(metadata_rows)
        return [_Due(row, configs[row.config_id], metadata.get(row.trial_id, {})) for row in trials]

    def load(
        self, last_trial_id: int = -1
    ) -> tuple[list[int], list[dict[str, Any]], list[dict[str, Any] | None], list[Status]]:
        """What an optimizer learns from; see `Storage.Experiment.load`."""
        number = python_value(last_trial_id)
        if type(number) is not int:
            raise ValueRejected(f"last_trial_id is of type {type(number).__name__}.", "Give an int.")
        last = max(-1, min(number, LARGEST_INT32))
        chosen = {"exp_id": self._experiment_id, "last_trial_id": last}

        def read(tx: Session) -> tuple[Any, Any, Any]:
            return (
                tx.tuples("trial_load", **chosen),
                self.reader.values_by_id(tx.tuples("config_params_of_load", **chosen)),
                self.reader.values_by_id(tx.tuples("results_of_load", **chosen)),
            )

        trials, configs, results = self.database.read(read)
        status = [Status.parse(ended) for _trial_id, _config_id, ended in trials]
        scores = [
            results.get(trial_id, {}) if ended.is_succeeded() else None
            for (trial_id, _config_id, _status), ended in zip(trials, status, strict=True)
        ]
        # Trials share configs; each caller's dict is its own.
        values = [dict(configs[config_id]) for _trial_id, config_id, _status in trials]
        ids = [trial_id for trial_id, _config_id, _status in trials]
        readable = [self._is_readable(*each) for each in zip(ids, values, scores, strict=True)]
        self._unfit.report(self._experiment_id)
        return (
            list(compress(ids, readable)),
            list(compress(values, readable)),
            list(compress(scores, readable)),
            list(compress(status, readable)),
        )

    def _is_readable(self, trial_id: int, config: Mapping[str, Any], scores: Mapping[str, Any] | None) -> bool:
        """Whether all values of a completed trial can be read; if not, remember it as unfit."""
        names = [*rows.unreadable(config), *rows.unreadable(scores or {})]
        if names:
            trial = f"Trial {clean(self._experiment_id)}:{trial_id}"
            self._unfit.add(trial_id, TrialError(f"{trial}: {listed(names)} cannot be read."))
        return not names

    def load_tunable_config(self, config_id: int) -> dict[str, Any]:
        """The values of a config, name → value. Raises LookupError (TrialMissing) for an unknown id."""
        number = int_id(config_id)
        found = () if number is None else self.database.read_one(lambda tx: tx.many("config_params", config_id=number))
        if not found:
            raise TrialMissing(
                "There is no tunable config of that id.", "Take the id from a trial's tunable_config_id."
            )
        return rows.plain(self.reader.params(found))

    def load_telemetry(self, trial_id: int) -> list[tuple[dt.datetime, str, Any]]:
        """Telemetry of a trial as `(timestamp in UTC, metric, value)`, ordered by timestamp, then metric."""
        number = int_id(trial_id)
        if number is None:
            return []
        return telemetry.points(self.database, {"exp_id": self._experiment_id, "trial_id": number}, self.reader)
