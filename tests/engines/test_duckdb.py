"""What is DuckDB's own: one writing process, transactions that meet, forks."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engines import workers
from engines.databases import refusal
from engines.duckdb_files import config_of, filled, opened, refused
from processes.helpers import Child
from trialstore.contract.helpers import SECRET, add_results, at, execute, finish, make_experiment, query
from trialstore.sql.session import Session
from trialstore.storage import (
    ConnectError,
    MissingReference,
    PermissionDenied,
    SqlStorage,
)

pytestmark = [
    pytest.mark.engine("duckdb"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trials.duckdb"


@contextmanager
def open_elsewhere(file: Path, **more: Any) -> Iterator[Child]:
    """Another process that has the file open."""
    with Child(workers.hold_open, config_of(file, **more)) as child:
        child.hear("open")
        yield child


# Processes


@pytest.mark.parametrize("more", [{}, {"read_only": True}, {"schema_policy": "verify"}], ids=str)
def test_a_file_that_another_process_writes_is_refused_with_its_holder_and_a_way_out(
    file: Path, more: dict[str, Any]
) -> None:
    filled(file)
    with open_elsewhere(file) as child:
        error = refused(file, ConnectError, f"process {child.pid} ", **more)
        for way_out in ("One process at a time", "SQLite", "server", "'read_only': true"):
            assert way_out in error.hint
        child.tell("release")
        assert child.result() == ["Exp"]
    with opened(file, **more) as storage:
        assert list(storage.experiments) == ["Exp"]


def test_processes_may_read_together_and_keep_writers_out(file: Path) -> None:
    filled(file)
    with open_elsewhere(file, read_only=True) as child:
        with opened(file, read_only=True) as storage:
            assert storage.experiments["Exp"].trials[1].results_dict == {"score": 1.5}
        refused(file, ConnectError, f"process {child.pid} ", "'read_only': true")
        child.tell("release")
        assert child.result() == ["Exp"]


def test_a_killed_process_leaves_the_file_free(file: Path) -> None:
    filled(file)
    with open_elsewhere(file) as child:
        child.kill()
        with opened(file) as storage:
            assert list(storage.experiments) == ["Exp"]


# One process


def test_what_is_opened_to_read_refuses_writes(file: Path) -> None:
    with opened(filled(file), read_only=True) as storage, make_experiment(storage) as experiment:
        error = refusal(lambda: experiment.new_trial({"cache": SECRET}))
        assert type(error) is PermissionDenied
        assert "'read_only'" in error.hint
        assert len(storage.experiments["Exp"].trials) == 1


def test_two_storages_of_one_process_must_have_the_same_settings(file: Path) -> None:
    with opened(filled(file)) as storage:
        assert list(storage.experiments) == ["Exp"]
        assert "'read_only'" in refused(file, ConnectError, read_only=True).hint
        assert "'query'" in refused(file, ConnectError, query={"threads": "1"}).hint
        with opened(file) as second:
            assert list(second.experiments) == ["Exp"]


@pytest.fixture
def two_storages(file: Path) -> Iterator[tuple[SqlStorage, SqlStorage]]:
    with opened(filled(file)) as first, opened(file) as second:
        yield first, second


def test_changes_of_one_row_by_two_storages_are_tried_again(two_storages: tuple[SqlStorage, SqlStorage]) -> None:
    first, second = two_storages
    attempts = []

    def write(tx: Session) -> None:
        attempts.append(tx.scalar("trial_last_id", exp_id="Exp"))
        if len(attempts) == 1:
            execute(second, "UPDATE trial SET trial_runner_id = 5")
        tx.run_migration("UPDATE trial SET trial_runner_id = trial_runner_id + 1", "count on")

    first.database.write(write)
    assert len(attempts) == 2
    assert query(first, "SELECT trial_runner_id FROM trial") == [(6,)]


def test_a_key_that_another_storage_has_just_taken_is_tried_again(two_storages: tuple[SqlStorage, SqlStorage]) -> None:
    first, second = two_storages
    seen = []

    def write(tx: Session) -> None:
        seen.append(tx.scalar("trial_last_id", exp_id="Exp"))
        if len(seen) == 1:
            assert make_experiment(second).__enter__().new_trial({"cache": 7}).trial_id == 2
        row = {"exp_id": "Exp", "trial_id": seen[-1] + 1, "config_id": 1, "trial_runner_id": None, "ts_end": None}
        row["creation_id"] = row["context_id"] = None
        tx.count("trial_insert", **row, ts_start=first.database.dialect.encode_ts(at(0)), status="PENDING")

    first.database.write(write)
    assert seen == [1, 2]
    assert list(first.experiments["Exp"].trials) == [1, 2, 3]


@pytest.mark.parametrize("at_commit", [False, True])
def test_what_another_storage_has_just_stored_is_found_instead_of_stored_twice(
    two_storages: tuple[SqlStorage, SqlStorage], at_commit: bool
) -> None:
    first, second = two_storages
    attempts = []

    def write(tx: Session) -> int:
        attempts.append(1)
        found = len(tx.many("config_find_all", hashes='["new"]'))
        if len(attempts) == 1 and not at_commit:
            second.database.write(lambda other: other.count("config_insert_all", config_hash="new"))
        created = tx.count("config_insert_all", config_hash="new")
        if len(attempts) == 1 and at_commit:
            second.database.write(lambda other: other.count("config_insert_all", config_hash="new"))
        return found + created

    assert first.database.write(write) == 1
    assert len(attempts) == 2
    assert query(first, "SELECT count(*) FROM config WHERE config_hash = 'new'") == [(1,)]


RESULT = {"exp_id": "Exp", "trial_id": 1, "metric_id": "m", "metric_value": "1", "value_type": "i"}


def test_storages_of_many_threads_write_all_that_they_are_given(file: Path) -> None:
    filled(file)
    storages = [opened(file) for _ in range(3)]
    experiments = [make_experiment(storage).__enter__() for storage in storages]
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                finish(experiments[number].new_trial({"cache": number}))
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert list(storages[0].experiments["Exp"].trials) == list(range(1, 17))
    for storage in storages:
        storage.dispose()


def test_storages_that_open_an_empty_file_at_once_apply_the_schema_once(file: Path) -> None:
    barrier = threading.Barrier(3, timeout=60)
    found: list[Any] = []

    def work() -> None:
        barrier.wait()
        try:
            with opened(file) as storage:
                found.append(storage.experiments)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [{}] * 3
    with opened(file, schema_policy="verify") as storage:
        assert query(storage, "SELECT count(*) = max(version) FROM trialstore_schema") == [(True,)]


def test_a_row_must_not_refer_to_one_that_is_not_there(file: Path) -> None:
    with opened(filled(file)) as storage:
        with pytest.raises(MissingReference):
            storage.database.write(lambda tx: add_results(tx, [{**RESULT, "trial_id": 99}]))
        with pytest.raises(MissingReference):
            storage.database.write(lambda tx: tx.run_migration("DELETE FROM trial", "delete"))
        assert list(storage.experiments["Exp"].trials) == [1]


# Forks

FORK = multiprocessing.get_context("fork")


def test_a_forked_child_and_then_its_parent_use_the_file(file: Path) -> None:
    with opened(filled(file)) as storage:
        assert list(storage.experiments) == ["Exp"]
        with Child(workers.add_trial, storage, context=FORK) as child:
            assert child.result() == (child.pid, 2)
        with make_experiment(storage) as experiment:
            assert experiment.new_trial({}).trial_id == 3


def test_a_child_that_was_forked_while_the_file_was_in_use_is_refused(file: Path) -> None:
    with opened(filled(file)) as storage, storage.database.session() as session:
        with Child(workers.refused_storage, storage, context=FORK) as child:
            assert child.result().startswith("ConnectError: ")
        assert session.many("experiment_list")
