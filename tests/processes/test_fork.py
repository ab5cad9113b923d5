"""Forked children, which inherit the memory of a parent that has used the database, and spawned ones."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from processes import workers
from processes.checks import assert_values, stages
from processes.helpers import LIMIT, Child, file_config, make_experiment
from trialstore.sql.session import Session
from trialstore.storage import SqlStorage, Storage

pytestmark = pytest.mark.engine("sqlite")

FORK = multiprocessing.get_context("fork")
SPAWN = multiprocessing.get_context("spawn")
HEAD = {"description": "", "root_env_config": "", "git_repo": "", "git_commit": ""}

# Python 3.12 warns of threads in a process that forks; a test that has any puts them where it wants them.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trials.sqlite"


@pytest.fixture
def storage(path: Path) -> Iterator[SqlStorage]:
    with SqlStorage(file_config(path, busy_timeout=1)) as opened:
        yield opened


@pytest.fixture
def experiment(storage: SqlStorage) -> Iterator[Storage.Experiment]:
    """An experiment with one trial, so that the pool holds connections that have read and written."""
    with make_experiment(storage) as entered:
        workers.run_trial(entered, 0, workers.nobody)
        yield entered


def ids_of(made: list[tuple[int, int, int]]) -> list[int]:
    return [trial_id for trial_id, _, _ in made]


def assert_all_done(storage: SqlStorage, path: Path, ids: list[int]) -> None:
    """These trials, and the first one, are there, whole and right, and no others are."""
    assert stages(path) == dict.fromkeys([1, *sorted(ids)], "done")
    assert_values(storage, path)


@pytest.fixture
def foreign() -> Iterator[list[int]]:
    """The processes whose connections were used in another one."""
    found: list[int] = []

    def opened(_connection: Any, record: Any) -> None:
        record.info["opened by"] = os.getpid()

    def used(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["opened by"] != os.getpid():
            found.append(record.info["opened by"])

    event.listen(Pool, "connect", opened)
    event.listen(Pool, "checkout", used)
    yield found
    event.remove(Pool, "connect", opened)
    event.remove(Pool, "checkout", used)


def test_parent_and_forked_child_write_at_once_each_on_its_own_connections(
    foreign: list[int], storage: SqlStorage, experiment: Storage.Experiment, path: Path
) -> None:
    with Child(workers.write_on_own_connections, experiment, foreign, 50, context=FORK) as child:
        made = ids_of(workers.run_trials(experiment, 50, 7))
        theirs, foreign_there = child.result()
    made += theirs + ids_of(workers.run_trials(experiment, 5, 7))
    assert foreign_there == len(foreign) == 0
    assert len(made) == 105
    assert_all_done(storage, path, made)


@pytest.mark.parametrize("used", [True, False])
def test_a_forked_child_that_ends_does_not_close_the_parents_connection(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path, used: bool
) -> None:
    def write_and_fork(tx: Session) -> None:
        # The child comes and goes while this transaction has written and is not committed.
        tx.count("experiment_insert", exp_id="one", **HEAD)
        with Child(workers.let_go, storage, False, context=FORK) as child:
            child.result()
        tx.count("experiment_insert", exp_id="two", **HEAD)

    with Child(workers.let_go, storage, used, context=FORK) as child:
        child.result()
    storage.database.write(write_and_fork)
    assert list(storage.experiments) == ["Shared", "one", "two"]
    assert_all_done(storage, path, ids_of(workers.run_trials(experiment, 5, 3)))


def test_a_forked_child_goes_on_when_the_parent_closes_its_connections(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path
) -> None:
    with Child(workers.write_in_turns, experiment, context=FORK) as child:
        child.tell("write")
        child.hear("written")
        storage.dispose()
        gc.collect()
        child.tell("write")
        child.hear("written")
        made = ids_of(workers.run_trials(experiment, 1, 1))
        child.tell("write")
        child.hear("written")
        child.tell("stop")
        made += child.result()
    assert len(made) == len(set(made)) == 4
    assert_all_done(storage, path, made)


def test_a_forked_child_killed_after_the_parent_closed_its_connections_loses_nothing(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path
) -> None:
    with Child(workers.write_in_turns, experiment, context=FORK) as child:
        child.tell("write")
        child.hear("written")
        storage.dispose()
        gc.collect()
        child.tell("write")
        child.hear("written")
    assert_all_done(storage, path, [2, 3])


class WritingThread:
    """A thread that has written in a transaction, which it commits when it is told to."""

    def __init__(self, storage: SqlStorage) -> None:
        self._written, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: storage.database.write(self._write), daemon=True)
        self._thread.start()
        assert self._written.wait(LIMIT)

    def _write(self, tx: Session) -> None:
        tx.count("experiment_insert", exp_id="one", **HEAD)
        self._written.set()
        self._go_on.wait(LIMIT)

    def commit(self) -> None:
        self._go_on.set()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("child_uses", ["the same storage", "another storage of the parent", "a storage of its own"])
def test_a_fork_beside_a_thread_that_is_writing_loses_nothing(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path, child_uses: str
) -> None:
    with SqlStorage(file_config(path, busy_timeout=0.1)) as other, make_experiment(other) as other_experiment:
        given: dict[str, Any] = {
            "the same storage": experiment,
            "another storage of the parent": other_experiment,
            "a storage of its own": file_config(path, busy_timeout=0.1),
        }
        thread = WritingThread(storage)
        with Child(workers.write_or_say_why_not, given[child_uses], context=FORK) as child:
            thread.commit()
            child.tell("go")
            made = child.result()
    # The child can write, or is told that it was forked at a bad moment; "Busy" would send it on a vain search.
    assert made in (2, "ConnectError")
    assert list(storage.experiments) == ["Shared", "one"]
    mine = ids_of(workers.run_trials(experiment, 2, 2))
    assert_all_done(storage, path, mine if made == "ConnectError" else [2, *mine])


def test_a_transaction_that_an_earlier_fork_fell_into_does_no_harm_to_later_children(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path
) -> None:
    gc.disable()  # garbage that happens to be collected would hide a connection that was left open
    try:
        thread = WritingThread(storage)
        with Child(workers.let_go, storage, False, context=FORK) as child:
            thread.commit()
            child.result()
        with Child(workers.write_in_turns, experiment, context=FORK) as child:
            child.tell("write")
            child.hear("written")
            gc.collect()
            storage.dispose()
            child.tell("write")
            child.hear("written")
            made = ids_of(workers.run_trials(experiment, 1, 1))
            child.tell("write")
            child.hear("written")
            child.tell("stop")
            made += child.result()
    finally:
        gc.enable()
    assert len(made) == len(set(made)) == 4
    assert_all_done(storage, path, made)


def test_a_child_forked_while_a_thread_opens_the_storage_can_dispose_of_it(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, forked = threading.Event(), threading.Event()

    def slow_options() -> dict[str, Any]:
        held.set()
        forked.wait(LIMIT)
        return options()

    storage.dispose()
    dialect = storage.database.dialect
    options = dialect.engine_options
    monkeypatch.setattr(dialect, "engine_options", slow_options)
    thread = threading.Thread(target=lambda: storage.database.engine, daemon=True)
    thread.start()
    assert held.wait(LIMIT)
    with Child(workers.let_go, storage, False, context=FORK) as child:
        forked.set()
        thread.join(LIMIT)
        assert child.pipe.poll(10), "the child waits for a lock that nobody will release"
        child.result()


def test_memory_cannot_be_used_in_a_forked_child() -> None:
    with SqlStorage({"drivername": "sqlite"}) as storage, make_experiment(storage) as experiment:
        workers.run_trial(experiment, 0, workers.nobody)
        with Child(workers.use_memory, storage, experiment, context=FORK) as child:
            told = child.result()
        assert [name for name, _, _ in told] == ["ConnectError"] * 3
        assert all("memory" in message and "forked child" in message for _, message, _ in told)
        assert all(hint for _, _, hint in told)
        assert workers.run_trial(experiment, 1, workers.nobody).trial_id == 2
        assert experiment.load()[0] == [1, 2]


def test_a_spawned_child_completes_what_it_is_given(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path
) -> None:
    given = experiment.new_trial(workers.tunables_of(1), ts_start=workers.at(0), config=workers.metadata_of(1))
    with Child(workers.finish_given, experiment, given, context=SPAWN) as child:
        pid, made = child.result()
        assert pid == child.pid != os.getpid()
    made += ids_of(workers.run_trials(experiment, 2, 2))
    assert made == [3, 4, 5, 6, 7]
    assert_all_done(storage, path, [given.trial_id, *made])
