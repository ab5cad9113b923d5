"""What opening a storage may do to the schema, and what it says when it may not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from trialstore.dialects.errors import (
    Busy,
    MigrationIncomplete,
    MigrationLocked,
    SchemaError,
    SchemaMissing,
    SchemaTooOld,
)
from trialstore.sql.migrator import Found, Migrator, SchemaState
from trialstore.sql.session import Session

from .database import Database

_LOG = logging.getLogger(__name__)


def open_schema(database: Database) -> None:
    """Do what `schema_policy` allows, so that the schema is up to date when this returns. Raises SchemaError
    otherwise."""
    policy = database.config.schema_policy
    state = _inspect(database)
    if not state.current and policy != "update" and not database.dialect.transactional_ddl:
        state = _settled(database, state)
    if state.current:
        return
    if policy == "update" or (policy == "create" and state.found is Found.EMPTY):
        _apply(database)
    else:
        raise _refusal(database, state)


def update_schema(database: Database) -> None:
    """Apply what is pending; under the policy "verify" only check that nothing is. Raises SchemaError otherwise."""
    state = _inspect(database)
    if not state.current:
        if database.config.schema_policy == "verify":
            raise _refusal(database, state)
        _apply(database)


def _inspect(database: Database) -> SchemaState:
    if database.config.schema_policy == "verify":
        database.dialect.check_exists()
    migrator = Migrator(database.dialect)

    def attempt() -> SchemaState:
        with database.session() as session:
            return migrator.inspect(session)

    return database.retry(attempt)


def _settled(database: Database, state: SchemaState) -> SchemaState:
    """The state when no migrator is at work: where DDL cannot be rolled back, half of its work can be seen.

    Tables without history are waited for as well: it may have been looked for just before it was there.
    """
    if state.found in (Found.EMPTY, Found.OTHER):
        return state
    with _lock_explained(database), database.session() as session:
        Migrator(database.dialect).wait(session)
    return _inspect(database)


def _apply(database: Database) -> None:
    migrator = Migrator(database.dialect)

    def attempt() -> None:
        with database.session() as session:
            session.prepare(write=True)
            with _whole(database, session):
                applied = migrator.apply(session)
        if applied:
            _LOG.info("%s: schema brought to version %s", database.config.label, applied[-1])

    with _lock_explained(database):
        database.retry(attempt)


@contextmanager
def _whole(database: Database, session: Session) -> Iterator[None]:
    """Where DDL cannot be rolled back: the migration lock, held from the first migration to the last, so that who waits
    for it finds all of them done."""
    if database.dialect.transactional_ddl:
        yield
    else:
        with database.dialect.migration(session):
            yield


@contextmanager
def _lock_explained(database: Database) -> Iterator[None]:
    """Tell who holds the migration lock, where that is why nothing was done."""
    try:
        yield
    except Busy:
        with database.session() as session:
            holder = database.dialect.lock_holder(session) or "another process"
        raise MigrationLocked(
            f"{database.config.label}: the schema could not be brought up to date: {holder} holds the lock.",
            "Wait for it to finish, or end it, then run this again.",
        ) from None


def _refusal(database: Database, state: SchemaState) -> SchemaError:
    label, policy = database.config.label, database.config.schema_policy
    newest = state.pending[-1].version
    hint = "Run 'trialstore schema apply', or call update_schema() under another 'schema_policy' than 'verify'."
    if state.interrupted:
        return MigrationIncomplete(
            f"{label}: migration {state.pending[0]} was begun and not finished; schema_policy is {policy!r}.",
            "Run 'trialstore schema apply': it goes on where the other one stopped.",
        )
    if state.found is Found.EMPTY:
        return SchemaMissing(f"{label} holds no tables, and schema_policy is {policy!r}.", hint)
    if state.found is Found.OTHER:
        return SchemaMissing(
            f"{label} holds tables of another application only, and schema_policy is {policy!r}.",
            f"Is it the right database? If it is: {hint}",
        )
    if state.found is Found.REFERENCE:
        return SchemaTooOld(
            f"{label} was written by mlos_bench (as version {state.version} of {newest}) and is not adopted yet; "
            f"schema_policy is {policy!r}.",
            hint,
        )
    return SchemaTooOld(
        f"{label} is at schema version {state.version}, this library needs {newest}; schema_policy is {policy!r}.", hint
    )
