"""`trialstore schema status` and `plan`: what they say, and that they write nothing."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

import pytest

from deploy.commands import Run, ok, refused, snapshot, statement_of
from engines.databases import Database, on_servers, user_of
from matrix import FILE_MODES
from trialstore.contract.helpers import bare, execute, migrate_to, tables, watch
from trialstore.contract.modes import Config
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage
from trialstore.storage.cli.schema import schema

NEWEST = len(load_migrations("sqlite/migrations"))
IN_FILES = tuple(FILE_MODES)


def names(engine: str, start: int = 1, end: int = NEWEST) -> list[str]:
    return [str(migration) for migration in load_migrations(f"{engine}/migrations")[start - 1 : end]]


# --- status -----------------------------------------------------------------------------------------------------------


def test_an_up_to_date_schema_is_told_with_its_history(empty: Config, run: Run) -> None:
    SqlStorage({**empty, "schema_policy": "update"}).dispose()
    lines = ok(run(empty, "status")).splitlines()
    assert lines[0].endswith(f": schema version {NEWEST}, up to date.")
    assert re.fullmatch(r"0001_base_tables +done +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+ .*\b0\.\d+\.\d+ *", lines[2])
    told = json.loads(ok(run(empty, "status", "--json")))
    assert (told["holds"], told["version"], told["newest"], told["pending"]) == ("ours", NEWEST, NEWEST, [])
    assert [row["version"] for row in told["history"]] == list(range(1, NEWEST + 1))
    first = told["history"][0]
    assert first["started_at"] <= first["finished_at"]
    assert first["duration_ms"] >= 0
    assert bool(first["database_user"]) == (empty["drivername"] != "sqlite")


def test_what_is_pending_is_listed(engine: str, empty: Config, run: Run) -> None:
    migrate_to(empty, 4)
    lines = ok(run(empty, "status"), 3).splitlines()
    assert lines[0].endswith(f": schema version 4 of {NEWEST}; {NEWEST - 4} pending.")
    assert lines[1 : NEWEST - 3] == [f"pending: {name}" for name in names(engine, 5)]
    assert json.loads(ok(run(empty, "status", "--json"), 3))["pending"] == names(engine, 5)


@pytest.mark.parametrize("command", ["status", "plan"])
def test_an_empty_database_stays_empty(engine: str, empty: Config, command: str, run: Run) -> None:
    output = ok(run(empty, command), 3)
    assert ("no tables" in output) or (f"from schema version 0 to {NEWEST}" in output)
    if engine in IN_FILES:
        assert list(Path(empty["database"]).parent.iterdir()) == []
    else:
        with bare(empty) as storage:
            assert tables(storage) == []
    assert json.loads(ok(run(empty, command, "--json"), 3))["holds"] == "empty"


def test_a_database_of_another_application_is_told(empty: Config, run: Run) -> None:
    with bare(empty) as storage:
        execute(storage, "CREATE TABLE invoice (number INTEGER)")
    before = snapshot(empty)
    assert "tables of another application only" in ok(run(empty, "status"), 3)
    assert json.loads(ok(run(empty, "plan", "--json"), 3))["holds"] == "other"
    assert snapshot(empty) == before


def test_a_folder_that_does_not_exist_is_an_error(run: Run, tmp_path: Path) -> None:
    refused(run({"drivername": "sqlite", "database": str(tmp_path / "no" / "x.sqlite")}, "status"), 1, "does not exist")


BROKEN = {
    "an edited file": ("UPDATE trialstore_schema SET checksum = 'other' WHERE version = 3", "0003_experiment_driver"),
    "a newer library": (f"UPDATE trialstore_schema SET version = 99 WHERE version = {NEWEST}", "version 99"),
    "another chain": ("UPDATE trialstore_schema SET slug = 'other' WHERE version = 3", "0003_other"),
    "a gap": ("DELETE FROM trialstore_schema WHERE version = 3", "0003"),
    "an unknown state": ("UPDATE trialstore_schema SET state = '?' WHERE version = 3", "0003_experiment_driver"),
}


@pytest.mark.parametrize(("statement", "word"), BROKEN.values(), ids=BROKEN)
def test_a_broken_history_is_told_and_shown(empty: Config, statement: str, word: str, run: Run) -> None:
    SqlStorage({**empty, "schema_policy": "update"}).dispose()
    with bare(empty) as storage:
        execute(storage, statement)
    before = snapshot(empty)
    lines = ok(run(empty, "status"), 4).splitlines()
    assert lines[0].endswith(": the schema is broken.")
    assert lines[1].startswith("Broken: ")
    assert word in lines[1]
    assert lines[2].startswith("Hint: ")
    assert any(line.startswith("0001_base_tables ") for line in lines)
    assert word in json.loads(ok(run(empty, "status", "--json"), 4))["problem"]["message"]
    for command in ("plan", "apply", "verify"):
        refused(run(empty, command), 4, word)
    assert snapshot(empty) == before


@pytest.mark.parametrize("state", ["running", "failed"])
def test_an_interrupted_migration_is_told(empty: Config, state: str, run: Run) -> None:
    migrate_to(empty, 5)
    with bare(empty) as storage:
        execute(storage, f"UPDATE trialstore_schema SET state = '{state}', statements_done = 1 WHERE version = 5")
        for table in ("trial_param", "trial_result", "trial_telemetry"):  # statements 2 to 4 have not been
            execute(storage, f"ALTER TABLE {table} DROP COLUMN value_type")
        whole = storage.database.dialect.transactional_ddl
    output = ok(run(empty, "status"), 4)
    assert "0005_typed_values was begun and " in output
    if whole:  # only a hand can have written that
        refused(run(empty, "plan"), 4, "0005_typed_values")
    else:
        assert "-- begun: statements 1 to 1 of 4 are done\nALTER TABLE trial_param" in ok(run(empty, "plan"), 3)
        line = f"different: migration 0005_typed_values: expected done, found {state}, 1 of 4 statements done"
        assert ok(run(empty, "verify"), 4).splitlines()[0] == line


# --- plan -------------------------------------------------------------------------------------------------------------


def test_the_plan_is_the_statements_with_what_they_cost(engine: str, empty: Config, run: Run) -> None:
    migrate_to(empty, 4)
    before = snapshot(empty)
    text = ok(run(empty, "plan", "--to", "6"), 3)
    assert text.startswith("-- ")
    assert f": from schema version 4 to 6; the newest is {NEWEST}.\n" in text
    with bare(empty) as storage:
        whole = storage.database.dialect.transactional_ddl
    for migration in load_migrations(f"{engine}/migrations")[4:6]:
        told = [
            migration.purpose,
            migration.locks_text,
            migration.nothing,
            *(f"{sql};" for sql in migration.statements),
        ]
        assert all(part in text for part in told)
    assert "-- 0007" not in text
    assert ("-- failure: undone as a whole by a rollback" in text) is whole
    assert ("goes on with the one that failed" in text) is not whole
    steps = json.loads(ok(run(empty, "plan", "--json"), 3))["migrations"]
    assert [f"{step['version']:04d}_{step['slug']}" for step in steps] == names(engine, 5)
    assert {step["undone_by_rollback"] for step in steps if "CONCURRENTLY" not in str(step)} == {whole}
    assert {step["destructive"] for step in steps} == {False}
    assert snapshot(empty) == before


def test_the_plan_is_what_then_runs(empty: Config, run: Run) -> None:
    planned = json.loads(ok(run(empty, "plan", "--json"), 3))
    expected = [planned["creates_history"]] + [sql for step in planned["migrations"] for sql in step["statements"]]
    with bare({**empty, "schema_policy": "update"}) as storage:
        ran: list[str] = []
        watch(storage, ran.append)
        storage.update_schema()
    assert [sql for sql in ran if sql in expected] == expected
    changes = ("CREATE", "ALTER", "DROP", "RENAME")
    assert [sql for sql in ran if sql.lstrip().startswith(changes) and sql not in expected] == []
    assert "nothing to do" in ok(run(empty, "plan"))


@pytest.mark.parametrize(
    ("to", "word"), [("3", "which is past version 3"), (str(NEWEST + 1), f"There is no schema version {NEWEST + 1}")]
)
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_target_that_cannot_be_reached_is_refused(empty: Config, command: str, to: str, word: str, run: Run) -> None:
    migrate_to(empty, 4)
    before = snapshot(empty)
    refused(run(empty, command, "--to", to), 1, word)
    assert run(empty, command, "--to", "0").exit_code == 2
    assert snapshot(empty) == before


# --- a login that may only read ---------------------------------------------------------------------------------------


@on_servers
def test_a_login_with_select_only_can_look_and_nothing_else(server_database: Database, run: Run) -> None:
    config = server_database.config()
    migrate_to(config, 4)
    with user_of(server_database, secrets.token_hex(8)) as login:
        reader = {**config, **login}
        before = snapshot(config)
        assert f"schema version 4 of {NEWEST}; {NEWEST - 4} pending" in ok(run(reader, "status"), 3)
        assert statement_of(server_database.server.engine, 5, 1) in ok(run(reader, "plan"), 3)
        assert "as the migrations say at version 0004" in ok(run(reader, "verify", "--strict"))
        for words in (["apply"], ["apply", "--to", "5"]):
            result = run(reader, *words)
            assert result.exit_code == 1
            assert re.search("denied|must be owner", result.stderr), result.stderr
        assert snapshot(config) == before
    SqlStorage({**config, "schema_policy": "update"}).dispose()
    with user_of(server_database, secrets.token_hex(8)) as login:
        assert "up to date" in ok(run({**config, **login}, "status"))
        assert f"as the migrations say at version {NEWEST:04d}" in ok(run({**config, **login}, "verify", "--strict"))


@on_servers
def test_a_login_without_ddl_leaves_no_migration_begun(server_database: Database, run: Run) -> None:
    config = server_database.config()
    migrate_to(config, 4)
    rights = {
        "postgresql": ["GRANT USAGE ON SCHEMA public TO {user}", "GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}"],
        "mysql": ["GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {user}@'%'"],
    }
    with user_of(server_database, secrets.token_hex(8), rights) as login:
        before = snapshot(config)
        refused(run({**config, **login}, "apply"), 1, "0005_typed_values, statement 1", "Ask the database's admin")
        assert snapshot(config) == before


@on_servers
def test_a_login_without_any_right_on_the_history_is_told(server_database: Database, run: Run) -> None:
    config = server_database.config()
    migrate_to(config, 4)
    nothing = {"postgresql": ["SELECT 1"], "mysql": ["GRANT SELECT ON {database}.trial TO {user}@'%'"]}
    with user_of(server_database, secrets.token_hex(8), nothing) as login:
        for command in ("status", "plan", "verify", "apply"):
            result = run({**config, **login}, command)
            assert result.exit_code == 1, result.stdout
            assert "denied" in result.stderr


@pytest.mark.parametrize("engine", [pytest.param(name, marks=pytest.mark.engine(name)) for name in IN_FILES])
@pytest.mark.parametrize("version", [4, NEWEST])
def test_looking_leaves_a_file_as_it_is_byte_by_byte(empty: Config, version: int, run: Run) -> None:
    migrate_to(empty, version)
    before = snapshot(empty)
    for words in (["status"], ["plan"], ["verify"], ["status", "--json"], ["plan", "--json"]):
        assert run(empty, *words).exit_code in (0, 3)
        assert snapshot(empty) == before


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_file_that_may_not_be_written_can_be_looked_at(empty: Config, run: Run) -> None:
    migrate_to({**empty, "journal_mode": "delete"}, 4)
    file = Path(empty["database"])
    file.chmod(0o444)
    ok(run(empty, "status"), 3)
    ok(run(empty, "plan"), 3)
    ok(run(empty, "verify"))


def test_every_command_names_its_exit_codes(run: Run) -> None:
    for name in schema.commands:
        output = ok(run(None, name, "--help"))
        assert "--json" in output
        assert "3  something is pending" in output
