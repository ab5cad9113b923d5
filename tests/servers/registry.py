"""One server of each kind per process, and what a test does without."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable
from typing import NoReturn, Protocol, TypeVar

import pytest

from servers.base import DatabaseServer
from servers.errors import ServerBroken, ServerMissing
from servers.mariadb import MariadbServer
from servers.postgresql import PostgresqlServer

KINDS: dict[str, type[DatabaseServer]] = {kind.engine: kind for kind in (PostgresqlServer, MariadbServer)}


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


def require(engine: str) -> DatabaseServer:
    """The process's server for "postgresql" or "mysql", started at first use.

    Where it cannot be had, the test is skipped with the reason, or fails if the environment variable CI is set.
    """
    return kept(engine, lambda: obtain(engine))


def obtain(engine: str) -> DatabaseServer:
    """A server for an engine, which the caller stops; raises ServerMissing or ServerBroken."""
    return KINDS[engine].obtain()


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


def version_of(engine: str) -> str:
    """The version of the process's server for an engine; empty while there is none."""
    found = _kept.get(engine)
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
