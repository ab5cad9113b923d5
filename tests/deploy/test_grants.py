"""`trialstore schema grants`: three roles on real servers, each of which can do what it is for, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy.exc import DBAPIError

import inherited
import servers
from command_tree import invoke
from deploy.app_modes import VARIABLE
from deploy.clients import apply_script
from deploy.roles import Roles
from matrix import ENGINES, FILE_MODES
from trialstore.contract.helpers import at, execute, finish, make_experiment, tables
from trialstore.dialects.errors import ConfigError, ErrorKind, SchemaMissing, StorageError
from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql.catalogue import CHANGES, MANY, load_catalogue
from trialstore.sql.grants import Names, make_grants
from trialstore.sql.migrations import load_migrations
from trialstore.sql.scripts import engine_file, make_script
from trialstore.sql.structure import expected_facts, read_facts
from trialstore.sql.views import VIEWS
from trialstore.storage import PermissionDenied, SqlStorage, Status
from trialstore.storage.cli.exit_codes import PENDING
from trialstore.storage.cli.sql import bind_values, typical_values

SERVERS = tuple(name for name in ENGINES if name not in FILE_MODES)
# Everybody may connect to a new database of PostgreSQL.
KEEP_OUT = {"postgresql": "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC", "mysql": "DO 0"}
REVOKE = {
    "postgresql": 'REVOKE {rights} ON {table} FROM "{app}"',
    "mysql": "REVOKE {rights} ON {table} FROM '{app}'@'%'",
}
READING = ("status", "plan", "verify")
WITHOUT_ROLES = tuple(FILE_MODES)
TESTS = Path(__file__).parents[1]


# --- the command, without a server ------------------------------------------------------------------------------------


def call(*arguments: str) -> Result:
    return invoke(list(arguments))


def grants(dialect: str, **names: str) -> str:
    return make_grants(engine_class(dialect), Names(**names))


@pytest.mark.parametrize("dialect", SERVERS)
def test_neither_driver_nor_database_is_needed(dialect: str) -> None:
    drivers = {engine_class(name).driver_module for name in BUILT_IN} - {"sqlite3"}
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(drivers)}))\n"
        "from trialstore.storage.cli import main; sys.exit(main())"
    )
    words = [sys.executable, "-c", code, "schema", "grants", "--dialect", dialect, "--database", "bench"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == grants(dialect, database="bench")
    assert done.stderr == ""


@pytest.mark.parametrize("dialect", SERVERS)
def test_the_names_that_are_given_take_the_place_of_all_others(dialect: str) -> None:
    text = grants(dialect, owner="Anna", app="Bert", reader="Carl", database="Dora")
    assert re.findall(r"[\"`](trialstore\W*_\w+)[\"`]", text) == []
    for name in ("Anna", "Bert", "Carl", "Dora"):
        assert re.search(rf"[\"`]{name}[\"`]", text)
    assert "noqa" not in text
    assert text.isascii()


def test_names_are_quoted_as_the_engine_does_it() -> None:
    text = grants("postgresql", owner='a"; DROP TABLE trial; --', app="x@y", database="my_db%")
    assert 'CREATE ON SCHEMA "public" TO "a""; DROP TABLE trial; --";' in text
    assert 'TO "x@y";' in text
    assert 'ON DATABASE "my_db%"' in text
    text = grants("mariadb", owner="a`b", app="app@10.0.0.%", reader="r@d@host", database="my_db%")
    assert "TO `a``b`@`%`;" in text
    assert "TO `app`@`10.0.0.%`;" in text
    assert "TO `r@d`@`host`;" in text
    assert r"ON `my\_db\%`.* TO" in text
    assert "ON `my_db%`.trial TO `app`@`10.0.0.%`;" in text


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\0", "x" * 64, "ä" * 32, "@host", "name@"])
@pytest.mark.parametrize("key", ["owner", "app", "reader", "database"])
def test_a_name_that_cannot_be_quoted_is_refused(key: str, name: str) -> None:
    for dialect in SERVERS:
        with pytest.raises(ConfigError, match=f"--{key}") as caught:
            grants(dialect, **{key: name})
        assert caught.value.hint


def test_one_role_cannot_be_another_one_as_well() -> None:
    result = call("schema", "grants", "--dialect", "postgresql", "--owner", "a", "--app", "a")
    assert result.exit_code == 1
    assert "must be three different roles" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("dialect", WITHOUT_ROLES)
def test_an_engine_without_roles_says_what_to_use_instead(dialect: str) -> None:
    result = call("schema", "grants", "--dialect", dialect)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{dialect} has no roles" in result.stderr
    assert "modes of the file" in result.stderr
    assert '"schema_policy": "verify"' in result.stderr


def test_it_is_written_to_a_file_or_as_json(tmp_path: Path) -> None:
    words = ["schema", "grants", "--dialect", "mariadb", "--app", "bench"]
    text = grants("mysql", app="bench")
    assert call(*words, "-o", str(tmp_path / "grants.sql")).exit_code == 0
    assert (tmp_path / "grants.sql").read_bytes() == text.encode()
    names = {"owner": "trialstore_owner", "app": "bench", "reader": "trialstore_reader", "database": "trialstore"}
    assert json.loads(call(*words, "--json").stdout) == {"dialect": "mysql", **names, "text": text}


@pytest.mark.parametrize("dialect", SERVERS)
def test_the_application_gets_the_verbs_of_the_catalogue_and_no_other(dialect: str) -> None:
    # The migrator and the commands of the schema alone change its history.
    catalogue = load_catalogue(engine_class(dialect).sql_folders)
    statements = [one for name, one in catalogue.items() if not name.startswith("history_")]
    needed = {verb for one in statements for verb in re.findall(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b", one.sql)}
    lines = [line for line in grants(dialect, app="A").splitlines() if re.search(r" TO \"?`?A\b", line)]
    granted = {verb for line in lines for verb in re.findall(r"\b[A-Z]+\b", line.partition(" ON ")[0])}
    # Where a right on a table that is not there yet takes CREATE beside it, that is taken back.
    back = [
        line for line in grants(dialect, app="A").splitlines() if line.startswith("REVOKE CREATE ON ") and "`A`" in line
    ]
    assert len(back) == sum("CREATE" in line for line in lines)
    assert granted - {"GRANT", "CONNECT", "USAGE", "SEQUENCE", "CREATE", "SHOW", "VIEW"} == needed


# --- on real servers --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.engine(name)) for name in SERVERS])
def roles(request: pytest.FixtureRequest, server_name: str | None) -> Iterator[Roles]:
    """The roles on a server, each in turn."""
    made = Roles(request.param)
    yield made
    made.drop()


@pytest.fixture(scope="module")
def ready(roles: Roles) -> Iterator[str]:
    """A database with an experiment, which the application stored; for tests that change nothing."""
    name = roles.database()
    with SqlStorage(roles.config(roles.app, name)) as storage, make_experiment(storage) as experiment:
        finish(experiment.new_trial({"cache": 2}))
    yield name
    servers.require(roles.engine).drop_database(name)


@pytest.fixture
def fresh(roles: Roles) -> Iterator[str]:
    """A database whose roles have their rights, and which has no tables."""
    name = roles.database(migrated=False)
    yield name
    servers.require(roles.engine).drop_database(name)


def opened(config: dict[str, Any]) -> SqlStorage:
    """A storage that has not looked at its schema."""
    return SqlStorage({**config, "lazy_schema_create": True})


def may(storage: SqlStorage, sql: str) -> bool:
    """Whether the role may run a statement; any other error than that of a right is the test's own."""
    engine = storage.database.engine
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql(sql).close()
        except DBAPIError as error:
            if storage.database.dialect.classify(error).kind is not ErrorKind.PERMISSION:
                raise
            return False
        finally:
            connection.rollback()
    return True


