"""What a migration locks as a second session sees it, on a server and in tables that have rows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from engines.databases import NOTICED_S, Database
from servers.base import Execute
from trialstore.sql.locks import DEFINITION, INDEXES, REFERS, REWRITES
from trialstore.sql.migrations import Migration

# Words of a statement behind which the table stands that it is about.
_TARGET = re.compile(r"(?:ALTER TABLE|INDEX(?: CONCURRENTLY)?(?: \w+)? ON|LOCK TABLE) (\w+)")
_OUTSIDE = re.compile(r"(CREATE( UNIQUE)?|DROP) INDEX CONCURRENTLY ")


@dataclass(frozen=True)
class Seen:
    """A lock that was seen: on which table, whom it stops, and what was done to the table meanwhile."""

    mode: str
    table: str
    stops: str
    effect: str


def seen(database: Database, migration: Migration) -> set[Seen]:
    """Run a migration's statements, and look at each from a second session."""
    if database.server.engine == "postgresql":
        return _seen_by_postgresql(database, migration)
    return {one for statement in migration.statements for one in _seen_by_mysql(database, statement)}


def _effect(table: str, targets: Iterable[str], before: Files, after: Files) -> str:
    if table not in targets:
        return REFERS
    if before.tables[table] != after.tables[table]:
        return REWRITES
    # What has been built only to be dropped within the statements is no longer there.
    return INDEXES if after.indexes.get(table, set()) - before.indexes.get(table, set()) else DEFINITION


