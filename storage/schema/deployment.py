"""What an administrator does with the schema: status, plan, apply, verify and adopt.

Functions on a Database that return what they found or did; the commands `trialstore schema …` print that. Status,
plan and verify run SELECTs alone, and create nothing, not even a file.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from trialstore.dialects.errors import ConfigError, ErrorKind, QueryError, SchemaError, SchemaMissing
from trialstore.sql import history
from trialstore.sql.catalogue import load_catalogue
from trialstore.sql.history import HistoryRow
from trialstore.sql.inspection import Found, SchemaState
from trialstore.sql.migrations import Migration
from trialstore.sql.session import Session
from trialstore.sql.steps import Action, Step, check_target, steps, up_to
from trialstore.sql.structure import Difference, differences
from trialstore.storage.database.connections import Database

from .policy import check_state, exists, migrate, read_state, under_lock

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
    """Where a schema stands. `trouble` is the error that any command but `status` would raise; `schema` the schema of
    the database that holds the tables, None where the engine has none."""

    label: str
    schema: str | None
    found: Found
    version: int
    newest: int
    pending: tuple[Migration, ...]
    interrupted: bool
    history: tuple[HistoryEntry, ...]
    trouble: SchemaError | None = None

    @property
    def broken(self) -> bool:
        """An administrator has to repair something, or to finish a migration."""
        return self.trouble is not None or self.interrupted


def schema_status(database: Database) -> SchemaStatus:
    """Where the schema stands. Raises ConnectError, PermissionDenied or MigrationFileInvalid, never another
    SchemaError."""
    newest = len(database.migrator.migrations)
    trouble = None
    try:
        state = read_state(database, missing_is_empty=True)
        check_state(database, state)
    except SchemaError as exc:
        trouble = exc
    entries = () if trouble is None and state.found is not Found.OURS else _history(database)
    if trouble is not None:
        found = Found.OURS if entries else Found.MLOS_BENCH
        state = SchemaState(found, max((entry.version for entry in entries), default=0), ())
    label, schema = database.config.label, database.dialect.schema
    return SchemaStatus(
        label, schema, state.found, state.version, newest, state.pending, state.interrupted, entries, trouble
    )


def _history(database: Database) -> tuple[HistoryEntry, ...]:
    decode = database.dialect.decode_ts

    def read(tx: Session) -> tuple[HistoryEntry, ...]:
        if not history.exists(tx):
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
class PlannedMigration:
    """A migration that would run, and the steps that it would take."""

    migration: Migration
    steps: tuple[Step, ...]
    undone_by_rollback: bool
    """A failure undoes the whole migration; otherwise the next apply continues at the statement that failed."""

    @property
    def first(self) -> int:
        """The number of the first statement that would run; 1 where there is none."""
        return next((step.number for step in self.steps if step.action is Action.EXECUTE), 1)

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements that would run, in order."""
        return tuple(step.statement for step in self.steps if step.action is Action.EXECUTE)


@dataclass(frozen=True)
class SchemaPlan:
    """What `apply` would do: create the history table (its statement, if there is none), record what is adopted, and
    run the migrations."""

    label: str
    found: Found
    version: int
    target: int
    newest: int
    creates_history: str
    adopts: tuple[Migration, ...]
    migrations: tuple[PlannedMigration, ...]
    refusals: tuple[str, ...] = ()
    """Why the login that asks could not apply it: rights that it lacks, or a server that it may only read. Another one
    may have them, as an owner has what a reader does not."""

    @property
    def empty(self) -> bool:
        """There is nothing to do."""
        return not self.migrations and not self.adopts


def schema_plan(database: Database, to: int | None = None) -> SchemaPlan:
    """What `apply_schema` would do; nothing is written. Raises the same SchemaErrors before it does anything."""
    state, migrations = _checked(database, to)
    begun = _begun(database, state)
    pending = up_to(state.pending, to)
    transactional = database.dialect.transactional_ddl
    refusals: list[str] = []
    if pending and (state.found is not Found.EMPTY or exists(database)):
        refusals = database.read(lambda tx: database.migrator.find_refusals(tx, pending, begun))
    planned = [
        PlannedMigration(
            migration,
            tuple(
                steps(
                    migration,
                    transactional=transactional,
                    begun=begun if migration is pending[0] else None,
                    alone=state.version == 0,
                )
            ),
            transactional and (migration.transaction or state.version == 0),
        )
        for migration in pending
    ]
    create = load_catalogue(database.dialect.sql_folders)["history_create"].sql
    return SchemaPlan(
        label=database.config.label,
        found=state.found,
        version=state.version,
        target=len(migrations) if to is None else to,
        newest=len(migrations),
        creates_history="" if state.found is Found.OURS else create,
        adopts=migrations[: state.version] if state.found is Found.MLOS_BENCH else (),
        migrations=tuple(planned),
        refusals=tuple(refusals),
    )


