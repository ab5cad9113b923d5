"""A connection of psycopg's that waits for the server no longer than its time limit."""

from __future__ import annotations

import select
import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

_T = TypeVar("_T")
# What psycopg's generators yield, and are sent: flags for reading and for writing.
_READ, _WRITE = 1, 2
_GLANCE_S = 0.5
"""Longest single wait: a signal that comes just before one is noticed after it."""
_CANCEL_S = 2.0


class NoAnswer(psycopg.OperationalError):
    """The server has sent nothing for as long as the connection waits."""


class LimitedConnection(psycopg.Connection[Any]):
    """As psycopg's, which itself has no limit after the login; a connection that was not answered is closed."""

    wait_limit: float | None = None
    """Longest silence of the server, in seconds."""

    def wait(self, gen: Generator[Any, Any, _T], *_interval: Any, **_known: Any) -> _T:
        """The result of a generator of psycopg's, which every exchange with the server is."""
        try:
            return self._result(gen)
        except NoAnswer:
            self.close()
            _end(gen)
            raise
        except psycopg.Error:
            if self.closed:  # the end of a pipeline whose statement was given up
                _end(gen)
            raise
        except BaseException:
            self._give_up()
            _end(gen)
            raise

    def _result(self, gen: Generator[Any, Any, _T]) -> _T:
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(self._ready(wanted))
        except StopIteration as end:
            result: _T = end.value
            return result

    def _ready(self, wanted: int) -> int:
        """Which of reading and writing is possible, as soon as one that is wanted is."""
        fileno, limit = self.fileno(), self.wait_limit
        ready = _wait(fileno, wanted, _GLANCE_S)
        if ready:
            return ready
        deadline = None if limit is None else time.monotonic() + limit - _GLANCE_S
        while True:
            left = _GLANCE_S if deadline is None else min(_GLANCE_S, deadline - time.monotonic())
            ready = _wait(fileno, wanted, max(0.0, left))
            if ready:
                return ready
            if deadline is not None and time.monotonic() >= deadline:
                raise NoAnswer(f"the server has not answered for {limit:g} s")

    def _give_up(self) -> None:
        """After an interrupt: have the server cancel the statement, which frees its locks at once. Otherwise the server
        would notice only later that the client is gone."""
        try:
            # Older versions of psycopg, or of libpq, have none with a limit.
            if hasattr(psycopg, "capabilities") and psycopg.capabilities.has_cancel_safe():
                self.cancel_safe(timeout=_CANCEL_S)
        except psycopg.Error:
            pass  # the cancellation is optional
        finally:
            self.close()


def _end(gen: Generator[Any, Any, Any]) -> None:
    """End a generator whose connection is closed: that of a pipeline would otherwise complain of that on standard error
    when it is garbage-collected."""
    with suppress(psycopg.Error, RuntimeError):
        gen.close()


def _wait(fileno: int, wanted: int, seconds: float) -> int:
    if not hasattr(select, "poll"):
        read, write, _ = select.select(
            [fileno] if wanted & _READ else [], [fileno] if wanted & _WRITE else [], [], seconds
        )
        return (_READ if read else 0) | (_WRITE if write else 0)
    poll = select.poll()
    poll.register(fileno, (select.POLLIN if wanted & _READ else 0) | (select.POLLOUT if wanted & _WRITE else 0))
    ready = 0
    for _, events in poll.poll(seconds * 1000):
        ready |= (_READ if events & ~select.POLLOUT else 0) | (_WRITE if events & ~select.POLLIN else 0)
    return ready & wanted or (ready and wanted)
