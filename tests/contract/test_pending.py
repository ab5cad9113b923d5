"""Pending trials: those that are due, by status and by runner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from trialstore.contract.helpers import MAPPING, at, groups, make_experiment
from trialstore.storage import SqlStorage, Status, Storage, ValueRejected


def due(experiment: Storage.Experiment, seconds: float = 100, *, running: bool = False, **more: Any) -> list[int]:
    return [trial.trial_id for trial in experiment.pending_trials(at(seconds), running=running, **more)]


@pytest.fixture
def of_every_status(experiment: Storage.Experiment) -> Storage.Experiment:
    """Trial n has the status with number n."""
    for status in list(Status)[1:]:
        trial = experiment.new_trial({}, ts_start=at(0))
        if not status.is_pending():
            trial.update(status, at(0), {"score": 1} if status.is_completed() else None)
    return experiment


def test_only_pending_trials_are_given(of_every_status: Storage.Experiment) -> None:
    assert due(of_every_status) == [Status.PENDING.value]


def test_with_running_also_those_ready_or_running(of_every_status: Storage.Experiment) -> None:
    found = list(of_every_status.pending_trials(at(1), running=True))
    assert [trial.status for trial in found] == [Status.PENDING, Status.READY, Status.RUNNING]


def test_result_is_an_iterator(experiment: Storage.Experiment) -> None:
    pending = experiment.pending_trials(at(1), running=True)
    assert isinstance(pending, Iterator)
    assert list(pending) == []


def test_trials_are_due_from_their_start_to_the_microsecond(experiment: Storage.Experiment) -> None:
    experiment.new_trial({}, ts_start=at(10))
    assert due(experiment, 10 - 0.000001) == []
    assert due(experiment, 10) == [1]
    assert due(experiment, 10 + 0.000001) == [1]


def test_scheduled_trials_wait_for_their_time(experiment: Storage.Experiment) -> None:
    for seconds in (30, 10, 20):
        experiment.new_trial({}, ts_start=at(seconds))
    assert [due(experiment, seconds) for seconds in (5, 10, 25, 30)] == [[], [2], [2, 3], [1, 2, 3]]


def test_the_timestamp_may_be_in_any_zone(experiment: Storage.Experiment) -> None:
    experiment.new_trial({}, ts_start=at(0))
    for hours in (-11, 0, 14):
        zone = dt.timezone(dt.timedelta(hours=hours))
        assert len(list(experiment.pending_trials(at(0).astimezone(zone), running=False))) == 1
        assert len(list(experiment.pending_trials(at(-1).astimezone(zone), running=False))) == 0


def test_an_ended_trial_is_not_pending(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({}, ts_start=at(0))
    trial.update(Status.RUNNING, at(1))
    assert due(experiment, running=True) == [1]
    trial.update(Status.CANCELED, at(2))
    assert due(experiment, running=True) == []


@pytest.mark.parametrize(("assigned", "expected"), [(None, [1, 2, 3]), (True, [2]), (False, [1, 3])])
def test_trials_are_filtered_by_having_a_runner(
    experiment: Storage.Experiment, assigned: bool | None, expected: list[int]
) -> None:
    for _ in range(3):
        experiment.new_trial({"cache": 3}, ts_start=at(0), config={"n": 1})
    second = experiment.get_trial_by_id(2)
    assert second is not None
    second.set_trial_runner(0)
    assert due(experiment, trial_runner_assigned=assigned) == expected


def test_a_pending_trial_is_whole(experiment: Storage.Experiment) -> None:
    first = experiment.new_trial({"cache": 1}, ts_start=at(0), config={"n": [1]})
    experiment.new_trial({"cache": 2}, ts_start=at(0))
    first.set_trial_runner(4)
    one, two = experiment.pending_trials(at(1), running=False)
    assert (one.experiment_id, one.trial_id, one.trial_runner_id) == ("Exp", 1, 4)
    assert one.tunable_config_id == first.tunable_config_id
    assert one.tunables == {**MAPPING, "cache": 1}
    assert one.status is Status.PENDING
    assert one.opt_targets() == {"score": "min"}
    assert one.config() == {"n": [1], "experiment_id": "Exp", "trial_id": 1, "trial_runner_id": 4}
    assert two.tunables == {**MAPPING, "cache": 2}
    assert two.config() == {"experiment_id": "Exp", "trial_id": 2}


def test_pending_trials_have_the_experiments_kind_of_tunables(experiment_groups: Storage.Experiment) -> None:
    experiment_groups.new_trial({"latency": 1}, ts_start=at(0))
    (trial,) = experiment_groups.pending_trials(at(1), running=False)
    assert trial.tunables == groups().assign({"latency": 1})


def test_trials_can_be_changed_while_they_are_iterated(experiment: Storage.Experiment) -> None:
    for _ in range(3):
        experiment.new_trial({}, ts_start=at(0))
    for trial in experiment.pending_trials(at(1), running=True):
        trial.update(Status.RUNNING, at(2))
        trial.update(Status.SUCCEEDED, at(3), {"score": trial.trial_id})
    assert due(experiment, running=True) == []
    assert experiment.load()[0] == [1, 2, 3]


def test_each_experiment_has_pending_trials_of_its_own(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    with make_experiment(storage, "Other") as other:
        other.new_trial({}, ts_start=at(0))
    assert due(experiment) == []
    assert due(other) == [1]


def test_a_timestamp_must_be_a_time(experiment: Storage.Experiment) -> None:
    with pytest.raises(ValueRejected, match="timestamp"):
        list(experiment.pending_trials("now", running=True))  # type: ignore[arg-type]