def test_the_owner_deploys_by_script_and_the_others_find_it(roles: Roles, fresh: str) -> None:
    for start, target in ((0, 5), (5, None)):
        text = make_script(engine_class(roles.engine), start, target).text
        done = apply_script(roles.engine, roles.config(roles.owner, fresh), text)
        assert (done.code, done.errors) == (0, "")
    with SqlStorage(roles.config(roles.app, fresh)) as storage, make_experiment(storage) as experiment:
        finish(experiment.new_trial({"cache": 2}))
    with SqlStorage(roles.config(roles.reader, fresh)) as storage:
        assert list(storage.experiments) == ["Exp"]


def test_the_owner_upgrades_with_apply(roles: Roles, fresh: str) -> None:
    text = make_script(engine_class(roles.engine), 0, 4).text
    assert apply_script(roles.engine, roles.config(roles.owner, fresh), text).code == 0
    with SqlStorage(roles.config(roles.owner, fresh, schema_policy="update")):
        pass
    with SqlStorage(roles.config(roles.app, fresh)) as storage:
        assert storage.experiments == {}


@pytest.mark.parametrize("role", ["app", "reader"])
def test_nobody_but_the_owner_can_create_the_schema(roles: Roles, fresh: str, role: str) -> None:
    config = roles.config(getattr(roles, role), fresh)
    with pytest.raises(SchemaMissing):
        SqlStorage(config)
    with pytest.raises(PermissionDenied):
        SqlStorage({**config, "schema_policy": "update"})
    text = make_script(engine_class(roles.engine)).text
    done = apply_script(roles.engine, config, text)
    assert done.code != 0
    assert re.search("permission denied|Access denied", done.errors)
    with opened(config) as storage:
        assert tables(storage) == []


