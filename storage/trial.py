"""Writing to a trial."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trialstore.dialects.errors import AlreadyCompleted, DuplicateKey, TrialMissing, ValueRejected
from trialstore.sql.session import Session

from . import rows
from .base_storage import Storage
from .database import Database
from .status import Status
from .values import LARGEST_INT32, check_name, encode, python_value, to_utc

_LOG = logging.getLogger(__name__)


class Trial(Storage.Trial):
    """A trial in a SQL database."""

    def __init__(self, database: Database, **known: Any) -> None:
        super().__init__(**known)
        self._database = database
        self._key = {"exp_id": self._experiment_id, "trial_id": self._trial_id}

    @property
    def tunables(self) -> Any:
        """The tunables with the values of this trial, of the kind that the experiment was made with."""
        return self._tunables.copy()

    def set_trial_runner(self, trial_runner_id: int) -> int:
        """Assign a runner if there is none or the trial is PENDING; the runner that now holds the trial."""
        trial_runner_id = python_value(trial_runner_id)
        if isinstance(trial_runner_id, bool) or not isinstance(trial_runner_id, int):
            raise ValueRejected(f"trial_runner_id is of type {type(trial_runner_id).__name__}.", "Give an int.")
        if abs(trial_runner_id) > LARGEST_INT32:
            raise ValueRejected("trial_runner_id does not fit the column.", f"At most {LARGEST_INT32}.")

        def assign(tx: Session) -> int:
            tx.count("trial_set_runner", trial_runner_id=trial_runner_id, **self._key)
            return int(self._state(tx).trial_runner_id)

        self._trial_runner_id = self._database.write(assign)
        return self._trial_runner_id

    def add_new_config_data(self, new_config_data: Mapping[str, Any]) -> None:
        """Add metadata. Raises ValueError (ValueRejected), and writes nothing, if one of the keys exists."""
        new = rows.param_rows(new_config_data, "Trial metadata", self._database.dialect.id_length, nested=True)

        def add(tx: Session) -> None:
            self._state(tx)
            there = {row.param_id for row in tx.many("trial_params", **self._key)}
            if both := sorted(there & set(new_config_data)):
                raise ValueRejected(
                    f"Trial {self} has metadata {', '.join(map(repr, both))} already.", "Use another key."
                )
            tx.bulk("trial_param_insert", [{**self._key, **row} for row in new])

        try:
            self._database.write(add)
        except DuplicateKey:  # another process added the same key between our look and our insert
            raise ValueRejected(f"Trial {self} has one of these metadata already.", "Use another key.") from None
        self._config.update(rows.decoded(new))

    def update(
        self, status: Status, timestamp: dt.datetime, metrics: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Change the status, and complete the trial with its metrics; see `Storage.Trial.update`."""
        _check_status(status)
        event = {**self._key, "ts": self._encode_ts(timestamp, "timestamp"), "status": status.name}
        if status.is_completed():
            self._complete(status, event, metrics)
        elif metrics:
            raise ValueRejected(
                f"Metrics come with a completed status, not with {status.name}.",
                "Send them by update_telemetry, or at the end.",
            )
        else:
            self._start(status, event)
        return metrics

    def _complete(self, status: Status, event: dict[str, Any], metrics: Mapping[str, Any] | None) -> None:
        results = rows.metric_rows({} if metrics is None else metrics, self._database.dialect.id_length)
        missing = sorted(set(self._opt_targets) - set(metrics or {}))
        if status.is_succeeded() and missing:
            _LOG.warning("Trial %s succeeded without its objectives: %s", self, ", ".join(missing))

        def complete(tx: Session) -> None:
            if not tx.count("trial_finish", ts_end=event["ts"], status=status.name, **self._key):
                raise AlreadyCompleted(
                    f"Trial {self} is {self._state(tx).status} already.",
                    "Its status and metrics are final; make a new trial.",
                )
            tx.count("trial_status_put", **event)
            tx.bulk("result_insert", [{**self._key, **row} for row in results])

        self._database.write(complete)
        self._status = status

    def _start(self, status: Status, event: dict[str, Any]) -> None:
        def start(tx: Session) -> Status | None:
            if not tx.count("trial_start", ts_start=event["ts"], status=status.name, **self._key):
                kept = Status.parse(self._state(tx).status)
                if kept.is_running() or kept.is_completed():
                    return kept  # any other row was as it was to become, and need not count as changed
            tx.count("trial_status_put", **event)
            return None

        kept = self._database.write(start)
        if kept is not None:
            _LOG.warning("Trial %s is %s: the change to %s is ignored", self, kept.name, status.name)
        self._status = kept or status

    def update_telemetry(
        self, status: Status, timestamp: dt.datetime, metrics: Sequence[tuple[dt.datetime, str, Any]]
    ) -> None:
        """Append a status event and `(timestamp, metric, value)` points; see `Storage.Trial.update_telemetry`."""
        _check_status(status)
        event = {**self._key, "ts": self._encode_ts(timestamp, "timestamp"), "status": status.name}
        points = self._telemetry_rows(metrics)

        def append(tx: Session) -> None:
            self._state(tx)
            tx.count("trial_status_add", **event)
            tx.bulk("telemetry_insert", points)

        self._database.write(append)

    def _telemetry_rows(self, metrics: Sequence[tuple[dt.datetime, str, Any]]) -> list[dict[str, Any]]:
        points: dict[tuple[Any, str], dict[str, Any]] = {}
        names: set[str] = set()
        clashes: set[str] = set()
        for ts, metric, value in _points(metrics):
            if metric not in names:
                names.add(check_name(metric, "Metric", self._database.dialect.id_length))
            text, kind = encode(value, f"Metric {metric!r}")
            key = (self._encode_ts(ts, f"Metric {metric!r}: timestamp"), metric)
            row = {**self._key, "ts": key[0], "metric_id": metric, "metric_value": text, "value_type": kind}
            if points.setdefault(key, row) != row:
                clashes.add(metric)
        if clashes:
            _LOG.warning(
                "Trial %s: several values at the same microsecond, the first is kept, of: %s",
                self,
                ", ".join(sorted(clashes)),
            )
        return list(points.values())

    def _state(self, tx: Session) -> Any:
        state = tx.one("trial_state", **self._key)
        if state is None:
            raise TrialMissing(f"Trial {self} does not exist.", "Was it, or its experiment, deleted?")
        return state

    def _encode_ts(self, moment: dt.datetime, what: str) -> Any:
        return self._database.dialect.encode_ts(to_utc(moment, what))


def _points(metrics: Any) -> list[tuple[Any, Any, Any]]:
    if isinstance(metrics, (str, bytes, Mapping)) or not isinstance(metrics, Iterable):
        raise ValueRejected(
            f"telemetry of type {type(metrics).__name__}.", "Give a list of (timestamp, metric, value)."
        )
    points = list(metrics)
    for number, point in enumerate(points):
        if not isinstance(point, (tuple, list)) or len(point) != 3:
            raise ValueRejected(f"telemetry: point {number} is no (timestamp, metric, value).", "Give three parts.")
    return points


def _check_status(status: Any) -> None:
    if not isinstance(status, Status):
        raise ValueRejected(f"status is of type {type(status).__name__}.", "Give a trialstore.storage.status.Status.")
