"""Servers of other suites: fetched once, whole or not at all, by one of those who want them at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers import ServerMissing, registry, unpacked
from servers.unpacked import Release

SMALL = Release("unstable", ("hello",), "usr/bin")
OWNER = """
import sys
from servers.unpacked import Release
print(Release("unstable", ("hello",), "usr/bin").program("hello").stat().st_ino)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv(unpacked.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def program(release: Release, name: str) -> Path:
    """The path of a program. Where packages cannot be had, the test is skipped, or fails in CI."""
    try:
        return release.program(name)
    except ServerMissing as reason:
        registry.unavailable("packages of Debian", reason)


def test_a_program_runs_with_its_own_libraries(cache: Path) -> None:
    found = program(SMALL, "hello")
    assert cache in found.parents
    assert subprocess.run([found, "--greeting", "a b"], capture_output=True, check=True).stdout == b"a b\n"
    told = subprocess.run([found], env={"LD_DEBUG": "libs"}, capture_output=True, check=True).stderr.decode()
    assert f"calling init: {cache}" in told
    # Nothing but the folder and its lock stays.
    assert sorted(path.name for path in cache.iterdir()) == ["unstable_hello", "unstable_hello.lock"]


def test_two_who_want_it_at_once_fetch_it_once(cache: Path) -> None:
    program(Release("unstable", ("hostname",), "usr/bin"), "hostname")  # the skip of a missing mirror belongs here
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    both = [subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    first, second = [process.communicate()[0] for process in both]
    assert first == second != b""


def test_a_maker_that_is_killed_leaves_nothing_that_counts(cache: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    maker = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.DEVNULL, env=environment)
    with maker:
        while maker.poll() is None and not (cache / "unstable_hello.new").exists():
            time.sleep(0.005)
        maker.kill()
    assert not (cache / "unstable_hello").exists()
    found = program(SMALL, "hello")
    assert subprocess.run([found], capture_output=True, check=True).stdout == b"Hello, world!\n"


def test_packages_that_do_not_come_are_missed(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(unpacked.MIRROR_VARIABLE, f"file://{tmp_path}/nothing")
    monkeypatch.setattr(unpacked, "KEYS", Path(__file__))
    with pytest.raises(ServerMissing, match=r"apt-get -q .* exited with 100: .*nothing"):
        SMALL.folder()
    assert [path.name for path in cache.iterdir()] == ["unstable_hello.lock"]


def test_what_unpacks_must_be_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cache))
    with pytest.raises(ServerMissing, match="program apt-get is not found"):
        SMALL.folder()


@pytest.mark.parametrize("root, xdg, place", [(True, "/x", "/var/cache"), (False, "/x", "/x"), (False, "", "~/.cache")])
def test_the_cache_is_where_its_user_may_write(
    root: bool, xdg: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(unpacked.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
    assert unpacked.cache_folder() == Path(place).expanduser() / "trialstore-tests"
