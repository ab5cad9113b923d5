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
        released: set[int] = set()

        def take_back(tx: Session) -> list[int]:
            if not tx.in_doubt:
                released.clear()
            found = [row.trial_id for row in tx.many("lease_expired", exp_id=self._experiment_id, ts=ts)]
            released.update(found)
            release(tx, self._experiment_id, found)
            return sorted(released)

        return self._database.write(take_back, repeatable=True)