@dataclass(frozen=True)
class Files:
    """Which file each table is in, and each of its indexes: a new one says that all of it was written anew."""

    tables: dict[str, int]
    indexes: dict[str, set[int]]


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_PG_TABLES = """
    SELECT CAST(relname AS TEXT), CAST(relfilenode AS BIGINT) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)
"""
_PG_INDEXES = """
    SELECT CAST(t.relname AS TEXT), CAST(x.relfilenode AS BIGINT)
    FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_class AS x ON x.oid = i.indexrelid
    WHERE t.relnamespace = CAST(current_schema() AS regnamespace)
"""
_PG_LOCKS = """
    SELECT CAST(c.relname AS TEXT), l.mode FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
    WHERE l.pid = %s AND l.granted AND c.relkind = 'r'
        AND c.relnamespace = CAST(current_schema() AS regnamespace)
"""
# From the weakest that a migration is told by; weaker ones are those of everyone who reads and writes.
_PG_MODES = {
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
_ORDER = [*_PG_MODES]


def _pg_files(execute: Execute) -> Files:
    indexes: dict[str, set[int]] = {}
    for table, file in execute(_PG_INDEXES):
        indexes.setdefault(table, set()).add(file)
    return Files(dict(execute(_PG_TABLES)), indexes)


def _seen_by_postgresql(database: Database, migration: Migration) -> set[Seen]:
    """Locks are held to the end of a transaction, so they are looked at before it is committed. What runs outside of
    one is made to wait for a writer of the table."""
    found: dict[str, tuple[str, str]] = {}
    with database.other() as worker, database.other() as viewer:
        before = _pg_files(viewer)
        ((pid,),) = worker("SELECT pg_backend_pid()")
        for group in _transactions(migration):
            if _OUTSIDE.match(group[0]):
                with _held_up(database, worker, viewer, group[0], pid):
                    _add(found, viewer, before, pid)
            else:
                worker("BEGIN")
                for statement in group:
                    worker(statement)
                _add(found, viewer, before, pid)
                worker("COMMIT")
        after = _pg_files(viewer)
    targets = {match for statement in migration.statements for match in _TARGET.findall(" ".join(statement.split()))}
    return {
        Seen(_PG_MODES[mode], table, stops, _effect(table, targets, before, after))
        for table, (mode, stops) in found.items()
    }


def _transactions(migration: Migration) -> Sequence[Sequence[str]]:
    """The statements as they are run: those of each transaction."""
    if migration.transaction:
        return [migration.statements] if migration.statements else []
    return [[statement] for statement in migration.statements]


def _add(found: dict[str, tuple[str, str]], viewer: Execute, before: Files, pid: int) -> None:
    for table, mode in viewer(_PG_LOCKS, pid):
        # Tables that the migration itself makes are nobody else's.
        if mode in _PG_MODES and table in before.tables:
            known = found.get(table)
            if known is None or _ORDER.index(mode) > _ORDER.index(known[0]):
                found[table] = (mode, _stopped(viewer, table))


def _stopped(viewer: Execute, table: str) -> str:
    """Whom the locks on a table stop: who writes and who reads is tried in turn."""
    stopped = []
    for mode in ("ROW EXCLUSIVE", "ACCESS SHARE"):
        viewer("BEGIN")
        try:
            viewer(f"LOCK TABLE {table} IN {mode} MODE NOWAIT")
        except Exception as exc:
            if getattr(exc, "sqlstate", None) != "55P03":
                raise
            stopped.append(mode)
        viewer("ROLLBACK")
    return ("nobody", "writers", "everyone")[len(stopped)]


@contextmanager
def _held_up(database: Database, worker: Execute, viewer: Execute, statement: str, pid: int) -> Iterator[None]:
    """A statement that waits for a writer of its table, and goes on in the end."""
    match = _TARGET.search(" ".join(statement.split()))
    if match is None:  # DROP INDEX: of one that is not there, or that an earlier run has left
        worker(statement)
        yield
        return
    with database.other() as writer, ThreadPoolExecutor(1) as pool:
        writer("BEGIN")
        writer(f"LOCK TABLE {match[1]} IN ROW EXCLUSIVE MODE")
        running = pool.submit(worker, statement)
        late = time.monotonic() + NOTICED_S
        while not viewer("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", pid):
            assert time.monotonic() < late, "it does not wait"
            assert not running.done(), running.result()
        yield
        writer("COMMIT")
        running.result()


# --- MariaDB and MySQL ------------------------------------------------------------------------------------------------

_STOPS = {"SHARED_UPGRADABLE": "nobody", "SHARED_NO_WRITE": "writers", "EXCLUSIVE": "everyone"}
_MARIADB_LOCKS = """
    SELECT replace(lock_mode, 'MDL_', ''), table_name FROM information_schema.metadata_lock_info
    WHERE thread_id = %s AND lock_type = 'Table metadata lock' AND table_schema = database()
"""
_MYSQL_LOCKS = """
    SELECT l.lock_type, l.object_name FROM performance_schema.metadata_locks AS l
    JOIN performance_schema.threads AS t ON t.thread_id = l.owner_thread_id
    WHERE t.processlist_id = %s AND l.object_type = 'TABLE' AND l.lock_status = 'GRANTED'
        AND l.object_schema = database() AND l.object_name NOT LIKE '#%%'
"""
_WAITS = "SELECT state FROM information_schema.processlist WHERE id = %s"
_MARIADB_FILES = """
    SELECT substring_index(t.name, '/', -1), t.table_id, i.index_id FROM information_schema.innodb_sys_tables AS t
    JOIN information_schema.innodb_sys_indexes AS i ON i.table_id = t.table_id
    WHERE t.name LIKE concat(database(), '/%%')
"""
_MYSQL_FILES = """
    SELECT substring_index(t.name, '/', -1), t.table_id, i.index_id FROM information_schema.innodb_tables AS t
    JOIN information_schema.innodb_indexes AS i ON i.table_id = t.table_id
    WHERE t.name LIKE concat(database(), '/%%')
"""


def _is_mariadb(database: Database) -> bool:
    return "MariaDB" in database.server.version


def _my_files(database: Database, execute: Execute) -> Files:
    tables: dict[str, int] = {}
    indexes: dict[str, set[int]] = {}
    for table, file, index in execute(_MARIADB_FILES if _is_mariadb(database) else _MYSQL_FILES):
        tables[table] = file
        indexes.setdefault(table, set()).add(index)
    return Files(tables, indexes)


def _seen_by_mysql(database: Database, statement: str) -> set[Seen]:
    """The statement is made to wait, with all that it has locked, for a reader of its table: in the end it needs the
    table for itself for a moment."""
    match = _TARGET.match(" ".join(statement.split()))
    with ExitStack() as stack:
        worker, viewer, reader = (stack.enter_context(database.other()) for _ in range(3))
        if match is None:  # makes a table
            worker(statement)
            return set()
        target = match[1]
        pool = stack.enter_context(ThreadPoolExecutor(1))
        before = _my_files(database, viewer)
        ((number,),) = worker("SELECT connection_id()")
        reader("START TRANSACTION")
        reader(f"SELECT count(*) FROM {target}")
        running = pool.submit(worker, statement)
        late = time.monotonic() + NOTICED_S
        while not _waits(viewer(_WAITS, number)):
            assert time.monotonic() < late, "it does not wait"
            assert not running.done(), running.result()
        locks = set(viewer(_MARIADB_LOCKS if _is_mariadb(database) else _MYSQL_LOCKS, number))
        reader("COMMIT")
        running.result()
        after = _my_files(database, viewer)
    return {
        Seen(mode, table, _STOPS[mode], _effect(table, {target}, before, after))
        for table, mode in _strongest(locks).items()
        # A lock that stops nobody is told of the table that is changed, not of its neighbours.
        if table in before.tables and (table == target or _STOPS[mode] != "nobody")
    }


def _strongest(locks: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of each table the lock that stops most."""
    order, found = [*_STOPS], {}
    for mode, table in locks:
        if mode in order and order.index(mode) >= order.index(found.get(table, order[0])):
            found[table] = mode
    return found


def _waits(rows: Sequence[tuple[Any, ...]]) -> bool:
    return any(str(state).startswith("Waiting for table metadata lock") for (state,) in rows)
