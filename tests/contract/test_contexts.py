"""What trials ran on: stored when they start, once for all that ran on the same."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from trialstore.contract.helpers import SECRET, Odd, at, finish, make_experiment, query, recorded, refused, same
from trialstore.storage import (
    ConfigError,
    ErrorKind,
    PermissionDenied,
    QueryError,
    SqlStorage,
    Status,
    Storage,
    StorageError,
)
from trialstore.storage.reading.contexts import read_contexts
from trialstore.storage.writing import contexts, gathering

FOUND = {"host_name": "one", "cpus": 8, "cpu_turbo": False, "cgroup_cpus": 2.5, "git_commit": "a" * 40}
GIVEN: dict[str, Any] = {"pool": "blue", "rack": 7, "load": 0.1, "huge pages": True, "note": None, "Ω": "µ\0\ud800"}


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What trials run on, which a test may change."""
    values: dict[str, Any] = dict(FOUND)
    monkeypatch.setattr(gathering, "gathered", lambda: dict(values))
    return values


def start(experiment: Storage.Experiment, seconds: float = 1, **more: Any) -> Storage.Trial:
    """A new trial that runs."""
    trial = experiment.new_trial({}, **more)
    trial.update(Status.RUNNING, at(seconds))
    return trial


def context_of(storage: SqlStorage, trial_id: int, experiment_id: str = "Exp") -> dict[str, Any]:
    """What a trial ran on."""
    return storage.experiments[experiment_id].trials[trial_id].context


def stored_contexts(storage: SqlStorage) -> int:
    """How many there are."""
    return int(query(storage, "SELECT count(*) FROM context")[0][0])


def test_what_a_trial_ran_on_comes_back_with_its_types(config: dict[str, Any]) -> None:
    with SqlStorage(config, context=GIVEN) as storage, make_experiment(storage) as experiment:
        start(experiment)
        assert same(dict(sorted(context_of(storage, 1).items())), dict(sorted({**FOUND, **GIVEN}.items())))


def test_trials_that_ran_on_the_same_share_a_context(storage: SqlStorage, found: dict[str, Any]) -> None:
    with make_experiment(storage) as first, make_experiment(storage, "Other") as second:
        for _ in range(3):
            start(first)
        start(second)
        found["git_commit"] = "b" * 40
        start(first, 2)
    assert context_of(storage, 1) == context_of(storage, 1, "Other") == FOUND
    assert context_of(storage, 4) == {**FOUND, "git_commit": "b" * 40}
    assert stored_contexts(storage) == 2
    commits = query(storage, "SELECT trial_id, git_commit FROM v_trial WHERE exp_id = 'Exp' ORDER BY trial_id")
    assert commits == [(number, "a" * 40) for number in (1, 2, 3)] + [(4, "b" * 40)]


def test_types_make_contexts_different(storage: SqlStorage, found: dict[str, Any]) -> None:
    with make_experiment(storage) as experiment:
        for value in (1, "1", 1.0, True):
            found["cpus"] = value
            storage.database.contexts.clear()  # which takes these for equal; no probe changes its type
            start(experiment)
    assert [repr(context_of(storage, number)["cpus"]) for number in (1, 2, 3, 4)] == ["1", "'1'", "1.0", "True"]


def test_another_storage_finds_the_context_that_is_there(shared_config: dict[str, Any]) -> None:
    for name in ("One", "Two"):
        with SqlStorage(shared_config) as storage, make_experiment(storage, name) as experiment:
            with recorded(storage) as record:
                start(experiment)
            assert ("context_insert" in record.names) is (name == "One")
            assert stored_contexts(storage) == 1
            assert context_of(storage, 1, name) == FOUND


@pytest.mark.parametrize("status", [Status.PENDING, Status.READY, Status.SUCCEEDED, Status.CANCELED])
def test_a_trial_that_did_not_start_has_no_context(
    storage: SqlStorage, experiment: Storage.Experiment, status: Status
) -> None:
    experiment.new_trial({}).update(status, at(1), {} if status.is_completed() else None)
    assert context_of(storage, 1) == {}
    assert stored_contexts(storage) == 0


