"""What an administrator does with the schema: look, plan, apply, compare, adopt, and decide on what was interrupted.

Functions on a Database that return what they found or did; the commands `trialstore schema …` print that. Whatever only
looks runs SELECTs alone, and creates nothing, not even a file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from trialstore.dialects.errors import ConnectError, SchemaError, SchemaMissing
from trialstore.sql.catalogue import load_catalogue
from trialstore.sql.inspection import Found, SchemaState, read_history
from trialstore.sql.migrations import ADOPTED, Migration, check_target, unfinished_rows
from trialstore.sql.migrator import Migrator
from trialstore.sql.session import Session
from trialstore.sql.structure import HISTORY_TABLE, Difference, differences
from trialstore.storage.database.connections import Database

from .policy import apply_migrations, check_reference, inspect_schema, lock_explained

# --- status -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HistoryEntry:
    """A row of the history: a migration, and when, for how long and by whom it was applied."""

    version: int
    slug: str
    state: str
    statements_done: int
    started_at: dt.datetime
    finished_at: dt.datetime | None
    duration_ms: int | None
    database_user: str | None
    library_version: str

    def __str__(self) -> str:
        return f"{self.version:04d}_{self.slug}"


@dataclass(frozen=True)
class SchemaStatus:
    """Where a schema stands. `trouble` is the error that anything but looking would raise."""

    label: str
    found: Found
    version: int
    newest: int
    pending: tuple[Migration, ...]
    interrupted: bool
    history: tuple[HistoryEntry, ...]
    trouble: SchemaError | None = None

    @property
    def broken(self) -> bool:
        """Somebody must look after it before, or while, anything else runs."""
        return self.trouble is not None or self.interrupted


def schema_status(database: Database) -> SchemaStatus:
    """Where the schema stands. Raises ConnectError, PermissionDenied or MigrationFileInvalid, never another
    SchemaError."""
    newest = len(Migrator(database.dialect).migrations)
    trouble = None
    try:
        state = look(database)
        if state.found is Found.REFERENCE:
            check_reference(database, state)
    except SchemaError as exc:
        trouble = exc
    history = () if trouble is None and state.found is not Found.OURS else _history(database)
    if trouble is not None:
        found = Found.OURS if history else Found.REFERENCE
        state = SchemaState(found, max((entry.version for entry in history), default=0), ())
    return SchemaStatus(
        database.config.label, state.found, state.version, newest, state.pending, state.interrupted, history, trouble
    )


def look(database: Database) -> SchemaState:
    """What the database holds and needs; one that does not exist holds nothing."""
    database.dialect.url()  # refuses a path that no database can have
    try:
        database.dialect.check_exists()
    except ConnectError:
        return SchemaState(Found.EMPTY, 0, Migrator(database.dialect).migrations)
    return inspect_schema(database)


def _history(database: Database) -> tuple[HistoryEntry, ...]:
    decode = database.dialect.decode_ts

    def read(tx: Session) -> tuple[HistoryEntry, ...]:
        if HISTORY_TABLE not in {row.table_name for row in tx.many("schema_tables")}:
            return ()
        return tuple(
            HistoryEntry(
                version=row.version,
                slug=row.slug,
                state=row.state,
                statements_done=row.statements_done,
                started_at=decode(row.started_at),
                finished_at=None if row.finished_at is None else decode(row.finished_at),
                duration_ms=row.duration_ms,
                database_user=row.database_user,
                library_version=row.library_version,
            )
            for row in tx.many("history_list")
        )

    return database.read(read)


# --- plan and apply ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A migration that would run, from its statement number `first` on."""

    migration: Migration
    first: int
    undone_by_rollback: bool
    """A failure undoes the migration as a whole; if not, it goes on statement by statement."""

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements that would run, in order."""
        return self.migration.statements[self.first - 1 :]


@dataclass(frozen=True)
class SchemaPlan:
    """What `apply` would do: create the history table (its statement, if there is none), record what is adopted, and
    run the steps."""

    label: str
    found: Found
    version: int
    target: int
    newest: int
    creates_history: str
    adopts: tuple[Migration, ...]
    steps: tuple[Step, ...]

    @property
    def empty(self) -> bool:
        """There is nothing to do."""
        return not self.steps and not self.adopts


def schema_plan(database: Database, to: int | None = None) -> SchemaPlan:
    """What `apply_schema` would do; nothing is written. Raises the same SchemaErrors before it does anything."""
    state, migrations = _checked(database, to)
    begun = 0
    if state.interrupted:
        begun = unfinished_rows(database.read(read_history))[0].statements_done
    whole = database.dialect.transactional_ddl
    steps = [Step(migration, 1, whole and migration.transaction) for migration in _up_to(state.pending, to)]
    if steps and begun:
        steps[0] = Step(steps[0].migration, begun + 1, steps[0].undone_by_rollback)
    create = load_catalogue(database.dialect.sql_folders)["history_create"].sql
    return SchemaPlan(
        label=database.config.label,
        found=state.found,
        version=state.version,
        target=len(migrations) if to is None else to,
        newest=len(migrations),
        creates_history="" if state.found is Found.OURS else create,
        adopts=migrations[: state.version] if state.found is Found.REFERENCE else (),
        steps=tuple(steps),
    )


@dataclass(frozen=True)
class Applied:
    """What `apply` did, and where the schema stands since."""

    adopted: tuple[Migration, ...]
    applied: tuple[Migration, ...]
    status: SchemaStatus


def apply_schema(database: Database, to: int | None = None) -> Applied:
    """Bring the schema up to date, or to version `to`.

    Raises MigrationError for a version that the database has passed or that there is not, SchemaDrift,
    MigrationLocked, MigrationFailed and PermissionDenied.
    """
    state, migrations = _checked(database, to)
    adopted = migrations[: state.version] if state.found is Found.REFERENCE else ()
    applied = apply_migrations(database, to) if adopted or _up_to(state.pending, to) else []
    return Applied(adopted, tuple(applied), schema_status(database))


def _checked(database: Database, to: int | None) -> tuple[SchemaState, tuple[Migration, ...]]:
    state, migrations = look(database), Migrator(database.dialect).migrations
    check_target(migrations, state.version, to)
    check_reference(database, state)
    return state, migrations


def _up_to(pending: Sequence[Migration], to: int | None) -> list[Migration]:
    return [migration for migration in pending if to is None or migration.version <= to]


# --- verify and adopt -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verification:
    """How a database differs from what the migrations say at its version."""

    label: str
    version: int
    newest: int
    differences: tuple[Difference, ...]

    @property
    def harmful(self) -> list[Difference]:
        """Those that are no additions of the administrator's own."""
        return [one for one in self.differences if not one.harmless]

    @property
    def additions(self) -> list[Difference]:
        """Tables and indexes of the administrator's own."""
        return [one for one in self.differences if one.harmless]


