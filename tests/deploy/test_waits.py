"""A migration that waits for a table of others: it keeps nobody waiting behind it, names them, and leaves nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.clients import apply_script
from deploy.commands import Run, ok, refused
from engines.databases import NOTICED_S, Database, engines, on_servers, user_of
from trialstore.contract.helpers import bare, migrate_to, query
from trialstore.dialects.registry import engine_class
from trialstore.sql.scripts import make_script
from trialstore.storage import SqlStorage

BEGIN = {"postgresql": "BEGIN", "mysql": "START TRANSACTION"}
OWN_ID = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
# How many wait for a table.
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%%'",
}
PATIENCE = {"postgresql": "SET lock_timeout = '120s'", "mysql": "SET lock_wait_timeout = 120"}

SHOW_LOCKS = "INSTALL PLUGIN IF NOT EXISTS metadata_lock_info SONAME 'metadata_lock_info'"
HIDE_LOCKS = "UNINSTALL PLUGIN IF EXISTS metadata_lock_info"
"""With this plugin, which comes with it, MariaDB shows metadata locks."""

OWNER = {
    "postgresql": [
        "GRANT ALL ON SCHEMA public TO {user}",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}",
        "ALTER TABLE trial OWNER TO {user}",
    ],
}


def upgrade(config: dict[str, object]) -> None:
    with SqlStorage({**config, "schema_policy": "update"}):
        pass


@on_servers
def test_a_wait_for_the_first_statement_leaves_nothing_and_names_who_is_waited_for(
    server_database: Database, run: Run
) -> None:
    engine, config = server_database.server.engine, server_database.config(migration_lock_timeout=1)
    migrate_to(config, 10)
    if server_database.server.name == "mariadb":
        server_database.admin(HIDE_LOCKS)  # other tests have use for it
    with server_database.other() as user:
        user(BEGIN[engine])
        user("SELECT count(*) FROM trial")
        ((number,),) = user(OWN_ID[engine])
        with server_database.other() as bystander:  # whose transaction is in nobody's way
            bystander(BEGIN[engine])
            bystander("SELECT count(*) FROM config")
            ((unconcerned,),) = bystander(OWN_ID[engine])
            told = refused(run(config, "apply"), 1, "0011_leases, statement 1 of", f" {number} of user ", "transaction")
            if "MariaDB" not in str(user("SELECT version()")):
                assert "The tables are held by" in told
                assert ", on trial" in told
                assert f" {unconcerned} of user" not in told
            else:
                assert "The tables may be held by" in told
                server_database.admin(SHOW_LOCKS)
                told = refused(
                    run(config, "apply"), 1, f"The tables are held by connection {number} of user ", "on trial"
                )
                server_database.admin(HIDE_LOCKS)
                assert f" {unconcerned} of user" not in told
            bystander("COMMIT")
        with bare({**config, "schema_policy": "verify"}) as old:
            old.database.migrator.migrations = old.database.migrator.migrations[:10]
            assert len(old.experiments) == 0
            assert query(old, "SELECT max(version) FROM trialstore_schema") == [(10,)]
        user("COMMIT")
    ok(run(config, "apply"))


@engines("mysql")
@pytest.mark.parametrize(
    ("locks", "on"),
    [
        (["LOCK TABLES trial WRITE"], ", on trial"),
        (["FLUSH TABLES trial WITH READ LOCK"], ", on trial"),
        (["FLUSH TABLES WITH READ LOCK"], ", on all tables (a backup"),
        (["LOCK TABLES trialstore_schema READ"], ", on trialstore_schema"),
        (["START TRANSACTION", "SELECT version FROM trialstore_schema FOR UPDATE"], ", on trialstore_schema"),
        (["BACKUP STAGE START", "BACKUP STAGE BLOCK_DDL"], ", on all tables (a backup"),
        (["LOCK INSTANCE FOR BACKUP"], ", on all definitions (a backup"),
    ],
)
def test_who_has_locked_tables_without_a_transaction_is_named(
    server_database: Database, run: Run, locks: list[str], on: str
) -> None:
    config = server_database.config(migration_lock_timeout=1)
    migrate_to(config, 10)
    mariadb = server_database.server.name == "mariadb"
    if ("BACKUP STAGE" in locks[0] and not mariadb) or ("FOR BACKUP" in locks[0] and mariadb):
        pytest.skip("the other of the two servers knows that")
    if mariadb:
        server_database.admin(SHOW_LOCKS)
    try:
        with server_database.other() as user:
            ((number,),) = user(OWN_ID["mysql"])
            for statement in locks:
                user(statement)
            told = refused(run(config, "apply"), 1, f"The tables are held by connection {number} of user ", on)
            assert ("idle for" in told) is (locks[0] != "START TRANSACTION")
            user("ROLLBACK")
    finally:
        if mariadb:
            server_database.admin(HIDE_LOCKS)
    with bare(config) as storage:
        assert query(storage, "SELECT max(version) FROM trialstore_schema") == [(10,)]
    ok(run(config, "apply"))


@engines("mysql")
def test_who_may_have_locked_tables_is_named_where_the_server_does_not_say_who(
    server_database: Database, run: Run
) -> None:
    if server_database.server.name != "mariadb":
        pytest.skip("MySQL says who")
    config = server_database.config(migration_lock_timeout=1)
    migrate_to(config, 10)
    with server_database.other() as user:
        ((number,),) = user(OWN_ID["mysql"])
        user("LOCK TABLES trial WRITE")
        refused(run(config, "apply"), 1, "The tables may be held by ", f"connection {number} of user ", "idle for")
    ok(run(config, "apply"))


@engines("mysql")
def test_a_prepared_transaction_whose_client_is_gone_is_told(server_database: Database, run: Run) -> None:
    if server_database.server.name == "mariadb":
        pytest.skip("MariaDB's keeps no table from being changed")
    config = server_database.config(migration_lock_timeout=1)
    migrate_to(config, 10)
    name = server_database.name
    with server_database.other() as user:
        for statement in (
            f"XA START '{name}'",
            "INSERT INTO config (config_hash) VALUES ('x')",
            "SELECT count(*) FROM trial",
            f"XA END '{name}'",
            f"XA PREPARE '{name}'",
        ):
            user(statement)
    try:
        refused(
            run(config, "apply"), 1, "The tables are held by a prepared transaction without a connection (XA RECOVER"
        )
    finally:
        server_database.admin(f"XA ROLLBACK '{name}'")
    ok(run(config, "apply"))


@on_servers
def test_whoever_wants_the_table_meanwhile_gets_it(server_database: Database) -> None:
    engine = server_database.server.engine
    config = server_database.config(migration_lock_timeout=600, retry_timeout=600)
    migrate_to(config, 10)
    with server_database.other() as holder, ThreadPoolExecutor(1) as pool:
        holder(BEGIN[engine])
        holder("SELECT count(*) FROM trial")
        with bare({**config, "schema_policy": "update"}) as storage:
            applying = pool.submit(storage.update_schema)
            with server_database.other() as reader:
                reader(PATIENCE[engine])
                late = time.monotonic() + NOTICED_S
                while reader(WAITING[engine]) == [(0,)]:
                    assert time.monotonic() < late, "the migration does not wait"
                for _ in range(3):
                    assert reader("SELECT count(*) FROM trial") == [(0,)]
            assert not applying.done()
            holder("COMMIT")
            applying.result()
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert len(storage.experiments) == 0


@engines("postgresql")
@pytest.mark.parametrize("by_script", [True, False])
def test_whoever_holds_a_table_that_refers_to_ours_and_wants_ours_gets_it(
    server_database: Database, by_script: bool
) -> None:
    """0010 makes foreign keys anew, and the server locks the tables that have them."""
    config = server_database.config(migration_lock_timeout=600, retry_timeout=600)
    migrate_to(config, 9)
    server_database.admin(
        "CREATE TABLE dba (exp_id VARCHAR(512), trial_id INTEGER, FOREIGN KEY (exp_id, trial_id) REFERENCES trial)"
    )
    with server_database.other() as holder, ThreadPoolExecutor(1) as pool:
        holder("BEGIN")
        holder("SELECT count(*) FROM dba")
        if by_script:
            text = make_script(engine_class("postgresql"), 9).text.replace("'30 s'", "'600 s'")
            changing = pool.submit(apply_script, "postgresql", config, text)
        else:
            changing = pool.submit(upgrade, config)
        with server_database.other() as viewer:
            late = time.monotonic() + NOTICED_S
            while viewer(WAITING["postgresql"]) == [(0,)]:
                assert time.monotonic() < late, "the migration does not wait"
        assert holder("SELECT count(*) FROM trial") == [(0,)]
        holder("COMMIT")
        changing.result()
    assert server_database.admin("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert len(storage.experiments) == 0


@engines("postgresql")
def test_a_statement_that_is_undone_gives_no_time_to_wait_for_the_next_one(
    server_database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = server_database.config(migration_lock_timeout=1)
    migrate_to(config, 4)
    monkeypatch.setattr("trialstore.dialects.postgresql.PostgreSQLDialect.take_tables", lambda *_, **__: None)
    with server_database.other() as holder:
        holder("BEGIN")
        holder("SELECT count(*) FROM trial_param")
        refused(run(config, "apply"), 1, "0005_typed_values, statement 2 of")
        holder("COMMIT")


@engines("postgresql")  # the others name every host, or do not name the connection
def test_a_login_that_may_not_look_is_not_told_that_it_is_this_host(server_database: Database, run: Run) -> None:
    config = server_database.config(migration_lock_timeout=1)
    migrate_to(config, 10)
    with user_of(server_database, "a passw0rd", OWNER) as login, server_database.other() as user:
        user("BEGIN")
        user("SELECT count(*) FROM trial")
        told = refused(run({**config, **login}, "apply"), 1, "0011_leases, statement 1 of")
        assert "this host" not in told
        user("COMMIT")


# --- a history that is locked -----------------------------------------------------------------------------------------

LOCK_HISTORY = {
    "postgresql": ["BEGIN", "LOCK TABLE trialstore_schema"],
    "mysql": ["LOCK TABLES trialstore_schema WRITE"],
}


@on_servers
@pytest.mark.parametrize("command", ["status", "plan", "verify"])
def test_who_looks_at_a_locked_history_is_told_soon_who_has_locked_it(
    server_database: Database, run: Run, command: str
) -> None:
    engine, config = server_database.server.engine, server_database.config(busy_timeout=3600, retry_timeout=3600)
    migrate_to(config, 10)
    with server_database.other() as holder, ThreadPoolExecutor(1) as pool:
        ((number,),) = holder(OWN_ID[engine])
        for statement in LOCK_HISTORY[engine]:
            holder(statement)
        looking = pool.submit(run, config, command)
        try:
            told = refused(looking.result(NOTICED_S), 1, "history_list", f" {number} of user ")
        finally:
            server_database.end_connections()
        assert "held by" in told


# --- ended while it waits ---------------------------------------------------------------------------------------------

# What is started in the background ignores Ctrl-C, and hands that down.
APPLY = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from trialstore.storage.cli import main; sys.exit(main())"
)
WAITS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mysql": (
        "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%%' AND db = database()"
    ),
}
KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


@on_servers
@pytest.mark.parametrize("end", ["KILL", "Ctrl-C"])
@pytest.mark.parametrize("version", [6, 10])
def test_who_is_ended_while_waiting_for_the_first_statement_leaves_nothing(
    server_database: Database, tmp_path: Path, end: str, version: int
) -> None:
    engine = server_database.server.engine
    config = server_database.config(migration_lock_timeout=600, migration_lock_wait=5, retry_timeout=600)
    migrate_to(config, version)
    file = tmp_path / "storage.json5"
    file.write_text(json.dumps({"class": "trialstore.storage.SqlStorage", "config": config}), encoding="utf-8")
    with server_database.other() as holder:
        holder(BEGIN[engine])
        holder("SELECT count(*) FROM trial_status, trial")
        words = [sys.executable, "-c", APPLY, "schema", "apply", "--config", str(file)]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as applying:
            try:
                late = time.monotonic() + NOTICED_S
                while not (waiting := server_database.admin(WAITS[engine])):
                    assert time.monotonic() < late, "the migration does not wait"
                    assert applying.poll() is None, applying.stderr and applying.stderr.read()
                if end == "KILL":
                    server_database.admin(KILL[engine].format(waiting[0][0]))
                else:
                    applying.send_signal(signal.SIGINT)
                _, told = applying.communicate(timeout=NOTICED_S)
            finally:
                applying.kill()
        assert applying.returncode == (1 if end == "KILL" else 130)
        if end == "KILL":
            assert "statement 1 of" in told
            assert "Nothing of this migration was " in told
            assert "may have been carried out" not in told
        assert server_database.admin("SELECT max(version) FROM trialstore_schema") == [(version,)]
        holder("COMMIT")
    with SqlStorage({**config, "schema_policy": "update"}) as storage:
        assert len(storage.experiments) == 0
