"""Finding out what a trial runs on, in threads: what hangs or fails is left out, and keeps no trial from starting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from trialstore.dialects.text import logger

from .machine import PROBES, Value
from .work_tree import WorkTree

_LOG = logger(__name__)

LONGEST_WAIT_S = 0.03
"""How long the start of a trial waits for what is not known yet."""
_MOST_THREADS = 64
"""Threads that are at work at once; more only where they hang."""


class Gathering:
    """What a process finds out: about the machine once, about the work tree whenever it is asked."""

    def __init__(self, probes: Mapping[str, Callable[[], Value]] = PROBES) -> None:
        self._probes = probes
        self._machine: dict[str, Value] = {}
        self._probing: list[threading.Thread] | None = None
        self._probing_ends = 0.0
        self._work_tree = WorkTree()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def begin(self) -> None:
        """Begin to find out, without waiting, so that the first trial need not wait."""
        self._probe_machine()
        self._look({})

    def values(self) -> dict[str, Value]:
        """Name → value, of what is found in time."""
        ends = time.monotonic() + LONGEST_WAIT_S
        probing = self._probe_machine()
        found = self._known()
        if found is None:
            found = {}
            _join(self._look(found), ends)
        _join(probing, self._probing_ends)
        return self._machine.copy() | found.copy()  # what comes later is for the next call

    def settle(self) -> None:
        """Wait until no thread is at work, but not for those that hang."""
        _join(list(self._threads), time.monotonic() + LONGEST_WAIT_S)

    def _known(self) -> dict[str, Value] | None:
        with suppress(OSError):  # the working directory was deleted
            return self._work_tree.known()
        return None

    def _look(self, found: dict[str, Value]) -> list[threading.Thread]:
        return self._started("work tree", lambda: self._work_tree.look(found))

    def _probe_machine(self) -> list[threading.Thread]:
        """The threads that look at the machine, begun by the first call, and waited for at that time only."""
        with self._lock:
            if self._probing is None:
                self._probing_ends = time.monotonic() + LONGEST_WAIT_S
                self._probing = [thread for name in self._probes for thread in self._started(name, self._probe(name))]
        return self._probing if time.monotonic() < self._probing_ends else []

    def _probe(self, name: str) -> Callable[[], None]:
        def probe() -> None:
            value = self._probes[name]()
            if value is not None:
                self._machine[name] = value

        return probe

    def _started(self, what: str, work: Callable[[], None]) -> list[threading.Thread]:
        """A thread that does the work; none where no more can be had, or too many hang."""

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever fails, the trial starts
                _LOG.debug("The context has no %s: %s", what, type(error).__name__)
            finally:
                self._threads.discard(thread)

        thread = threading.Thread(target=run, name=f"trialstore: {what}", daemon=True)
        if len(self._threads) >= _MOST_THREADS:
            return []
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            return []
        return [thread]


def _join(threads: list[threading.Thread], ends: float) -> None:
    for thread in threads:
        with suppress(RuntimeError):  # another thread is about to start it
            thread.join(max(0.0, ends - time.monotonic()))


_gathering = Gathering()


def begin() -> None:
    """Begin to find out what this process runs on, without waiting."""
    _gathering.begin()


def gathered() -> dict[str, Value]:
    """What this process runs on now, as far as it is known within `LONGEST_WAIT_S`."""
    return _gathering.values()


def _settle() -> None:
    _gathering.settle()  # a child would inherit the pipes from git, and half of what threads do


def _forget() -> None:
    global _gathering  # noqa: PLW0603 - one for the process
    _gathering = Gathering()  # the parent's threads do not go on here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_settle, after_in_child=_forget)
