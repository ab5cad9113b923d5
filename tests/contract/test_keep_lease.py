"""A lease is renewed while the block runs, and its loss is told."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import suppress
from typing import Any

import pytest

from trialstore.contract.helpers import at, query, refused
from trialstore.storage import KeepLease, LeaseLost, SqlStorage, Status, Storage, ValueRejected

SHORT = dt.timedelta(seconds=1.5)
"""Renewed every half second; long enough that a busy machine does not lose it meanwhile."""
LONG = dt.timedelta(minutes=5)
FAR = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture
def claimed(experiment: Storage.Experiment) -> Storage.Trial:
    """A trial that is held for a short time."""
    experiment.new_trial({})
    (trial,) = experiment.claim_trials(1, lease=SHORT)
    return trial


def test_the_trial_is_kept_for_longer_than_a_lease(
    storage: SqlStorage, experiment: Storage.Experiment, claimed: Storage.Trial
) -> None:
    seen: set[Any] = set()
    with KeepLease(claimed, SHORT) as lease:
        # Renewed when a third has passed: the fifth end is after the first one by more than a lease.
        while len(seen) < 5 and not lease.lost:
            seen |= set(query(storage, "SELECT lease_ends FROM trial"))
            time.sleep(0.1)
            assert experiment.release_expired() == []
        assert not lease.lost
        lease.check()
    claimed.update(Status.SUCCEEDED, at(1), {"score": 1})


def test_after_the_block_nothing_is_renewed(
    storage: SqlStorage, experiment: Storage.Experiment, claimed: Storage.Trial
) -> None:
    with KeepLease(claimed, SHORT):
        pass
    before = query(storage, "SELECT lease_ends FROM trial")
    time.sleep(SHORT.total_seconds() / 2)
    assert query(storage, "SELECT lease_ends FROM trial") == before
    while not (released := experiment.release_expired()):
        time.sleep(0.1)
    assert released == [1]


def test_the_loss_of_a_lease_is_told(experiment: Storage.Experiment, claimed: Storage.Trial) -> None:
    with KeepLease(claimed, SHORT) as lease:
        assert experiment.release_expired(FAR) == [1]
        assert lease.wait_lost(10)
        assert lease.lost
        with pytest.raises(LeaseLost):
            lease.check()
    with pytest.raises(ZeroDivisionError), KeepLease(experiment.claim_trials(2)[0], SHORT):
        raise ZeroDivisionError


def test_it_is_not_entered_without_a_lease(experiment: Storage.Experiment, claimed: Storage.Trial) -> None:
    refused(lambda: KeepLease(claimed, dt.timedelta(0)), ValueRejected)
    claimed.release_lease()
    refused(KeepLease(claimed, SHORT).__enter__, LeaseLost)


class Cancelled(BaseException):
    """As asyncio's and others' cancellations, no Exception."""


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, Cancelled])
def test_an_interrupt_gives_the_trial_back(
    experiment: Storage.Experiment, claimed: Storage.Trial, interrupt: type[BaseException], caplog: Any
) -> None:
    with pytest.raises(interrupt), KeepLease(claimed, LONG):
        raise interrupt
    assert claimed.lease_fence is None
    assert [trial.trial_id for trial in experiment.claim_trials(2)] == [1]
    assert "given back" in caplog.text


def test_an_interrupt_keeps_a_trial_that_is_to_be_kept_or_is_completed(
    experiment: Storage.Experiment, claimed: Storage.Trial
) -> None:
    with pytest.raises(KeyboardInterrupt), KeepLease(claimed, LONG, release=False):
        raise KeyboardInterrupt
    with pytest.raises(ZeroDivisionError), KeepLease(claimed, LONG):
        raise ZeroDivisionError
    assert experiment.claim_trials(2) == []
    with suppress(KeyboardInterrupt), KeepLease(claimed, LONG):
        claimed.update(Status.SUCCEEDED, at(1), {"score": 1})
        raise KeyboardInterrupt
    assert experiment.load()[0] == [1]


def test_an_error_that_ends_the_renewing_is_told(
    claimed: Storage.Trial, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    with KeepLease(claimed, SHORT) as lease:

        def fail(_lease: dt.timedelta) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(claimed, "renew_lease", fail)
        assert lease.wait_lost(10)
        with pytest.raises(LeaseLost, match="not held") as caught:
            lease.check()
    assert "ZeroDivisionError" in caught.value.hint
    assert "not renewed any more" in caplog.text
