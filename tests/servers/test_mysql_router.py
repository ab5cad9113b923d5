"""A storage behind MySQL Router: through the port for writing it does all, through the one for reading it reads."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from servers import router
from servers.router import Router
from trialstore.contract.helpers import ask, at, bare, finish, make_experiment
from trialstore.dialects.base import Server
from trialstore.dialects.errors import MigrationError, MigrationLocked, PermissionDenied
from trialstore.dialects.mysql import MySQLDialect
from trialstore.storage import SqlStorage, Status

pytestmark = [
    pytest.mark.parametrize("engine", [pytest.param("mysql", marks=pytest.mark.engine("mysql"))]),
    pytest.mark.server("mysql"),
]


@pytest.fixture(params=[False, True], ids=["sessions passed through", "sessions shared"])
def before_group(engine: str, request: pytest.FixtureRequest) -> Router:
    """Router, in both ways to treat sessions."""
    return router.require(sharing=request.param)


@pytest.fixture
def database(before_group: Router) -> Iterator[str]:
    """The name of an empty database of the group."""
    name = before_group.group.create_database()
    yield name
    before_group.group.drop_database(name)


LEASE = dt.timedelta(minutes=5)


def filled(before_group: Router, database: str) -> dict[str, Any]:
    """The config of the port for writing; the database then has the schema and an experiment with a pending trial,
    which all servers of the group know."""
    config = before_group.config(database, schema_policy="update")
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        experiment.new_trial({"cache": 1})
    before_group.group.catch_up()
    return config


def test_through_the_port_for_writing_all_is_done(before_group: Router, database: str) -> None:
    config = before_group.config(database, schema_policy="update")
    with SqlStorage(config) as storage, SqlStorage(config) as other:
        with make_experiment(storage) as experiment:
            for number in range(10):
                experiment.new_trial({"cache": number})
            with make_experiment(other) as others:
                mine = experiment.claim_trials(1, limit=4, lease=LEASE)
                theirs = others.claim_trials(2, limit=20, lease=LEASE)
            assert (len(mine), len(theirs)) == (4, 6)
            assert len({trial.trial_id for trial in (*mine, *theirs)}) == 10
            for trial in mine:
                trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "load", 0.5)])
                finish(trial, float(trial.trial_id))
        data = other.experiments["Exp"]
        assert len(data.results_df) == 10
        assert data.trials[mine[0].trial_id].telemetry_df["value"].tolist() == [0.5]


def test_through_the_port_for_reading_it_reads_and_a_write_says_where_to_go(
    before_group: Router, database: str
) -> None:
    filled(before_group, database)
    with SqlStorage(before_group.config(database, read=True, schema_policy="verify")) as storage:
        assert len(storage.experiments["Exp"].results_df) == 1
        with pytest.raises(PermissionDenied) as caught:
            make_experiment(storage, "Other").__enter__()
        assert "super-read-only" in caught.value.message
        assert "Connect to the primary" in caught.value.hint
        assert "MySQL Router" in caught.value.hint
        assert list(storage.experiments) == ["Exp"]


@pytest.mark.parametrize("policy", ["create", "update"])
def test_no_schema_is_made_through_the_port_for_reading(before_group: Router, database: str, policy: str) -> None:
    with pytest.raises(MigrationError) as caught:
        SqlStorage(before_group.config(database, read=True, schema_policy=policy))
    assert "read-only" in caught.value.message
    assert "Connect to the primary" in caught.value.hint
    assert before_group.group.primary.admin("SHOW TABLES", database=database) == []


def test_it_is_the_server_that_is_identified(
    before_group: Router, database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = before_group.group.primary
    name, version = server.version.split()
    monkeypatch.setattr(MySQLDialect, "newest_tested", {"mysql": (8, 0)})
    with caplog.at_level(logging.INFO, "trialstore"):
        config = filled(before_group, database)
    (line,) = {record.getMessage() for record in caplog.records if "newest tested" in record.getMessage()}
    assert f"{name.lower()} {version} answers" in line
    with SqlStorage(config) as storage, storage.database.session() as session:
        greeted = storage.database.dialect.identify(session.driver_connection)
        own = Server(name.lower(), tuple(map(int, version.split("."))))
        # Whose sessions are shared is greeted by Router itself, whose version is another thing.
        assert greeted == (Server("mysql", (0,)) if before_group.sharing else own)
        assert storage.database.dialect.identify_behind(session) == own


SETTINGS = "@@time_zone, @@transaction_isolation, @@innodb_lock_wait_timeout, @@autocommit, @@sql_mode"


def test_each_client_has_its_own_settings_though_sessions_are_shared(before_group: Router, database: str) -> None:
    config = filled(before_group, database)
    with contextlib.ExitStack() as stack:
        storages = [stack.enter_context(SqlStorage({**config, "busy_timeout": 3 + place})) for place in range(3)]
        for _ in range(3):
            for storage in storages:
                ((zone, isolation, wait, autocommit, mode),) = storage.database.write(
                    lambda tx: ask(tx, f"SELECT {SETTINGS}")
                )
                assert (zone, isolation, autocommit) == ("+00:00", "READ-COMMITTED", 1)
                assert "STRICT_ALL_TABLES" in mode
                assert wait == 3 + storages.index(storage)


def test_the_migration_lock_shuts_others_out_though_sessions_are_shared(before_group: Router, database: str) -> None:
    config = before_group.config(database, schema_policy="update", migration_lock_timeout=1)
    with bare(config) as storage, bare(config) as other:
        with storage.database.session() as session:
            session.prepare(write=True)
            with storage.database.migrator.locked(session), pytest.raises(MigrationLocked):
                other.update_schema()
        other.update_schema()
