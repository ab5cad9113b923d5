"""Resolve an interrupted migration: inspect what it left behind, then mark it done or pending."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trialstore.dialects.errors import MigrationError, SchemaDrift, listed
from trialstore.sql import history
from trialstore.sql.history import DONE, RUNNING, UNFINISHED, HistoryRow
from trialstore.sql.inspection import around, is_untouched
from trialstore.sql.migrations import Migration
from trialstore.sql.migrator import Migrator
from trialstore.sql.session import Session
from trialstore.sql.steps import plan
from trialstore.sql.structure import Difference
from trialstore.storage.database.connections import Database

from .policy import under_lock


@dataclass(frozen=True)
class Unfinished:
    """An unfinished migration: its row, and how the database differs from the versions after and before it."""

    row: HistoryRow
    migration: Migration
    last: bool
    """No later migration is recorded."""
    to_this: tuple[Difference, ...]
    to_before: tuple[Difference, ...]

    @property
    def next_statement(self) -> str | None:
        """The first statement that is not recorded as done."""
        rest = self.migration.statements[self.row.statements_done :]
        return rest[0] if rest else None

    @property
    def lacking(self) -> list[Difference]:
        """The differences from its version for which it cannot be marked done."""
        return [one for one in self.to_this if not one.harmless]

    @property
    def untouched(self) -> bool:
        """Nothing of it was carried out: the database differs from the version before by harmless additions only."""
        return is_untouched(self.to_this, self.to_before)


def find_unfinished(database: Database, version: int) -> Unfinished:
    """The unfinished migration of that number, and what it left behind.

    Raises MigrationError where there is none, and SchemaError for a history that is not ours.
    """
    database.dialect.check_exists()
    return database.read(lambda tx: _find(tx, database.migrator, version))


def _find(session: Session, migrator: Migrator, version: int) -> Unfinished:
    rows = history.read(session)
    row = next((row for row in rows if row.version == version), None)
    if row is None or row.state not in UNFINISHED:
        reason = "is not in the history" if row is None else f"is {row.state}"
        raise MigrationError(
            f"There is nothing to resolve: version {version:04d} {reason}.",
            "'trialstore schema status' shows which migrations are unfinished.",
        )
    plan(migrator.migrations, [replace(row, state=DONE) for row in rows])
    to_this, to_before = around(session, migrator.dialect.migrations_folder, rows, version)
    return Unfinished(row, migrator.migrations[version - 1], row is rows[-1], tuple(to_this), tuple(to_before))


def resolve(database: Database, version: int, *, done: bool, force: bool = False) -> str:
    """Record an unfinished migration as done, or as pending; a sentence that says what the next `apply` will do.

    Done is refused (SchemaDrift, which lists the differences) unless the database is built as that version says, or
    `force` is set. Raises the errors of `find_unfinished`, and MigrationLocked while a migrator is at work.
    """
    found = find_unfinished(database, version)
    _refuse(found, done=done, force=force)
    migrator = database.migrator

    def record(session: Session) -> str:
        with migrator.locked(session):
            now = _find(session, migrator, version)
            _refuse(now, done=done, force=force)
            return _mark_done(session, now) if done else _mark_pending(session, now)

    return under_lock(database, record)


def _refuse(found: Unfinished, *, done: bool, force: bool) -> None:
    if done and found.lacking and not force:
        raise SchemaDrift(
            f"Migration {found.migration} cannot be taken for done: {listed(found.lacking, str, '; ')}.",
            "Complete it by hand, or choose --retry; --force records it as done all the same.",
        )
    if not done and not found.last:
        raise MigrationError(
            f"Migration {found.migration} cannot run again: later ones are recorded.",
            "Complete it by hand, then choose --done.",
        )


def _mark_done(session: Session, found: Unfinished) -> str:
    version = found.row.version
    history.progress(session, version, len(found.migration.statements))
    history.mark(session, version, DONE, finished=True)
    return f"Migration {found.migration} is recorded as done."


def _mark_pending(session: Session, found: Unfinished) -> str:
    """Delete the row if nothing was carried out, or if a failed run is rolled back as a whole. Otherwise the next
    statement is in doubt: the next run tries it, and counts it as done if it finds that it had been carried out."""
    version = found.row.version
    if session.dialect.transactional_ddl or found.untouched:
        history.delete(session, version)
        warning = "" if found.untouched else " What it left behind may stand in its way; then it is undone as a whole."
        return f"Migration {found.migration} is pending again: the next apply runs all of it.{warning}"
    history.mark(session, version, RUNNING)
    return f"Migration {found.migration} goes on with statement {found.row.statements_done + 1} at the next apply."
