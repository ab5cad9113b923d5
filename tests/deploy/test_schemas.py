"""The schema of a PostgreSQL database that holds the tables: one throughout a call, found or chosen, never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.clients import apply_script
from deploy.commands import Run, ok, refused, snapshot
from engines import workers
from engines.databases import Config, Database, engines, needs_private, user_of
from processes.helpers import Child
from servers import pgbouncer, standby
from trialstore.contract.helpers import bare, finish, make_experiment, migrate_to
from trialstore.dialects.registry import engine_class
from trialstore.sql.scripts import engine_file, make_script
from trialstore.storage import ConfigError, ConnectError, PermissionDenied, SqlStorage, StorageError

on_postgresql = engines("postgresql")
READING = ("status", "plan", "verify")
TABLES = sum(
    engine_file(engine_class("postgresql"), "schema.sql").read_text(encoding="utf-8").count(f"CREATE {kind} ")
    for kind in ("TABLE", "VIEW")
)
"""How many a store has, views among them."""
ODD = ("Größe", 'a"b', "a$$b", "a\\b", "a'b", "a b.c", "public.x", "a:b%s{x}", "🐘", "ä" * 31)


def table_count(database: Database) -> dict[str, int]:
    """Schema → how many tables and views it has; of the server's own none."""
    rows = database.admin(
        "SELECT table_schema, count(*) FROM information_schema.tables WHERE table_schema NOT LIKE 'pg\\_%%'"
        " AND table_schema <> 'information_schema' GROUP BY 1"
    )
    return {str(name): int(number) for name, number in rows}


def user_schema(database: Database) -> str:
    """Make the schema that comes first in the default search_path; its name, quoted."""
    ((user,),) = database.admin("SELECT current_user")
    database.admin(f'CREATE SCHEMA "{user}"')
    return str(user)


def store(config: Config, **more: Any) -> None:
    """Store an experiment with a completed trial."""
    with SqlStorage({**config, **more}) as storage, make_experiment(storage) as experiment:
        finish(experiment.new_trial({"cache": 2}))


@contextmanager
def in_psql(server_database: Database, config: Config, **how: Any) -> Iterator[str]:
    """What psql says of a script that was made so, run on a database that stays as it was."""
    before = table_count(server_database)
    done = apply_script("postgresql", config, make_script(engine_class("postgresql"), **how).text)
    assert done.code == 3
    assert table_count(server_database) == before
    yield done.errors


# --- found ------------------------------------------------------------------------------------------------------------


@on_postgresql
@pytest.mark.parametrize("by_script", [False, True])
def test_a_schema_that_comes_first_later_gets_no_second_store(
    server_database: Database, run: Run, by_script: bool
) -> None:
    config = server_database.config()
    migrate_to(config, 5)
    own = user_schema(server_database)
    found = json.loads(ok(run(config, "status", "--json"), 3))
    assert (found["schema"], found["version"]) == ("public", 5)
    assert json.loads(ok(run(config, "plan", "--json"), 3))["version"] == 5
    if by_script:
        script = make_script(engine_class("postgresql"), 5).text
        done = apply_script("postgresql", config, script)
        assert (done.code, done.errors) == (0, "")
    else:
        ok(run(config, "apply"))
    assert set(table_count(server_database)) == {"public"}
    ok(run(config, "verify", "--strict"))
    store(config)
    # One that comes into being while a storage is open, and its other connections are yet to be made.
    server_database.admin(f'DROP SCHEMA "{own}"')
    with SqlStorage(config) as storage:
        user_schema(server_database)
        with storage.database.session(), storage.database.session(), storage.database.session():
            assert list(storage.experiments) == ["Exp"]


@on_postgresql
def test_a_database_of_mlos_bench_is_found_where_it_is(server_database: Database, run: Run) -> None:
    config = server_database.config()
    migrate_to(config, 1)
    server_database.admin("DROP TABLE trialstore_schema")
    user_schema(server_database)
    assert json.loads(ok(run(config, "status", "--json"), 3))["holds"] == "mlos_bench"
    ok(run(config, "apply"))
    assert set(table_count(server_database)) == {"public"}


@on_postgresql
def test_a_table_of_another_application_is_no_store(server_database: Database, run: Run) -> None:
    config = server_database.config()
    ok(run(config, "apply"))
    own = user_schema(server_database)
    server_database.admin(f'CREATE TABLE "{own}".config (number INTEGER)')
    server_database.admin(f'CREATE TABLE "{own}".experiment (number INTEGER)')
    ok(run(config, "status"))
    store(config)


