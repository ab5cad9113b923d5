"""A disk that is full, or that nothing may be written to: a clear error, a whole file, and it goes on afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processes.disk_writer import Told, fill, fill_until_limit, write_without_right
from processes.helpers import Child, assert_sound, file_config, make_experiment, rows
from processes.workers import at, nobody, run_trial
from trialstore.storage import SqlStorage

pytestmark = pytest.mark.engine("sqlite")

MODES: list[dict[str, Any]] = [{}, {"journal_mode": "delete"}]


def ids(mode: dict[str, Any]) -> str:
    """What a test of that journal mode is called."""
    return mode.get("journal_mode", "wal")


def mount(*arguments: str) -> bool:
    """Whether the system mounts something."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False, timeout=60).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    if not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)):
        pytest.skip("this system does not let root mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, timeout=60)


def assert_told(told: Told, error: str, *words: str) -> None:
    """The error is of that class, names the reason, and says what to do."""
    name, message, hint = told
    assert name == error
    assert all(word in message for word in words), message
    assert "call again" in hint or "Check the file's mode" in hint or "may be opened" in hint, hint


@pytest.mark.parametrize("mode", MODES, ids=ids)
def test_a_full_disk_is_told_and_nothing_is_lost(mode: dict[str, Any], small_disk: Path) -> None:
    path = small_disk / "trials.sqlite"
    with SqlStorage(file_config(path, **mode)) as storage, make_experiment(storage) as experiment:
        acknowledged, told = fill(experiment)
        assert_told(told, "QueryError", "full", "SQLITE_FULL")
        more, told = fill(experiment)  # with configs that are there already
        assert_told(told, "QueryError", "full", "SQLITE_FULL")
        acknowledged += more
        assert experiment.load()[0] == []  # reading goes on
        assert [trial_id for (trial_id,) in rows(path, "SELECT trial_id FROM trial ORDER BY 1")] == acknowledged
        assert_sound(path)
        assert mount("-o", "remount,size=8m", str(small_disk))
        new = run_trial(experiment, 0, nobody)
        assert new.trial_id == len(acknowledged) + 1
        assert experiment.load()[0] == [new.trial_id]
    assert_sound(path)
    assert len(acknowledged) > 10


@pytest.mark.parametrize("mode", MODES, ids=ids)
def test_a_disk_that_takes_no_more_is_told_and_nothing_is_lost(mode: dict[str, Any], tmp_path: Path) -> None:
    """By a limit on the size of files, for which no right is needed: the system refuses to write beyond it."""
    path = tmp_path / "trials.sqlite"
    with Child(fill_until_limit, path, 650_000, mode) as child:
        acknowledged, told, new = child.result()
    assert_told(told, "QueryError", "disk I/O error", "SQLITE_IOERR")
    assert len(acknowledged) > 10
    assert new == len(acknowledged) + 1
    assert [trial_id for (trial_id,) in rows(path, "SELECT trial_id FROM trial ORDER BY 1")] == [*acknowledged, new]
    assert_sound(path)


@pytest.mark.parametrize("mode", MODES, ids=ids)
def test_a_disk_that_is_remounted_read_only_is_told_and_nothing_is_lost(mode: dict[str, Any], small_disk: Path) -> None:
    path = small_disk / "trials.sqlite"
    with SqlStorage(file_config(path, **mode)) as storage, make_experiment(storage) as experiment:
        acknowledged = [experiment.new_trial({}, at(0)).trial_id for _ in range(3)]
        storage.dispose()  # the system does not remount under files that are open for writing
        assert mount("-o", "remount,ro", str(small_disk))
        for _ in range(2):
            refused, told = fill(experiment)
            assert refused == []
            # With a WAL the file cannot even be read there.
            assert_told(told, "PermissionDenied" if mode else "ConnectError", "readonly" if mode else "unable to open")
        assert mount("-o", "remount,rw", str(small_disk))
        new = run_trial(experiment, 0, nobody).trial_id
        assert [trial_id for (trial_id,) in rows(path, "SELECT trial_id FROM trial ORDER BY 1")] == [*acknowledged, new]
    assert_sound(path)


@pytest.mark.parametrize("mode", MODES, ids=ids)
def test_a_file_whose_mode_forbids_writing_is_told_and_nothing_is_lost(mode: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    user = os.geteuid() or 65534
    if os.geteuid() == 0:
        os.chown(folder, user, user)
        for parent in (tmp_path, *tmp_path.parents):
            if not parent.stat().st_mode & 0o001:  # pytest's own, which nobody else may enter
                parent.chmod(0o755)
    path = folder / "trials.sqlite"
    with Child(write_without_right, path, user, mode) as child:
        (first, *refused, last), there = child.result()
    for told in refused:
        assert_told(told, "PermissionDenied", "readonly")
    assert (first, last, there) == (1, 2, 2)
    assert_sound(path)
