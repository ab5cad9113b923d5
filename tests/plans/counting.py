"""What a database reads for a call, counted by the engine itself: the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from trialstore.storage import SqlStorage

# Of all tables together: rows that scans read, entries that indexes gave, and pages.
_POSTGRESQL = """
    SELECT
        (SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes),
        (
            SELECT sum(coalesce(heap_blks_read, 0) + coalesce(heap_blks_hit, 0)
                + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))
            FROM pg_statio_user_tables
        )
    """
_MYSQL = "SHOW SESSION STATUS LIKE 'Handler_read%'"


@dataclass
class Count:
    """What was read: rows and index entries (steps of the engine's program on SQLite), and pages where they count."""

    rows: int = 0
    pages: int = 0


@contextmanager
def counted(storage: SqlStorage) -> Iterator[Count]:
    """Counts what the only connection of a storage reads meanwhile; known when the block has ended."""
    count = Count()
    with _COUNTERS[storage.database.dialect.name](storage, count):
        yield count


@contextmanager
def _steps(storage: SqlStorage, count: Count) -> Iterator[None]:
    """SQLite calls back after each instruction; seeking a key is one."""

    def step() -> None:
        count.rows += 1

    def watch(step: Callable[[], None] | None) -> None:
        with closing(storage.database.engine.raw_connection()) as connection:
            connection.dbapi_connection.set_progress_handler(step, 1)  # type: ignore[union-attr]

    watch(step)
    try:
        yield
    finally:
        watch(None)


def _difference(read: Callable[[Any], tuple[int, int]]) -> Callable[[SqlStorage, Count], Any]:
    @contextmanager
    def difference(storage: SqlStorage, count: Count) -> Iterator[None]:
        def now() -> tuple[int, int]:
            with closing(storage.database.engine.raw_connection()) as pooled, closing(pooled.cursor()) as cursor:
                return read(cursor)

        before = now()
        yield
        count.rows, count.pages = (after - then for after, then in zip(now(), before, strict=True))

    return difference


def _postgresql(cursor: Any) -> tuple[int, int]:
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute(_POSTGRESQL)
    rows, pages = cursor.fetchone()
    return int(rows), int(pages)


def _mysql(cursor: Any) -> tuple[int, int]:
    cursor.execute(_MYSQL)
    return sum(int(value) for _name, value in cursor.fetchall()), 0


_COUNTERS: dict[str, Callable[[SqlStorage, Count], Any]] = {
    "sqlite": _steps,
    "postgresql": _difference(_postgresql),
    "mysql": _difference(_mysql),
}
