"""MySQL and MariaDB servers that are set up otherwise: what they demand of tables, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.clients import apply_script
from engines.databases import EVERYTHING, Config, Database, engines, refusal, user_of
from engines.test_settings import global_settings, use
from trialstore.contract.helpers import ask
from trialstore.dialects.mysql import MySQLDialect
from trialstore.sql.scripts import make_script
from trialstore.storage import ConnectError, MigrationError, PermissionDenied, SqlStorage

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
    WHERE table_schema = database() AND NOT EXISTS (
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
def test_a_server_that_demands_primary_keys_of_all_is_named_before_anything_is_written(database: Database) -> None:
    with global_settings(database, {"innodb_force_primary_key": "ON"}):
        error = refusal(lambda: SqlStorage(database.config()))
        assert type(error) is MigrationError
        assert "innodb_force_primary_key" in error.message
        assert "SET GLOBAL innodb_force_primary_key = OFF" in error.hint
        assert database.tables() == []
    SqlStorage(database.config()).dispose()
    with global_settings(database, {"innodb_force_primary_key": "ON"}), SqlStorage(database.config()) as storage:
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


@on_mariadb
def test_a_script_stops_where_it_cannot_be_set(database: Database) -> None:
    with global_settings(database, {"innodb_force_primary_key": "ON"}):
        done = apply_script("mysql", database.config(), make_script(MySQLDialect).text)
        assert done.code != 0
        assert "innodb_force_primary_key" in done.errors
        assert database.tables() == []


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
