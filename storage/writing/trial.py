"""Writing to a trial."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from trialstore.dialects.errors import (
    AlreadyCompleted,
    DuplicateKey,
    LeaseLost,
    TrialHeld,
    TrialMissing,
    ValueRejected,
    listed,
)
from trialstore.dialects.text import logger
from trialstore.sql.session import Session
from trialstore.storage.attributes import TrialAttributes
from trialstore.storage.base_storage import Storage
from trialstore.storage.database.connections import Database
from trialstore.storage.objectives import Direction, is_finite_number
from trialstore.storage.status import Status
from trialstore.storage.telemetry_writer import Point, TelemetryWriter
from trialstore.storage.values import rows
from trialstore.storage.values.checks import to_utc
from trialstore.storage.values.encoding import python_value

from .claims import check_runner_id, lease_us, release
from .contexts import current_context
from .telemetry import add_points, point_rows

_LOG = logger(__name__)


class Trial(TrialAttributes, Storage.Trial):
    """A trial in a SQL database."""

    def __init__(
        self,
        database: Database,
        *,
        fence: int | None = None,
        tunables: Any,
        experiment_id: str,
        trial_id: int,
        tunable_config_id: int,
        opt_targets: Mapping[str, Direction],
        config: Mapping[str, Any],
        status: Status,
        trial_runner_id: int | None = None,
    ) -> None:
        super().__init__(
            tunables=tunables,
            experiment_id=experiment_id,
            trial_id=trial_id,
            tunable_config_id=tunable_config_id,
            opt_targets=opt_targets,
            config=config,
            status=status,
            trial_runner_id=trial_runner_id,
        )
        self.database = database
        self._fence = fence
        self._key = {"exp_id": self._experiment_id, "trial_id": self._trial_id}

    @property
    def _held(self) -> dict[str, Any]:
        """The trial's key, and the number of its claim: 0 where it must not be held by anyone."""
        return {**self._key, "fence": self._fence or 0}

    @property
    def tunables(self) -> Any:
        """The tunables with the values of this trial, of the kind that the experiment was made with."""
        return self._tunables.copy()

    def set_trial_runner(self, trial_runner_id: int) -> int:
        """Assign a runner if there is none or the trial is PENDING; the runner that now holds the trial."""
        trial_runner_id = check_runner_id(trial_runner_id)

        def assign(tx: Session) -> int:
            state = self._state(tx)
            if self._fence is not None:  # a worker that lost the trial must not reserve it for its own runner
                self._check_holder(state)
            if state.trial_runner_id is not None and state.status != Status.PENDING.name:
                return int(state.trial_runner_id)
            tx.execute("trial_set_runner", trial_runner_id=trial_runner_id, **self._key)
            return trial_runner_id

        self._trial_runner_id = self.database.write(assign, repeatable=True)
        return self._trial_runner_id

    def add_new_config_data(self, new_config_data: Mapping[str, Any]) -> None:
        """Add metadata. Raises ValueError (ValueRejected), and writes nothing, if one of the keys exists."""
        new = rows.param_rows(new_config_data, "Trial metadata", self.database.dialect.id_length, nested=True)

        def add(tx: Session) -> None:
            self._check_holder(self._state(tx))
            there = {row[0]: row for row in tx.tuples("trial_params", **self._key)}
            if tx.in_doubt and all(there.get(row[0]) == row for row in new):
                return
            if both := sorted(set(there) & {row[0] for row in new}):
                raise ValueRejected(f"Trial {self} has metadata {listed(both)} already.", "Use another key.")
            tx.bulk("trial_param_insert", rows.PARAM, new, **self._key)

        try:
            self.database.write(add, repeatable=True)
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
        elif metrics is not None and rows.result_rows(metrics, self.database.dialect.id_length):
            raise ValueRejected(
                f"Metrics come with a completed status, not with {status.name}.",
                "Send them by update_telemetry, or at the end.",
            )
        else:
            self._start(status, event)
        return metrics

    def _complete(self, status: Status, event: dict[str, Any], metrics: Mapping[str, Any] | None) -> None:
        results = rows.result_rows({} if metrics is None else metrics, self.database.dialect.id_length)

        def complete(tx: Session) -> None:
            changed = {**self._held, "ts_end": event["ts"], "status": status.name}
            if not tx.count("trial_finish", **changed):
                state = self._state(tx)
                mine = self._fence is None or state.lease_fence == self._fence
                if tx.in_doubt and mine and (state.status, state.ts_end) == (status.name, event["ts"]):
                    return
                self._check_holder(state)
                # Another transaction may have held the row a moment ago and be done by now: then this attempt succeeds.
                ended = state.ts_end is not None or Status.parse(state.status).is_completed()
                if ended or not tx.count("trial_finish", **changed):
                    raise AlreadyCompleted(
                        f"Trial {self} is {state.status} already.",
                        "Its status and metrics are final; make a new trial.",
                    )
            tx.execute("trial_status_put", **event)
            tx.bulk("result_insert", rows.RESULT, results, **self._key)

        self.database.write(complete, repeatable=True)
        self._status = status
        if status.is_succeeded():
            self._warn_of_objectives({python_value(name): value for name, value in (metrics or {}).items()})

    def _warn_of_objectives(self, results: Mapping[str, Any]) -> None:
        """Log objectives that no optimizer can learn from: those that are not there, or no finite numbers."""
        if missing := sorted(set(self._opt_targets) - set(results)):
            _LOG.warning("Trial %s succeeded without its objectives: %s", self, listed(missing, str))
        unfit = [name for name in self._opt_targets if name in results and not is_finite_number(results[name])]
        if unfit:
            _LOG.warning(
                "Trial %s succeeded with objectives that are no finite numbers: %s",
                self,
                listed(sorted(unfit), lambda name: f"{name} ({type(results[name]).__name__})"),
            )

    def _start(self, status: Status, event: dict[str, Any]) -> None:
        if self._fence is not None and status not in (Status.READY, Status.RUNNING):
            raise ValueRejected(
                f"Trial {self} is held under a lease and cannot become {status.name}.", "Give it back: release_lease()."
            )

        context = current_context(self.database) if status is Status.RUNNING else None
        changed = {**self._held, "ts_start": event["ts"], "status": status.name}

        def change(tx: Session) -> int:
            if context is None:
                return tx.count("trial_start_without_context", **changed)
            return tx.count("trial_start", **changed, context_hash=context)

        def start(tx: Session) -> Status | None:
            if not change(tx):
                state = self._state(tx)
                self._check_holder(state)
                kept = Status.parse(state.status)
                if tx.in_doubt and kept is status:
                    return None
                if kept.is_running() or kept.is_completed() or state.ts_end is not None:
                    return kept
                # Otherwise another transaction held the row a moment ago and is done by now, or the row had these
                # values already and need not count as changed.
                change(tx)
            tx.execute("trial_status_put", **event)
            return None

        kept = self.database.write(start, repeatable=True)
        if kept is not None:
            _LOG.warning("Trial %s is %s: the change to %s is ignored", self, kept.name, status.name)
        self._status = kept or status

    def update_telemetry(
        self, status: Status, timestamp: dt.datetime, metrics: Sequence[tuple[dt.datetime, str, Any]]
    ) -> None:
        """Append a status event and `(timestamp, metric, value)` points; see `Storage.Trial.update_telemetry`."""
        _check_status(status)
        event = {**self._key, "ts": self._encode_ts(timestamp, "timestamp"), "status": status.name}
        points = point_rows(metrics, self.database.dialect, self)

        def append(tx: Session) -> None:
            self._check_holder(self._state(tx))
            tx.execute("trial_status_add", **event)
            add_points(tx, self._key, points)

        self.database.write(append, repeatable=True)

    def telemetry_writer(
        self, flush_every: float = 1.0, at_most: int = 10_000, when_full: Literal["block", "drop"] = "block"
    ) -> TelemetryWriter:
        """Send points in batches, without waiting for each; see `Storage.Trial.telemetry_writer`."""
        encode_ts = self.database.dialect.encode_ts

        def store(points: list[Point]) -> None:
            encoded = [(encode_ts(ts), metric, text, kind) for ts, metric, text, kind in points]

            def append(tx: Session) -> None:
                self._check_holder(self._state(tx))
                add_points(tx, self._key, encoded)

            self.database.write(append, repeatable=True)

        return TelemetryWriter(
            store,
            str(self),
            self.database.dialect.id_length,
            flush_every=flush_every,
            at_most=at_most,
            when_full=when_full,
        )

    # --- leases -------------------------------------------------------------------------------------------------------

    @property
    def lease_fence(self) -> int | None:
        """The number of the claim under which this process holds the trial; None where it was not claimed."""
        return self._fence

    def renew_lease(self, lease: dt.timedelta = dt.timedelta(minutes=5)) -> None:
        """Hold the trial for that long from now on; see `Storage.Trial.renew_lease`."""
        fence, us = self._held_fence(), lease_us(lease)

        def renew(tx: Session) -> None:
            if not tx.count("lease_renew", fence=fence, lease_us=us, **self._key):
                self._check_lease(self._state(tx))

        self.database.write(renew, repeatable=True)

    def release_lease(self) -> None:
        """Give the trial back; see `Storage.Trial.release_lease`."""
        self._held_fence()

        def give_back(tx: Session) -> None:
            state = self._state(tx)
            if tx.in_doubt and (not state.held or state.lease_fence != self._fence):
                return  # somebody else may have it by now
            self._check_lease(state)
            release(tx, self._experiment_id, [self._trial_id])

        self.database.write(give_back, repeatable=True)
        self._fence, self._status, self._trial_runner_id = None, Status.PENDING, None

    def _held_fence(self) -> int:
        if self._fence is None:
            raise LeaseLost(f"Trial {self} is not held under a lease here.", "Claim it with claim_trials().")
        return self._fence

    def _check_lease(self, state: Any) -> None:
        """Raise what `_check_holder` raises, and LeaseLost where the holder has completed the trial."""
        self._check_holder(state)
        if not state.held:
            raise LeaseLost(
                f"Trial {self} is {state.status}: its lease has ended.", "Claim it again with claim_trials()."
            )

    def _check_holder(self, state: Any) -> None:
        """Raise LeaseLost if this process held the trial and does not any more, TrialHeld if somebody else holds it."""
        if self._fence is None:
            if state.held:
                raise TrialHeld(
                    f"Trial {self} is held by runner {state.trial_runner_id} under a lease.",
                    "Only the holder may write to it; release_expired() takes it back when the lease has ended.",
                )
        elif state.lease_fence != self._fence or not state.claimed:
            raise LeaseLost(
                f"Trial {self} is not held here any more: it is {state.status}"
                + (f" and held by runner {state.trial_runner_id}." if state.held else "."),
                "Stop working on it; nothing was written. Renew leases in time (KeepLease).",
            )

    def _state(self, tx: Session) -> Any:
        """The trial's row, locked until the transaction ends: read without the lock, after a statement that changed
        nothing, the row may differ from what that statement saw."""
        state = tx.one("trial_hold", **self._key)
        if state is None:
            raise TrialMissing(f"Trial {self} does not exist.", "Was it, or its experiment, deleted?")
        return state

    def _encode_ts(self, moment: dt.datetime, what: str) -> Any:
        return self.database.dialect.encode_ts(to_utc(moment, what))


def _check_status(status: Any) -> None:
    if type(status) is not Status:
        raise ValueRejected(f"status is of type {type(status).__name__}.", "Give a trialstore.storage.status.Status.")
