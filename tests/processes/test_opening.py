"""Processes that open one database at the same time, and processes killed while they create the schema."""

from __future__ import annotations

import itertools
import os
import random
import select
import time
from pathlib import Path

import pytest

from processes import workers
from processes.helpers import (
    LIMIT,
    Child,
    assert_sound,
    build_at_version,
    definitions,
    file_config,
    history,
    raw,
    together,
)
from trialstore.sql.migrator import Migrator
from trialstore.storage import SqlStorage
from trialstore.storage.config.keys import check_config
from trialstore.storage.database.connections import Database

pytestmark = pytest.mark.engine("sqlite")

ROUNDS = 10
KILLS = 20


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose schema one process created undisturbed."""
    path = tmp_path_factory.mktemp("newest") / "trials.sqlite"
    SqlStorage(file_config(path)).dispose()
    return path


def versions() -> list[tuple[int, str]]:
    """The history of a database that is up to date."""
    migrator = Migrator(Database(check_config({"drivername": "sqlite"})).dialect)
    return [(migration.version, "done") for migration in migrator.migrations]


def assert_complete(path: Path, newest: Path) -> None:
    """The schema is what one undisturbed process makes of it, and says so once for each version."""
    assert_sound(path)
    assert history(path) == versions()
    assert definitions(path) == definitions(newest)


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_that_start_at_once_on_an_empty_file_apply_the_schema_once(
    tmp_path: Path, newest: Path, processes: int
) -> None:
    for number in range(ROUNDS):
        path = tmp_path / f"{number}.sqlite"
        opened = together(workers.open_storage, [(file_config(path),)] * processes)
        assert sum(applied for applied, _ in opened) == len(versions())
        assert [experiments for _, experiments in opened] == [[]] * processes
        assert_complete(path, newest)


@pytest.mark.parametrize("processes", [2, 8])
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_processes_that_start_at_once_on_an_older_database_bring_it_up_to_date_once(
    tmp_path: Path, newest: Path, processes: int, journal_mode: str
) -> None:
    old = tmp_path / "old.sqlite"
    build_at_version(old, 4, journal_mode=journal_mode)
    with raw(old) as connection:
        connection.execute("INSERT INTO experiment VALUES ('Old', 'd', 'r', 'g', 'c', NULL, NULL, NULL, NULL, NULL)")
    for number in range(ROUNDS // 2):
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(old.read_bytes())
        opened = together(workers.open_storage, [(file_config(path),)] * processes)
        assert sum(applied for applied, _ in opened) == len(versions()) - 4
        assert [experiments for _, experiments in opened] == [["Old"]] * processes
        assert_complete(path, newest)


def create_schema_and_kill_after(path: Path, seconds: float) -> float:
    """Let a child create the schema and kill it that long after it began; how long it took if it was not killed."""
    with Child(workers.create_schema, file_config(path)) as child:
        assert select.select([child.pipe], [], [], LIMIT)[0]
        assert os.read(child.pipe.fileno(), len(b"begin\n")) == b"begin\n"
        begun = time.monotonic()
        select.select([child.pipe], [], [], seconds)
        child.kill()
        return time.monotonic() - begun


def test_a_process_killed_while_it_creates_the_schema_leaves_a_file_that_opens(tmp_path: Path, newest: Path) -> None:
    whole = create_schema_and_kill_after(tmp_path / "whole.sqlite", LIMIT)
    chance = random.Random(20)
    for number in range(KILLS):
        path = tmp_path / f"{number}.sqlite"
        create_schema_and_kill_after(path, chance.uniform(0, whole))
        with SqlStorage(file_config(path)) as storage:
            assert storage.experiments == {}
        assert_complete(path, newest)


def test_a_process_killed_before_any_statement_of_the_schema_leaves_a_file_that_opens(
    tmp_path: Path, newest: Path
) -> None:
    for number in itertools.count(1):
        path = tmp_path / f"{number}.sqlite"
        with Child(workers.create_schema_until_statement, file_config(path), number) as child:
            child.process.join(LIMIT)
            if child.process.exitcode == 0:
                break
            assert child.process.exitcode == -9
        with SqlStorage(file_config(path)) as storage:
            assert storage.experiments == {}
        assert_complete(path, newest)
    assert number > len(versions())


def test_processes_that_start_at_once_under_the_policy_create_all_succeed(tmp_path: Path, newest: Path) -> None:
    # Under this policy nobody may finish a schema that somebody else has begun, so nobody must ever see one.
    for number in range(ROUNDS):
        path = tmp_path / f"{number}.sqlite"
        opened = together(workers.open_storage, [(file_config(path, schema_policy="create"),)] * 8)
        assert sum(applied for applied, _ in opened) == len(versions())
        assert_complete(path, newest)