@on_postgresql
@pytest.mark.parametrize("second", ["trialstore_schema", "trial_status"])
def test_two_candidates_are_refused_by_name(server_database: Database, run: Run, second: str) -> None:
    config = server_database.config()
    migrate_to(config, 5)
    own = user_schema(server_database)
    server_database.admin(f'CREATE TABLE "{own}".{second} (number INTEGER)')
    before = table_count(server_database)
    for command in (*READING, "apply", "adopt"):
        refused(run(config, command), 1, repr(own), "'public'", "--schema")
    with pytest.raises(ConfigError, match="Several schemas"):
        SqlStorage({**config, "schema_policy": "update"})
    with in_psql(server_database, config, start=5) as said:
        assert own in said
        assert "public" in said
        assert "--schema" in said
    assert table_count(server_database) == before
    ok(run(config, "apply", "--schema", "public"))
    store(config, schema="public")


@on_postgresql
def test_a_search_path_of_the_role_is_followed(server_database: Database, run: Run) -> None:
    config, name = server_database.config(), server_database.name
    for path, expected, dropped in (
        ('pg_catalog, Nobody, "Odd, ""one""", public', 'Odd, "one"', '"Odd, ""one"""'),
        ('pg_temp,PUBLIC,"Odd, ""one"""', "public", "public"),
    ):
        server_database.admin('CREATE SCHEMA IF NOT EXISTS "Odd, ""one"""')
        server_database.admin(f"ALTER DATABASE {name} SET search_path = {path}")
        ok(run(config, "apply"))
        assert table_count(server_database) == {expected: TABLES}
        assert json.loads(ok(run(config, "status", "--json")))["schema"] == expected
        server_database.admin(f"DROP SCHEMA {dropped} CASCADE")


# --- refused ----------------------------------------------------------------------------------------------------------


