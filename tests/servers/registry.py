"""One server of each kind per process, and what a test does without."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar

import pytest

from servers.base import DatabaseServer
from servers.binaries import need_module
from servers.errors import ServerBroken, ServerMissing
from servers.mariadb import MariadbServer
from servers.mysql import NEWEST, MysqlServer
from servers.postgresql import PostgresqlServer
from servers.unpacked import Release


@dataclass(frozen=True)
class Choice:
    """A server that a run can be for: its kind, and which release, where that is not the machine's own."""

    kind: type[DatabaseServer]
    release: Release | None = None


def _postgresql(version: int, suite: str) -> Choice:
    release = Release(suite, (f"postgresql-{version}",), f"usr/lib/postgresql/{version}/bin")
    return Choice(PostgresqlServer, release)


def _mariadb(suite: str) -> Choice:
    return Choice(MariadbServer, Release(suite, ("mariadb-server-core", "mariadb-client-core"), "usr/sbin"))


CHOICES = {
    "postgresql": Choice(PostgresqlServer),
    "mariadb": Choice(MariadbServer),
    "mysql": Choice(MysqlServer),
    "postgresql-13": _postgresql(13, "bullseye"),
    "postgresql-15": _postgresql(15, "bookworm"),
    "postgresql-17": _postgresql(17, "trixie"),
    "postgresql-18": _postgresql(18, "unstable"),
    "mariadb-10.11": _mariadb("bookworm"),
    "mariadb-11.8": _mariadb("trixie"),
    "mysql-9.7": Choice(MysqlServer, NEWEST),
}
"""Name → server. Those without a version are the environment's or the machine's own, whatever version that is."""
DEFAULT = ("postgresql", "mariadb", "mysql")
"""The servers of a run for which none is named. Of several for one engine, a test is run on each."""
_chosen = {"postgresql": "postgresql", "mysql": "mariadb"}


class Stoppable(Protocol):
    """A server of any kind."""

    @property
    def stopped(self) -> bool:
        """Whether it is of no more use."""

    def stop(self) -> None:
        """End it."""


S = TypeVar("S", bound=Stoppable)
# In the order of their start. Failures are kept too: what was missing once is not installed or started for every test.
_kept: dict[str, Stoppable | ServerMissing | ServerBroken] = {}
# Reentrant: a server may need another one.
_lock = threading.RLock()


def choose(name: str) -> None:
    """Make a server the one of its engine, from now on."""
    _chosen[CHOICES[name].kind.engine] = name


def chosen(engine: str) -> str:
    """The name of the server that an engine is tested on; the engine's own where it has no servers."""
    return _chosen.get(engine, engine)


def require(engine: str) -> DatabaseServer:
    """The process's server for "postgresql" or "mysql", started at first use.

    Where it cannot be had, the test is skipped with the reason, or fails if the environment variable CI is set.
    """
    return require_named(chosen(engine))


def require_named(name: str) -> DatabaseServer:
    """As `require`, of those in CHOICES."""
    return kept(name, lambda: obtain_named(name))


def obtain(engine: str) -> DatabaseServer:
    """A server for an engine, which the caller stops; raises ServerMissing or ServerBroken."""
    return obtain_named(chosen(engine))


def obtain_named(name: str) -> DatabaseServer:
    """As `obtain`, of those in CHOICES."""
    choice = CHOICES[name]
    return choice.kind.obtain(choice.release)


def start_private(name: str) -> DatabaseServer:
    """As `obtain_named`, but a server that the test may kill, whatever the environment names."""
    choice = CHOICES[name]
    need_module(choice.kind.module, choice.kind.extra)
    return choice.kind.start(choice.release)


def kept(name: str, make: Callable[[], S]) -> S:
    """What `make` returned when it was first called for this name, unless that was stopped since."""
    with _lock:
        found = _kept.get(name)
        if found is None or (not isinstance(found, Exception) and found.stopped):
            _kept.pop(name, None)
            try:
                found = make()
            except (ServerMissing, ServerBroken) as error:
                found = error
            _kept[name] = found
    if isinstance(found, ServerMissing):
        unavailable(name, found)
    if isinstance(found, ServerBroken):
        raise found
    return found  # type: ignore[return-value]  # what was kept under a name was made for that name


def version_of(name: str) -> str:
    """The version of one of CHOICES that this process started; empty while there is none."""
    found = _kept.get(name)
    return found.version if isinstance(found, DatabaseServer) else ""


def unavailable(name: str, reason: ServerMissing) -> NoReturn:
    """End the test: CI promises all servers, other machines may lack some."""
    message = f"NOT TESTED ON {name}: {reason}"
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def stop_all() -> None:
    """Stop all servers that this process started, the last one first, each one even if another does not stop."""
    with _lock, contextlib.ExitStack() as stack:
        for found in _kept.values():
            if not isinstance(found, Exception):
                stack.callback(found.stop)
        _kept.clear()


atexit.register(stop_all)
