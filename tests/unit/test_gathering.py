"""Finding out what a trial runs on never keeps it waiting, whatever fails or hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trialstore.storage.writing import gathering, git
from trialstore.storage.writing.gathering import Gathering

LONG_S = 60.0


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wait long for what does not hang, outside of any work tree."""
    monkeypatch.setattr(gathering, "LONGEST_WAIT_S", LONG_S)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """What a probe waits for that hangs."""
    event = threading.Event()
    yield event
    event.set()


def fail() -> None:
    raise OSError("there is none")


def test_a_probe_that_fails_or_finds_nothing_leaves_its_value_out() -> None:
    found = Gathering({"a": lambda: 1, "b": fail, "c": lambda: None, "d": lambda: "x"}).values()  # type: ignore[dict-item]
    assert found == {"a": 1, "d": "x"}


def test_a_probe_that_hangs_is_left_out_until_it_answers(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def slow() -> str:
        hang.wait(LONG_S)
        return "late"

    def quick() -> int:
        done.set()
        return 1

    gathers = Gathering({"slow": slow, "quick": quick})
    gathers.begin()
    assert done.wait(LONG_S)
    monkeypatch.setattr(gathering, "LONGEST_WAIT_S", 0.01)
    gathers = Gathering({"slow": slow, "quick": quick})
    began = time.monotonic()
    first = gathers.values()
    assert "slow" not in first
    assert time.monotonic() - began < LONG_S / 2  # it would have been that of the probe
    hang.set()
    deadline = time.monotonic() + LONG_S
    while "slow" not in (found := gathers.values()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found == {"slow": "late", "quick": 1}


def test_probes_run_once_and_all_callers_wait_for_them() -> None:
    runs = []

    def probe() -> int:
        runs.append(1)
        time.sleep(0.05)
        return 7

    gathers = Gathering({"a": probe})
    found: list[dict[str, object]] = []
    threads = [threading.Thread(target=lambda: found.append(gathers.values())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"a": 7}] * 4
    assert runs == [1]


def test_a_git_that_hangs_keeps_no_trial_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("a" * 40)
    binary = tmp_path / "bin" / "git"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\nsleep 30\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(git, "_STATUS_TIMEOUT_SECONDS", 0.3)
    gathers = Gathering({})
    assert gathers.values() == {"git_commit": "a" * 40}  # after git was given up
    assert gathers.values() == {"git_commit": "a" * 40}
    monkeypatch.setattr(gathering, "LONGEST_WAIT_S", 0.2)
    began = time.monotonic()
    assert Gathering({}).values() == {"git_commit": "a" * 40}
    assert time.monotonic() - began < 10


def test_a_working_directory_that_was_deleted_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    gathers = Gathering({"a": lambda: 1})
    assert gathers.values() == {"a": 1}
    folder.rmdir()
    assert gathers.values() == {"a": 1}


def test_without_more_threads_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert Gathering({"a": lambda: 1}).values() == {}


def test_a_fork_may_come_while_a_thread_is_about_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    gathers = Gathering({"a": lambda: 1})
    start = threading.Thread.start

    def start_after_a_fork(thread: threading.Thread) -> None:
        gathers.settle()  # as the fork of another thread does
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_after_a_fork)
    assert gathers.values() == {"a": 1}


def test_what_hangs_does_not_pile_up(hang: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "LONGEST_WAIT_S", 0.001)
    monkeypatch.setattr(gathering, "_MOST_THREADS", 3)
    gathers = Gathering({"a": lambda: hang.wait(LONG_S)})
    monkeypatch.setattr(gathers._work_tree, "look", lambda _found: hang.wait(LONG_S))  # noqa: SLF001
    before = threading.active_count()
    for _ in range(10):
        gathers.values()
    assert threading.active_count() - before <= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_finds_out_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    parent = Gathering({"pid": os.getpid})
    monkeypatch.setattr(gathering, "LONGEST_WAIT_S", LONG_S)
    monkeypatch.setattr(gathering, "_gathering", parent)
    assert parent.values()["pid"] == os.getpid()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        fresh = gathering._gathering is not parent  # noqa: SLF001
        found = gathering._gathering.values()  # noqa: SLF001
        os.write(writing, b"yes" if fresh and "host_name" in found else b"no")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"yes"
    os.close(reading)
    os.close(writing)