def verify_schema(database: Database) -> Verification:
    """Compare the database with what the migrations say at the version of its history, or of the reference's mark.

    Raises SchemaMissing for a database without tables of ours, and SchemaError for a history that is not ours.
    """
    database.dialect.check_exists()
    state, newest = inspect_schema(database), len(Migrator(database.dialect).migrations)
    label, folder = database.config.label, database.dialect.migrations_folder
    if state.version == 0 and not state.interrupted:
        raise SchemaMissing(f"{label} holds {state.found.value}: there is nothing to compare.", "Is it the right one?")

    def read(tx: Session) -> list[Difference]:
        if state.found is Found.REFERENCE:
            return differences(tx, folder, state.version, history=False, reference=True)
        history = read_history(tx)
        reference = any(row.state == ADOPTED for row in history)
        begun = [
            Difference(
                "different",
                f"migration {state.pending[0]}",
                "done",
                f"{row.state}, {row.statements_done} of {len(state.pending[0].statements)} statements done",
            )
            for row in unfinished_rows(history)
        ]
        return begun + differences(tx, folder, state.version, reference=reference)

    return Verification(label, state.version, newest, tuple(database.read(read)))


def adopt_schema(database: Database) -> tuple[Migration, ...]:
    """Take over a database of the reference as it is; the versions that are recorded as adopted, none if they were.

    Raises SchemaDrift, which lists the differences, where the database is not built as its revision says, SchemaMissing
    where the reference has no tables in it, and MigrationLocked. Then nothing is written.
    """
    database.dialect.check_exists()
    migrator = Migrator(database.dialect)
    if not database.read(migrator.adoptable):
        return ()

    def attempt() -> tuple[Migration, ...]:
        with database.session() as session:
            session.prepare(write=True)
            return migrator.adopt(session)

    with lock_explained(database):
        return database.retry(attempt)
