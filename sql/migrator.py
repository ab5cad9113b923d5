"""The migrator: finds out what a database holds, and brings it up to date under one lock.

Order of things: plan → lock → read the history again inside the lock → refuse what cannot be ours → run. A migration,
and the row that says so, commit together. Where DDL cannot be rolled back, the row says `running` first and counts the
statements that are done, so that the next run goes on where a killed one stopped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import (
    Busy,
    ErrorKind,
    MigrationFailed,
    PermissionDenied,
    QueryError,
    SchemaMissing,
    StorageError,
)

from . import history
from .inspection import (
    BASE_TABLES,
    Found,
    SchemaState,
    check_mark,
    check_reference,
    look_around,
    read_history,
    table_names,
)
from .migrations import (
    ADOPTED,
    DONE,
    FAILED,
    RUNNING,
    HistoryRow,
    Migration,
    check_target,
    load_migrations,
    plan,
    unfinished_rows,
)
from .session import Session
from .structure import HISTORY_TABLE

_LOG = logging.getLogger(__name__)
_BUSY_HINT = (
    "End what uses the table, or raise 'migration_lock_timeout' or 'migration_statement_timeout' in the config (for a "
    "file: 'busy_timeout'), then run this again: it goes on where this one stopped."
)

__all__ = ["BASE_TABLES", "HISTORY_TABLE", "Found", "Migrator", "SchemaState", "StatementBusy"]


class StatementBusy(Busy):
    """A statement of a migration was kept waiting for too long, by whoever holds a table, not the migration lock."""


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
            rows = read_history(session)
        except QueryError as exc:
            if exc.kind is not ErrorKind.MISSING_OBJECT:
                raise
            session.rollback()
            session.begin(write=False)
            # Another process may have begun to create the schema since then.
            rows = read_history(session) if HISTORY_TABLE in table_names(session) else []
        try:
            if not rows:
                found, version = look_around(session, self.migrations)
                return SchemaState(found, version, self.migrations[version:])
            begun = unfinished_rows(rows)
            state = SchemaState(Found.OURS, rows[-1].version - len(begun), self._plan(rows), bool(begun))
            if state.pending and not begun:
                check_mark(session, self.migrations, state.version)
            return state
        finally:
            session.rollback()

    def check_reference(self, session: Session, version: int) -> None:
        """Raise SchemaDrift unless the reference's tables are built as that version says."""
        check_reference(session, self.dialect.migrations_folder, version)

    def adoptable(self, session: Session) -> tuple[Migration, ...]:
        """The versions that the reference has brought its database to and that are not recorded yet.

        Raises SchemaMissing where there are no tables of the reference, SchemaDrift where they are not built as those
        versions say, and the errors of `migrations.plan`.
        """
        rows = read_history(session) if HISTORY_TABLE in table_names(session) else []
        plan(self.migrations, rows)
        found, version = look_around(session, self.migrations)
        if found is not Found.REFERENCE:
            raise SchemaMissing(
                f"The database holds {found.value}: there is nothing to adopt.", "Check which one it is."
            )
        if version > len(rows):
            self.check_reference(session, version)
        return self.migrations[len(rows) : version]

    def adopt(self, session: Session) -> tuple[Migration, ...]:
        """Record what is adoptable, and run no migration."""
        with self.locked(session):
            adopted = self.adoptable(session)
            if adopted:
                history.create(session)
                self._adopt(session, adopted)
        return adopted

    def apply(self, session: Session, to: int | None = None, applied: list[Migration] | None = None) -> list[Migration]:
        """Bring the database up to date, or to version `to`; the migrations that this call applied, empty if another
        process was faster. They are put into `applied` as each is committed, if that is given.

        Raises MigrationLocked when others hold the lock for too long, MigrationFailed with the database's message
        when a statement is refused (that migration is then undone as a whole, where the engine can do that),
        MigrationError for a version `to` that the database has passed or that there is not, and the errors of
        `inspect`.
        """
        applied = [] if applied is None else applied
        with self._whole(session):
            self._apply_all(session, to, applied)
        return applied

    def _apply_all(self, session: Session, to: int | None, applied: list[Migration]) -> None:
        first: tuple[Migration, ...] = ()
        with self.locked(session):
            version = self._ensure_history(session, to)
            if version == 0 and self.dialect.transactional_ddl:
                # An empty database is filled as a whole: nobody ever meets, or is left with, half a schema.
                first = self._plan(read_history(session), to)
                for pending in first:
                    self._apply(session, pending)
        applied += first
        while (migration := self._apply_next(session, to)) is not None:
            applied.append(migration)

    @contextmanager
    def _whole(self, session: Session) -> Iterator[None]:
        """Where DDL cannot be rolled back: the migration lock, held from the first migration to the last, so that who
        waits for it finds all of them done."""
        if self.dialect.transactional_ddl:
            yield
        else:
            with self.dialect.migration_lock(session):
                yield

    def wait(self, session: Session) -> None:
        """Return when no other migrator is at work."""
        with self.locked(session):
            pass

    @contextmanager
    def locked(self, session: Session) -> Iterator[None]:
        """A transaction under the migration lock, committed in the end or undone."""
        with self.dialect.migration_lock(session):
            try:
                yield
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def _plan(self, rows: Sequence[HistoryRow], to: int | None = None) -> tuple[Migration, ...]:
        pending = plan(self.migrations, rows, resumable=not self.dialect.transactional_ddl)
        return tuple(migration for migration in pending if to is None or migration.version <= to)

    def _ensure_history(self, session: Session, to: int | None) -> int:
        """Create the history, and record what the reference has left; the version that the database is at."""
        rows = read_history(session) if HISTORY_TABLE in table_names(session) else []
        if rows:
            check_target(self.migrations, rows[-1].version - len(unfinished_rows(rows)), to)
            return rows[-1].version
        found, version = look_around(session, self.migrations)
        if found is Found.REFERENCE:
            self.check_reference(session, version)
        check_target(self.migrations, version, to)
        history.create(session)
        self._adopt(session, self.migrations[:version])
        return version

    def _adopt(self, session: Session, adopted: Sequence[Migration]) -> None:
        for migration in adopted:
            history.record(session, migration, ADOPTED, history.now(), 0, len(migration.statements))
            _LOG.info("Adopted schema version %s as the reference left it", migration)

    def _apply_next(self, session: Session, to: int | None) -> Migration | None:
        """Apply the first migration that is pending once the lock is held; None if there is none."""
        with self.locked(session):
            rows = read_history(session)
            pending = self._plan(rows, to)
            if not pending:
                return None
            if self.dialect.transactional_ddl:
                self._apply(session, pending[0])
            else:
                begun = unfinished_rows(rows)
                self._apply_stepwise(session, pending[0], begun[0] if begun else None)
        return pending[0]

    def _apply(self, session: Session, migration: Migration) -> None:
        started, clock = history.now(), time.monotonic()
        for number in range(1, len(migration.statements) + 1):
            self._run(session, migration, number, "Nothing of this migration was kept; mend the cause and run again.")
        history.record(session, migration, DONE, started, _since(clock), len(migration.statements))
        _LOG.info("Applied migration %s", migration)

    def _apply_stepwise(self, session: Session, migration: Migration, begun: HistoryRow | None) -> None:
        """Run the statements that are not done yet, each recorded on its own; `begun` is the row of an earlier run.

        Where that run was killed, the statement after the last recorded one may have been carried out; where a
        statement was refused, that one was not.
        """
        clock, done = time.monotonic(), begun.statements_done if begun else 0
        doubtful = done + 1 if begun and begun.state == RUNNING else 0
        if begun is None:
            history.record(session, migration, RUNNING, history.now(), None, 0)
        else:
            history.mark(session, migration.version, RUNNING)
        session.commit()
        for number in range(done + 1, (last := len(migration.statements)) + 1):
            hint = (
                f"{number - 1} of {last} statements are done; mend the cause and run again: it goes on with this one."
            )
            try:
                self._run(session, migration, number, hint, doubtful=number == doubtful)
            except MigrationFailed:
                if number != doubtful:
                    self._mark_refused(session, migration, untouched=begun is None and number == 1)
                raise
            history.progress(session, migration.version, number)
            session.commit()
        history.mark(session, migration.version, DONE, finished=True, duration_ms=_since(clock))
        _LOG.info("Applied migration %s", migration)

    def _mark_refused(self, session: Session, migration: Migration, *, untouched: bool) -> None:
        """A statement was refused; if nothing was changed before it, the migration has not begun."""
        try:
            if untouched:
                history.delete(session, migration.version)
        except PermissionDenied:
            untouched = False
        if not untouched:
            history.mark(session, migration.version, FAILED)
        session.commit()

    def _run(self, session: Session, migration: Migration, number: int, hint: str, *, doubtful: bool = False) -> None:
        try:
            session.run_migration(migration.statements[number - 1], f"statement {number}")
        except StorageError as exc:
            kind = exc.kind if isinstance(exc, QueryError) else ErrorKind.OTHER
            if doubtful and kind in (ErrorKind.OBJECT_EXISTS, ErrorKind.MISSING_OBJECT):
                _LOG.info("Migration %s, statement %d had been carried out", migration, number)
                return
            if kind is ErrorKind.BUSY:
                raise StatementBusy(f"Migration {migration}, {exc.message}", _BUSY_HINT, kind) from None
            if kind.retryable:
                raise
            raise MigrationFailed(f"Migration {migration}, {exc.message}", f"{hint} {exc.hint}".rstrip()) from None


def _since(clock: float) -> int:
    return round((time.monotonic() - clock) * 1000)
