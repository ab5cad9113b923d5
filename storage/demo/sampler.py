"""Telemetry of a trial: what is seen while the workload runs."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path

Point = tuple[dt.datetime, str, float | int | str]

_STATM = Path("/proc/self/statm")
_MB = 1e6


class Sampler:
    """Collects points, at most one sample per `interval_s` seconds and one at the end of each phase.

    Metrics: `phase` (text), `rows_per_s` (rows written or read since the last sample), `db_mb` and `journal_mb` (the
    database file, its journal or log), and where the kernel reports it, `rss_mb` (memory of this process); a MB is a
    million bytes.
    """

    def __init__(self, interval_s: float = 0.025) -> None:
        self._interval_s = interval_s
        self._database = Path()
        self._points: list[Point] = []
        self._rows = 0
        self._last = time.perf_counter()

    def watch(self, database: Path) -> None:
        """Look at the files of this database from now on."""
        self._database = database

    def start(self) -> None:
        """Begin to count: what was before belongs to no sample."""
        self._rows = 0
        self._last = time.perf_counter()

    def tick(self, phase: str, rows: int) -> None:
        """Count the rows of a step, and take a sample if it is time for one."""
        self._rows += rows
        if time.perf_counter() - self._last >= self._interval_s:
            self.sample(phase)

    def sample(self, phase: str) -> None:
        """Take a sample now."""
        now = time.perf_counter()
        elapsed = now - self._last
        moment = dt.datetime.now(dt.timezone.utc)
        values: dict[str, float | int | str] = {"phase": phase}
        if elapsed > 0:
            values["rows_per_s"] = round(self._rows / elapsed, 1)
        values["db_mb"] = _size(self._database) / _MB
        values["journal_mb"] = sum(_size(_beside(self._database, suffix)) for suffix in ("-wal", "-journal")) / _MB
        memory = resident_bytes()
        if memory is not None:
            values["rss_mb"] = round(memory / _MB, 3)
        self._points += [(moment, name, value) for name, value in values.items()]
        self._rows = 0
        self._last = now

    def drain(self) -> list[Point]:
        """The points collected since the last call."""
        points, self._points = self._points, []
        return points


def resident_bytes() -> int | None:
    """Memory of this process in bytes, or None where the kernel does not report it this way."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _beside(database: Path, suffix: str) -> Path:
    return database.with_name(database.name + suffix)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it comes and goes
        return 0