@pytest.mark.parametrize("role", ["app", "reader"])
def test_no_statement_of_any_migration_is_allowed(roles: Roles, ready: str, role: str) -> None:
    with opened(roles.config(getattr(roles, role), ready)) as storage:
        allowed = [
            sql
            for migration in load_migrations(engine_class(roles.engine).migrations_folder)
            for sql in migration.statements
            if may(storage, sql)
        ]
        others = ("DROP TABLE trial_telemetry", "TRUNCATE TABLE trial_telemetry", "CREATE VIEW v AS SELECT 1 AS one")
        allowed += [sql for sql in (*others, "CREATE TEMPORARY TABLE t (a INTEGER)") if may(storage, sql)]
    assert allowed == []


@pytest.mark.parametrize("role", ["app", "reader"])
def test_views_are_read_and_no_rows_go_in_by_them(roles: Roles, ready: str, role: str) -> None:
    with opened(roles.config(getattr(roles, role), ready)) as storage:
        views = {fact.table for fact in storage.database.read(read_facts) if fact.kind in VIEWS}
        assert len(views) == 9
        assert [view for view in views if not may(storage, f"SELECT * FROM {view}")] == []
        assert not may(storage, "UPDATE v_status SET status = status WHERE 1 = 0")


def test_the_application_deletes_attributes_alone_and_leaves_the_history_alone(roles: Roles, ready: str) -> None:
    with opened(roles.config(roles.app, ready)) as storage:
        allowed = [name for name in tables(storage) if may(storage, f"DELETE FROM {name} WHERE 1 = 0")]
        writes = may(storage, "UPDATE trialstore_schema SET version = version WHERE 1 = 0")
    assert allowed == ["experiment_attribute", "trial_attribute"]
    assert not writes


