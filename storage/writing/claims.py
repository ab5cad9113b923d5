"""Claiming trials under a lease, and releasing them."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trialstore.dialects.errors import TrialError, ValueRejected
from trialstore.sql.session import Session
from trialstore.storage.status import Status
from trialstore.storage.values import rows
from trialstore.storage.values.checks import LARGEST_INT32
from trialstore.storage.values.encoding import python_value
from trialstore.storage.values.readers import ValueReader

from .unfit import Unfit

LONGEST_LEASE = dt.timedelta(days=366)
MOST_AT_ONCE = 10_000
MOST_LOOKED_AT = 100
"""Most trials that one query reads beyond those still wanted, after some could not be run."""


@dataclass(frozen=True)
class Claimed:
    """A trial that was taken: its keys, the number of the claim, its tunables and its metadata."""

    trial_id: int
    config_id: int
    fence: int
    tunables: Any
    metadata: dict[str, Any]


def new_call_id() -> str:
    """A random id that marks the rows of one call, so that a retry of the call finds them."""
    return secrets.token_hex(8)


def check_runner_id(trial_runner_id: Any) -> int:
    """The id of a runner as an int. Raises ValueRejected for what is none, or does not fit the column."""
    number = python_value(trial_runner_id)
    if type(number) is not int:
        raise ValueRejected(f"trial_runner_id is of type {type(number).__name__}.", "Give an int.")
    if abs(number) > LARGEST_INT32:
        raise ValueRejected("trial_runner_id does not fit the column.", f"At most {LARGEST_INT32}.")
    return number


def lease_us(lease: Any) -> int:
    """The length of a lease in µs. Raises ValueRejected unless it is a positive timedelta of at most a year."""
    if not isinstance(lease, dt.timedelta):
        raise ValueRejected(f"lease is of type {type(lease).__name__}.", "Give a datetime.timedelta.")
    if not dt.timedelta(0) < lease <= LONGEST_LEASE:
        raise ValueRejected("lease must be positive, and not longer than a year.", "Give some minutes, and renew it.")
    return lease // dt.timedelta(microseconds=1)


def check_limit(limit: Any) -> int:
    """How many trials to take. Raises ValueRejected for what is no number from 0 to MOST_AT_ONCE."""
    number = python_value(limit)
    if type(number) is not int:
        raise ValueRejected(f"limit is of type {type(number).__name__}.", "Give an int.")
    if not 0 <= number <= MOST_AT_ONCE:
        raise ValueRejected(f"limit is negative, or more than {MOST_AT_ONCE}.", "Give how many trials to take.")
    return number


def id_list(ids: Iterable[int | str]) -> str:
    """Ids, or hashes, as the statements that take a list of them expect it."""
    return json.dumps(list(ids))


class Claim:
    """One call of `claim_trials`, which may have to run several times."""

    def __init__(
        self,
        exp_id: str,
        runner_id: int,
        limit: int,
        lease: int,
        ts: Any,
        runnable: Callable[[int, Mapping[str, rows.Stored], Mapping[str, Any]], Any],
        unfit: Unfit,
        reader: ValueReader,
    ) -> None:
        self._exp_id = exp_id
        self._limit = limit
        self._wanted = {"exp_id": exp_id, "trial_runner_id": runner_id, "ts": ts}
        self._taking = {"trial_runner_id": runner_id, "lease_us": lease, "claim_id": new_call_id()}
        self._runnable = runnable
        self._unfit = unfit
        self._reader = reader
        self._tried: set[int] = set()

    def run(self, tx: Session) -> list[Claimed]:
        """The trials taken in this transaction, or by an earlier attempt whose commit got no answer."""
        if tx.in_doubt and self._tried and (again := self._taken_before(tx)):
            return self._read(tx, again)
        found = self._find(tx)
        self._take(tx, [trial.trial_id for trial in found])
        return found

    def _taken_before(self, tx: Session) -> Sequence[Any]:
        ids = sorted(self._tried)
        for trial_id in ids:  # the server may still be busy with that commit: wait for it
            tx.one("trial_hold", exp_id=self._exp_id, trial_id=trial_id)
        claim_id = self._taking["claim_id"]
        return tx.many("claim_repeated", exp_id=self._exp_id, ids=id_list(ids), claim_id=claim_id)

    def _find(self, tx: Session) -> list[Claimed]:
        """Trials to take. The query leaves out those that are known to be unfit. As long as it returns more unfit
        ones, it is repeated for ever more trials, up to MOST_LOOKED_AT unless more are wanted: the rows that it returns
        stay locked until the transaction ends."""
        good: list[Claimed] = []
        most, looked_at = self._limit, 0
        while True:
            seen = [*self._unfit.ids, *(trial.trial_id for trial in good)]
            found = tx.many("claim_find", most=most, left_out=id_list(seen), **self._wanted)
            good += self._read(tx, found)
            if len(good) >= self._limit or len(found) < most:
                return good[: self._limit]
            looked_at += len(found)
            most = max(self._limit - len(good), min(looked_at, MOST_LOOKED_AT))

    def _read(self, tx: Session, found: Sequence[Any]) -> list[Claimed]:
        """The trials of these rows that can be run."""
        if not found:
            return []
        ids = id_list(row.trial_id for row in found)
        configs = self._reader.by_config(tx.tuples("config_params_of_trials", exp_id=self._exp_id, ids=ids))
        metadata = self._reader.values_by_id(tx.tuples("trial_params_of_trials", exp_id=self._exp_id, ids=ids))
        good = []
        for row in found:
            own = metadata.get(row.trial_id, {})
            try:
                tunables = self._runnable(row.trial_id, configs[row.config_id], own)
            except TrialError as exc:
                self._unfit.add(row.trial_id, exc)
            else:
                good.append(Claimed(row.trial_id, row.config_id, row.fence, tunables, own))
        return good

    def _take(self, tx: Session, trial_ids: list[int]) -> None:
        if trial_ids:
            self._tried.update(trial_ids)
            ids = id_list(trial_ids)
            tx.execute("claim_take", exp_id=self._exp_id, ids=ids, **self._taking)
            tx.execute("claim_event", exp_id=self._exp_id, ids=ids, status=Status.READY.name)


def release(tx: Session, exp_id: str, trial_ids: Sequence[int]) -> None:
    """Make trials free for the next claim; the caller has locked their rows."""
    if trial_ids:
        ids = id_list(trial_ids)
        tx.execute("lease_release", exp_id=exp_id, ids=ids)
        tx.execute("claim_event", exp_id=exp_id, ids=ids, status=Status.PENDING.name)
