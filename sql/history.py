"""The history of the migrations: the migrator's own table, what its rows say, and everything that writes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .migrations import Migration
from .session import Session

HISTORY_TABLE = "trialstore_schema"

DONE = "done"
ADOPTED = "adopted"
RUNNING = "running"
FAILED = "failed"
UNFINISHED = (RUNNING, FAILED)


@dataclass(frozen=True)
class HistoryRow:
    """What the history table says of one migration."""

    version: int
    slug: str
    checksum: str
    state: str
    statements_done: int
    serves_from: int | None = None
    """The oldest schema version whose applications can work since it was begun; None: its own."""


def table_names(session: Session) -> set[str]:
    """The names of all tables of the database, in small letters."""
    return {str(row.table_name).lower() for row in session.many("schema_tables")}


def exists(session: Session) -> bool:
    """Whether the database has the history table."""
    return HISTORY_TABLE in table_names(session)


def read(session: Session) -> list[HistoryRow]:
    """The rows in the order of their versions. Raises QueryError where there is no such table."""
    return [
        HistoryRow(row.version, row.slug, row.checksum, row.state, row.statements_done, row.serves_from)
        for row in session.many("history_list")
    ]


def read_if_any(session: Session) -> list[HistoryRow]:
    """The rows in the order of their versions; none where there is no such table."""
    return read(session) if exists(session) else []


def unfinished_rows(history: Sequence[HistoryRow]) -> Sequence[HistoryRow]:
    """The last row, if its migration was begun and not finished."""
    return [row for row in history[-1:] if row.state in UNFINISHED]


def create(session: Session) -> None:
    """Make the table where it is not there yet."""
    if exists(session):
        return
    session.execute("history_create")
    if not session.dialect.transactional_ddl:
        session.commit()
        session.begin(write=True)  # DDL has ended the transaction; what is adopted must be recorded as a whole


def record(
    session: Session,
    migration: Migration,
    state: str,
    started: Any,
    duration_ms: int | None,
    statements_done: int,
) -> None:
    """Add the row of a migration, which `clock` has seen start; one without a duration has not finished."""
    session.execute(
        "history_insert",
        version=migration.version,
        slug=migration.slug,
        checksum=migration.checksum,
        state=state,
        statements_done=statements_done,
        started_at=started,
        finished_at=None if duration_ms is None else clock(session),
        duration_ms=duration_ms,
        library_version=library_version(),
        serves_from=migration.serves_from,
    )


def mark(session: Session, version: int, state: str, *, finished: bool = False, duration_ms: int | None = None) -> None:
    """Say what has become of a migration whose row is there."""
    finished_at = clock(session) if finished else None
    session.execute("history_finish", version=version, state=state, finished_at=finished_at, duration_ms=duration_ms)


def progress(session: Session, version: int, statements_done: int) -> None:
    """Say how many statements of a migration are done."""
    session.execute("history_progress", version=version, statements_done=statements_done)


def delete(session: Session, version: int) -> None:
    """Take back the row of a migration that has changed nothing."""
    session.execute("history_delete", version=version)


def clock(session: Session) -> Any:
    """The time of the server, or of this process where the database is in it, as the history holds it."""
    if session.dialect.in_process:
        return session.dialect.encode_ts(dt.datetime.now(dt.timezone.utc))
    return session.scalar("migration_clock")


@cache
def library_version() -> str:
    """The installed version of trialstore."""
    try:
        return version("trialstore")
    except PackageNotFoundError:
        return "unknown"
