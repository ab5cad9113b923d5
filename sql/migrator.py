"""The migrator: finds out what a database holds, and brings it up to date under one lock.

Order of things: plan → lock → read the history again inside the lock → refuse what cannot be ours → run. A migration,
and the row that says so, commit together. Where DDL cannot be rolled back, the row says `running` first and counts the
statements that are done, so that the next run goes on where a killed one stopped.
"""

from __future__ import annotations

import datetime as dt
import enum
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import (
    ErrorKind,
    MigrationFailed,
    QueryError,
    SchemaDrift,
    StorageError,
)

from .migrations import ADOPTED, DONE, FAILED, RUNNING, HistoryRow, Migration, load_migrations, plan, unfinished_rows
from .session import Session

_LOG = logging.getLogger(__name__)

BASE_TABLES = frozenset(
    [
        "experiment",
        "objectives",
        "config",
        "config_param",
        "trial",
        "trial_param",
        "trial_status",
        "trial_result",
        "trial_telemetry",
    ]
)
HISTORY_TABLE = "trialstore_schema"
REFERENCE_MARK = "alembic_version"
_LATER_COLUMN = ("trial", "trial_runner_id")  # the first that the reference added when it had begun to keep revisions


class Found(enum.Enum):
    """What a database holds before anything is done to it."""

    OURS = "a schema with our history"
    REFERENCE = "tables of the reference, not adopted yet"
    OTHER = "tables of another application only"
    EMPTY = "no tables"


@dataclass(frozen=True)
class SchemaState:
    """What the database holds, the version it is at (0 if none), and the migrations it still needs; `interrupted` if
    the first of them has begun."""

    found: Found
    version: int
    pending: tuple[Migration, ...]
    interrupted: bool = False

    @property
    def current(self) -> bool:
        """Nothing is pending."""
        return not self.pending


