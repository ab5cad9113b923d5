"""Claiming the trials of an experiment, and releasing those whose lease has expired."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from trialstore.dialects.errors import ValueRejected
from trialstore.sql.session import Session
from trialstore.storage.base_storage import Storage
from trialstore.storage.status import Status
from trialstore.storage.values.checks import int_id, items_of, to_utc

from .claims import Claim, check_limit, check_runner_id, id_list, lease_us, release
from .loading import StoredTrials


class ClaimableTrials(StoredTrials):
    """The part of an experiment that hands out its trials under leases."""

    def claim_trials(
        self,
        trial_runner_id: int,
        *,
        limit: int = 1,
        lease: dt.timedelta = dt.timedelta(minutes=5),
        timestamp: dt.datetime | None = None,
    ) -> list[Storage.Trial]:
        """Due trials that this runner now holds, oldest first; see `Storage.Experiment.claim_trials`."""
        runner_id, most, us = check_runner_id(trial_runner_id), check_limit(limit), lease_us(lease)
        ts = None if timestamp is None else self.database.dialect.encode_ts(to_utc(timestamp))
        claim = Claim(self._experiment_id, runner_id, most, us, ts, self._runnable, self._unfit, self.reader)
        claimed = self.database.write(claim.run, repeatable=True) if most else []
        self._unfit.report(self._experiment_id)
        return [
            self._trial(
                each.trial_id, each.config_id, each.tunables, each.metadata, Status.READY, runner_id, each.fence
            )
            for each in claimed
        ]

    def release_expired(self, timestamp: dt.datetime | None = None) -> list[int]:
        """Take back trials whose lease has ended; see `Storage.Experiment.release_expired`."""
        ts = None if timestamp is None else self.database.dialect.encode_ts(to_utc(timestamp))
        tried: dict[int, int] = {}  # trial id → number of the claim that an earlier run tried to end

        def take_back(tx: Session) -> list[int]:
            # Trials that an earlier attempt released, whose commit got no answer, are not found again.
            before = [
                trial_id for trial_id, fence in sorted(tried.items()) if tx.in_doubt and has_ended(tx, trial_id, fence)
            ]
            found = {row.trial_id: row.fence for row in tx.many("lease_expired", exp_id=self._experiment_id, ts=ts)}
            tried.update(found)
            release(tx, self._experiment_id, list(found))
            return sorted({*before, *found})

        def has_ended(tx: Session, trial_id: int, fence: int) -> bool:
            """Whether that claim has ended; the row's lock is waited for, which the earlier run may still have."""
            state = tx.one("trial_hold", exp_id=self._experiment_id, trial_id=trial_id)
            return state is not None and (state.lease_fence != fence or not state.claimed)

        return self.database.write(take_back, repeatable=True)

    def cancel_trials(self, trial_ids: Iterable[int]) -> list[int]:
        """Cancel PENDING trials that nobody holds; see `Storage.Experiment.cancel_trials`."""
        wanted = items_of(trial_ids, "trial_ids", "Give a list of trial ids.", keys=True)
        ids = sorted({_trial_id(each) for each in wanted})
        tried: set[int] = set()

        def cancel(tx: Session) -> list[int]:
            found = tx.many("cancel_find", exp_id=self._experiment_id, ids=id_list(ids))
            # Trials that an earlier attempt canceled, whose commit got no answer, are not pending any more.
            before = [row.trial_id for row in found if tx.in_doubt and row.trial_id in tried and _is_cancelled(row)]
            free = [row.trial_id for row in found if row.status == Status.PENDING.name and not row.held]
            if free:
                tried.update(free)
                tx.execute("cancel_take", exp_id=self._experiment_id, ids=id_list(free))
                tx.execute("claim_event", exp_id=self._experiment_id, ids=id_list(free), status=Status.CANCELED.name)
            return sorted({*before, *free})

        return self.database.write(cancel, repeatable=True) if ids else []


def _trial_id(each: Any) -> int:
    number = int_id(each)
    if number is None:
        raise ValueRejected(
            "trial_ids holds something that is not a trial id.", "Give ints, as unfit_trials() has them."
        )
    return number


def _is_cancelled(row: Any) -> bool:
    return bool(row.status == Status.CANCELED.name)
