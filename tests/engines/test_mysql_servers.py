"""MySQL and MariaDB servers that are set up otherwise: what they demand of tables, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.clients import apply_script
from deploy.commands import ok, runner
from engines.databases import EVERYTHING, Config, Database, engines, refusal, user_of
from engines.test_settings import global_settings, use
from servers.base import DatabaseServer
from servers.mysql import MysqlServer
from servers.registry import CHOICES, chosen
from trialstore.contract.helpers import ask, migrate_to
from trialstore.dialects.mysql import MySQLDialect
from trialstore.sql.scripts import make_script
from trialstore.storage import ConnectError, MigrationBlocked, MigrationError, PermissionDenied, SqlStorage

pytestmark = engines("mysql")
on_mysql = pytest.mark.server("mysql")
on_mariadb = pytest.mark.server("mariadb")

# Primary keys of all tables, which two tables get by a later migration only


@pytest.fixture
def plain(database: Database) -> Iterator[Config]:
    """The config of a user who has every right on the database, and none on the server."""
    with user_of(database, "plain", EVERYTHING) as user:
        yield {**database.config(), **user}


KEYS = ["sql_require_primary_key", "sql_generate_invisible_primary_key"]
KEYLESS = """
    SELECT table_name FROM information_schema.tables AS t
    WHERE table_schema = database() AND table_type = 'BASE TABLE' AND NOT EXISTS (
        SELECT 1 FROM information_schema.table_constraints AS c
        WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.constraint_type = 'PRIMARY KEY'
    )
"""
INVISIBLE = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = database() AND instr(extra, 'INVISIBLE') > 0
"""


@on_mysql
@pytest.mark.parametrize("settings", [KEYS[:1], KEYS[1:], KEYS], ids="+".join)
def test_a_server_that_demands_primary_keys_takes_the_schema_from_who_may_set_that(
    database: Database, settings: list[str]
) -> None:
    asked = f"SELECT {', '.join('@@SESSION.' + name for name in settings)}"
    with global_settings(database, dict.fromkeys(settings, "ON")), SqlStorage(database.config()) as storage:
        with storage.database.session() as session:
            assert ask(session, asked) == [(1,) * len(settings)]  # as it was
        use(storage)
        assert database.admin(KEYLESS) == []
        assert database.admin(INVISIBLE) == []


@on_mysql
@pytest.mark.parametrize("setting", KEYS)
def test_who_may_not_set_that_is_told_before_anything_is_written(
    database: Database, plain: Config, setting: str
) -> None:
    with global_settings(database, {setting: "ON"}):
        error = refusal(lambda: SqlStorage(plain))
        assert type(error) is MigrationError
        assert setting in error.message
        assert "SESSION_VARIABLES_ADMIN" in error.hint
        assert database.tables() == []
        SqlStorage(database.config()).dispose()
        with SqlStorage(plain) as storage:  # an up-to-date schema needs no such right
            use(storage)


@on_mariadb
@pytest.mark.parametrize("by_script", [False, True])
def test_a_server_that_demands_keys_of_all_tables_gets_them_from_the_first_migration_on(
    database: Database, by_script: bool
) -> None:
    with global_settings(database, {"innodb_force_primary_key": "ON"}):
        if by_script:
            done = apply_script("mysql", database.config(), make_script(MySQLDialect).text)
            assert (done.code, done.errors) == (0, "")
        with SqlStorage(database.config()) as storage:
            use(storage)


@on_mysql
def test_a_script_sets_it_for_its_session(database: Database, plain: Config) -> None:
    script = make_script(MySQLDialect).text
    with global_settings(database, dict.fromkeys(KEYS, "ON")):
        done = apply_script("mysql", plain, script)
        assert done.code != 0
        assert "SESSION_VARIABLES_ADMIN" in done.errors
        assert database.tables() == []
        done = apply_script("mysql", database.config(), script)
        assert (done.code, done.errors) == (0, "")
        assert database.admin(INVISIBLE) == []
        with SqlStorage({**plain, "schema_policy": "verify"}) as storage:
            use(storage)


# Servers that take no writes, and users who may not log in any more


def test_a_server_that_takes_no_writes_says_where_to_write(database: Database, plain: Config) -> None:
    with SqlStorage(plain) as storage:
        use(storage)
        with global_settings(database, {"read_only": "ON"}):
            assert "Old" not in storage.experiments  # it can be read
            error = refusal(lambda: use(storage))
    assert type(error) is PermissionDenied
    assert "read-only" in error.message or "read_only" in error.message
    assert "Connect to the primary" in error.hint


def test_a_password_that_has_expired_is_named(database: Database, plain: Config) -> None:
    database.admin(f"ALTER USER '{plain['username']}'@'%' PASSWORD EXPIRE")
    error = refusal(lambda: SqlStorage(plain))
    assert type(error) is ConnectError
    assert "expired" in error.hint
    assert database.tables() == []


# Settings that tables, indexes and transactions go by

