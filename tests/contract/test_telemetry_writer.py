"""Telemetry that a thread stores while a program measures."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import Any

import pytest

from trialstore.contract.helpers import at, dump, query, refused, same
from trialstore.storage import LeaseLost, SqlStorage, Status, Storage, TrialHeld, ValueRejected

FAR = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)
PATIENCE_S = 60


@pytest.fixture
def trial(experiment: Storage.Experiment) -> Storage.Trial:
    return experiment.new_trial({}, ts_start=at(0))


def test_all_points_are_stored_when_the_block_ends(
    storage: SqlStorage, experiment: Storage.Experiment, trial: Storage.Trial
) -> None:
    values = [0.1, 7, True, None, "idle", float("inf"), "", "x" * 5000]
    with trial.telemetry_writer() as telemetry:
        for number, value in enumerate(values):
            telemetry.add("metric", value, at(number))
    assert (telemetry.stored, telemetry.dropped) == (len(values), 0)
    expected = [[at(number), "metric", value] for number, value in enumerate(values)]
    assert same([list(point) for point in experiment.load_telemetry(1)], expected)
    stored = storage.experiments["Exp"].trials[1]
    assert (stored.status, query(storage, "SELECT count(*) FROM trial_status")) == (Status.PENDING, [(0,)])


def test_points_without_a_time_get_that_of_their_call_and_none_is_lost(
    experiment: Storage.Experiment, trial: Storage.Trial
) -> None:
    began = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    with trial.telemetry_writer() as telemetry:
        for number in range(3000):
            telemetry.add("step", number)
    points = experiment.load_telemetry(1)
    assert [value for _, _, value in points] == list(range(3000))
    assert began <= points[0][0] <= points[-1][0] <= dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=1)


def test_points_are_stored_while_the_block_runs(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    with trial.telemetry_writer(flush_every=0.02) as telemetry:
        telemetry.add("cpu", 0.5, at(1))
        until = time.monotonic() + PATIENCE_S
        while not experiment.load_telemetry(1) and time.monotonic() < until:
            time.sleep(0.02)
        assert [tuple(point) for point in experiment.load_telemetry(1)] == [(at(1), "cpu", 0.5)]


def test_flush_waits_until_they_are_stored(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    with trial.telemetry_writer(flush_every=3600) as telemetry:
        telemetry.flush()
        for number in range(10):
            telemetry.add("cpu", number, at(number))
            telemetry.flush()
            assert len(experiment.load_telemetry(1)) == telemetry.stored == number + 1


def test_more_points_than_may_wait_are_all_stored(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    with trial.telemetry_writer(flush_every=3600, at_most=10) as telemetry:
        for number in range(205):
            telemetry.add("cpu", number, at(number))
    assert len(experiment.load_telemetry(1)) == 205


def test_threads_share_a_writer(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    def work(name: str) -> None:
        for number in range(300):
            telemetry.add(name, number)

    with trial.telemetry_writer(flush_every=0.01, at_most=100) as telemetry:
        threads = [threading.Thread(target=work, args=(f"metric {number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    points = experiment.load_telemetry(1)
    assert len(points) == 4 * 300
    assert [value for _, metric, value in points if metric == "metric 2"] == list(range(300))


def test_the_same_points_again_change_nothing(storage: SqlStorage, trial: Storage.Trial) -> None:
    states = []
    for _ in range(2):
        with trial.telemetry_writer() as telemetry:
            for number in range(20):
                telemetry.add("cpu", number, at(number))
        states.append(dump(storage))
    assert states[0] == states[1]


def test_of_two_values_at_the_same_microsecond_the_first_is_kept(
    experiment: Storage.Experiment, trial: Storage.Trial, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), trial.telemetry_writer() as telemetry:
        telemetry.add("cpu", 1, at(1))
        telemetry.add("cpu", 2, at(1))
    assert [value for _, _, value in experiment.load_telemetry(1)] == [1]
    assert "several values at the same microsecond, the first is kept, of: cpu" in caplog.text


# --- what ends it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_points_are_stored_when_an_exception_ends_the_block(
    experiment: Storage.Experiment, trial: Storage.Trial, error: type[BaseException]
) -> None:
    def measure() -> None:
        with trial.telemetry_writer(flush_every=3600) as telemetry:
            telemetry.add("cpu", 1)
            raise error

    with pytest.raises(error):
        measure()
    assert len(experiment.load_telemetry(1)) == 1


def test_a_lost_lease_stops_it(storage: SqlStorage, experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    (claimed,) = experiment.claim_trials(1)

    def measure(until: Any) -> None:
        with claimed.telemetry_writer(flush_every=0.01) as telemetry:
            telemetry.add("cpu", 1)
            telemetry.flush()
            assert experiment.release_expired(FAR) == [1]
            telemetry.add("cpu", 2)
            until(telemetry)

    def add_on(telemetry: Any) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            telemetry.add("cpu", 3)
            time.sleep(0.01)

    error = refused(lambda: measure(add_on), LeaseLost)
    assert "telemetry points of trial" in error.message
    assert len(experiment.load_telemetry(1)) == 1
    (claimed,) = experiment.claim_trials(1)
    assert "1 telemetry points" in refused(lambda: measure(lambda _: None), LeaseLost).message
    assert len(experiment.load_telemetry(1)) == 2


def test_a_trial_that_somebody_else_holds_takes_none(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    experiment.claim_trials(1)

    def measure() -> None:
        with trial.telemetry_writer() as telemetry:
            telemetry.add("cpu", 1)

    refused(measure, TrialHeld)
    assert experiment.load_telemetry(1) == []


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        ("cpu", object()),
        ("cpu", "x" * 65_536),
        ("cpu", [1, 2]),
        ("", 1),
        (7, 1),
        ("m" * 1000, 1),
        ("cpu", 1, "now"),
        ("cpu", 1, 1.5),
    ],
)
def test_a_point_that_cannot_be_stored_is_refused_at_once_and_alone(
    experiment: Storage.Experiment, trial: Storage.Trial, point: Any
) -> None:
    with trial.telemetry_writer() as telemetry:
        telemetry.add("cpu", 0, at(0))
        refused(lambda: telemetry.add(*point), ValueRejected)
        telemetry.add("cpu", 1, at(1))
    assert [value for _, _, value in experiment.load_telemetry(1)] == [0, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        *({"flush_every": value} for value in (0, -1, float("nan"), float("inf"), "1", True, None)),
        *({"at_most": value} for value in (0, -1, 1.5, "1", True, None, 10**9)),
        *({"when_full": value} for value in ("wait", "", None, True)),
    ],
)
def test_arguments_are_checked(trial: Storage.Trial, arguments: Any) -> None:
    error = refused(lambda: trial.telemetry_writer(**arguments), ValueRejected)
    assert next(iter(arguments)) in error.message


def test_it_is_used_in_one_block(experiment: Storage.Experiment, trial: Storage.Trial) -> None:
    writer = trial.telemetry_writer()
    refused(lambda: writer.add("cpu", 1), ValueRejected)
    with writer:
        writer.add("cpu", 1)
    refused(lambda: writer.add("cpu", 2), ValueRejected)
    refused(writer.__enter__, ValueRejected)
    assert len(experiment.load_telemetry(1)) == 1