class Migrator:
    """Plans and applies the migrations of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.migrations = load_migrations(dialect.migrations_folder)

    def inspect(self, session: Session) -> SchemaState:
        """What the database holds and needs; one SELECT when it is up to date, and never a change.

        Raises the errors of `migrations.plan` for a history that these files cannot have written.
        """
        session.begin(write=False)
        try:
            history = self._history(session)
        except QueryError as exc:
            if exc.kind is not ErrorKind.MISSING_OBJECT:
                raise
            session.rollback()
            session.begin(write=False)
            # Another process may have begun to create the schema since then.
            history = self._history(session) if HISTORY_TABLE in self._tables(session) else []
        try:
            if history:
                begun = unfinished_rows(history)
                return SchemaState(Found.OURS, history[-1].version - len(begun), self._plan(history), bool(begun))
            found, version = self._look_around(session)
            return SchemaState(found, version, self.migrations[version:])
        finally:
            session.rollback()

    def apply(self, session: Session) -> list[Migration]:
        """Bring the database up to date; the migrations that this call applied, empty if another process was faster.

        Raises MigrationLocked when others hold the lock for too long, MigrationFailed with the database's message
        when a statement is refused (that migration is then undone as a whole, where the engine can do that), and the
        errors of `inspect`.
        """
        applied: list[Migration] = []
        with self._locked(session):
            version = self._ensure_history(session)
            if version == 0 and self.dialect.transactional_ddl:
                # An empty database is filled as a whole: nobody ever meets, or is left with, half a schema.
                for pending in self._plan(self._history(session)):
                    self._apply(session, pending)
                    applied.append(pending)
        while (migration := self._apply_next(session)) is not None:
            applied.append(migration)
        return applied

    def wait(self, session: Session) -> None:
        """Return when no other migrator is at work."""
        with self._locked(session):
            pass

    @contextmanager
    def _locked(self, session: Session) -> Iterator[None]:
        """A transaction under the migration lock, committed in the end or undone."""
        with self.dialect.migration(session):
            try:
                yield
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def _plan(self, history: Sequence[HistoryRow]) -> tuple[Migration, ...]:
        return plan(self.migrations, history, resumable=not self.dialect.transactional_ddl)

    def _history(self, session: Session) -> list[HistoryRow]:
        return [
            HistoryRow(row.version, row.slug, row.checksum, row.state, row.statements_done)
            for row in session.many("history_list")
        ]

    def _ensure_history(self, session: Session) -> int:
        """Create the history, and record what the reference has left; the version that the database is at."""
        session.run("history_create")
        if not self.dialect.transactional_ddl:
            session.commit()
            session.begin(write=True)  # DDL has ended the transaction; what is adopted must be recorded as a whole
        history = self._history(session)
        if history:
            return history[-1].version
        _, version = self._look_around(session)
        for migration in self.migrations[:version]:
            self._record(session, migration, ADOPTED, _now(), 0, len(migration.statements))
            _LOG.info("Adopted schema version %s as the reference left it", migration)
        return version

    def _apply_next(self, session: Session) -> Migration | None:
        """Apply the first migration that is pending once the lock is held; None if there is none."""
        with self._locked(session):
            history = self._history(session)
            pending = self._plan(history)
            if not pending:
                return None
            if self.dialect.transactional_ddl:
                self._apply(session, pending[0])
            else:
                begun = unfinished_rows(history)
                self._apply_stepwise(session, pending[0], begun[0] if begun else None)
        return pending[0]

    def _apply(self, session: Session, migration: Migration) -> None:
        started, clock = _now(), time.monotonic()
        for number in range(1, len(migration.statements) + 1):
            self._run(session, migration, number, "Nothing of this migration was kept; mend the cause and run again.")
        self._record(session, migration, DONE, started, _since(clock), len(migration.statements))
        _LOG.info("Applied migration %s", migration)

    def _apply_stepwise(self, session: Session, migration: Migration, begun: HistoryRow | None) -> None:
        """Run the statements that are not done yet, each recorded on its own; `begun` is the row of an earlier run.

        Where that run was killed, the statement after the last recorded one may have been carried out; where a
        statement was refused, that one was not.
        """
        clock, done = time.monotonic(), begun.statements_done if begun else 0
        doubtful = done + 1 if begun and begun.state == RUNNING else 0
        if begun is None:
            self._record(session, migration, RUNNING, _now(), None, 0)
        else:
            self._mark(session, migration, RUNNING)
        session.commit()
        for number in range(done + 1, (last := len(migration.statements)) + 1):
            hint = (
                f"{number - 1} of {last} statements are done; mend the cause and run again: it goes on with this one."
            )
            try:
                self._run(session, migration, number, hint, doubtful=number == doubtful)
            except MigrationFailed:
                if number != doubtful:
                    self._mark(session, migration, FAILED)
                    session.commit()
                raise
            session.count("history_progress", version=migration.version, statements_done=number)
            session.commit()
        self._mark(session, migration, DONE, _since(clock))
        _LOG.info("Applied migration %s", migration)

    def _mark(self, session: Session, migration: Migration, state: str, duration_ms: int | None = None) -> None:
        finished_at = None if duration_ms is None else self.dialect.encode_ts(_now())
        values = {"version": migration.version, "finished_at": finished_at, "duration_ms": duration_ms}
        session.count("history_finish", state=state, **values)

    def _run(self, session: Session, migration: Migration, number: int, hint: str, *, doubtful: bool = False) -> None:
        try:
            session.run_migration(migration.statements[number - 1], f"statement {number}")
        except StorageError as exc:
            kind = exc.kind if isinstance(exc, QueryError) else ErrorKind.OTHER
            if doubtful and kind in (ErrorKind.OBJECT_EXISTS, ErrorKind.MISSING_OBJECT):
                _LOG.info("Migration %s, statement %d had been carried out", migration, number)
                return
            if kind.retryable:
                raise
            raise MigrationFailed(f"Migration {migration}, {exc.message}", f"{hint} {exc.hint}".rstrip()) from None

    def _record(
        self,
        session: Session,
        migration: Migration,
        state: str,
        started: dt.datetime,
        duration_ms: int | None,
        statements_done: int,
    ) -> None:
        session.run(
            "history_insert",
            version=migration.version,
            slug=migration.slug,
            checksum=migration.checksum,
            state=state,
            statements_done=statements_done,
            started_at=self.dialect.encode_ts(started),
            finished_at=None if duration_ms is None else self.dialect.encode_ts(_now()),
            duration_ms=duration_ms,
            library_version=library_version(),
        )

    def _tables(self, session: Session) -> set[str]:
        return {str(row.table_name).lower() for row in session.many("schema_tables")}

    def _look_around(self, session: Session) -> tuple[Found, int]:
        """What a database without history holds, and the version at which the reference left it (0: none)."""
        tables = self._tables(session) - {HISTORY_TABLE}
        if not tables & BASE_TABLES:
            return (Found.OTHER if tables else Found.EMPTY), 0
        version = 1
        if REFERENCE_MARK in tables:
            row = session.one("reference_revision")
            revisions = {migration.adopts: migration.version for migration in self.migrations if migration.adopts}
            if row is None or row.version_num not in revisions:
                raise SchemaDrift(
                    "The table alembic_version holds a revision that is not one of the reference's storage schema.",
                    "Use another database: this one seems to belong to another application.",
                )
            version = revisions[row.version_num]
        elif any((row.table_name, row.column_name) == _LATER_COLUMN for row in session.many("schema_columns")):
            raise SchemaDrift(
                "The database has the reference's later columns, but no table alembic_version that says its revision.",
                "Restore that table, or let the reference open the database once.",
            )
        self._check_structure(session, version)
        return Found.REFERENCE, version

    def _check_structure(self, session: Session, version: int) -> None:
        for step in range(1, version + 1):
            name = f"reference_at_{step:04d}"
            if name not in session.catalogue:
                continue
            try:
                session.many(name)
            except QueryError as exc:
                if exc.kind is not ErrorKind.MISSING_OBJECT:
                    raise
                raise SchemaDrift(
                    f"The database has tables of our names, not built as version {step:04d} says ({exc.message}).",
                    "Use another database: this one seems to belong to another application.",
                ) from None


@cache
def library_version() -> str:
    """The installed version of trialstore."""
    try:
        return version("trialstore")
    except PackageNotFoundError:
        return "unknown"


def _since(clock: float) -> int:
    return round((time.monotonic() - clock) * 1000)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)