def test_a_context_stays_when_the_trial_is_completed(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    finish(start(experiment), metadata=1)
    assert context_of(storage, 1) == FOUND


def test_the_last_start_counts(storage: SqlStorage, experiment: Storage.Experiment, found: dict[str, Any]) -> None:
    experiment.new_trial({}, ts_start=at(-1), config={"n": 1})
    for host in ("first", "second"):
        found["host_name"] = host
        (trial,) = experiment.claim_trials(1)
        trial.update(Status.RUNNING, at(1))
        assert context_of(storage, 1)["host_name"] == host
        trial.release_lease()


def test_what_the_harness_gives_replaces_what_was_found(config: dict[str, Any]) -> None:
    given = {**config, "context": {"host_name": "hidden", "pool": "red", "rack": 1}}
    with SqlStorage(given, context={"pool": "blue"}) as storage, make_experiment(storage) as experiment:
        start(experiment)
        assert context_of(storage, 1) == {**FOUND, "host_name": "hidden", "pool": "blue", "rack": 1}


@pytest.mark.parametrize("given", [None, {"pool": "blue"}])
def test_it_can_be_switched_off(
    config: dict[str, Any], given: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(gathering, "gathered")  # nothing is looked at
    monkeypatch.delattr(gathering, "begin")
    with SqlStorage({**config, "context": False}, context=given) as storage, make_experiment(storage) as experiment:
        start(experiment)
        assert context_of(storage, 1) == {}
        assert stored_contexts(storage) == 0


def test_merged_trials_keep_theirs(storage: SqlStorage, found: dict[str, Any]) -> None:
    with make_experiment(storage, "Source") as source:
        finish(start(source))
        found["host_name"] = "two"
        finish(start(source))
        finish(source.new_trial({}))
    with make_experiment(storage) as experiment:
        experiment.merge(["Source"])
    assert [context_of(storage, number) for number in (1, 2, 3)] == [FOUND, {**FOUND, "host_name": "two"}, {}]


def test_searches_find_trials_by_it(storage: SqlStorage, found: dict[str, Any]) -> None:
    with make_experiment(storage) as experiment:
        start(experiment)
        found.update({"git_commit": "b" * 40, "cpus": 16})
        start(experiment)
    for where in ("context.cpus > 8", f'commit == "{"b" * 40}"', 'context.cpus == 16 and context.host_name == "one"'):
        assert [trial.trial_id for trial in storage.find_trials(where)] == [2]


def test_what_trials_of_an_experiment_ran_on_is_counted(storage: SqlStorage, found: dict[str, Any]) -> None:
    with make_experiment(storage) as experiment, make_experiment(storage, "Other") as other:
        start(other)
        for seconds in (3, 1, 2):
            start(experiment, seconds)
        found["host_name"] = "two"
        start(experiment, 5)
        finish(experiment.new_trial({}, ts_start=at(7)))
        experiment.new_trial({})
        experiment.new_trial({}).update(Status.READY, at(9))
    with recorded(storage) as record:
        first, second, without = read_contexts(storage.database, "Exp")
    assert record.names == ["context_use", "context_values_of_experiment"]
    assert (first.trials, first.first_start, first.last_start, first.values) == (3, at(1), at(3), FOUND)
    assert (second.trials, second.first_start, second.values["host_name"]) == (1, at(5), "two")
    assert (without.context_id, without.trials, without.first_start, without.values) == (None, 1, at(7), {})
    assert read_contexts(storage.database, "None") == []


def test_threads_that_start_trials_at_once_share_one(shared_config: dict[str, Any]) -> None:
    with SqlStorage(shared_config) as storage, make_experiment(storage) as experiment:
        trials = experiment.new_trials([{} for _ in range(12)])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda trial: trial.update(Status.RUNNING, at(1)), trials))
        assert stored_contexts(storage) == 1
        assert all(trial.context == FOUND for trial in storage.experiments["Exp"].trials.values())


def test_a_database_in_memory_that_is_opened_again_gets_it_again(private_storage: SqlStorage) -> None:
    for _ in range(2):
        with make_experiment(private_storage) as experiment:
            start(experiment)
        assert context_of(private_storage, 1) == FOUND
        private_storage.dispose()


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (PermissionDenied("no right", "Ask for it.", ErrorKind.PERMISSION), 1),
        (QueryError("broken", "", ErrorKind.DISCONNECTED), 2),
    ],
)
def test_a_context_that_cannot_be_stored_stops_no_trial(
    storage: SqlStorage,
    experiment: Storage.Experiment,
    error: StorageError,
    tries: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(contexts, "_store", fail)
        for _ in range(2):
            start(experiment)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * tries
    assert error.message in caplog.text
    assert [context_of(storage, number) for number in (1, 2)] == [{}, {}]
    assert [trial.status for trial in storage.experiments["Exp"].trials.values()] == [Status.RUNNING] * 2
    start(experiment)
    assert context_of(storage, 3) == ({} if tries == 1 else FOUND)


def test_a_context_that_is_gone_stops_no_trial(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    storage.database.contexts[tuple(FOUND.items())] = "0" * 64  # as after the restore of an older backup
    start(experiment)
    assert context_of(storage, 1) == {}


def test_what_cannot_be_stored_is_left_out(
    storage: SqlStorage, experiment: Storage.Experiment, found: dict[str, Any]
) -> None:
    found.update({"os": "a\0b", "kernel": "x" * 1025, "cpu_model": "\ud800", "memory_bytes": math.inf})
    start(experiment)
    assert context_of(storage, 1) == {**FOUND, "memory_bytes": math.inf}


@pytest.mark.once_per_engine("the config is checked before a connection is used")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (5, "context is of type int"),
        ([("a", 1)], "context is of type list"),
        ({"k": [1]}, "config.context 'k': a value of type list"),
        ({"k": {"n": 1}}, "config.context 'k': a value of type dict"),
        ({"k": Odd()}, "config.context 'k': a value of type Odd"),
        ({1: SECRET}, "config.context: a name is of type int"),
        ({"": SECRET}, "config.context: a name is empty"),
        ({"x" * 600: SECRET}, "config.context: a name has 600 characters"),
        ({"a\0b": SECRET}, "config.context: a name holds a NUL"),
        ({"k": SECRET * 100}, "config.context 'k': the value has 1400 characters"),
        ({"k": 10**1100}, "config.context 'k': the value has 1101 characters"),
        ({str(number): SECRET for number in range(101)}, "has 101 values"),
    ],
)
def test_wrong_values_are_refused_before_anything_else(config: dict[str, Any], given: Any, words: str) -> None:
    lazily: Callable[..., Any] = SqlStorage
    config["lazy_schema_create"] = True
    refused(lambda: lazily(config, context=given), ConfigError, words)
    if not isinstance(given, (int, list)):
        refused(lambda: lazily({**config, "context": given}), ConfigError, words)
