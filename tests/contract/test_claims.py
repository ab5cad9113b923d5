"""Workers take trials under leases, one holder at a time, and late writes of an old holder are refused."""

from __future__ import annotations

import datetime as dt
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest

from trialstore.contract.helpers import at, dump, make_experiment, query, refused, start_elsewhere, status_events
from trialstore.storage import (
    AlreadyCompleted,
    LeaseLost,
    NewTrial,
    SqlStorage,
    Status,
    Storage,
    TrialHeld,
    ValueRejected,
)

HOUR = dt.timedelta(hours=1)
LONG_AGO = at(-86_400)
FAR = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)


def ids(trials: list[Storage.Trial]) -> list[int]:
    """The ids of trials."""
    return [trial.trial_id for trial in trials]


@pytest.fixture
def five(experiment: Storage.Experiment) -> Storage.Experiment:
    """An experiment with five due trials."""
    experiment.new_trials([NewTrial({"cache": n}, LONG_AGO, {"n": n}) for n in range(5)])
    return experiment


# --- new_trials -------------------------------------------------------------------------------------------------------


def test_many_trials_are_made_at_once_in_the_order_given(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    first = experiment.new_trial({"cache": 3})
    made = experiment.new_trials(
        [NewTrial({"cache": 3}, at(5), {"a": [1]}), {"cache": 4}, experiment.tunables, NewTrial({"cache": 4})]
    )
    assert ids(made) == [2, 3, 4, 5]
    assert experiment.trial_id == 6
    assert made[0].tunable_config_id == first.tunable_config_id
    assert made[1].tunable_config_id == made[3].tunable_config_id
    stored = storage.experiments["Exp"].trials
    assert [stored[n].tunable_config.config_dict["cache"] for n in (1, 2, 3, 5)] == [3, 3, 4, 4]
    assert stored[2].ts_start == at(5)
    assert [stored[n].metadata_dict for n in (2, 3)] == [{"a": [1]}, {}]
    assert {trial.status for trial in stored.values()} == {Status.PENDING}


def test_no_trials_are_made_of_nothing(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    assert experiment.new_trials([]) == []
    assert storage.experiments["Exp"].trials == {}


@pytest.mark.parametrize(
    "trials", ["text", {"cache": 1}, 5, [{"cache": 1}, {"colour": 1}], [NewTrial({}, None, {"a": {1}})]]
)
def test_wrong_trials_are_refused_and_none_is_made(
    storage: SqlStorage, experiment: Storage.Experiment, trials: Any
) -> None:
    before = dump(storage)
    refused(lambda: experiment.new_trials(trials), ValueRejected)
    assert dump(storage) == before


# --- claiming ---------------------------------------------------------------------------------------------------------


def test_a_claim_takes_the_trial_that_was_due_first(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    experiment.new_trials(
        [NewTrial({"cache": 1}, at(-10)), NewTrial({"cache": 2}, at(-20), {"n": 2}), NewTrial({}, FAR)]
    )
    (trial,) = experiment.claim_trials(7)
    assert (trial.trial_id, trial.trial_runner_id, trial.status, trial.lease_fence) == (2, 7, Status.READY, 1)
    assert trial.tunables["cache"] == 2
    assert trial.config() == {"n": 2, "experiment_id": "Exp", "trial_id": 2, "trial_runner_id": 7}
    stored = storage.experiments["Exp"].trials[2]
    assert (stored.status, stored.trial_runner_id) == (Status.READY, 7)
    assert list(status_events(storage, trial).values()) == ["READY"]
    assert ids(experiment.claim_trials(8, limit=5)) == [1]  # the third is not due
    assert ids(experiment.claim_trials(8, limit=5, timestamp=FAR)) == [3]


def test_no_trial_is_handed_out_twice(five: Storage.Experiment) -> None:
    taken = [ids(five.claim_trials(runner, limit=2)) for runner in range(4)]
    assert taken == [[1, 2], [3, 4], [5], []]
    assert five.claim_trials(9, limit=0) == []


def test_trials_made_a_moment_ago_are_due(experiment: Storage.Experiment) -> None:
    for _ in range(20):
        trial = experiment.new_trial({})
        assert ids(experiment.claim_trials(1)) == [trial.trial_id]


def test_trials_meant_for_another_runner_are_left_to_it(five: Storage.Experiment) -> None:
    trial = five.get_trial_by_id(1)
    assert trial is not None
    assert trial.set_trial_runner(3) == 3
    assert ids(five.claim_trials(2)) == [2]
    assert ids(five.claim_trials(3)) == [1]


def test_a_trial_that_the_tunables_do_not_fit_keeps_nobody_from_the_others(
    storage: SqlStorage, five: Storage.Experiment, caplog: pytest.LogCaptureFixture
) -> None:
    with make_experiment(storage, tunables={"other": 1}) as stranger:
        own = stranger.new_trial({"other": 5}, at(0))
        assert ids(stranger.claim_trials(1, limit=2)) == [own.trial_id]
    assert "Left out: Trial Exp:1 cannot be run" in caplog.text
    assert ids(five.claim_trials(1, limit=9)) == [1, 2, 3, 4, 5]


def test_a_claimed_trial_is_run_by_its_holder(storage: SqlStorage, five: Storage.Experiment) -> None:
    (trial,) = five.claim_trials(1)
    trial.update(Status.RUNNING, at(1))
    trial.update_telemetry(Status.RUNNING, at(2), [(at(2), "cpu", 0.5)])
    trial.add_new_config_data({"host": "a"})
    trial.update(Status.SUCCEEDED, at(3), {"score": 2.5})
    trial.update_telemetry(Status.SUCCEEDED, at(4), [(at(4), "cpu", 0.7)])
    stored = storage.experiments["Exp"].trials[1]
    assert (stored.status, stored.results_dict, len(stored.telemetry_df)) == (Status.SUCCEEDED, {"score": 2.5}, 2)
    assert stored.metadata_dict == {"n": 0, "host": "a"}
    with pytest.raises(AlreadyCompleted):
        trial.update(Status.FAILED, at(5))
    with pytest.raises(LeaseLost, match="its lease has ended"):
        trial.renew_lease()
    assert five.release_expired(FAR) == []


# --- leases -----------------------------------------------------------------------------------------------------------


def test_a_trial_whose_lease_has_ended_is_taken_back_and_its_old_holder_cannot_write(
    storage: SqlStorage, five: Storage.Experiment
) -> None:
    old, kept = five.claim_trials(1, limit=2, lease=HOUR)
    old.update(Status.RUNNING, at(1))
    kept.renew_lease(48 * HOUR)
    assert five.release_expired() == []
    soon = dt.datetime.now(dt.timezone.utc) + 2 * HOUR
    assert five.release_expired(soon) == [1]
    assert five.release_expired(soon) == []
    stored = storage.experiments["Exp"].trials[1]
    assert (stored.status, stored.trial_runner_id) == (Status.PENDING, None)
    for late in writes(old):
        before = dump(storage)
        refused(late, LeaseLost, "not held here any more")
        assert dump(storage) == before
    *others, new = five.claim_trials(2, limit=9)  # it is due since it was started, and so the last one
    assert (new.trial_id, new.lease_fence) == (1, 2)
    assert {trial.lease_fence for trial in others} == {1}
    for late in writes(old):
        before = dump(storage)
        refused(late, LeaseLost, "held by runner 2")
        assert dump(storage) == before
    new.update(Status.SUCCEEDED, at(9), {"score": 1.0})
    refused(lambda: old.update(Status.SUCCEEDED, at(10), {"score": 2.0}), LeaseLost)
    assert storage.experiments["Exp"].trials[1].results_dict == {"score": 1.0}


def writes(trial: Storage.Trial) -> list[Callable[[], Any]]:
    """All ways to write to a trial that its holder has."""
    return [
        lambda: trial.update(Status.RUNNING, at(5)),
        lambda: trial.update(Status.SUCCEEDED, at(6), {"score": 7.0}),
        lambda: trial.update_telemetry(Status.RUNNING, at(7), [(at(7), "cpu", 0.1)]),
        lambda: trial.add_new_config_data({"late": 1}),
        trial.renew_lease,
        trial.release_lease,
    ]


def test_a_lease_that_has_run_out_can_be_renewed_as_long_as_nobody_took_the_trial(five: Storage.Experiment) -> None:
    (trial,) = five.claim_trials(1, lease=dt.timedelta(microseconds=1))
    trial.renew_lease(HOUR)
    assert five.release_expired() == []
    trial.update(Status.RUNNING, at(1))


def test_a_short_lease_ends_by_the_clock_of_the_database(five: Storage.Experiment) -> None:
    five.claim_trials(1, lease=dt.timedelta(microseconds=1))
    five.claim_trials(1, lease=HOUR)
    time.sleep(0.01)
    assert five.release_expired() == [1]


def test_a_trial_is_given_back(storage: SqlStorage, five: Storage.Experiment) -> None:
    (trial,) = five.claim_trials(1)
    trial.update(Status.RUNNING, at(1))
    time.sleep(0.002)  # of two events in one tick of the database's clock, the later one stands
    trial.release_lease()
    time.sleep(0.002)
    assert (trial.status, trial.lease_fence, trial.trial_runner_id) == (Status.PENDING, None, None)
    refused(trial.release_lease, LeaseLost, "not held under a lease here")
    again = five.claim_trials(2, limit=9)
    assert [(each.trial_id, each.lease_fence) for each in again] == [(2, 1), (3, 1), (4, 1), (5, 1), (1, 2)]
    assert list(status_events(storage, trial).values()).count("PENDING") == 1


def test_only_the_holder_may_write(storage: SqlStorage, five: Storage.Experiment) -> None:
    (held,) = five.claim_trials(1)
    other = five.get_trial_by_id(1)
    assert other is not None
    start_elsewhere(storage)
    for write in writes(other)[:4]:
        before = dump(storage)
        refused(write, TrialHeld, "held by runner 1")
        assert dump(storage) == before
    assert other.set_trial_runner(5) == 1
    refused(other.renew_lease, LeaseLost, "not held under a lease here")
    held.update(Status.CANCELED, at(5))


def test_a_holder_cannot_make_its_trial_pending(storage: SqlStorage, five: Storage.Experiment) -> None:
    (held,) = five.claim_trials(1)
    before = dump(storage)
    refused(lambda: held.update(Status.PENDING, at(1)), ValueRejected, "cannot become PENDING")
    assert dump(storage) == before


def test_a_pickled_copy_of_a_claimed_trial_holds_it_too(
    shared_storage: SqlStorage,
) -> None:
    with make_experiment(shared_storage) as experiment:
        experiment.new_trial({}, LONG_AGO)
        (trial,) = experiment.claim_trials(1)
        copy = pickle.loads(pickle.dumps(trial))
        copy.update(Status.SUCCEEDED, at(1), {"score": 1})
        copy.database.dispose()
        assert shared_storage.experiments["Exp"].trials[1].status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"trial_runner_id": "1"}, "trial_runner_id is of type str"),
        ({"trial_runner_id": True}, "trial_runner_id is of type bool"),
        ({"trial_runner_id": 2**31}, "does not fit"),
        ({"limit": -1}, "limit is negative"),
        ({"limit": 1.5}, "limit is of type float"),
        ({"lease": dt.timedelta(0)}, "must be positive"),
        ({"lease": dt.timedelta(seconds=-1)}, "must be positive"),
        ({"lease": 300}, "lease is of type int"),
        ({"timestamp": "now"}, "timestamp"),
    ],
)
def test_a_wrong_claim_is_refused_and_nothing_is_taken(
    storage: SqlStorage, five: Storage.Experiment, arguments: dict[str, Any], words: str
) -> None:
    before = dump(storage)
    refused(lambda: five.claim_trials(**{"trial_runner_id": 1, **arguments}), ValueRejected, words)
    assert dump(storage) == before


@pytest.mark.parametrize("lease", [dt.timedelta(0), -HOUR, 5, None, dt.timedelta(days=400)])
def test_a_wrong_renewal_is_refused(storage: SqlStorage, five: Storage.Experiment, lease: Any) -> None:
    (trial,) = five.claim_trials(1)
    before = dump(storage)
    refused(lambda: trial.renew_lease(lease), ValueRejected, "lease")
    assert dump(storage) == before


def test_the_clock_of_this_host_has_no_say_in_leases(
    five: Storage.Experiment, monkeypatch: pytest.MonkeyPatch, storage: SqlStorage
) -> None:
    """What Python tells of the time is years off; the database's clock is what counts."""

    class Wrong(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return FAR

    with monkeypatch.context() as patched:
        patched.setattr(dt, "datetime", Wrong)  # in every module that has it as `dt.datetime`
        (trial,) = five.claim_trials(1, lease=HOUR)
        assert five.release_expired() == []
    assert query(storage, "SELECT count(*) FROM trial WHERE lease_ends < '2100-01-01'") == [(1,)]
    trial.update(Status.RUNNING, at(1))