SETTINGS: list[dict[str, str]] = [
    {"innodb_strict_mode": "OFF"},
    {"innodb_strict_mode": "OFF", "innodb_default_row_format": "COMPACT"},  # whose keys are too short for the tables
    {"character_set_server": "latin1"},
    {"autocommit": "OFF"},
    {"sql_mode": "''"},
    {"sql_mode": "'ANSI_QUOTES'"},
    {"sql_mode": "'NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'"},
    {"sql_mode": "'TRADITIONAL'"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: ",".join(map("=".join, settings.items())))
def test_a_server_that_is_set_up_otherwise_has_the_same_schema_and_stores_the_same(
    database: Database, tmp_path: Path, settings: dict[str, str]
) -> None:
    with global_settings(database, settings):
        stores_and_verifies(database, tmp_path)


def stores_and_verifies(database: Database, folder: Path) -> None:
    """Make the schema, use it, and find all of it again in another storage and by `schema verify --strict`."""
    config = database.config(schema_policy="update")
    with SqlStorage(config) as storage:
        use(storage)
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert len(storage.experiments["Exp"].results_df) == 40
    ok(runner(folder)(config, "verify", "--strict"))
    assert database.admin(COLLATIONS) == []
    assert database.admin(ROW_FORMATS) == [("Dynamic",)]


COLLATIONS = """
    SELECT c.table_name, c.column_name
    FROM information_schema.columns AS c
    INNER JOIN information_schema.tables AS t
        ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    WHERE c.table_schema = database() AND t.table_type = 'BASE TABLE'
        AND c.collation_name NOT IN ('utf8mb4_0900_bin', 'utf8mb4_nopad_bin')
"""
ROW_FORMATS = """
    SELECT DISTINCT row_format FROM information_schema.tables
    WHERE table_schema = database() AND table_type = 'BASE TABLE'
"""
OPTIONS = (
    "--lower-case-table-names=1",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    "--character-set-server=latin1",
    "--innodb-strict-mode=OFF",
    "--tls-version=",
)


@pytest.fixture(scope="module")
def set_at_start(server_name: str | None) -> Iterator[DatabaseServer]:
    """A MySQL server with what cannot be set while it runs."""
    server = MysqlServer.start(CHOICES[server_name or chosen("mysql")].release, OPTIONS)
    yield server
    server.stop()


@on_mysql
def test_a_server_with_names_in_small_letters_and_gtids_does_as_well(
    engine: str, set_at_start: DatabaseServer, tmp_path: Path
) -> None:
    server = set_at_start
    database = Database(server, server.create_database())
    assert database.admin("SELECT @@lower_case_table_names, @@gtid_mode") == [(1, "ON")]
    stores_and_verifies(database, tmp_path)
    by_script = server.config("Mixed_Case")
    server.admin("CREATE DATABASE Mixed_Case")
    done = apply_script(engine, by_script, make_script(MySQLDialect).text)
    assert (done.code, done.errors) == (0, "")
    stores_and_verifies(Database(server, "Mixed_Case"), tmp_path)


@on_mysql
@pytest.mark.parametrize("form", ["ROW", "MIXED", "STATEMENT"])
def test_a_binary_log_of_statements_is_refused_with_what_to_set(database: Database, tmp_path: Path, form: str) -> None:
    with global_settings(database, {"binlog_format": form}):
        if form != "STATEMENT":
            stores_and_verifies(database, tmp_path)
            return
        error = refusal(lambda: SqlStorage(database.config(schema_policy="update")))
    assert "'binlog_format' to ROW" in error.hint
    stores_and_verifies(database, tmp_path)  # nothing stands in the way of another attempt


@on_mysql
def test_a_server_in_offline_mode_is_named_and_used_again_afterwards(database: Database, plain: Config) -> None:
    short = {**plain, "retry_timeout": 1}
    with SqlStorage(short) as storage:
        use(storage)
        with global_settings(database, {"offline_mode": "ON"}):
            for call in (lambda: len(storage.experiments), lambda: SqlStorage(short)):
                assert "offline mode" in refusal(call).hint
        assert list(storage.experiments) == ["Exp"]


# Migrations never copy a table where they say that they do not


def test_a_table_that_cannot_be_changed_at_once_is_left_as_it_is(database: Database) -> None:
    config = database.config(schema_policy="update")
    migrate_to(config, 10)
    database.admin("ALTER TABLE trial ROW_FORMAT = COMPRESSED")
    error = refusal(lambda: SqlStorage(config))
    assert type(error) is MigrationBlocked
    assert "table trial has compressed rows (0011_leases, statement 1 of 1)" in error.message
    assert "lease_ends" not in database.admin("SHOW CREATE TABLE trial")[0][1]
    database.admin("ALTER TABLE trial ROW_FORMAT = DYNAMIC")
    with SqlStorage(config) as storage:
        use(storage)


# MySQL's own way to log in, which asks for the whole password where the server does not know it yet


@on_mysql
@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "no TLS"])
def test_a_password_is_taken_at_the_first_login_and_later(
    database: Database, set_at_start: DatabaseServer, tls: bool
) -> None:
    place = database if tls else Database(set_at_start, set_at_start.create_database())
    with user_of(place, "pä ss'wörd", EVERYTHING) as user:
        asked = "SELECT plugin FROM mysql.user WHERE user = %s"
        assert place.admin(asked, user["username"]) == [("caching_sha2_password",)]
        for _ in range(2):
            with SqlStorage(place.config(**user, schema_policy="update")) as storage:
                with storage.database.session() as session:
                    ((_, cipher),) = ask(session, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
                assert bool(cipher) == tls
        wrong = refusal(lambda: SqlStorage(place.config(username=user["username"], password="no")))
        assert type(wrong) is ConnectError
