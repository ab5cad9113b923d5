"""What is SQLite's own: journal modes, durability, locks, memory, logs."""

from __future__ import annotations

import dataclasses
import logging
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engines.databases import refusal
from engines.sqlite_files import filled, journal_mode, opened, pragma, read_everything, refused
from trialstore.contract.helpers import at, finish, make_experiment, recorded
from trialstore.dialects.errors import ErrorKind
from trialstore.dialects.sqlite import JOURNAL_MODES, SQLiteDialect
from trialstore.sql.session import Session
from trialstore.storage import (
    Busy,
    ConnectError,
    MigrationLocked,
    PermissionDenied,
    QueryError,
    SqlStorage,
    Status,
)

pytestmark = pytest.mark.engine("sqlite")

SECRET = "hunter2-s3cret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trials.sqlite"


@pytest.fixture
def storage(file: Path) -> Iterator[SqlStorage]:
    with opened(file) as found:
        yield found


# Connections


@pytest.mark.parametrize("read", ["chunks", "column_chunks"])
def test_an_error_that_is_kept_keeps_no_snapshot_open(file: Path, read: str) -> None:
    """Rows were left to be fetched when it was raised, and its traceback holds on to them."""
    with opened(filled(file), retry_timeout=0.5) as storage, opened(file) as other:
        with make_experiment(other) as experiment:
            points = [(at(number), "cpu", number) for number in range(12_000)]
            experiment.new_trial({}).update_telemetry(Status.RUNNING, at(1), points)

        def fail(tx: Session) -> None:
            key = {"exp_id": "Exp", "trial_id": 2}
            for _ in tx.chunks("telemetry", key) if read == "chunks" else tx.column_chunks("telemetry", key):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError) as kept:
            storage.database.read_one(fail)
        make_experiment(other, "Second").__enter__()
        make_experiment(storage, "Third").__enter__()
        assert list(storage.experiments) == ["Exp", "Second", "Third"]
        assert kept.value.__traceback__ is not None


def test_a_refusal_in_a_transaction_is_told_as_it_is(file: Path) -> None:
    def refused(tx: Session) -> None:
        tx.begin(write=True)
        raise PermissionDenied("told")

    with opened(filled(file)) as storage, warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PermissionDenied, match="told"), storage.database.session() as session:
            refused(session)
        assert list(storage.experiments) == ["Exp"]


def test_every_connection_checks_foreign_keys_and_is_durable(storage: SqlStorage) -> None:
    make_experiment(storage).__enter__()
    assert pragma(storage, "foreign_keys") == 1
    assert pragma(storage, "synchronous") == 2  # FULL


def test_durability_does_not_hang_on_how_sqlite_was_built(file: Path) -> None:
    with opened(file, lazy_schema_create=True) as storage:
        with recorded(storage) as record:
            assert storage.experiments == {}
        assert record.settings == ["session_foreign_keys", "session_synchronous", "session_journal_wal"]


def test_the_journal_is_a_write_ahead_log_unless_said_otherwise(file: Path) -> None:
    assert journal_mode(filled(file)) == "wal"


@pytest.mark.parametrize("mode", JOURNAL_MODES)
def test_the_journal_mode_can_be_chosen(file: Path, mode: str) -> None:
    with opened(file, journal_mode=mode) as storage:
        make_experiment(storage).__enter__()
        assert pragma(storage, "journal_mode") == mode


def test_the_first_write_sets_the_journal_mode_of_a_file_that_has_another_one(file: Path) -> None:
    filled(file, journal_mode="delete")
    assert journal_mode(file) == "delete"
    with opened(file) as storage:
        read_everything(storage)
        assert journal_mode(file) == "delete"
        with make_experiment(storage) as experiment:
            experiment.new_trial({})
        assert journal_mode(file) == "wal"


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("policy", ["verify", "create", "update"])
def test_reading_never_changes_the_file(file: Path, mode: str, policy: str) -> None:
    before = filled(file, journal_mode=mode).read_bytes()
    with opened(file, schema_policy=policy) as storage:
        read_everything(storage)
        storage.update_schema()
        assert file.read_bytes() == before
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_mode_that_the_file_system_cannot_do_is_refused_with_the_key_to_set(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = SQLiteDialect.session_steps

    def without_shared_memory(self: SQLiteDialect, *, write: bool) -> Any:
        """As where PRAGMA journal_mode = WAL answers with the mode that stays."""
        found = steps(self, write=write)
        if write:
            found = [dataclasses.replace(step, statement="session_journal_delete") for step in found]
        return found

    monkeypatch.setattr(SQLiteDialect, "session_steps", without_shared_memory)
    refused(file, ConnectError, "'delete'", "journal_mode")


# Locks


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_locked_database_is_waited_for_no_longer_than_the_timeout_says(
    file: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", 2)
    filled(file, journal_mode=mode)
    storage = opened(file, journal_mode=mode, busy_timeout=0.01)
    with storage, closing(sqlite3.connect(file)) as other, make_experiment(storage) as experiment:
        experiment.new_trial({})
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="begin_write") as caught:
            experiment.new_trial({})
        assert caught.value.kind is ErrorKind.BUSY
        assert "busy_timeout" in caught.value.hint
        other.rollback()
        assert experiment.new_trial({}).trial_id == 3


@pytest.mark.parametrize(("busy_timeout", "attempts"), [(30, 1), (0, 10)], ids=["by SQLite", "by trying again"])
def test_a_writer_that_ends_in_time_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch, busy_timeout: float, attempts: int
) -> None:
    filled(file)
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", attempts)
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); time.sleep(0.3); c.execute('ROLLBACK')"
    )
    with opened(file, busy_timeout=busy_timeout) as storage, make_experiment(storage) as experiment:
        child = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE)
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"locked\n"
            assert experiment.new_trial({}).trial_id == 2