def test_the_reader_is_refused_whatever_writes(roles: Roles, ready: str) -> None:
    with opened(roles.config(roles.reader, ready)) as storage:
        database = storage.database
        statements = [
            one
            for one in load_catalogue(database.dialect.sql_folders).values()
            if one.verb in CHANGES and not one.name.endswith(MANY)
        ]
        assert len(statements) > 15
        for statement in statements:
            values = bind_values(statement, typical_values(statement), database.dialect)
            with database.session() as session:
                session.begin(write=True)
                with pytest.raises(PermissionDenied):
                    session.execute(statement.name, **values)


def test_the_reader_sees_the_experiments_and_the_state_of_the_schema(roles: Roles, ready: str) -> None:
    with SqlStorage(roles.config(roles.reader, ready)) as storage:
        assert storage.experiments["Exp"].trials[1].results_dict["score"] == 1.5
        with storage.database.session() as session:
            assert storage.database.migrator.read_state(session).current
        with pytest.raises(PermissionDenied):
            make_experiment(storage, "Another").__enter__()


def test_the_reader_runs_the_commands_that_read(roles: Roles, ready: str, tmp_path: Path) -> None:
    config = tmp_path / "storage.json5"
    config.write_text(json.dumps(roles.config(roles.reader, ready)), encoding="utf-8")
    for words in (["list"], ["show", "Exp"], *(["schema", name] for name in READING)):
        result = call(*words, "--config", str(config))
        assert result.exit_code == 0, (words, result.stderr)
        assert result.stdout


def test_the_reader_may_look_at_what_is_pending_and_makes_nothing(roles: Roles, fresh: str, tmp_path: Path) -> None:
    config = tmp_path / "storage.json5"
    config.write_text(json.dumps(roles.config(roles.reader, fresh)), encoding="utf-8")
    codes = {name: call("schema", name, "--config", str(config)).exit_code for name in READING}
    assert {codes["status"], codes["plan"]} == {PENDING}
    with opened(roles.config(roles.owner, fresh)) as storage:
        assert tables(storage) == []


@pytest.mark.parametrize("rights", ["INSERT", "SELECT, INSERT, UPDATE"])
def test_an_application_without_rights_on_contexts_starts_trials(roles: Roles, rights: str) -> None:
    """As one whose rights are those of an older version."""
    name = roles.database()
    server = servers.require(roles.engine)
    for table in ("context", "context_value"):
        server.admin(REVOKE[roles.engine].format(rights=rights, table=table, app=roles.app), database=name)
    with SqlStorage(roles.config(roles.app, name)) as storage, make_experiment(storage) as experiment:
        for _ in range(2):
            trial = experiment.new_trial({"cache": 2})
            trial.update(Status.RUNNING, at(1))
            finish(trial)
        assert [one.status for one in storage.experiments["Exp"].trials.values()] == [Status.SUCCEEDED] * 2
        assert len(storage.experiments["Exp"].trials[1].status_events) == 2
    server.drop_database(name)


def test_tables_of_later_migrations_are_covered_where_the_engine_can_say_so(roles: Roles, fresh: str) -> None:
    with opened(roles.config(roles.owner, fresh)) as storage:
        execute(storage, "CREATE TABLE later (number INTEGER)")
    covered = roles.engine == "postgresql"  # elsewhere the script of the library that has the migration covers them
    with opened(roles.config(roles.app, fresh)) as storage:
        assert may(storage, "INSERT INTO later VALUES (7)") == covered
        assert not may(storage, "DELETE FROM later")
    with opened(roles.config(roles.reader, fresh)) as storage:
        assert may(storage, "SELECT number FROM later") == covered
        assert not may(storage, "INSERT INTO later VALUES (9)")


@pytest.mark.parametrize("role", ["app", "reader"])
def test_tables_of_another_application_are_out_of_reach(roles: Roles, fresh: str, role: str) -> None:
    server = servers.require(roles.engine)
    server.admin("CREATE TABLE payroll (salary INTEGER)", database=fresh)
    with SqlStorage({**roles.config(roles.owner, fresh), "schema_policy": "update"}):
        pass
    roles.grant(fresh)
    with SqlStorage(roles.config(getattr(roles, role), fresh)) as storage:
        assert not may(storage, "SELECT salary FROM payroll")
        assert not may(storage, "INSERT INTO payroll VALUES (1)")
        assert storage.experiments == {}


