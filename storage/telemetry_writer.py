"""Telemetry that a program sends while it measures, without waiting for the database."""

from __future__ import annotations

import datetime as dt
import math
import os
import threading
from collections import deque
from collections.abc import Callable
from time import time_ns
from types import TracebackType
from typing import Any, Literal

from trialstore.dialects.errors import (
    Busy,
    CommitUnknown,
    ConnectError,
    ErrorKind,
    QueryError,
    StorageError,
    ValueRejected,
    listed,
)
from trialstore.dialects.text import logger
from trialstore.storage.values.checks import check_name, to_utc
from trialstore.storage.values.encoding import Typed, encode, python_value

_LOG = logger(__name__)

WHEN_FULL = ("block", "drop")
MOST_POINTS = 10_000_000
BATCH = 10_000
"""Most points of a transaction."""
LONGEST_PAUSE_S = 5.0
"""Longest wait after a failure before the next attempt, in seconds."""
MOST_NAMES = 10_000
"""Names of metrics that are kept as checked."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)

Point = tuple[dt.datetime, str, str | None, str | None]
"""Time, metric, text and type of a value."""


class TelemetryWriter:
    """A context manager that stores telemetry of a trial in batches, from a thread and over a connection of its own.

    Made by `Trial.telemetry_writer`, which says what the arguments mean. `add` only notes a point, in a few
    microseconds. When the block is left, all points are stored, or the error says how many are not.

    What stands in the way for a while (a lock, a server that restarts) is waited for: the points are kept, and sent
    again. Sending again stores nothing twice. Anything else, as LeaseLost, ends the writer: the next `add` raises it,
    and so does the end of the block. While the block ends because of another exception, errors are only logged.

    Threads may share a writer. A process that is forked within the block begins with no points, its parent stores those
    from before; what it adds is stored when it calls `flush` or leaves the block.
    """

    def __init__(
        self,
        store: Callable[[list[Point]], None],
        trial: str,
        id_length: int,
        *,
        flush_every: float,
        at_most: int,
        when_full: Literal["block", "drop"],
    ) -> None:
        self._store = store
        self._trial = trial
        self._id_length = id_length
        self._flush_every = _check_seconds(flush_every)
        self._at_most = _check_count(at_most)
        self._drops = _check_choice(when_full) == "drop"
        self._wake_at = max(1, self._at_most // 2)
        self._state = "new"
        self._begin()

    def _begin(self) -> None:
        """Be empty, in this process."""
        self._owner = os.getpid()
        self._names: dict[str, tuple[str, str]] = {}  # checked, with what errors call them and their times
        self._waiting: deque[tuple[Any, str, Any, Typed | None]] = deque()
        self._sending = 0
        self._latest: dict[str, int] = {}
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: StorageError | None = None
        self._trouble: StorageError | None = None
        self._failures = 0
        self._stored = 0
        self._dropped = 0

    @property
    def stored(self) -> int:
        """How many points that this process added have been sent, and are in the database."""
        return self._stored

    @property
    def dropped(self) -> int:
        """How many points were dropped, because there was no room for them (`when_full="drop"`)."""
        return self._dropped

    def __enter__(self) -> TelemetryWriter:
        if self._state != "new":
            raise ValueRejected(f"The telemetry writer of trial {self._trial} was used before.", "Make a new one.")
        self._state = "open"
        self._start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> Literal[False]:
        """Store what waits, and stop. Raises the error that kept points from being stored."""
        if self._owner != os.getpid():
            self._begin()
        self._state = "closed"
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None  # so that `add` finds that the block has ended
        error, left = self._error, self._sending + len(self._waiting)
        if left and self._drops:
            self._dropped += left
        elif left and self._trouble is not None:
            error = self._without(self._trouble, left)
        if self._dropped:
            _LOG.warning("Trial %s: %d telemetry points were dropped", self._trial, self._dropped)
        if error is not None and error is not exc_val:
            if exc_val is None:
                raise error
            _LOG.warning("Trial %s: %s", self._trial, error.message)
        return False

    def add(self, metric: str, value: Any, ts: dt.datetime | None = None) -> None:
        """Note a point; it is sent within `flush_every` seconds, by the thread of the writer.

        Args:
            metric: Name of the metric.
            value: int, float, bool, str or None, or a NumPy scalar.
            ts: Its time; a naive one is local time. The default is now, to the microsecond; two points of a metric
                without a time never share one.

        Raises ValueRejected at once for what cannot be stored, and the error that stopped the writer. When as many
        points as it keeps are waiting, it waits itself, and raises what stands in the way if the database could not
        be reached for as long as `retry_timeout` of the config says; or it drops the point and counts it.
        """
        if self._owner != os.getpid():
            self._begin()
        if self._error is not None:
            raise self._error
        if self._thread is None:
            self._start()
        names = self._names.get(metric) if type(metric) is str else None
        if names is None:
            metric, names = self._checked(metric)
        # The text of a float, of all the costliest, is made in the thread; anything else might change until then.
        typed = None if type(value) is float else encode(value, names[0])
        moment = time_ns() if ts is None else to_utc(ts, names[1])
        waiting = self._waiting
        if len(waiting) + self._sending >= self._at_most and not self._has_room():
            return
        waiting.append((moment, metric, value, typed))
        if len(waiting) >= self._wake_at and not self._wake.is_set():
            self._wake.set()

    def flush(self) -> None:
        """Wait until all points that were added so far are stored. Raises what stands in the way."""
        if self._owner != os.getpid():
            self._begin()
        with self._changed:
            failures, until = self._failures, self._stored + self._sending + len(self._waiting)
            while self._error is None and self._stored < until:
                if self._trouble is not None and self._failures != failures:
                    raise self._trouble
                self._wake.set()
                self._changed.wait()
        if self._error is not None:
            raise self._error

    def _start(self) -> None:
        with self._changed:
            if self._state != "open":
                raise ValueRejected(
                    f"The telemetry writer of trial {self._trial} is not open.", "Use it in a 'with' block."
                )
            if self._thread is None:
                # A daemon: a process that ends without leaving the block does not wait for it.
                thread = threading.Thread(target=self._run, name=f"telemetry of {self._trial}", daemon=True)
                thread.start()
                self._thread = thread

    def _checked(self, given: Any) -> tuple[str, tuple[str, str]]:
        metric = check_name(given, "Metric", self._id_length)
        if len(self._names) >= MOST_NAMES:
            self._names = {}
        names = self._names[metric] = f"Metric {metric!r}", f"Metric {metric!r}: timestamp"
        return metric, names

    def _has_room(self) -> bool:
        """Whether a point that found no room may be kept after all: once there is some, if it waits for that."""
        with self._changed:
            failures = self._failures
            while len(self._waiting) + self._sending >= self._at_most:
                if self._error is not None:
                    raise self._error
                if self._drops:
                    self._dropped += 1
                    if self._dropped == 1:
                        _LOG.warning(
                            "Trial %s: %d telemetry points wait to be stored; more are dropped",
                            self._trial,
                            self._at_most,
                        )
                    return False
                if self._trouble is not None and self._failures != failures:
                    raise self._trouble
                self._wake.set()
                self._changed.wait()
        return True

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._send() and not (self._closing.is_set() and not self._waiting):
                if not self._closing.is_set():
                    self._wake.wait(self._flush_every)
                self._wake.clear()
        except BaseException as exc:  # noqa: BLE001 - raised by `add` and at the end of the block
            _LOG.exception("Trial %s: telemetry is not stored any more", self._trial)
            self._fail(StorageError(f"Telemetry is not stored any more ({type(exc).__name__}).", "Look at the log."))

    def _send(self) -> bool:
        """Store what waits, all of it; whether there is reason to go on."""
        while self._waiting:
            batch = self._take()
            while True:
                try:
                    self._store(batch)
                except StorageError as exc:
                    if not _passes(exc):
                        self._fail(exc)
                        return False
                    if not self._wait_after(exc):
                        return False
                else:
                    break
            with self._changed:
                if self._trouble is not None:
                    _LOG.warning("Trial %s: telemetry is stored again", self._trial)
                self._trouble = None
                self._stored, self._sending = self._stored + self._sending, 0
                self._changed.notify_all()
        return True

    def _take(self) -> list[Point]:
        """Points that wait, with their times; of several of one metric at the same microsecond the first."""
        with self._changed:
            self._sending = min(len(self._waiting), BATCH)
            taken = [self._waiting.popleft() for _ in range(self._sending)]
        latest = self._latest
        points: dict[tuple[dt.datetime, str], Typed] = {}
        clashes: set[str] = set()
        for given, metric, value, known in taken:
            typed = encode(value, "") if known is None else known
            moment = given
            if type(given) is int:
                us = latest[metric] = max(given // 1000, latest.get(metric, 0) + 1)
                moment = _EPOCH + dt.timedelta(microseconds=us)
            if points.setdefault((moment, metric), typed) != typed:
                clashes.add(metric)
        if clashes:
            names = listed(sorted(clashes), str)
            _LOG.warning(
                "Trial %s: several values at the same microsecond, the first is kept, of: %s", self._trial, names
            )
        return [(moment, metric, text, kind) for (moment, metric), (text, kind) in points.items()]

    def _wait_after(self, exc: StorageError) -> bool:
        """Report what passes, and wait for that; whether there is time left to try again."""
        with self._changed:
            if self._trouble is None:
                _LOG.warning("Trial %s: telemetry has to wait: %s", self._trial, exc.message)
            self._trouble, self._failures = exc, self._failures + 1
            self._changed.notify_all()
        last = self._closing.is_set()
        if not last:
            self._closing.wait(min(LONGEST_PAUSE_S, max(0.1, self._flush_every)))
        return not last

    def _fail(self, exc: StorageError) -> None:
        with self._changed:
            lost = self._sending + len(self._waiting)
            self._error = self._without(exc, lost)
            self._waiting.clear()
            self._sending = 0
            self._changed.notify_all()

    def _without(self, exc: StorageError, points: int) -> StorageError:
        return exc.with_message(f"{exc.message} {points} telemetry points of trial {self._trial} were not stored.")


def _passes(exc: StorageError) -> bool:
    """Whether it may help to send the same points again later."""
    if isinstance(exc, QueryError) and not isinstance(exc, Busy):
        return exc.kind.retryable or exc.kind is ErrorKind.DISCONNECTED
    return isinstance(exc, (Busy, ConnectError, CommitUnknown))


def _check_seconds(given: Any) -> float:
    seconds = python_value(given)
    if type(seconds) not in (int, float) or not 0 < seconds < math.inf:
        raise ValueRejected("flush_every is no positive number.", "Give seconds, such as 1.0.")
    return float(min(seconds, threading.TIMEOUT_MAX))


def _check_count(given: Any) -> int:
    count = python_value(given)
    if type(count) is not int or not 1 <= count <= MOST_POINTS:
        raise ValueRejected(f"at_most is no whole number from 1 to {MOST_POINTS}.", "Give a number of points.")
    return count


def _check_choice(given: Any) -> str:
    choice = python_value(given)
    if type(choice) is not str or choice not in WHEN_FULL:
        raise ValueRejected("when_full is neither 'block' nor 'drop'.", "Choose what happens to further points.")
    return choice
