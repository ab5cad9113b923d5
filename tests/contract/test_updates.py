"""What updates of a trial do to it, one by one and in any interleaving."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialstore.contract.helpers import at, dump, make_experiment, start_elsewhere, status_events
from trialstore.storage import AlreadyCompleted, SqlStorage, Status, Storage, ValueRejected

COMPLETED = [Status.SUCCEEDED, Status.CANCELED, Status.FAILED, Status.TIMED_OUT]
OPEN = [Status.UNKNOWN, Status.PENDING, Status.READY, Status.RUNNING]


def twin(experiment: Storage.Experiment, trial: Storage.Trial) -> Storage.Trial:
    """Another object of the same trial."""
    found = experiment.get_trial_by_id(trial.trial_id)
    assert found is not None
    return found


# One by one


@pytest.mark.parametrize("status", COMPLETED)
def test_a_completed_status_ends_the_trial_and_stores_its_metrics(
    storage: SqlStorage, experiment: Storage.Experiment, status: Status
) -> None:
    trial = experiment.new_trial({}, ts_start=at(0))
    metrics = {"score": 0.5, "note": "ok"}
    assert trial.update(status, at(9), metrics) is metrics
    stored = storage.experiments["Exp"].trials[1]
    assert trial.status is stored.status is status
    assert (stored.ts_start, stored.ts_end) == (at(0), at(9))
    assert stored.results_dict == {"note": "ok", "score": 0.5}
    assert status_events(storage, trial) == {at(9): status.name}


@pytest.mark.parametrize("status", COMPLETED)
@pytest.mark.parametrize("metrics", [None, {}])
def test_a_trial_may_end_without_metrics(
    storage: SqlStorage, experiment: Storage.Experiment, status: Status, metrics: Any
) -> None:
    assert experiment.new_trial({}).update(status, at(9), metrics) == metrics
    assert storage.experiments["Exp"].trials[1].results_dict == {}


@pytest.mark.parametrize("status", OPEN)
def test_a_status_that_is_not_completed_sets_ts_start(
    storage: SqlStorage, experiment: Storage.Experiment, status: Status
) -> None:
    trial = experiment.new_trial({}, ts_start=at(0))
    assert trial.update(status, at(3)) is None
    stored = storage.experiments["Exp"].trials[1]
    assert trial.status is stored.status is status
    assert (stored.ts_start, stored.ts_end) == (at(3), None)
    assert status_events(storage, trial) == {at(3): status.name}


def test_a_trial_goes_through_ready_and_running_to_its_end(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({}, ts_start=at(0))
    for seconds, status in enumerate((Status.READY, Status.RUNNING, Status.SUCCEEDED), start=1):
        trial.update(status, at(seconds), {"score": 1} if status.is_completed() else None)
    stored = storage.experiments["Exp"].trials[1]
    assert (stored.ts_start, stored.ts_end) == (at(2), at(3))
    assert status_events(storage, trial) == {at(1): "READY", at(2): "RUNNING", at(3): "SUCCEEDED"}


@pytest.mark.parametrize("now", [Status.RUNNING, *COMPLETED])
@pytest.mark.parametrize("status", OPEN)
def test_a_running_or_completed_trial_ignores_such_a_status_and_warns(
    storage: SqlStorage,
    experiment: Storage.Experiment,
    caplog: pytest.LogCaptureFixture,
    now: Status,
    status: Status,
) -> None:
    trial = experiment.new_trial({})
    other = twin(experiment, trial)
    trial.update(now, at(1), {"score": 1} if now.is_completed() else None)
    start_elsewhere(storage)
    before = dump(storage)
    caplog.clear()
    assert other.update(status, at(2)) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert now.name in caplog.text
    assert dump(storage) == before
    assert other.status is now


@pytest.mark.parametrize("first", COMPLETED)
@pytest.mark.parametrize("second", COMPLETED)
def test_completing_twice_is_an_error_and_writes_nothing(
    storage: SqlStorage, experiment: Storage.Experiment, first: Status, second: Status
) -> None:
    trial = experiment.new_trial({})
    other = twin(experiment, trial)
    trial.update(first, at(1), {"score": 1})
    before = dump(storage)
    for stale in (trial, other):
        with pytest.raises(AlreadyCompleted) as caught:
            stale.update(second, at(2), {"score": 2, "more": 3})
        assert isinstance(caught.value, RuntimeError)
        assert first.name in str(caught.value)
    assert dump(storage) == before


@pytest.mark.parametrize("metrics", [None, {}, {"other": 1}, {"Score": 1}])
def test_success_without_the_objective_is_stored_and_warns(
    storage: SqlStorage, experiment: Storage.Experiment, caplog: pytest.LogCaptureFixture, metrics: Any
) -> None:
    experiment.new_trial({}).update(Status.SUCCEEDED, at(1), metrics)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "score" in caplog.text
    assert storage.experiments["Exp"].trials[1].status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("status", "metrics"),
    [(Status.SUCCEEDED, {"score": 2.5, "more": None}), *[(status, None) for status in COMPLETED[1:]]],
)
def test_no_warning_otherwise(
    experiment: Storage.Experiment, caplog: pytest.LogCaptureFixture, status: Status, metrics: Any
) -> None:
    experiment.new_trial({}).update(status, at(1), metrics)
    assert caplog.records == []


def test_metric_names_differ_by_every_byte(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    names = ["score", "Score", "score ", " score", "sc\u00f6re", "sco\u0308re", "ſcore", "score\t", "ß", "ss"]
    metrics = {name: number for number, name in enumerate(names)}
    trial = experiment.new_trial({}, config=metrics)
    trial.update(Status.SUCCEEDED, at(1), metrics)
    stored = storage.experiments["Exp"].trials[1]
    assert stored.results_dict == stored.metadata_dict == metrics


# In any interleaving

MOMENTS = [at(seconds) for seconds in range(4)]
METRICS = st.none() | st.dictionaries(st.sampled_from(["score", "m"]), st.integers(0, 3), max_size=2)
POINTS = st.lists(st.tuples(st.sampled_from(MOMENTS), st.sampled_from(["m", "n"]), st.integers(0, 3)), max_size=3)
UPDATES = st.tuples(st.just("update"), st.booleans(), st.sampled_from(Status), st.sampled_from(MOMENTS), METRICS)
REPORTS = st.tuples(st.just("telemetry"), st.booleans(), st.sampled_from(Status), st.sampled_from(MOMENTS), POINTS)


@dataclass
class Model:
    """What the rules say of one trial."""

    status: Status = Status.PENDING
    ts_start: dt.datetime = MOMENTS[0]
    ts_end: dt.datetime | None = None
    results: dict[str, Any] = field(default_factory=dict)
    events: dict[dt.datetime, str] = field(default_factory=dict)
    points: dict[tuple[dt.datetime, str], Any] = field(default_factory=dict)

    def update(self, status: Status, ts: dt.datetime, metrics: dict[str, Any] | None) -> type[Exception] | None:
        """The error that the call must raise, or None."""
        if not status.is_completed():
            if metrics:
                return ValueRejected
            if not (self.status.is_running() or self.status.is_completed()):
                self.status, self.ts_start, self.events[ts] = status, ts, status.name
            return None
        if self.status.is_completed():
            return AlreadyCompleted
        self.status, self.ts_end, self.events[ts] = status, ts, status.name
        self.results = dict(metrics or {})
        return None

    def telemetry(self, status: Status, ts: dt.datetime, points: Any) -> None:
        self.events.setdefault(ts, status.name)
        for moment, metric, value in points:
            self.points.setdefault((moment, metric), value)


@pytest.mark.once_per_engine("each step is a call that other tests make in every mode")
@given(operations=st.lists(UPDATES | REPORTS, max_size=10))
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_any_interleaving_of_updates_ends_in_a_state_that_the_rules_allow(
    storage: SqlStorage, operations: list[Any]
) -> None:
    with make_experiment(storage) as experiment:
        trial = experiment.new_trial({}, ts_start=MOMENTS[0])
        two = (trial, twin(experiment, trial))
    model = Model()
    for kind, which, status, ts, more in operations:
        target = two[which]
        if kind == "telemetry":
            target.update_telemetry(status, ts, more)
            model.telemetry(status, ts, more)
            continue
        error = model.update(status, ts, more)
        if error is None:
            assert target.update(status, ts, more) is more
            assert target.status is model.status
        else:
            with pytest.raises(error):
                target.update(status, ts, more)
    stored = storage.experiments["Exp"].trials[trial.trial_id]
    assert (stored.status, stored.ts_start, stored.ts_end) == (model.status, model.ts_start, model.ts_end)
    assert stored.results_dict == model.results
    assert status_events(storage, trial) == model.events
    assert {(ts, metric): value for ts, metric, value in experiment.load_telemetry(trial.trial_id)} == model.points
