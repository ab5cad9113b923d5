"""Telemetry: timestamped metrics of a trial."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from trialstore.contract.helpers import at, dump, make_experiment, same, status_events
from trialstore.storage import SqlStorage, Status, Storage

POINTS = [
    (at(2), "cpu", 0.5),
    (at(1), "mem", 7),
    (at(1), "cpu", "idle"),
    (at(2), "Cpu", None),
    (at(2.000001), "cpu", True),
]
ORDERED = [POINTS[2], POINTS[1], POINTS[3], POINTS[0], POINTS[4]]


@pytest.fixture
def trial(experiment: Storage.Experiment) -> Storage.Trial:
    return experiment.new_trial({}, ts_start=at(0))


def test_telemetry_comes_back_ordered_by_time_then_metric(
    storage: SqlStorage, experiment: Storage.Experiment, trial: Storage.Trial
) -> None:
    assert trial.update_telemetry(Status.RUNNING, at(1), POINTS) is None
    assert same([list(point) for point in experiment.load_telemetry(1)], [list(point) for point in ORDERED])
    frame = storage.experiments["Exp"].trials[1].telemetry_df
    assert list(frame.columns) == ["ts", "metric", "value"]
    assert [tuple(row) for row in frame.itertuples(index=False)] == ORDERED


def test_a_trial_without_telemetry_has_an_empty_list_and_frame(
    storage: SqlStorage, experiment: Storage.Experiment, trial: Storage.Trial
) -> None:
    assert experiment.load_telemetry(trial.trial_id) == []
    assert experiment.load_telemetry(99) == []
    frame = storage.experiments["Exp"].trials[1].telemetry_df
    assert list(frame.columns) == ["ts", "metric", "value"]
    assert len(frame) == 0


def test_a_report_appends_a_status_event_and_leaves_the_trial_as_it_is(
    storage: SqlStorage, trial: Storage.Trial
) -> None:
    trial.update_telemetry(Status.RUNNING, at(1), [])
    trial.update_telemetry(Status.READY, at(2), [])
    assert status_events(storage, trial) == {at(1): "RUNNING", at(2): "READY"}
    stored = storage.experiments["Exp"].trials[1]
    assert (stored.status, stored.ts_start, stored.ts_end) == (Status.PENDING, at(0), None)


def test_sending_the_same_points_again_changes_nothing(storage: SqlStorage, trial: Storage.Trial) -> None:
    trial.update_telemetry(Status.RUNNING, at(1), POINTS)
    before = dump(storage)
    trial.update_telemetry(Status.RUNNING, at(1), POINTS)
    trial.update_telemetry(Status.RUNNING, at(1), list(reversed(POINTS)) + POINTS)
    assert dump(storage) == before


def test_of_overlapping_reports_only_what_is_new_is_added(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    trial.update_telemetry(Status.RUNNING, at(1), POINTS[:3])
    trial.update_telemetry(Status.RUNNING, at(2), POINTS[1:])
    assert experiment.load_telemetry(1) == ORDERED


@pytest.mark.parametrize(("first", "second"), [(1, 2), (1, 1.0), (1, True), ("1", 1), (0.0, -0.0), (None, 0)])
def test_of_two_values_at_one_instant_the_first_is_kept_with_a_warning(
    experiment: Storage.Experiment,
    trial: Storage.Trial,
    caplog: pytest.LogCaptureFixture,
    first: Any,
    second: Any,
) -> None:
    trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", first), (at(1), "cpu", second), (at(1), "mem", 1)])
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "cpu" in caplog.text
    assert "mem" not in caplog.text
    assert same(experiment.load_telemetry(1)[0][2], first)


@pytest.mark.parametrize("value", [1, float("nan"), None, "x"])
def test_the_same_point_twice_in_one_report_is_no_clash(
    experiment: Storage.Experiment, trial: Storage.Trial, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", value)] * 2)
    assert caplog.records == []
    assert len(experiment.load_telemetry(1)) == 1


def test_a_later_report_does_not_replace_a_point(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", 1)])
    trial.update_telemetry(Status.RUNNING, at(2), [(at(1), "cpu", 2)])
    assert experiment.load_telemetry(1) == [(at(1), "cpu", 1)]


def test_points_are_told_apart_by_the_microsecond(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    points = [(at(number / 1_000_000), "cpu", number) for number in range(50)]
    trial.update_telemetry(Status.RUNNING, at(1), points)
    assert experiment.load_telemetry(1) == points


def test_metrics_of_one_instant_differ_by_every_byte_of_the_name(
    experiment: Storage.Experiment, trial: Storage.Trial
) -> None:
    names = sorted(["cpu", "CPU", "cpu ", "çpu", "c\u0327pu", "cpu\t"], key=lambda name: name.encode())
    points = [(at(1), name, name) for name in names]
    trial.update_telemetry(Status.RUNNING, at(1), points)
    assert experiment.load_telemetry(1) == points


def test_a_completed_trial_still_takes_late_telemetry(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    trial.update(Status.FAILED, at(5))
    trial.update_telemetry(Status.FAILED, at(5), [(at(4), "cpu", 1)])
    assert experiment.load_telemetry(1) == [(at(4), "cpu", 1)]


def test_many_points_come_back_whole(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    points = [(at(number), metric, number) for number in range(5000) for metric in ("a", "b")]
    trial.update_telemetry(Status.RUNNING, at(1), points)
    assert experiment.load_telemetry(1) == points


def test_points_may_come_from_a_generator(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    trial.update_telemetry(Status.RUNNING, at(1), ((at(number), "m", number) for number in range(3)))  # type: ignore[arg-type]
    assert len(experiment.load_telemetry(1)) == 3


def test_each_trial_has_telemetry_of_its_own(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    one, two = experiment.new_trial({}), experiment.new_trial({})
    with make_experiment(storage, "Other") as other:
        three = other.new_trial({})
    for number, trial in enumerate((one, two, three)):
        trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "m", number)])
    assert [experiment.load_telemetry(1)[0][2], experiment.load_telemetry(2)[0][2]] == [0, 1]
    assert other.load_telemetry(1)[0][2] == 2