@pytest.mark.parametrize("engine", SERVERS)
def test_each_table_and_view_of_the_schema_is_named(engine: str) -> None:
    folder = engine_class(engine).migrations_folder
    facts = expected_facts(folder, len(load_migrations(folder)))
    views = {fact.table for fact in facts if fact.kind in VIEWS}
    names = {fact.table for fact in facts} - views
    text = grants(engine)
    for role in ("app", "reader"):
        assert views == {view for view in views if re.search(rf"GRANT SELECT.* ON \S*\b{view} TO .*_{role}\b", text)}
    assert not [view for view in views if re.search(rf"GRANT .*(INSERT|UPDATE).* ON \S*\b{view} TO", text)]
    assert names - {
        name for name in names if re.search(rf"GRANT SELECT, INSERT, UPDATE\b.* ON \S*\b{name} TO", text)
    } == {"trialstore_schema"}
    assert re.search(r"GRANT SELECT.* ON \S*\btrialstore_schema TO", text)


def test_the_application_may_count_on_in_each_sequence() -> None:
    schema = engine_file(engine_class("postgresql"), "schema.sql").read_text(encoding="utf-8")
    counted = re.findall(r"CREATE TABLE (\w+) \(\n\s+(\w+) SERIAL", schema)
    assert len(counted) == schema.count(" SERIAL ")
    text = grants("postgresql")
    assert [one for one in counted if 'SEQUENCE {}_{}_seq TO "trialstore_app"'.format(*one) not in text] == []


def test_who_has_no_role_gets_in_nowhere(roles: Roles, ready: str) -> None:
    with pytest.raises(StorageError, match="denied"):
        SqlStorage(roles.config(roles.outsider, ready))


def test_the_roles_get_into_no_database_of_a_similar_name(roles: Roles, ready: str) -> None:
    server = servers.require(roles.engine)
    similar = ready.replace("_", "x")
    server.admin(f"CREATE DATABASE {similar}")
    try:
        server.admin(KEEP_OUT[roles.engine].format(name=similar))
        with pytest.raises(StorageError, match="denied"):
            SqlStorage({**roles.config(roles.owner, ready), "database": similar})
    finally:
        server.drop_database(similar)


def test_no_account_without_a_password_comes_into_being(roles: Roles, ready: str) -> None:
    config = servers.require(roles.engine).config(ready)
    text = grants(roles.engine, owner="nobody-1", app="nobody-2", reader="nobody-3", database=ready)
    assert apply_script(roles.engine, config, text).code != 0
    with pytest.raises(StorageError):
        SqlStorage({**roles.config(roles.app, ready), "username": "nobody-1", "password": ""})


ODD = ("Größe", 'it\'s "quoted"', "a`b", "$$; DROP", "$trialstore$", "back\\slash", "文字_%", "a:b :'c'")


