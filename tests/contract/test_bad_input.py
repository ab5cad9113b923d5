"""Bad input to experiments and trials: a named error that says what to do, nothing written, no value told."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trialstore.contract.helpers import (
    SECRET,
    Odd,
    at,
    dump,
    execute,
    finish,
    groups,
    make_experiment,
    refused,
    start_elsewhere,
)
from trialstore.storage import (
    AlreadyCompleted,
    ExperimentMissing,
    SqlStorage,
    Status,
    Storage,
    StorageError,
    TrialError,
    TrialMissing,
    ValueRejected,
)

pytestmark = pytest.mark.once_per_engine("what is wrong is refused before a connection is used")

LONG = SECRET * 5000
ASTRAL = "é" * 32_768  # 65,536 bytes in 32,768 characters
LOOP: list[Any] = []
LOOP.append(LOOP)

# A trial and what is written to it. Each call gets an entered experiment, a new trial and a completed one.

RUNNING_AS_TEXT: Any = "RUNNING"
Call = Callable[[Storage.Experiment, Storage.Trial, Storage.Trial], Any]


def new(**more: Any) -> Call:
    return lambda exp, _trial, _done: exp.new_trial(**{"tunables": {}, **more})


def adding(data: Any) -> Call:
    return lambda _exp, trial, _done: trial.add_new_config_data(data)


def success(metrics: Any, when: Any = None) -> Call:
    return lambda _exp, trial, _done: trial.update(Status.SUCCEEDED, when or at(1), metrics)


def report(points: Any, status: Any = Status.RUNNING, when: Any = None) -> Call:
    return lambda _exp, trial, _done: trial.update_telemetry(status, when or at(1), points)


def runner(number: Any) -> Call:
    return lambda _exp, trial, _done: trial.set_trial_runner(number)


def early(status: Status) -> Call:
    return lambda _exp, trial, _done: trial.update(status, at(1), {"score": SECRET})


WRONG: list[tuple[str, Call, type[StorageError], list[str]]] = [
    ("unknown tunable", new(tunables={"cach": 1}), ValueRejected, ["'cach'"]),
    ("tunable without a name", new(tunables={7: 1}), ValueRejected, ["7"]),
    ("tunable of no type", new(tunables={"cache": Odd()}), ValueRejected, ["'cache'", "Odd"]),
    ("nested tunable", new(tunables={"cache": {"a": 1}}), ValueRejected, ["'cache'", "dict"]),
    ("complex tunable", new(tunables={"cache": 1j}), ValueRejected, ["'cache'", "complex"]),
    ("bytes as tunable", new(tunables={"cache": SECRET.encode()}), ValueRejected, ["'cache'", "bytes"]),
    ("array as tunable", new(tunables={"cache": np.zeros(3)}), ValueRejected, ["'cache'", "ndarray"]),
    ("long tunable", new(tunables={"cache": LONG}), ValueRejected, ["'cache'", f"{len(LONG):,} bytes"]),
    ("long tunable, few characters", new(tunables={"cache": ASTRAL}), ValueRejected, ["'cache'", "65,536 bytes"]),
    ("integer of 5,000 digits", new(tunables={"cache": 10**5000}), ValueRejected, ["'cache'", "digits"]),
    ("metadata that is no JSON", new(config={"a": {"b": [Odd()]}}), ValueRejected, ["'a'", "Odd"]),
    ("metadata with a number as key", new(config={"a": {1: 2}}), ValueRejected, ["'a'", "int"]),
    ("metadata nested in itself", new(config={"a": LOOP}), ValueRejected, ["'a'", "nested"]),
    ("metadata without a name", new(config={"": 1}), ValueRejected, ["metadata", "empty"]),
    ("metadata of long name", new(config={"x" * 513: 1}), ValueRejected, ["metadata", "513"]),
    ("long metadata", new(config={"ok": 1, "a": [LONG]}), ValueRejected, ["'a'", "bytes"]),
    ("set as metadata", new(config={"a": {1, 2}}), ValueRejected, ["'a'", "set"]),
    ("metadata that is no dict", new(config=[SECRET]), ValueRejected, ["list"]),
    ("start that is no time", new(ts_start="now"), ValueRejected, ["ts_start", "str"]),
    ("start that is no datetime", new(ts_start=dt.date(2025, 1, 1)), ValueRejected, ["ts_start", "date"]),
    ("start that is not a time", new(ts_start=pd.NaT), ValueRejected, ["ts_start"]),
    ("metadata that is there", adding({"new": 1, "n": SECRET}), ValueRejected, ["'n'"]),
    ("added metadata that is no JSON", adding({"new": 1, "a": Odd()}), ValueRejected, ["'a'", "Odd"]),
    ("added long metadata", adding({"new": 1, "a": ASTRAL}), ValueRejected, ["'a'", "65,536 bytes"]),
    ("added metadata that is no dict", adding([SECRET]), ValueRejected, ["list"]),
    *[(f"metrics with {s.name}", early(s), ValueRejected, [s.name]) for s in Status if not s.is_completed()],
    ("metrics that are no dict", success([("score", SECRET)]), ValueRejected, ["list"]),
    ("metric of no type", success({"score": 1, "m": Odd()}), ValueRejected, ["'m'", "Odd"]),
    ("nested metric", success({"score": 1, "m": [SECRET]}), ValueRejected, ["'m'", "list"]),
    ("long metric", success({"score": 1, "m": LONG}), ValueRejected, ["'m'", "bytes"]),
    ("long metric, few characters", success({"score": 1, "m": ASTRAL}), ValueRejected, ["'m'", "65,536 bytes"]),
    ("long text with NUL", success({"score": 1, "m": "\0" + "x" * 65_535}), ValueRejected, ["'m'", "bytes"]),
    ("metric of long name", success({"x" * 513: 1}), ValueRejected, ["Metric", "513"]),
    ("metric without a name", success({"": 1}), ValueRejected, ["Metric", "empty"]),
    ("metric whose name is a number", success({7: 1}), ValueRejected, ["Metric", "int"]),
    ("end that is no time", success({"score": 1}, "later"), ValueRejected, ["timestamp", "str"]),
    ("end that is not a time", success({"score": 1}, pd.NaT), ValueRejected, ["timestamp"]),
    ("status as text", lambda _e, trial, _d: trial.update(RUNNING_AS_TEXT, at(1)), ValueRejected, ["status", "str"]),
    ("completing twice", lambda _e, _t, done: finish(done, SECRET), AlreadyCompleted, ["SUCCEEDED"]),
    ("telemetry of no type", report([(at(1), "m", 1), (at(2), "n", Odd())]), ValueRejected, ["'n'", "Odd"]),
    ("long telemetry", report([(at(1), "m", 1), (at(2), "n", LONG)]), ValueRejected, ["'n'", "bytes"]),
    ("telemetry without a time", report([(at(1), "m", 1), (None, "n", 1)]), ValueRejected, ["'n'", "NoneType"]),
    ("telemetry not at a time", report([(at(1), "m", 1), (pd.NaT, "n", 1)]), ValueRejected, ["'n'"]),
    ("telemetry of long name", report([(at(1), "x" * 513, 1)]), ValueRejected, ["Metric", "513"]),
    ("telemetry without a value", report([(at(1), "m", 1), (at(2), "n")]), ValueRejected, ["telemetry"]),
    ("telemetry that is no list", report(None), ValueRejected, ["NoneType"]),
    ("telemetry at no time", report([], when="now"), ValueRejected, ["timestamp", "str"]),
    ("telemetry with a number as status", report([], status=3), ValueRejected, ["status", "int"]),
    ("runner as text", runner("7"), ValueRejected, ["trial_runner_id", "str"]),
    ("runner beyond the column", runner(2**31), ValueRejected, ["trial_runner_id"]),
]


@pytest.mark.parametrize(("call", "error", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_call_is_refused_and_nothing_is_written(
    storage: SqlStorage, experiment: Storage.Experiment, call: Call, error: type[StorageError], words: list[str]
) -> None:
    trial = experiment.new_trial({}, config={"n": 1})
    done = finish(experiment.new_trial({}))
    before, status, config = dump(storage), trial.status, trial.config()
    found = refused(lambda: call(experiment, trial, done), error, *words)
    assert dump(storage) == before
    assert (trial.status, trial.config(), experiment.trial_id) == (status, config, 3)
    assert ASTRAL[:100] not in str(found)
    if error is ValueRejected:
        assert isinstance(found, ValueError)


def test_an_unknown_tunable_names_the_nearest_one(experiment: Storage.Experiment) -> None:
    assert "'cache'" in refused(lambda: experiment.new_trial({"cach": 1}), ValueRejected, "'cach'").hint


def test_a_tunable_of_an_experiment_without_any_is_refused_with_a_hint(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={}) as experiment:
        refused(lambda: experiment.new_trial({"cache": 1}), ValueRejected, "'cache'")


@pytest.mark.parametrize("values", [{"latency": 5000}, {"latency": "much"}, {"size": SECRET}, {"ratio": 1.5}])
def test_a_value_that_a_tunable_does_not_take_is_refused(
    storage: SqlStorage, experiment_groups: Storage.Experiment, values: dict[str, Any]
) -> None:
    before = dump(storage)
    refused(lambda: experiment_groups.new_trial(values), ValueRejected, repr(next(iter(values))))
    assert dump(storage) == before


# Experiments and trials that are not there


def test_a_new_trial_of_an_experiment_that_was_never_entered_is_refused(storage: SqlStorage) -> None:
    before = dump(storage)
    kinds: tuple[Any, ...] = ({}, groups())
    for tunables in kinds:
        experiment = make_experiment(storage, "Never", tunables=tunables)
        refused(functools.partial(experiment.new_trial, {}), ExperimentMissing, "'Never'")
    assert dump(storage) == before


def test_entering_twice_is_refused(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    before = dump(storage)
    refused(experiment.__enter__, TrialError, "'Exp'")
    assert dump(storage) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda trial: trial.update(Status.RUNNING, at(1)),
        lambda trial: trial.update(Status.SUCCEEDED, at(1), {"score": SECRET}),
        lambda trial: trial.update_telemetry(Status.RUNNING, at(1), []),
        lambda trial: trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "m", SECRET)]),
        lambda trial: trial.add_new_config_data({"a": SECRET}),
        lambda trial: trial.set_trial_runner(3),
    ],
    ids=["start", "complete", "status event", "telemetry", "metadata", "runner"],
)
def test_writing_to_a_trial_that_was_deleted_is_refused(
    storage: SqlStorage, experiment: Storage.Experiment, call: Callable[[Storage.Trial], Any]
) -> None:
    trial = experiment.new_trial({}, config={"n": 1})
    start_elsewhere(storage)
    execute(storage, "DELETE FROM trial_param", "DELETE FROM trial WHERE exp_id = 'Exp'")
    before = dump(storage)
    found = refused(lambda: call(trial), TrialMissing, "Exp:1")
    assert isinstance(found, LookupError)
    assert dump(storage) == before
