"""What a session relies on is set by the library; what an administrator shuts off or interrupts is gone along with."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import servers
from engines import otherwise
from engines.databases import Database, engines, needs_private, on_servers, refusal
from engines.test_hosts import with_hosts
from servers import hostile, pgbouncer
from trialstore.contract.helpers import ask, at, finish, make_experiment
from trialstore.sql.session import Session
from trialstore.storage import Busy, MissingReference, PermissionDenied, SqlStorage, Status, ValueRejected


@contextmanager
def global_settings(database: Database, settings: dict[str, str]) -> Iterator[None]:
    """The server's defaults for new sessions, set back afterwards."""
    needs_private(database.server)
    before = {name: database.server.admin(f"SELECT @@GLOBAL.{name}")[0][0] for name in settings}
    try:
        for name, value in settings.items():
            database.server.admin(f"SET GLOBAL {name} = {value}")
        yield
    finally:
        for name, value in before.items():
            database.server.admin(f"SET GLOBAL {name} = %s", value)


@contextmanager
def hostile_defaults(database: Database) -> Iterator[None]:
    """All that a server could have otherwise is."""
    if database.server.engine == "mysql":
        with global_settings(database, hostile.MARIADB if database.server.name == "mariadb" else hostile.MYSQL):
            yield
    else:
        for name, value in hostile.POSTGRESQL.items():
            database.admin(f"ALTER DATABASE {database.name} SET {name} = '{value}'")
        yield


def use(storage: SqlStorage) -> None:
    with make_experiment(storage, opt_targets={"score": "min"}) as experiment:
        trials = [experiment.new_trial({"cache": number}, config={"n": number}) for number in range(40)]
        trials[0].update_telemetry(Status.RUNNING, at(1), [(at(1), "back\\slash", 'it\'s \\ "x"')])
        finish(trials[0])
    data = storage.experiments["Exp"]
    assert len(data.trials) == len(data.results_df) == 40
    assert data.trials[1].telemetry_df.iloc[0].tolist() == [at(1), "back\\slash", 'it\'s \\ "x"']


@on_servers
def test_defaults_that_are_set_against_the_library_do_not_matter(database: Database) -> None:
    with hostile_defaults(database), SqlStorage(database.config(schema_policy="update")) as storage:
        use(storage)
        before = database.connections()
        for _ in range(2):
            refusal(lambda: storage.database.write(lambda tx: tx.run_migration("SELECT * FROM nowhere", "x")))
        assert database.connections() == before


@engines("postgresql")
def test_no_session_of_a_pooler_is_relied_on(database: Database) -> None:
    """What was set when the storage connected was set in one session of several, and another serves a write."""
    config = {**pgbouncer.require().config(database.name), "schema_policy": "update"}
    nowhere = {"exp_id": "Nowhere", "trial_id": 1, "ts": at(0), "status": "RUNNING"}
    with hostile_defaults(database), SqlStorage(config) as storage, SqlStorage(config) as other:
        assert list(storage.experiments) == []
        with other.database.session() as session:
            session.begin(write=False)  # has the pooler's first session from here on
            used = ask(session, "SELECT pg_backend_pid()")

            def write(tx: Session) -> list[tuple[Any, ...]]:
                names = "pg_backend_pid(), current_setting('synchronous_commit'), current_setting('extra_float_digits')"
                return ask(tx, f"SELECT {names}")

            ((serving, commits, digits),) = storage.database.write(write)
            assert [(serving,)] != used
            assert (commits, digits) == ("on", "1")
            error = refusal(lambda: storage.database.write(lambda tx: tx.execute("trial_status_put", **nowhere)))
            assert type(error) is MissingReference
        use(storage)


@on_servers
def test_the_next_host_takes_the_write_where_the_first_was_turned_read_only(database: Database) -> None:
    engine = database.server.engine
    other = servers.obtain(engine)
    try:
        _turned_read_only(database, other, engine)
    finally:
        other.stop()


