"""What the headers of migrations say of locks is what a second session sees, in tables that have rows."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from deploy.lock_views import Seen, seen
from engines.databases import Database, on_servers
from trialstore.contract.helpers import bare
from trialstore.sql.locks import INDEXES, REFERS, REWRITES, Lock
from trialstore.sql.migrations import load_migrations
from upgrade.databases import fill

NEWEST = len(load_migrations("postgresql/migrations"))
# Of what a server needs to show its locks; MySQL does so by itself.
SHOWS_LOCKS = "INSTALL SONAME 'metadata_lock_info'"


def told(locks: Iterable[Lock], server: str) -> set[Seen]:
    """The locks that a header names for a server, each table by itself."""
    return {
        Seen(lock.mode, table, lock.stops, lock.effect)
        for lock in locks
        if lock.server in ("", server)
        for table in lock.tables
    }


@on_servers
@pytest.mark.parametrize("start", [1, 9])
def test_each_migration_locks_what_its_header_says(server_database: Database, start: int) -> None:
    """From what mlos_bench has left, and from the version before the one that builds most anew."""
    engine = server_database.server.engine
    server = server_database.server.version.split()[0]
    if server == "MariaDB":
        show_locks(server_database)
    migrations = load_migrations(f"{engine}/migrations")
    config = server_database.config()
    with bare(config) as storage:
        for migration in migrations[:start]:
            for statement in migration.statements:
                server_database.admin(statement)
        fill(storage)
    wrong = {}
    for migration in migrations[start:]:
        found, said = seen(server_database, migration), told(migration.locks, server)
        if found != said:
            wrong[str(migration)] = {"only seen": found - said, "only said": said - found}
    assert wrong == {}


def show_locks(database: Database) -> None:
    """Let MariaDB show metadata locks; the plugin comes with it."""
    if not database.admin("SELECT 1 FROM information_schema.plugins WHERE plugin_name = 'METADATA_LOCK_INFO'"):
        database.admin(SHOWS_LOCKS)


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_what_does_not_depend_on_the_rows_is_told_without_seconds(engine: str) -> None:
    for migration in load_migrations(f"{engine}/migrations"):
        for lock in migration.locks:
            if lock.effect != REFERS:
                assert (lock.seconds_per_million > 0) == (lock.effect in (INDEXES, REWRITES)), migration
