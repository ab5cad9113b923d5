"""Writers that go on while a test makes servers fail, and that know what was acknowledged to them."""

from __future__ import annotations

import importlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL

from servers.base import connected

# Seconds.
PATIENCE = 90.0
TABLE = "CREATE TABLE numbers (i INTEGER PRIMARY KEY)"


class Load:
    """Threads that insert numbers into the table `numbers`, one a transaction, and connect again when they are cut off.

    Each number is tried once, so that one that was not acknowledged may be there or not.
    """

    def __init__(self, module: str, configs: Iterable[Callable[[], dict[str, Any]]]) -> None:
        """One thread for each config, which is asked for at each connection."""
        self._module = importlib.import_module(module)
        self._stop = threading.Event()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._acknowledged: list[int] = []
        self.errors: list[Exception] = []
        """What the driver raised."""
        self._threads = [threading.Thread(target=self._run, args=(config,), daemon=True) for config in configs]

    @property
    def acknowledged(self) -> set[int]:
        """The numbers whose commit was answered."""
        with self._lock:
            return set(self._acknowledged)

    def wait_for_more(self, count: int = 20) -> None:
        """Wait until so many more were acknowledged."""
        goal, late = len(self.acknowledged) + count, time.monotonic() + PATIENCE
        while len(self.acknowledged) < goal:
            if time.monotonic() > late:
                raise TimeoutError(f"no {count} more commits in {PATIENCE:.0f} s; last: {self.errors[-1:]}")
            time.sleep(0.02)

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Write for the duration of a `with` block."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, config: Callable[[], dict[str, Any]]) -> None:
        while not self._stop.is_set():
            try:
                with connected(self._module.__name__, URL.create(**config())) as execute:
                    while not self._stop.is_set():
                        self._add(execute)
            except (self._module.OperationalError, self._module.InterfaceError) as error:
                self.errors.append(error)
                time.sleep(0.05)

    def _add(self, execute: Callable[..., Any]) -> None:
        with self._lock:
            number = next(self._numbers)
        execute("BEGIN")
        execute("INSERT INTO numbers VALUES (%s)", number)
        execute("COMMIT")
        with self._lock:
            self._acknowledged.append(number)