@dataclass(frozen=True)
class Applied:
    """What `apply` did, and where the schema stands since.

    `continued` is the first statement that ran of a migration that another run had begun and not finished.
    """

    adopted: tuple[Migration, ...]
    applied: tuple[Migration, ...]
    status: SchemaStatus
    continued: Step | None = None


def apply_schema(database: Database, to: int | None = None, *, create_schema: bool = False) -> Applied:
    """Bring the schema up to date, or to version `to`. With `create_schema`, make the schema that the config names,
    where the database has none of that name.

    Raises MigrationError for a version that the database has passed or that there is not, SchemaDrift,
    MigrationBlocked, which lists what stands in the way of a step, before anything is changed; MigrationLocked,
    MigrationFailed and PermissionDenied; ConfigError where the config names no schema to create.
    """
    if create_schema:
        check_target(database.migrator.migrations, 0, to)
        _create_schema(database)
    state, migrations = _checked(database, to)
    adopted = migrations[: state.version] if state.found is Found.MLOS_BENCH else ()
    begun = _begun(database, state)
    applied = migrate(database, to) if adopted or up_to(state.pending, to) else []
    continued = None
    if begun and state.pending[0] in applied:
        rest = steps(state.pending[0], transactional=database.dialect.transactional_ddl, begun=begun)
        continued = next((step for step in rest if step.action is Action.EXECUTE), None)
    return Applied(adopted, tuple(applied), schema_status(database), continued)


def _begun(database: Database, state: SchemaState) -> HistoryRow | None:
    """The row of the migration that was begun and not finished; None also when another process has finished it since
    `state` was read."""
    rows = history.unfinished_rows(database.read(history.read)) if state.interrupted else []
    return rows[0] if rows else None


def _create_schema(database: Database) -> None:
    schema = database.config.schema
    if schema is None:
        raise ConfigError("There is no schema to create.", "Name it by 'schema' in the config, or by --schema.")

    def attempt() -> None:
        with database.session(prepared=False) as session:
            try:
                session.begin(write=True)
                session.scalar("schema_name", schema=schema)
                session.execute("schema_create")
                session.commit()
            except QueryError as exc:
                if exc.kind not in (ErrorKind.OBJECT_EXISTS, ErrorKind.DUPLICATE):  # another process was faster
                    raise

    database.retry(attempt)


def _checked(database: Database, to: int | None) -> tuple[SchemaState, tuple[Migration, ...]]:
    state, migrations = read_state(database, missing_is_empty=True), database.migrator.migrations
    check_target(migrations, state.version, to)
    check_state(database, state)
    return state, migrations


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
    """Compare the database with what the migrations say at the version of its history, or of mlos_bench's revision.

    Raises SchemaMissing for a database without tables of ours, and SchemaError for a history that is not ours.
    """
    database.dialect.check_exists()
    state, newest = read_state(database), len(database.migrator.migrations)
    label, folder = database.config.label, database.dialect.migrations_folder
    if state.version == 0 and not state.interrupted:
        raise SchemaMissing(f"{label} holds {state.found.value}: there is nothing to compare.", "Is it the right one?")

    def read(tx: Session) -> list[Difference]:
        if state.found is Found.MLOS_BENCH:
            return differences(tx, folder, state.version, history=False, by_mlos_bench=True)
        rows = history.read(tx)
        adopted = any(row.state == history.ADOPTED for row in rows)
        begun = [
            Difference(
                "different",
                f"migration {state.pending[0]}",
                "done",
                f"{row.state}, {row.statements_done} of {len(state.pending[0].statements)} statements done",
            )
            for row in history.unfinished_rows(rows)
        ]
        return begun + differences(tx, folder, state.version, by_mlos_bench=adopted)

    return Verification(label, state.version, newest, tuple(database.read(read)))


def adopt_schema(database: Database) -> tuple[Migration, ...]:
    """Take over a database of mlos_bench as it is, or record what the history has lost; the versions that are recorded
    as adopted, none if all were.

    Raises SchemaDrift, which lists the differences, where the database is not built as its revision, or any version,
    says, SchemaMissing where there are no tables of ours, and MigrationLocked. Then nothing is written.
    """
    database.dialect.check_exists()
    if not database.read(database.migrator.adoptable):
        return ()

    return under_lock(database, database.migrator.adopt)