def _turned_read_only(database: Database, other: Any, engine: str) -> None:
    needs_private(database.server)
    config = database.config()
    with SqlStorage(config):
        pass
    pair = Database(other, database.name)
    other.admin(f"CREATE DATABASE {database.name}")
    user = {"username": "writer", "password": "x"}
    for each in (database, pair):
        if engine == "postgresql":
            each.admin("CREATE ROLE writer LOGIN SUPERUSER PASSWORD 'x'")
        else:
            each.admin("CREATE USER writer@'%' IDENTIFIED BY 'x'")
            each.admin(f"GRANT ALL ON {each.name}.* TO writer@'%'")
    SqlStorage({**pair.config(), **user}).dispose()
    hosts = with_hosts({**config, **user, "retry_timeout": 20}, config["port"], pair.config()["port"])
    storage = SqlStorage(hosts)
    try:
        make_experiment(storage, experiment_id="before").__enter__()
        assert len(database.admin("SELECT exp_id FROM experiment")) == 1
        _read_only(database, on=True)
        make_experiment(storage, experiment_id="after").__enter__()
        assert pair.admin("SELECT exp_id FROM experiment") == [("after",)]
        with SqlStorage({**config, **user}) as alone:
            error = refusal(lambda: make_experiment(alone, experiment_id="never").__enter__())
        assert type(error) is PermissionDenied
    finally:
        storage.dispose()
        _read_only(database, on=False)
        if engine == "postgresql":
            database.admin("DROP ROLE writer")
        else:
            database.admin("DROP USER writer@'%'")


def _read_only(database: Database, *, on: bool) -> None:
    word = "on" if on else "off"
    if database.server.engine == "mysql":
        database.server.admin(f"SET GLOBAL read_only = {word}")
    else:
        database.server.admin(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
        database.server.admin("SELECT pg_reload_conf(), pg_sleep(0.2)")


@engines("mysql")
def test_an_interrupted_statement_is_run_again(database: Database) -> None:
    with SqlStorage(database.config()) as storage:
        make_experiment(storage).__enter__()
        attempts = []

        def write(tx: Session) -> None:
            attempts.append(1)
            if len(attempts) == 1:
                (connection,) = database.connections()
                timer = threading.Timer(0.5, database.server.admin, (f"KILL QUERY {connection}",))
                timer.start()
                tx.run_migration("SELECT sleep(30) FROM experiment", "a long statement")
                timer.join()

        storage.database.write(write)
        assert len(attempts) == 2


@engines("mysql")
def test_a_packet_that_is_too_large_is_called_that(database: Database) -> None:
    with global_settings(database, {"max_allowed_packet": "65536"}), SqlStorage(database.config()) as storage:
        error = refusal(lambda: storage.database.write(lambda tx: tx.run_migration(f"SELECT '{'x' * 70_000}'", "x")))
    assert type(error) is ValueRejected
    assert "max_allowed_packet" in error.message
    assert "max_allowed_packet" in error.hint


@engines("sqlite", "duckdb")
@pytest.mark.parametrize("place", ["file", "memory"])
def test_a_process_in_which_all_is_otherwise_stores_and_reads_the_same(engine: str, place: str, tmp_path: Path) -> None:
    """In memory, DuckDB's database has a name, by which others of the process have it open as well."""
    memory = ":memory:" if engine == "sqlite" else ":memory:of_several"
    config = {"drivername": engine, "database": memory if place == "memory" else str(tmp_path / "trials")}
    command = [sys.executable, "-OO", "-W", "error", "-m", "engines.otherwise", json.dumps(config)]
    german = hostile.german_locale()
    environment = {**os.environ, "LOCPATH": str(german or ""), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == otherwise.story({"drivername": engine})


@engines("sqlite")
def test_a_file_that_another_one_has_for_himself_alone_is_waited_for(engine: str, tmp_path: Path) -> None:
    config = {"drivername": engine, "database": str(tmp_path / "trials"), "busy_timeout": 0.1, "retry_timeout": 0.2}
    SqlStorage(config).dispose()
    with closing(sqlite3.connect(config["database"], isolation_level=None)) as other:
        for statement in ("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "COMMIT"):
            other.execute(statement)
        assert type(refusal(lambda: SqlStorage(config))) is Busy
    with SqlStorage(config) as storage:
        use(storage)


@engines("postgresql")
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_database_of_another_encoding_stores_what_it_can_or_refuses_it(database: Database, encoding: str) -> None:
    """SQL_ASCII is no encoding: such a database keeps bytes, and gives them back."""
    name = f"{database.name}_{encoding.lower()}"
    options = f"ENCODING '{encoding}' TEMPLATE template0"
    locale_provider = "LOCALE_PROVIDER libc " if database.server.version >= "PostgreSQL 15" else ""
    database.admin(f"CREATE DATABASE {name} {options} {locale_provider}LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        with SqlStorage({**database.config(), "database": name, "schema_policy": "update"}) as storage:
            use(storage)
            with make_experiment(storage) as experiment:
                trial = experiment.new_trial({})
                for text in ("日本", "ä", "€"):
                    try:
                        trial.add_new_config_data({"text": text})
                    except ValueRejected:
                        continue
                    again = experiment.get_trial_by_id(trial.trial_id)
                    assert again is not None
                    assert again.config()["text"] == text
                    break
                else:
                    pytest.fail("not one of the texts can be stored")
    finally:
        database.admin(f"DROP DATABASE {name} WITH (FORCE)")