@pytest.mark.parametrize("engine", [pytest.param(name, marks=pytest.mark.engine(name)) for name in SERVERS])
@pytest.mark.parametrize("odd", ODD)
def test_odd_names_survive_in_the_hands_of_the_client(engine: str, odd: str) -> None:
    """Each of the names, database included, is the odd one; and a database that its pattern might match is not."""
    server = servers.require(engine)
    quote = '"' if engine == "postgresql" else "`"
    host = "" if engine == "postgresql" else "@'%'"

    def named(name: str) -> str:
        return quote + name.replace(quote, quote * 2) + quote

    names = Names(f"{odd} O", f"{odd} A", f"{odd} R", f"{odd} D")
    roles = (names.owner, names.app, names.reader)
    try:
        server.admin(f"CREATE DATABASE {named(names.database)}")
        for name in roles:
            create = (
                "CREATE ROLE {} LOGIN PASSWORD 'pw'" if engine == "postgresql" else "CREATE USER {} IDENTIFIED BY 'pw'"
            )
            server.admin(create.format(named(name) + host))
        config = server.config(names.database)
        more: dict[str, Any] = {"schema": f"{odd} S", "create_schema": True} if engine == "postgresql" else {}
        text = make_grants(engine_class(engine), names, **more)
        for _ in range(2):
            done = apply_script(engine, config, text)
            assert (done.code, done.errors) == (0, "")
        schema = {"schema": more["schema"]} if more else {}
        login = {"password": "pw", **schema}
        with SqlStorage({**config, **login, "username": names.owner, "schema_policy": "update"}):
            pass
        assert apply_script(engine, config, text).code == 0
        app = {**config, **login, "username": names.app, "schema_policy": "verify"}
        with SqlStorage(app) as storage, make_experiment(storage) as experiment:
            finish(experiment.new_trial({"cache": 2}))
            assert not may(storage, "UPDATE trialstore_schema SET version = version WHERE 1 = 0")
            assert not may(storage, "DELETE FROM trial WHERE 1 = 0")
        with SqlStorage({**app, "username": names.reader}) as storage:
            assert list(storage.experiments) == ["Exp"]
            assert not may(storage, "UPDATE trial SET status = status WHERE 1 = 0")
    finally:
        server.admin(f"DROP DATABASE IF EXISTS {named(names.database)}")
        for name in roles:
            server.admin(f"DROP {'ROLE' if engine == 'postgresql' else 'USER'} IF EXISTS {named(name)}{host}")


@pytest.mark.engine("postgresql")
@pytest.mark.parametrize("keep", [False, True])
def test_everybody_keeps_their_rights_where_that_is_asked_for(keep: bool) -> None:
    roles = Roles("postgresql")
    server = servers.require("postgresql")
    name = server.create_database()
    try:
        names = Names(roles.owner, roles.app, roles.reader, name)
        text = make_grants(engine_class("postgresql"), names, keep_public=keep)
        assert ("PUBLIC" in text.replace("(PUBLIC)", "")) != keep
        server.admin("GRANT USAGE ON SCHEMA public TO PUBLIC", database=name)
        assert apply_script("postgresql", server.config(name), text).code == 0
        config = roles.config(roles.outsider, name)
        if keep:
            with opened(config) as storage:
                assert may(storage, "SELECT 1")
        else:
            with pytest.raises(StorageError, match="denied"):
                SqlStorage(config)
    finally:
        server.drop_database(name)
        roles.drop()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("postgresql", "--create-schema"), "no schema to create"),
        (("mysql", "--keep-public"), "--keep-public"),
        (("mysql", "--schema", "bench"), "no schemas"),
        (("postgresql", "--app", "public"), "everybody"),
    ],
)
def test_what_cannot_be_is_refused_by_name(words: tuple[str, ...], said: str) -> None:
    result = call("schema", "grants", "--dialect", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert "Hint: " in result.stderr


@pytest.mark.parametrize("engine", [pytest.param(name, marks=pytest.mark.engine(name)) for name in SERVERS])
def test_the_application_runs_the_whole_contract_suite(engine: str, tmp_path: Path) -> None:
    server = servers.require(engine)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "deploy.app_modes", "-p", "no:cacheprovider"]
    # Where trialstore is installed from its work tree, its own settings and conftest.py lie beside the suite.
    command += ["-c", "pytest.ini", "--noconftest", "--import-mode=importlib", "--pyargs", "trialstore.contract"]
    url = server.url.render_as_string(hide_password=False)
    environment = inherited.environment(**{VARIABLE: server.name, "PYTHONPATH": str(TESTS), server.variable: url})
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 450
