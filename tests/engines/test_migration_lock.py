"""One migrator at a time on a server: others wait, are told who holds the lock, and find it free when that one is
dead."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engines import workers
from engines.databases import Config, Database, engines, on_servers, refusal
from engines.test_waiting import WAIT, in_each_mode
from processes.helpers import Child, together
from processes.workers import open_storage
from servers import pgbouncer
from trialstore.contract.helpers import dump, watch
from trialstore.sql.migrator import Migrator
from trialstore.storage import MigrationLocked, SqlStorage

WAITING = {
    "postgresql": "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
    "mysql": "SELECT 1 FROM information_schema.processlist WHERE state = 'User lock' AND db = database()",
}


def config_of(database: Database, pooled: bool, **more: Any) -> Config:
    """The config of an empty database, through the pooler or not."""
    return {**(pgbouncer.require().config(database.name) if pooled else database.config()), **more}


@contextmanager
def locked(config: Config) -> Iterator[Child]:
    """A process that holds the migration lock."""
    with Child(workers.hold_migration_lock, config) as holder:
        holder.hear("locked")
        yield holder


class Opener(threading.Thread):
    """Opens a storage beside the test."""

    def __init__(self, config: Config) -> None:
        super().__init__(daemon=True)
        self.config = config
        self.found: Any = "still waiting"

    def run(self) -> None:
        try:
            with SqlStorage(self.config) as storage:
                self.found = list(storage.experiments)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.found = error

    def start_and_meet_the_lock(self, database: Database) -> None:
        self.start()
        while not database.admin(WAITING[database.server.engine]):
            assert self.is_alive(), self.found


def user_name(config: Config) -> str:
    return re.escape(config["username"])


@in_each_mode
@pytest.mark.usefixtures("two_attempts")
def test_a_lock_that_is_held_for_too_long_is_told_with_its_holder(database: Database, pooled: bool) -> None:
    config = config_of(database, pooled, busy_timeout=1)
    with locked(config_of(database, False)) as holder:
        [connection] = database.connections() if database.server.engine == "mysql" else _holders(database)
        error = refusal(lambda: SqlStorage(config))
        assert type(error) is MigrationLocked
        assert re.search(rf"\b{connection} of user {user_name(config)}\b.* holds the lock", error.message)
        assert error.hint
        assert database.tables() == []
        holder.tell("release")
        holder.result()
    with SqlStorage(config) as storage:
        assert storage.experiments == {}


def _holders(database: Database) -> list[int]:
    return [row[0] for row in database.admin("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")]


@in_each_mode
@pytest.mark.parametrize("by_kill", [False, True], ids=["released", "killed"])
def test_a_lock_is_waited_for_until_its_holder_ends(database: Database, pooled: bool, by_kill: bool) -> None:
    config = config_of(database, pooled, busy_timeout=WAIT)
    with locked(config) as holder:
        opener = Opener(config)
        opener.start_and_meet_the_lock(database)
        if by_kill:
            holder.kill()
        else:
            holder.tell("release")
        opener.join(WAIT)
    assert opener.found == []


@on_servers
def test_the_lock_is_of_one_database_only(database: Database) -> None:
    name = database.server.create_database()
    other = Database(database.server, name)
    with locked(database.config()), SqlStorage(other.config(busy_timeout=0)) as storage:
        assert storage.experiments == {}
    other.server.drop_database(name)


@on_servers
def test_opening_an_up_to_date_database_does_not_meet_the_lock(database: Database) -> None:
    config = database.filled()
    with locked(config):
        for policy in ("verify", "create", "update"):
            with SqlStorage({**config, "schema_policy": policy, "busy_timeout": 0}) as storage:
                storage.update_schema()
                assert list(storage.experiments) == ["Exp"]


@in_each_mode
def test_processes_that_open_an_empty_database_at_once_apply_the_schema_once(database: Database, pooled: bool) -> None:
    config = config_of(database, pooled, schema_policy="create")
    opened = together(open_storage, [(config,)] * 4)
    versions = len(Migrator(SqlStorage({**config, "lazy_schema_create": True}).database.dialect).migrations)
    assert sum(applied for applied, _ in opened) == versions
    assert [experiments for _, experiments in opened] == [[]] * 4
    assert database.admin("SELECT version, state FROM trialstore_schema ORDER BY version") == [
        (version, "done") for version in range(1, versions + 1)
    ]


# Where DDL cannot be rolled back, others see half a schema


@contextmanager
def half_way(database: Database, begin: str) -> Iterator[threading.Event]:
    """A migrator that stops before a statement; setting the event lets it go on."""
    reached, go_on = threading.Event(), threading.Event()
    with SqlStorage(database.config(lazy_schema_create=True)) as storage:

        def stop(statement: str) -> None:
            if statement.startswith(begin):
                reached.set()
                assert go_on.wait(WAIT)

        watch(storage, stop)
        thread = threading.Thread(target=storage.update_schema)
        thread.start()
        try:
            assert reached.wait(WAIT)
            yield go_on
        finally:
            go_on.set()
            thread.join(WAIT)


@engines("mysql")
@pytest.mark.parametrize("policy", ["create", "verify", "update"])
@pytest.mark.parametrize("begin", ["CREATE TABLE trial_status", "ALTER TABLE trial_result"])
def test_half_a_migration_is_waited_for(database: Database, policy: str, begin: str) -> None:
    with half_way(database, begin) as go_on:
        opener = Opener(database.config(schema_policy=policy, busy_timeout=WAIT))
        opener.start_and_meet_the_lock(database)
        go_on.set()
        opener.join(WAIT)
    assert opener.found == []


@engines("mysql")
@pytest.mark.parametrize("policy", ["create", "verify"])
@pytest.mark.usefixtures("two_attempts")
def test_half_a_migration_that_does_not_end_is_told_with_its_holder(database: Database, policy: str) -> None:
    with half_way(database, "CREATE TABLE trial_status"):
        before = database.tables()
        error = refusal(lambda: SqlStorage(database.config(schema_policy=policy, busy_timeout=1)))
        assert type(error) is MigrationLocked
        assert "connection" in error.message
        assert database.tables() == before


@engines("mysql")
def test_the_lock_does_not_stay_with_a_connection_of_the_pool(database: Database) -> None:
    with SqlStorage(database.config()) as first, SqlStorage(database.config(busy_timeout=0)) as second:
        before = dump(first)
        first.update_schema()
        with second.database.session() as session, second.database.dialect.begin_migration(session):
            session.rollback()
        assert dump(second) == before
