"""What opening a storage may do to the schema, and what it says when it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from trialstore.dialects.base import Patience
from trialstore.dialects.errors import (
    Busy,
    ConnectError,
    MigrationFailed,
    MigrationIncomplete,
    MigrationLocked,
    SchemaError,
    SchemaMissing,
    SchemaTooOld,
    StorageError,
)
from trialstore.dialects.text import logger
from trialstore.sql.history import HISTORY_TABLE
from trialstore.sql.inspection import Found, SchemaState
from trialstore.sql.migrations import Migration
from trialstore.sql.migrator import ENDED_HINT, StatementBusy
from trialstore.sql.session import Session
from trialstore.sql.steps import who_can_run
from trialstore.storage.database.connections import Database

_LOG = logger(__name__)
_T = TypeVar("_T")
_UNSEEN = "are held by somebody whom this login may not see"
_LAST_WAIT_S = 10.0
_NOTHING_DONE = "Nothing of this migration was begun, and nothing is recorded of it. Applications can go on."
_HELD_HINT = (
    "Wait for it to finish, or end it (on a server its session, by pg_terminate_backend or KILL: ending its program "
    "may leave the lock), then run this again."
)


def open_schema(database: Database) -> None:
    """Bring the schema up to date if `schema_policy` allows that. Raises SchemaError otherwise."""
    policy = database.config.schema_policy
    state = read_state(database, for_work=True)
    if not state.current and policy != "update" and not database.dialect.transactional_ddl:
        state = _settled(database, state)
    if state.current:
        return
    if policy == "update" or (policy == "create" and state.found is Found.EMPTY):
        check_state(database, state)
        migrate(database)
    else:
        raise _refusal(database, state)


def update_schema(database: Database) -> None:
    """Apply what is pending; under the policy "verify" only check that nothing is. Raises SchemaError otherwise."""
    state = read_state(database, for_work=True)
    if not state.current:
        if database.config.schema_policy == "verify":
            raise _refusal(database, state)
        check_state(database, state)
        migrate(database)


def read_state(database: Database, *, missing_is_empty: bool = False, for_work: bool = False) -> SchemaState:
    """What the database holds and needs. Raises SchemaError for a history that this library cannot have written; where
    it is asked `for_work`, what newer libraries did is no error if an application can work on it.

    A file that does not exist holds nothing where `missing_is_empty`; it is then not created. Otherwise the policy
    "verify" raises ConnectError for it.
    """
    if missing_is_empty:
        database.dialect.url()  # refuses a path that no database can have
        if not exists(database):
            return SchemaState(Found.EMPTY, 0, database.migrator.migrations)
    elif database.config.schema_policy == "verify":
        database.dialect.check_exists()

    def attempt() -> SchemaState:
        with database.session() as session:
            try:
                return database.migrator.read_state(session, for_work=for_work)
            except Busy as exc:
                session.rollback()
                blockers = _blockers(database, session, [HISTORY_TABLE])
                raise exc.with_message(f"{database.config.label}: {exc.message}. {blockers}") from None

    return database.retry(attempt)


def exists(database: Database) -> bool:
    """Whether the file of a database is there; a database on a server counts as there."""
    try:
        database.dialect.check_exists()
    except ConnectError:
        return False
    return True


def check_state(database: Database, state: SchemaState) -> None:
    """Raise SchemaDrift, before anything is written, where a database of mlos_bench is not built as its version
    says."""
    if state.found is Found.MLOS_BENCH:
        database.read(lambda tx: database.migrator.check_state(tx, state))


def _settled(database: Database, state: SchemaState) -> SchemaState:
    """The state once no migrator is running: where DDL cannot be rolled back, others see its unfinished work. Tables
    without history are waited for as well: the history may have been created just after it was looked for.
    """
    if state.found in (Found.EMPTY, Found.OTHER):
        return state
    under_lock(database, database.migrator.wait)
    return read_state(database, for_work=True)


def migrate(database: Database, to: int | None = None) -> list[Migration]:
    """Apply what is pending, up to version `to`; the migrations that this call applied. Raises SchemaError."""
    applied: list[Migration] = []
    try:
        under_lock(database, lambda session: database.migrator.apply(session, to, applied))
    except StorageError as exc:
        if isinstance(exc, MigrationFailed) and exc.cut_short and _taken_back(database):
            raise exc.with_hint(f"{_NOTHING_DONE} {ENDED_HINT}") from None
        raise
    except BaseException:  # an interrupt, which has closed the connection
        _taken_back(database)
        raise
    if applied:
        _LOG.info("%s: schema brought to version %s", database.config.label, applied[-1])
    return applied


def _taken_back(database: Database) -> bool:
    """Whether a run whose connection is gone has begun nothing, and what it had recorded of that is taken back. The
    server may let its last statement wait a while after that, for a table or to the end."""
    if database.dialect.transactional_ddl:
        return False
    try:
        with database.session() as session:
            session.patience = Patience(min(database.dialect.migration_lock_timeout, _LAST_WAIT_S))
            session.prepare(write=True)
            return database.migrator.take_back(session)
    except StorageError:  # then it stays recorded as begun
        return False


def under_lock(database: Database, function: Callable[[Session], _T]) -> _T:
    """The result of a function that takes the migration lock. It is run again while others hold that lock, or a table,
    until `migration_lock_timeout` is over; then MigrationLocked names them."""
    patience = Patience(database.dialect.migration_lock_timeout)

    def attempt() -> _T:
        with database.session() as session:
            session.patience = patience
            session.prepare(write=True)
            try:
                return function(session)
            except StatementBusy as exc:
                exc.blockers = _blockers(database, session, exc.tables)
                _LOG.info("%s. %s", exc.message, exc.blockers)
                raise

    with _lock_explained(database):
        return database.retry(attempt, patience)


def _blockers(database: Database, session: Session, tables: Sequence[str]) -> str:
    try:
        found = database.dialect.blockers(session, tables)
        session.rollback()
    except StorageError:  # not every user may look, and not on a connection that is lost
        found = ""
    if database.dialect.in_process:
        return ""
    return f"The tables {found or _UNSEEN}"


@contextmanager
def _lock_explained(database: Database) -> Iterator[None]:
    """Turn Busy into MigrationLocked, which names the holder of the migration lock or the statement that waited."""
    try:
        yield
    except StatementBusy as exc:
        reason, hint, code, step = exc.message, exc.hint, exc.code, exc.step
        if exc.blockers:
            reason = f"{reason}. {exc.blockers}"
    except Busy as exc:
        with database.session() as session:
            holder = database.dialect.lock_holder(session)
        why = f"{holder} holds the lock." if holder else exc.message
        reason = f"the schema could not be brought up to date: {why}"
        hint = _HELD_HINT if holder else exc.hint
        code, step = exc.code, ""
    else:
        return
    locked = MigrationLocked(f"{database.config.label}: {reason}", hint)
    locked.code, locked.step = code, step
    raise locked


def _refusal(database: Database, state: SchemaState) -> SchemaError:
    label, policy = database.config.label, database.config.schema_policy
    newest = state.pending[-1].version
    hint = "Run 'trialstore schema apply', or call update_schema() under another 'schema_policy' than 'verify'."
    if state.interrupted:
        return MigrationIncomplete(
            f"{label}: migration {state.pending[0]} was begun and not finished; schema_policy is {policy!r}.",
            f"Run 'trialstore schema apply': it goes on where the other one stopped. {who_can_run(state.pending[0])}",
        )
    if state.found is Found.EMPTY:
        return SchemaMissing(f"{label} holds no tables, and schema_policy is {policy!r}.", hint)
    if state.found is Found.OTHER:
        return SchemaMissing(
            f"{label} holds tables of another application only, and schema_policy is {policy!r}.",
            f"Is it the right database? If it is: {hint}",
        )
    if state.found is Found.MLOS_BENCH:
        check_state(database, state)
        return SchemaTooOld(
            f"{label} was written by mlos_bench (as version {state.version} of {newest}) and is not adopted yet; "
            f"schema_policy is {policy!r}.",
            "Run 'trialstore schema adopt', then 'trialstore schema apply'; under 'schema_policy' \"update\" opening "
            "does both.",
        )
    return SchemaTooOld(
        f"{label} is at schema version {state.version}, this library needs {newest}; schema_policy is {policy!r}.", hint
    )
