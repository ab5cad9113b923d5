"""SQLite files that are not what they should be, or not where, or not for this user."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engines.sqlite_files import filled, opened, read_everything, refused
from trialstore.contract.helpers import make_experiment
from trialstore.storage import ConfigError, ConnectError, PermissionDenied, StorageError, ValueRejected

pytestmark = pytest.mark.engine("sqlite")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trials.sqlite"


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
from trialstore.contract.helpers import make_experiment
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
    folder = Path("/tmp") if os.access("/tmp", os.W_OK) else tmp_path_factory.getbasetemp()
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


def test_a_stored_text_that_is_no_text_is_told_without_showing_it(file: Path) -> None:
    filled(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE trial_param SET param_value = CAST(x'68756E746572FF' AS TEXT)")
        connection.commit()
    with opened(file) as storage, pytest.raises(ValueRejected, match="not UTF-8") as caught:
        make_experiment(storage).get_trial_by_id(1)
    assert "hunter" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("form", ["{file}", "file:{file}"])
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_mode_of_the_query_has_its_effect(file: Path, form: str, journal_mode: str) -> None:
    filled(file, journal_mode=journal_mode)
    before, name = file.read_bytes(), form.format(file=file)
    with opened(name, query={"mode": "ro"}, journal_mode=journal_mode) as storage:
        assert list(storage.experiments) == ["Exp"]
        with pytest.raises(PermissionDenied):
            make_experiment(storage, experiment_id="other").__enter__()
    assert file.read_bytes() == before
    with opened(name, query={"mode": "rw", "cache": "private"}) as storage:
        make_experiment(storage, experiment_id="other").__enter__()
        assert list(storage.experiments) == ["Exp", "other"]
    missing = file.with_name("a ?#%41.sqlite")
    refused(missing, ConnectError, query={"mode": "rw"})
    with opened(missing, query={"mode": "rwc"}):
        assert missing.exists()


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
@pytest.mark.parametrize("query", [{"mode": "ro"}, {"immutable": "1"}, {"immutable": "yes"}])
def test_whoever_writes_is_told_which_key_forbids_it(file: Path, query: dict[str, str], journal_mode: str) -> None:
    filled(file, journal_mode=journal_mode)
    (key,) = query
    with opened(file, query=query) as storage:
        read_everything(storage)
        with pytest.raises(PermissionDenied) as caught:
            make_experiment(storage, experiment_id="other").__enter__()
        assert f"'{key}'" in caught.value.hint
    refused(file.with_name("missing"), ConnectError if key == "mode" else PermissionDenied, query=query)


@pytest.mark.parametrize("query", [{"nolock": "1"}, {"vfs": "unix-none"}])
def test_a_file_that_cannot_be_in_wal_mode_is_told_by_which_key(file: Path, query: dict[str, str]) -> None:
    (key,) = query
    refused(file, ConnectError, f"'{key}'", "'journal_mode'", query=query)  # a new one
    with opened(file, query=query, journal_mode="delete") as storage:
        make_experiment(storage).__enter__()
        assert list(storage.experiments) == ["Exp"]
    file.unlink()
    refused(filled(file), ConnectError, f"'{key}'", query=query)


def test_a_name_that_only_resembles_memory_is_that_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened("file:x:memory:y") as storage:
        make_experiment(storage).__enter__()
    with opened(tmp_path / "x:memory:y") as storage:
        assert list(storage.experiments) == ["Exp"]
