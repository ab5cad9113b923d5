"""Claiming the trials of an experiment, and taking back those whose holder has gone."""

from __future__ import annotations

import datetime as dt
import logging

from trialstore.dialects.errors import TrialError
from trialstore.sql.session import Session
from trialstore.storage.base_storage import Storage
from trialstore.storage.status import Status
from trialstore.storage.values.checks import to_utc

from .claims import Claim, check_limit, check_runner_id, lease_us, release
from .loading import StoredTrials

_LOG = logging.getLogger(__name__)


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
        ts = None if timestamp is None else self._database.dialect.encode_ts(to_utc(timestamp))
        left_out: dict[str, None] = {}

        def leave_out(error: TrialError) -> None:
            left_out.setdefault(error.message)

        claim = Claim(self._experiment_id, runner_id, most, us, ts, self._stored_tunables, leave_out)
        claimed = self._database.write(claim.run, repeatable=True) if most else []
        for message in left_out:
            _LOG.warning("Left out: %s", message)
        return [
            self._trial(
                each.trial_id, each.config_id, each.tunables, each.metadata, Status.READY, runner_id, each.fence
            )
            for each in claimed
        ]

    def release_expired(self, timestamp: dt.datetime | None = None) -> list[int]:
        """Take back trials whose lease has ended; see `Storage.Experiment.release_expired`."""
        ts = None if timestamp is None else self._database.dialect.encode_ts(to_utc(timestamp))
        tried: dict[int, int] = {}  # trial id → number of the claim that an earlier run was to end

        def take_back(tx: Session) -> list[int]:
            # What an earlier run, whose commit was not answered, has taken back is not found any more.
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

        return self._database.write(take_back, repeatable=True)
