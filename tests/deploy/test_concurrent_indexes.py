"""Indexes that PostgreSQL builds outside of a transaction: beside writers, and anew after an interruption."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from deploy.clients import apply_script
from engines.databases import NOTICED_S, Database, engines
from servers.base import Execute
from trialstore.contract.helpers import bare, migrate_to
from trialstore.dialects.errors import MigrationFailed
from trialstore.dialects.registry import engine_class
from trialstore.sql.scripts import make_script
from trialstore.storage import SqlStorage
from upgrade.databases import Structure, fill, history, structure

BUILT = "SELECT CAST(indexrelid AS regclass)::text, indisvalid FROM pg_index WHERE indrelid = 'trial'::regclass"
WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE %s AND wait_event_type = 'Lock' AND state = 'active'
"""
LOCK = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def config(server_database: Database) -> dict[str, object]:
    config = server_database.config(migration_lock_timeout=600, retry_timeout=600)
    migrate_to(config, 7)
    with bare(config) as storage:
        fill(storage)
    return config


@contextmanager
def writing(database: Database) -> Iterator[Execute]:
    """Another session with a transaction open in which it has changed a trial."""
    with database.other() as writer:
        writer("BEGIN")
        writer("UPDATE trial SET status = status")
        yield writer
        writer("ROLLBACK")


def wait_until(database: Database, sql: str, *params: object) -> int:
    """The first number that a query yields, once that is not 0."""
    late = time.monotonic() + NOTICED_S
    while not (rows := database.admin(sql, *params)) or not rows[0][0]:
        assert time.monotonic() < late, sql
        time.sleep(0.02)
    return int(rows[0][0])


def upgrade(config: dict[str, object]) -> None:
    with SqlStorage({**config, "schema_policy": "update"}):
        pass


@engines("postgresql")
@pytest.mark.parametrize("by_script", [False, True])
def test_an_index_that_an_interruption_has_left_is_made_anew(
    server_database: Database, config: dict[str, object], fresh: Structure, by_script: bool
) -> None:
    index = "CREATE INDEX CONCURRENTLY ix_trial_due ON trial (exp_id, status, ts_start, trial_id)"
    with ThreadPoolExecutor(1) as pool, server_database.other() as interrupted, writing(server_database):
        building = pool.submit(interrupted, index)
        number = wait_until(server_database, WAITING, "CREATE INDEX CONCURRENTLY%")
        server_database.admin("SELECT pg_cancel_backend(%s)", number)
        with pytest.raises(Exception, match="user request"):
            building.result()
    assert ("ix_trial_due", False) in server_database.admin(BUILT)
    if by_script:
        done = apply_script("postgresql", config, make_script(engine_class("postgresql"), 7).text)
        assert (done.code, done.errors) == (0, "")
    else:
        upgrade(config)
    assert {("ix_trial_due", True), ("ix_trial_config", True)} <= set(server_database.admin(BUILT))
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert structure(storage) == fresh


@engines("postgresql")
def test_a_migrator_that_is_killed_while_it_builds_leaves_the_version_before(
    server_database: Database, config: dict[str, object], fresh: Structure
) -> None:
    with ThreadPoolExecutor(1) as pool, writing(server_database) as writer:
        applying = pool.submit(upgrade, config)
        killed = wait_until(server_database, WAITING, "CREATE INDEX CONCURRENTLY%")
        with bare(config) as storage:
            assert history(storage)[-1][:2] == (7, "done")  # nothing is begun that stops others
        server_database.end(killed)
        writer("COMMIT")
        with pytest.raises(MigrationFailed, match="0008_query_indexes"):
            applying.result()
    upgrade(config)  # which makes the index anew that was left unfinished
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert structure(storage) == fresh


@engines("postgresql")
def test_a_migrator_that_waits_for_another_one_does_not_stop_its_index(
    server_database: Database, config: dict[str, object], fresh: Structure
) -> None:
    with ThreadPoolExecutor(2) as pool, writing(server_database) as writer:
        first = pool.submit(upgrade, config)
        wait_until(server_database, WAITING, "CREATE INDEX CONCURRENTLY%")
        second = pool.submit(upgrade, config)
        wait_until(server_database, LOCK)
        writer("COMMIT")
        first.result()
        second.result()
    assert server_database.admin("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert structure(storage) == fresh


@engines("postgresql")
def test_settings_and_lock_do_not_stay_with_the_connection(
    server_database: Database, config: dict[str, object]
) -> None:
    asked = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
    with bare({**config, "schema_policy": "update"}) as storage:
        with storage.database.session() as session:
            session.prepare(write=False)
            before = session.driver_connection.execute(asked).fetchall()
        storage.update_schema()
        with storage.database.session() as session:
            assert session.driver_connection.execute(asked).fetchall() == before
        assert server_database.admin("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
