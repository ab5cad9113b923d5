"""What is SQLite's own: journal modes, durability, locks, and files that are not what they should be."""

from __future__ import annotations

import dataclasses
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contract.helpers import at, finish, make_experiment
from trialstore.dialects.errors import ErrorKind
from trialstore.dialects.sqlite import JOURNAL_MODES, SQLiteDialect
from trialstore.storage import (
    Busy,
    ConfigError,
    ConnectError,
    MigrationLocked,
    PermissionDenied,
    SqlStorage,
    Status,
    StorageError,
)

SECRET = "hunter2-s3cret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trials.sqlite"


@pytest.fixture
def storage(file: Path) -> Iterator[SqlStorage]:
    with opened(file) as found:
        yield found


def opened(database: Path | str, **more: Any) -> SqlStorage:
    return SqlStorage({"drivername": "sqlite", "database": str(database), **more})


def filled(file: Path, **more: Any) -> Path:
    """A database with one finished trial, closed again."""
    with opened(file, **more) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({}, ts_start=at(0), config={"n": 1})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", 0.5)])
        finish(trial)
    return file


def pragma(storage: SqlStorage, name: str) -> Any:
    with storage._database.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def journal_mode(file: Path) -> Any:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def read_everything(storage: SqlStorage) -> None:
    data = storage.experiments["Exp"]
    assert len(data.results_df) == 1
    assert len(data.trials[1].telemetry_df) == 1
    assert data.trials[1].metadata_dict == {"n": 1}
    assert len(data.tunable_configs) == len(data.tunable_config_trial_groups) == 1
    experiment = storage.get_experiment_by_id("Exp", {"cache": 64}, {"score": "min"})
    assert experiment is not None
    assert len(experiment.load()[0]) == 1
    assert list(experiment.pending_trials(at(9), running=True)) == []


def refused(file: Path | str, error: type[StorageError], *words: str, **more: Any) -> StorageError:
    with pytest.raises(StorageError) as caught:
        opened(file, **more)
    assert type(caught.value) is error
    assert all(word in str(caught.value) for word in words)
    assert caught.value.hint
    return caught.value


# Connections


def test_every_connection_checks_foreign_keys_and_is_durable(storage: SqlStorage) -> None:
    make_experiment(storage).__enter__()
    assert pragma(storage, "foreign_keys") == 1
    assert pragma(storage, "synchronous") == 2  # FULL


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
def test_a_locked_database_is_waited_for_no_longer_than_the_timeout_says(file: Path, mode: str) -> None:
    filled(file, journal_mode=mode)
    with opened(file, journal_mode=mode, busy_timeout=0.01) as storage, closing(sqlite3.connect(file)) as other:
        with make_experiment(storage) as experiment:
            experiment.new_trial({})
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Busy, match="begin_write") as caught:
                experiment.new_trial({})
            assert caught.value.kind is ErrorKind.BUSY
            assert "busy_timeout" in caught.value.hint
            other.rollback()
            assert experiment.new_trial({}).trial_id == 3


def test_a_writer_that_ends_in_time_is_waited_for(file: Path) -> None:
    filled(file)
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); time.sleep(0.3); c.execute('ROLLBACK')"
    )
    with opened(file, busy_timeout=30) as storage, make_experiment(storage) as experiment:
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
    monkeypatch.setattr("trialstore.storage.database.MAX_ATTEMPTS", 2)
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
        error = refused(file, MigrationLocked, "write lock", busy_timeout=0.01)
        if Path("/proc/locks").exists():
            assert str(child.pid) in error.message
        child.stdin.write(b"\n")
        child.stdin.flush()
    with opened(file) as storage:
        assert storage.experiments == {}


# Files that are not what they should be


def test_a_folder_as_database_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, ConfigError, str(tmp_path), "folder")


def test_a_file_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "missing" / "x.sqlite", ConfigError, "missing", "Create the folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["{file}", "file:{file}", "file:{file}?cache=private"])
def test_verify_does_not_create_a_missing_file(file: Path, form: str) -> None:
    refused(form.format(file=file), ConnectError, schema_policy="verify")
    assert list(file.parent.iterdir()) == []


def test_verify_has_nothing_to_open_in_memory() -> None:
    refused(":memory:", ConnectError, schema_policy="verify")