@on_postgresql
def test_a_role_without_usage_is_told_so(server_database: Database, run: Run) -> None:
    config = server_database.config()
    ok(run(config, "apply"))
    server_database.admin("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    with user_of(server_database, "secret", {"postgresql": []}) as login:
        for own in (False, True):
            if own:  # where names would resolve to another schema
                server_database.admin("CREATE SCHEMA AUTHORIZATION {username}".format(**login))
            for command in (*READING, "apply"):
                for more in ((), ("--schema", "public")):
                    said = refused(run({**config, **login}, command, *more), 1, "USAGE", "'public'")
                    assert "no tables" not in said
            with pytest.raises(PermissionDenied, match="USAGE"):
                SqlStorage({**config, **login})
            with in_psql(server_database, {**config, **login}) as said:
                assert "USAGE on the schema public" in said
        with in_psql(server_database, {**config, **login}, schema="public") as said:
            assert "USAGE" in said
    assert table_count(server_database) == {"public": TABLES}


@on_postgresql
def test_a_schema_that_is_not_there_is_named_and_made_only_when_asked(server_database: Database, run: Run) -> None:
    config = server_database.config(schema="bench")
    for command in (*READING, "apply", "adopt"):
        refused(run(config, command), 1, "has no schema 'bench'", "--create-schema")
    with pytest.raises(ConnectError, match="has no schema 'bench'"):
        SqlStorage({**config, "schema_policy": "update"})
    with in_psql(server_database, config, schema="bench") as said:
        assert "no such schema" in said
    refused(run(config, "apply", "--create-schema", "--to", "99"), 1, "99")
    assert server_database.admin("SELECT 1 FROM pg_namespace WHERE nspname = 'bench'") == []
    for _ in range(2):
        ok(run(config, "apply", "--create-schema"))
    assert table_count(server_database) == {"bench": TABLES}
    assert json.loads(ok(run(config, "status", "--json")))["schema"] == "bench"
    store(config)
    refused(run(server_database.config(), "apply", "--create-schema"), 1, "no schema to create", "--schema")


@on_postgresql
def test_no_schema_at_all(server_database: Database, run: Run) -> None:
    server_database.admin("DROP SCHEMA public CASCADE")
    config = server_database.config()
    for command in (*READING, "apply"):
        refused(run(config, command), 1, "search_path names no schema", "'public'")
    with in_psql(server_database, config) as said:
        assert "no schema" in said


@on_postgresql
def test_a_schema_that_is_dropped_meanwhile_gets_no_temporary_tables(server_database: Database) -> None:
    server_database.admin("CREATE SCHEMA bench")
    with bare(server_database.config(schema="bench")) as storage:
        with storage.database.session():
            pass
        server_database.admin("DROP SCHEMA bench")
        with pytest.raises(ConnectError, match="has no schema 'bench'"):
            storage.update_schema()


@on_postgresql
@pytest.mark.parametrize(
    "name", ["", "pg_temp", "pg_catalog", "information_schema", "$user", "x" * 64, "ä" * 32, "a\0b", 7]
)
def test_a_name_that_cannot_be_a_schema_of_ours(server_database: Database, run: Run, name: Any) -> None:
    with pytest.raises(ConfigError, match="schema") as caught:
        SqlStorage(server_database.config(schema=name))
    assert caught.value.hint
    if isinstance(name, str):
        for command in ("script", "grants"):
            refused(run(None, command, "--dialect", "postgresql", "--schema", name), 1, "schema")


@pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("sqlite", "duckdb", "mysql")]
)
def test_an_engine_without_schemas_refuses_the_key_by_name(empty: Config, run: Run, engine: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.schema: .* has no schemas"):
        SqlStorage({**empty, "schema": "bench"})
    for command in (*READING, "apply"):
        refused(run(empty, command, "--schema", "bench"), 1, "config.schema", "no schemas")
    for command in ("script", "grants"):
        result = run(None, command, "--dialect", engine, "--schema", "bench")
        assert result.exit_code == 1
        assert "no schemas" in result.stderr or "no roles" in result.stderr


# --- chosen -----------------------------------------------------------------------------------------------------------


@on_postgresql
@pytest.mark.parametrize("pooled", [False, True])
def test_two_stores_in_one_database(server_database: Database, run: Run, pooled: bool) -> None:
    direct = server_database.config()
    config = pgbouncer.require().config(server_database.name) if pooled else direct
    ok(run(config, "apply"))
    # From 8 on: the indexes of 0008 are built beside writers, and wait for every transaction that is open.
    for name in ("one", "two"):
        ok(run(config, "apply", "--schema", name, "--create-schema", "--to", "8"))
    before = table_count(server_database)
    assert set(before) == {"public", "one", "two"}
    # The migration lock of one is not that of another.
    with Child(workers.hold_migration_lock, {**config, "schema": "one"}) as holder:
        holder.hear("locked")
        ok(run(config, "apply", "--schema", "two"))
        quick = {**config, "migration_lock_timeout": 1}
        refused(run(quick, "apply", "--schema", "one"), 1, "of user", "holds the lock")
        holder.tell("release")
        holder.result()
    assert json.loads(ok(run(config, "status", "--schema", "one", "--json"), 3))["version"] == 8
    script = make_script(engine_class("postgresql"), 8, schema="one").text
    assert apply_script("postgresql", direct, script).code == 0
    for name in ("one", "two"):
        ok(run(config, "verify", "--strict", "--schema", name))
    store(config, schema="one")
    with SqlStorage({**config, "schema": "two"}) as two, SqlStorage(config) as public:
        assert (two.experiments, public.experiments) == ({}, {})
        assert repr(two).endswith(f":{server_database.name}.two")
    with SqlStorage({**config, "schema": "one"}) as one:
        assert one.experiments["Exp"].trials[1].results_dict["score"] == 1.5
        assert len(one.experiments["Exp"].results_df) == 1


@on_postgresql
def test_odd_names_survive_in_all_that_is_run(server_database: Database, run: Run) -> None:
    config = server_database.config()
    for name in ODD[::2]:
        ok(run(config, "apply", "--schema", name, "--create-schema"))
    for name in ODD[1::2]:
        script = make_script(engine_class("postgresql"), schema=name, create_schema=True).text
        done = apply_script("postgresql", config, script)
        assert (done.code, done.errors) == (0, "")
    for name in ODD:
        ok(run(config, "verify", "--strict", "--schema", name))
    counts = table_count(server_database)
    assert set(counts) == set(ODD)
    assert len(set(counts.values())) == 1
    store(config, schema=ODD[0])


# --- what others have made --------------------------------------------------------------------------------------------


@on_postgresql
@pytest.mark.parametrize("pooled", [False, True])
def test_views_and_tables_of_others_do_not_shadow_ours(server_database: Database, run: Run, pooled: bool) -> None:
    config = pgbouncer.require().config(server_database.name) if pooled else server_database.config()
    ok(run(config, "apply"))
    store(config)
    own = user_schema(server_database)
    for name in ("trialstore_schema", "experiment", "trial"):
        server_database.admin(f'CREATE VIEW "{own}".{name} AS SELECT 1 AS one')
    server_database.admin(f"CREATE FUNCTION \"{own}\".lower(VARCHAR) RETURNS TEXT LANGUAGE SQL AS $$ SELECT 'other' $$")
    server_database.admin(f'ALTER DATABASE {server_database.name} SET search_path = "{own}", pg_catalog, public')
    with SqlStorage(config) as storage:
        with storage.database.session() as session:
            for name in ("trialstore_schema", "experiment", "trial"):
                session.driver_connection.execute(f"CREATE TEMPORARY TABLE {name} (one INTEGER)")
        assert list(storage.experiments) == ["Exp"]
        assert len(storage.experiments["Exp"].results_df) == 1
        store(config)
    ok(run(config, "status"))
    ok(run(config, "verify", "--strict"))


SHADOWS = (
    "FUNCTION {0}.set_config(TEXT, TEXT, BOOLEAN) RETURNS TEXT LANGUAGE SQL AS $$ SELECT $1 $$",
    "FUNCTION {0}.current_setting(TEXT) RETURNS TEXT LANGUAGE SQL AS $$ SELECT $1 $$",
    "FUNCTION {0}.current_setting(TEXT, BOOLEAN) RETURNS TEXT LANGUAGE SQL AS $$ SELECT $1 $$",
    "FUNCTION {0}.quote_ident(TEXT) RETURNS TEXT LANGUAGE SQL AS $$ SELECT 'pg_temp'::pg_catalog.text $$",
    "FUNCTION {0}.has_schema_privilege(OID, TEXT) RETURNS BOOLEAN LANGUAGE SQL AS $$ SELECT FALSE $$",
    "FUNCTION {0}.concat(TEXT, TEXT) RETURNS TEXT LANGUAGE SQL AS $$ SELECT $1 $$",
    "FUNCTION {0}.never(NAME, TEXT) RETURNS BOOLEAN LANGUAGE SQL AS $$ SELECT FALSE $$",
    "FUNCTION {0}.never(TEXT, TEXT) RETURNS BOOLEAN LANGUAGE SQL AS $$ SELECT FALSE $$",
    "FUNCTION {0}.never(OID, OID) RETURNS BOOLEAN LANGUAGE SQL AS $$ SELECT FALSE $$",
    "OPERATOR {0}.= (LEFTARG = NAME, RIGHTARG = TEXT, PROCEDURE = {0}.never)",
    "OPERATOR {0}.= (LEFTARG = TEXT, RIGHTARG = TEXT, PROCEDURE = {0}.never)",
    "OPERATOR {0}.= (LEFTARG = OID, RIGHTARG = OID, PROCEDURE = {0}.never)",
    "DOMAIN {0}.text AS INTEGER",
    "DOMAIN {0}.json AS INTEGER",
)


@on_postgresql
@pytest.mark.parametrize("by_script", [False, True])
def test_functions_operators_and_types_of_others_do_not_stand_for_the_servers(
    server_database: Database, run: Run, by_script: bool
) -> None:
    config = server_database.config()
    migrate_to(config, 5)
    server_database.admin("CREATE SCHEMA other")
    for shadow in SHADOWS:
        server_database.admin(f"CREATE {shadow.format('other')}")
    server_database.admin(f"ALTER DATABASE {server_database.name} SET search_path = other, pg_catalog, public")
    if by_script:
        done = apply_script("postgresql", config, make_script(engine_class("postgresql"), 5).text)
        assert (done.code, done.errors) == (0, "")
    else:
        ok(run(config, "apply"))
    ok(run(config, "verify", "--strict"))
    store(config)
    assert table_count(server_database) == {"public": TABLES}


@pytest.mark.engine("postgresql")
def test_a_database_in_recovery_is_named_and_left_alone(run: Run) -> None:
    pair = standby.require()
    name = pair.create_database()
    try:
        config = pair.standby.config(name)
        assert json.loads(ok(run(config, "status", "--json"), 3))["holds"] == "empty"
        refused(run(config, "apply"), 1, "read-only", "standby")
        refused(run(config, "apply", "--schema", "bench", "--create-schema"), 1, "read-only", "standby")
        primary = pair.primary.config(name)
        migrate_to(primary, 5)
        pair.catch_up()
        ok(run(config, "status"), 3)
        refused(run(config, "apply"), 1, "read-only", "standby")
        with pytest.raises(StorageError, match="read-only"):
            SqlStorage({**config, "schema_policy": "update"})
        ok(run(primary, "apply"))
        pair.catch_up()
        ok(run(config, "verify", "--strict"))
    finally:
        pair.primary.drop_database(name)


@on_postgresql
def test_a_user_whose_transactions_are_read_only_is_told_which_setting_it_is(
    server_database: Database, run: Run
) -> None:
    config = server_database.config()
    migrate_to(config, 5)
    before = snapshot(config)
    server_database.admin(f"ALTER DATABASE {server_database.name} SET default_transaction_read_only = on")
    ok(run(config, "status"), 3)
    refused(run(config, "apply"), 1, "default_transaction_read_only", "nothing was changed")
    assert snapshot(config) == before


@engines("mysql")
def test_a_server_that_is_only_read_is_left_alone_by_administrators_too(server_database: Database, run: Run) -> None:
    config = server_database.config()
    needs_private(server_database.server)
    migrate_to(config, 5)
    before = snapshot(config)
    server_database.admin("SET GLOBAL read_only = 1")
    try:
        ok(run(config, "status"), 3)
        refused(run(config, "apply"), 1, "read_only")
        with pytest.raises(StorageError, match="read_only"):
            SqlStorage({**config, "schema_policy": "update"})
        text = ok(run(None, "script", "--dialect", "mysql", "--from", "5"))
        assert "the server is read-only, as replicas are" in apply_script("mysql", config, text).errors
        assert snapshot(config) == before
    finally:
        server_database.admin("SET GLOBAL read_only = 0")
    ok(run(config, "apply"))


@engines("mysql")
def test_a_server_that_adds_no_column_at_once_is_told_before_anything_is_written(
    server_database: Database, run: Run
) -> None:
    if server_database.server.name != "mariadb":
        pytest.skip("a setting of MariaDB's")
    needs_private(server_database.server)
    config, setting = server_database.config(), "innodb_instant_alter_column_allowed"
    ((usual,),) = server_database.admin(f"SELECT @@GLOBAL.{setting}")
    server_database.admin(f"SET GLOBAL {setting} = never")
    try:
        refused(run(config, "apply"), 1, f"{setting} is never", "Nothing was changed")
        done = apply_script("mysql", config, ok(run(None, "script", "--dialect", "mysql")))
        assert f"{setting} is never" in done.errors
        assert server_database.tables() == []
    finally:
        server_database.admin(f"SET GLOBAL {setting} = {usual}")
    ok(run(config, "apply"))


@engines("mysql")
def test_a_login_that_may_create_and_not_insert_leaves_nothing(server_database: Database, run: Run) -> None:
    config = server_database.config()
    rights = {"mysql": ["GRANT SELECT, CREATE, ALTER, DROP, INDEX, REFERENCES ON {database}.* TO {user}@'%'"]}
    with user_of(server_database, "a passw0rd", rights) as login:
        refused(
            run({**config, **login}, "apply"), 1, "INSERT command denied", "trialstore_schema", "Nothing was changed"
        )
    assert server_database.tables() == []
    ok(run(config, "apply"))


@engines("mysql")
def test_a_database_that_is_set_to_be_read_is_told_in_the_servers_words(server_database: Database, run: Run) -> None:
    if server_database.server.name == "mariadb":
        pytest.skip("MariaDB has no such setting")
    config, name = server_database.config(), server_database.name
    migrate_to(config, 10)
    server_database.server.admin(f"ALTER SCHEMA {name} READ ONLY = 1")
    try:
        refused(run(config, "apply"), 1, f"Schema '{name}' is in read only mode", "Nothing was changed", "ALTER SCHEMA")
    finally:
        server_database.server.admin(f"ALTER SCHEMA {name} READ ONLY = 0")
    ok(run(config, "apply"))