def test_readers_go_on_beside_a_writer(file: Path) -> None:
    filled(file)
    with opened(file, busy_timeout=0) as storage, closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE experiment SET description = 'half'")
        assert storage.experiments["Exp"].description == "a test"
        other.execute("ROLLBACK")


def test_a_locked_schema_says_which_process_holds_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", 2)
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA journal_mode = WAL').fetchone();"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.readline()"
    )
    pipes = {"stdout": subprocess.PIPE, "stdin": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(file)], **pipes) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"locked\n"
        error = refused(file, MigrationLocked, "holds the lock", busy_timeout=0.01)
        if Path("/proc/locks").exists():
            assert str(child.pid) in error.message
        child.stdin.write(b"\n")
        child.stdin.flush()
    with opened(file) as storage:
        assert storage.experiments == {}


# Memory


@pytest.mark.parametrize(
    "more",
    [
        {"database": ":memory:"},
        {"database": ""},
        {"database": "file::memory:"},
        {"database": "file:x?mode=memory&cache=shared"},
        {"database": "file:x", "query": {"mode": "memory"}},
    ],
    ids=str,
)
def test_every_way_to_name_memory_works(more: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SqlStorage({"drivername": "sqlite", **more}) as storage:
        with make_experiment(storage) as experiment:
            finish(experiment.new_trial({}))
        assert list(storage.experiments) == ["Exp"]
    assert list(tmp_path.iterdir()) == []


def test_memory_is_empty_again_after_dispose() -> None:
    with SqlStorage({"drivername": "sqlite"}) as storage:
        make_experiment(storage).__enter__()
        storage.dispose()
        assert storage.experiments == {}


# Logs


def test_log_sql_logs_statements_and_never_values(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with opened(file, log_sql=True) as storage:
        experiment = make_experiment(storage, description=SECRET, tunables={"t": SECRET}).__enter__()
        trial = experiment.new_trial({}, config={"m": SECRET})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(second), "x", SECRET) for second in range(3)])
        trial.update(Status.SUCCEEDED, at(2), {"score": 1, "x": SECRET})
        assert len(experiment.load()[0]) == 1
    assert "INSERT INTO trial_telemetry" in caplog.text
    assert SECRET not in caplog.text


def test_without_log_sql_no_statement_is_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        filled(file)
    assert "INSERT" not in caplog.text


def test_times_are_kept_as_text_that_sorts(storage: SqlStorage) -> None:
    dialect = storage.database.dialect
    moments = [at(-1e9), at(0), at(0.000001), at(1), at(1e9)]
    texts = [dialect.encode_ts(moment) for moment in moments]
    assert texts[1] == "2025-03-01 08:00:00.123456"
    assert texts == sorted(texts)
    assert [dialect.decode_ts(text) for text in texts] == moments
    assert time.strptime(texts[0].partition(".")[0], "%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_batches_are_taken_while_others_write_in_every_journal_mode(file: Path, mode: str) -> None:
    with opened(file, journal_mode=mode) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({})
        points = [(at(number), "m", number) for number in range(40_000)]
        trial.update_telemetry(Status.RUNNING, at(0), points)
        taken = 0
        before = most = pa.total_allocated_bytes()
        for batch in storage.experiments["Exp"].trials[1].telemetry_batches(1000):
            taken += batch.num_rows
            most = max(most, pa.total_allocated_bytes())
            trial.update_telemetry(Status.RUNNING, at(0), [(at(50_000 + taken), "m", taken)])
        table = storage.experiments["Exp"].trials[1].telemetry_arrow()
        assert taken == 40_000
        assert table.num_rows == 40_040
        assert (most - before) * 10 < table.nbytes


def test_a_temporary_file_that_cannot_be_written_ends_a_stream_with_our_error(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(file, journal_mode="delete") as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({})
        trial.update_telemetry(Status.RUNNING, at(0), [(at(number), "m", number) for number in range(20_000)])
        monkeypatch.setattr("tempfile.tempdir", str(file / "nowhere"))
        error = refusal(lambda: next(storage.experiments["Exp"].trials[1].telemetry_batches()))
        assert type(error) is QueryError
        assert "temporary file" in error.message
        assert "TMPDIR" in error.hint
        assert trial.update(Status.SUCCEEDED, at(1), {"score": 1}) == {"score": 1}


@pytest.mark.parametrize("database", ["file:?mode=memory", "file:?mode=memory&cache=private"])
def test_memory_needs_no_name_in_a_uri(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SqlStorage({"drivername": "sqlite", "database": database}) as storage:
        assert storage.experiments == {}
    assert list(tmp_path.iterdir()) == []