@pytest.mark.parametrize("policy", ["update", "create", "verify"])
@pytest.mark.parametrize("content", [b"This is a text and no database.\n" * 100, b"SQLite format 3\0" + b"\xff" * 500])
def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(file: Path, policy: str, content: bytes) -> None:
    file.write_bytes(content)
    refused(file, ConnectError, schema_policy=policy)
    assert file.read_bytes() == content


@pytest.mark.parametrize("size", [50, 5000, 40_000])
def test_a_database_that_was_cut_off_is_refused_and_stays_as_it_is(file: Path, size: int) -> None:
    content = filled(file, journal_mode="delete").read_bytes()[:size]
    file.write_bytes(content)
    with pytest.raises(StorageError) as caught, opened(file, schema_policy="verify") as storage:
        read_everything(storage)
    assert type(caught.value) is ConnectError
    assert caught.value.hint
    assert file.read_bytes() == content


def test_an_empty_file_is_an_empty_database(file: Path) -> None:
    file.touch()
    with opened(file, schema_policy="create") as storage:
        assert storage.experiments == {}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_read_only_file_can_be_read_and_refuses_writes(file: Path, mode: str) -> None:
    before = filled(file, journal_mode=mode).read_bytes()
    with opened(f"file:{file}?mode=ro", journal_mode=mode) as storage:
        read_everything(storage)
        with make_experiment(storage) as experiment, pytest.raises(PermissionDenied) as caught:
            experiment.new_trial({})
        assert "mode" in caught.value.hint
    assert file.read_bytes() == before


AS_NOBODY = """
import os, sys
from contract.helpers import make_experiment
from trialstore.storage import SqlStorage, StorageError
# What Python still has to import may lie where another user cannot read.
with SqlStorage({"drivername": "sqlite"}) as storage, make_experiment(storage) as experiment:
    experiment.new_trial({})
    assert len(storage.experiments["Exp"].trials) == 1
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    with SqlStorage({"drivername": "sqlite", "database": sys.argv[1], "journal_mode": "delete"}) as storage:
        print(len(storage.experiments["Exp"].trials))
        with make_experiment(storage) as experiment:
            experiment.new_trial({})
except StorageError as error:
    print(type(error).__name__, bool(error.hint))
"""


@pytest.mark.parametrize(
    ("mode", "told"), [(0o444, ["1", "PermissionDenied True"]), (0o000, ["ConnectError True"])], ids=["r--", "---"]
)
def test_a_file_that_this_user_may_not_write_or_read(tmp_path_factory: Any, mode: int, told: list[str]) -> None:
    # pytest's own folders are closed to other users, and root may write every file: so another folder, another user.
    folder = Path("/tmp") if os.access("/tmp", os.W_OK) else tmp_path_factory.getbasetemp()  # noqa: S108
    folder = folder / f"trialstore-read-only-{os.getpid()}-{mode}"
    folder.mkdir(mode=0o755)
    try:
        file = filled(folder / "trials.sqlite", journal_mode="delete")
        file.chmod(mode)
        folder.chmod(0o555)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(file)], capture_output=True, text=True, env=environment, check=False
        )
        assert done.stdout.splitlines() == told, done.stderr
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


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
    with caplog.at_level(logging.INFO), opened(file, log_sql=True) as storage:
        with make_experiment(storage, description=SECRET, tunables={"t": SECRET}) as experiment:
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


def test_a_forked_child_opens_connections_of_its_own(file: Path) -> None:
    filled(file)
    with opened(file) as storage:
        assert list(storage.experiments) == ["Exp"]
        engine = storage._database.engine
        storage._database._pid -= 1  # as in a child
        assert list(storage.experiments) == ["Exp"]
        assert storage._database.engine is not engine
    with SqlStorage({"drivername": "sqlite"}) as memory:
        memory._database._pid -= 1
        with pytest.raises(ConnectError, match="memory") as caught:
            _ = memory.experiments
        assert caught.value.hint
        memory._database._pid += 1


def test_times_are_kept_as_text_that_sorts(storage: SqlStorage) -> None:
    dialect = storage._database.dialect
    moments = [at(-1e9), at(0), at(0.000001), at(1), at(1e9)]
    texts = [dialect.encode_ts(moment) for moment in moments]
    assert texts[1] == "2025-03-01 08:00:00.123456"
    assert texts == sorted(texts)
    assert [dialect.decode_ts(text) for text in texts] == moments
    assert time.strptime(texts[0].partition(".")[0], "%Y-%m-%d %H:%M:%S")
