"""What is PostgreSQL's own: sessions that a pooler shares, and what must not be left in them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import servers
from engines.databases import Config, Database, connection, engines
from engines.test_waiting import WAIT
from servers import pgbouncer
from trialstore.contract.helpers import ask, finish, make_experiment
from trialstore.sql.session import Session
from trialstore.storage import SqlStorage
from upgrade.databases import drop_views

pytestmark = engines("postgresql")


TIMEOUT = "SELECT current_setting('lock_timeout'), pg_backend_pid()"


@pytest.fixture
def pooled(database: Database) -> Config:
    """The config of a filled database, through PgBouncer."""
    database.filled()
    return pgbouncer.require().config(database.name, busy_timeout=17)


@pytest.fixture
def storage(pooled: Config) -> Iterator[SqlStorage]:
    """A storage through PgBouncer."""
    with SqlStorage(pooled) as opened:
        yield opened


def told(session: Session, sql: str) -> Any:
    return ask(session, sql)[0]


def prepare_threshold(session: Session) -> Any:
    return session.driver_connection.prepare_threshold


# A pooler between


def test_a_pooler_is_noticed_and_the_driver_prepares_no_statements(database: Database, storage: SqlStorage) -> None:
    with storage.database.session() as session:
        assert prepare_threshold(session) is None
    with SqlStorage(database.config()) as direct, direct.database.session() as session:
        assert prepare_threshold(session) is not None


def test_waits_are_bounded_in_each_transaction_and_nothing_of_that_is_left(pooled: Config, storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        finish(experiment.new_trial({}))
    served = [storage.database.write(lambda tx: told(tx, TIMEOUT)) for _ in range(3)]
    assert [timeout for timeout, _ in served] == ["17s"] * 3
    assert storage.database.read(lambda tx: told(tx, TIMEOUT))[0] == "0"
    with connection({key: value for key, value in pooled.items() if key != "busy_timeout"}) as other:
        assert other(TIMEOUT) == [("0", served[-1][1])]  # the same session of the server


def test_a_bounded_wait_is_not_left_by_a_transaction_that_failed(pooled: Config, storage: SqlStorage) -> None:
    class Stop(Exception):
        pass

    def stop(tx: Session) -> None:
        assert told(tx, TIMEOUT)[0] == "17s"
        raise Stop

    with pytest.raises(Stop):
        storage.database.write(stop)
    assert storage.database.read(lambda tx: told(tx, TIMEOUT))[0] == "0"


def test_more_threads_than_the_pooler_has_sessions(storage: SqlStorage) -> None:
    """Each transaction may come to another session: what a client believes to be prepared there is not."""
    experiment = make_experiment(storage).__enter__()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(8):
                finish(experiment.new_trial({}))
                assert storage.experiments["Exp"].description == "a test"
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert errors == []
    assert list(storage.experiments["Exp"].trials) == list(range(1, 82))


def test_the_same_storage_may_be_used_directly_and_through_a_pooler(database: Database, storage: SqlStorage) -> None:
    with SqlStorage(database.config()) as direct, make_experiment(direct) as experiment:
        assert experiment.new_trial({}).trial_id == 2
        with make_experiment(storage) as pooled_experiment:
            assert pooled_experiment.new_trial({}).trial_id == 3


# Connections


def test_a_connection_says_whose_it_is(database: Database) -> None:
    with SqlStorage(database.config()) as storage, storage.database.session() as session:
        assert told(session, "SHOW application_name")[0] == "trialstore"
    named = database.config(query={"application_name": "nightly"})
    with SqlStorage(named) as storage, storage.database.session() as session:
        assert told(session, "SHOW application_name")[0] == "nightly"


def test_text_is_utf_8_whatever_the_client_was_set_to(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with SqlStorage(database.config()) as storage:
        make_experiment(storage, "密码 \U0001f600").__enter__()
        assert list(storage.experiments) == ["密码 \U0001f600"]


def test_several_hosts_may_be_named_of_which_the_first_that_answers_is_used(database: Database) -> None:
    config = database.config()
    hosts = {"host": ["127.0.0.1:1", f"{config['host']}:{config['port']}"]}
    both = {key: value for key, value in config.items() if key not in ("host", "port")}
    with SqlStorage({**both, "query": hosts}) as storage:
        assert storage.experiments == {}


# What ends a connection, or a prepared statement, from the server's side


def test_a_session_that_the_server_ended_for_idleness_is_replaced(database: Database) -> None:
    database.filled()
    admin = servers.require("postgresql").admin
    admin(f'ALTER DATABASE "{database.name}" SET idle_session_timeout = 100')
    with SqlStorage(database.config()) as storage:
        first = storage.database.read(lambda tx: told(tx, TIMEOUT))[1]
        while admin("SELECT 1 FROM pg_stat_activity WHERE pid = %s", first):
            time.sleep(0.05)
        assert list(storage.experiments) == ["Exp"]


def test_writers_go_on_when_a_column_of_a_prepared_statement_was_migrated(database: Database) -> None:
    database.filled()
    with SqlStorage(database.config()) as storage, make_experiment(storage) as experiment:
        for _ in range(10):  # often enough for the driver to prepare what it runs
            experiment.new_trial({})
        drop_views(storage)  # as a migration that changes a column's type does
        with connection(database.config()) as other:
            other("ALTER TABLE experiment ALTER COLUMN exp_id TYPE VARCHAR(600)")
        assert experiment.new_trial({}).trial_id == 12
