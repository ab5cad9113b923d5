"""`trialstore schema script`: what the engine's own client makes of it, and what it refuses to touch."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from command_tree import invoke
from deploy.clients import apply_script
from trialstore.contract.helpers import at, bare, dump, execute, finish, make_experiment, migrate_to, query, tables
from trialstore.contract.modes import Config
from trialstore.dialects.errors import ConfigError, MigrationFileInvalid
from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql import scripts
from trialstore.sql.catalogue import ROOT
from trialstore.sql.inspection import Found, SchemaState
from trialstore.sql.migrations import load_migrations
from trialstore.sql.scripts import FILE, PARTS, VALUES, make_script, parse_template
from trialstore.storage import SqlStorage, Status
from upgrade.databases import Structure, assert_kept, fill, history, structure

NEWEST = len(load_migrations("sqlite/migrations"))

HISTORY = """
    SELECT version, slug, checksum, state, statements_done, database_user, library_version
    FROM trialstore_schema ORDER BY version
"""
TIMES = "SELECT started_at, finished_at FROM trialstore_schema ORDER BY version"
DRIVERS = sorted({engine_class(name).driver_module for name in BUILT_IN})
STOPPED = "Nothing was changed: the script is for "


def script(engine: str, start: int = 0, target: int | None = None) -> str:
    return make_script(engine_class(engine), start, target).text


def inspected(config: Config) -> SchemaState:
    with bare(config) as storage, storage.database.session() as session:
        return storage.database.migrator.read_state(session)


def applied(engine: str, config: Config, text: str) -> None:
    done = apply_script(engine, config, text)
    assert (done.code, done.errors) == (0, "")


def stopped(engine: str, config: Config, text: str, *words: str) -> None:
    """The client must say why it stopped, and the database be what it was."""
    with bare(config) as storage:
        before = (dump(storage), structure(storage))
    done = apply_script(engine, config, text)
    assert done.code != 0
    for word in words:
        assert word in done.errors
    with bare(config) as storage:
        assert (dump(storage), structure(storage)) == before


def rows(config: Config, sql: str) -> list[tuple[Any, ...]]:
    with bare(config) as storage:
        return query(storage, sql)


# --- what it does -----------------------------------------------------------------------------------------------------


def test_it_makes_of_an_empty_database_what_apply_makes(
    engine: str, empty: Config, fresh: Structure, tmp_path: Path
) -> None:
    applied(engine, empty, script(engine))
    assert inspected(empty).current
    with bare(empty) as storage:
        assert structure(storage) == fresh
        told = query(storage, HISTORY)
        decode = storage.database.dialect.decode_ts
        times = [tuple(map(decode, pair)) for pair in query(storage, TIMES)]
    chain = load_migrations(engine_class(engine).migrations_folder)
    assert [row[:5] for row in told] == [(m.version, m.slug, m.checksum, "done", len(m.statements)) for m in chain]
    assert {row[6] for row in told} == {scripts.library_version()}
    users = {row[5] for row in told}
    assert users == {None} if "username" not in empty and engine == "sqlite" else all(users)
    now = dt.datetime.now(dt.timezone.utc)
    for started, finished in times:
        assert started <= finished
        assert abs(now - started) < dt.timedelta(hours=1)  # in UTC: the servers' own zones are hours away


def test_the_application_runs_on_what_it_made(engine: str, empty: Config) -> None:
    applied(engine, empty, script(engine))
    with SqlStorage({**empty, "schema_policy": "verify"}) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({"cache": 2})
        trial.update(Status.RUNNING, at(1))
        trial.update_telemetry(Status.RUNNING, at(2), [(at(2), "cpu", 0.5)])
        finish(trial, 1.5)
    with SqlStorage({**empty, "schema_policy": "verify"}) as storage:
        read = storage.experiments["Exp"].trials[trial.trial_id]
        assert read.status is Status.SUCCEEDED
        assert read.results_dict["score"] == 1.5
        assert list(read.telemetry_df["value"]) == [0.5]


@pytest.mark.parametrize("start", [1, 4, 7])
def test_it_upgrades_a_filled_database_of_an_earlier_version(
    engine: str, empty: Config, fresh: Structure, start: int
) -> None:
    migrate_to(empty, start)
    with bare(empty) as storage:
        before = fill(storage)
        history_before = query(storage, HISTORY)
    applied(engine, empty, script(engine, start))
    assert inspected(empty).current
    with bare(empty) as storage:
        assert_kept(before, storage)
        assert structure(storage) == fresh
        assert query(storage, HISTORY)[:start] == history_before


def test_it_upgrades_what_was_adopted(engine: str, empty: Config) -> None:
    migrate_to(empty, 4)
    with bare(empty) as storage:
        execute(storage, "UPDATE trialstore_schema SET state = 'adopted', statements_done = 1")
    applied(engine, empty, script(engine, 4))
    assert inspected(empty).current


def test_scripts_and_apply_may_take_turns(engine: str, empty: Config, fresh: Structure) -> None:
    applied(engine, empty, script(engine, 0, 3))
    assert inspected(empty).version == 3
    applied(engine, empty, script(engine, 3, 6))
    assert inspected(empty).version == 6
    with SqlStorage({**empty, "schema_policy": "update"}) as storage:
        assert structure(storage) == fresh
    assert inspected(empty).current


def test_tables_of_another_application_do_not_matter(engine: str, empty: Config) -> None:
    with bare(empty) as storage:
        execute(storage, "CREATE TABLE invoice (number INTEGER)", "INSERT INTO invoice VALUES (7)")
    applied(engine, empty, script(engine))
    assert inspected(empty).current
    assert rows(empty, "SELECT number FROM invoice") == [(7,)]


# --- what it refuses --------------------------------------------------------------------------------------------------


def test_one_for_an_empty_database_stops_at_ours(engine: str, empty: Config) -> None:
    applied(engine, empty, script(engine))
    stopped(engine, empty, script(engine), f"{STOPPED}an empty database", "holds tables of an experiment store")


def test_one_for_an_empty_database_stops_at_tables_of_our_names(engine: str, empty: Config) -> None:
    with bare(empty) as storage:
        execute(storage, "CREATE TABLE trial (number INTEGER)")
    stopped(engine, empty, script(engine), f"{STOPPED}an empty database", "holds tables of an experiment store")


def test_one_for_an_empty_database_stops_at_a_history(engine: str, empty: Config) -> None:
    migrate_to(empty, 1)
    with bare(empty) as storage:
        names = "trial_telemetry trial_result trial_status trial_param trial config_param config objectives experiment"
        execute(storage, *(f"DROP TABLE {name}" for name in names.split()))
        assert tables(storage) == ["trialstore_schema"]
    stopped(engine, empty, script(engine), f"{STOPPED}an empty database", "has another history")


@pytest.mark.parametrize("version", [3, 5])
def test_one_for_an_upgrade_stops_at_another_version(engine: str, empty: Config, version: int) -> None:
    migrate_to(empty, version)
    stopped(engine, empty, script(engine, 4), f"{STOPPED}version 4", "is elsewhere")


def test_one_for_an_upgrade_stops_at_an_empty_database(engine: str, empty: Config) -> None:
    stopped(engine, empty, script(engine, 4), f"{STOPPED}version 4", "no table trialstore_schema")
    assert inspected(empty).found is Found.EMPTY


@pytest.mark.parametrize(
    "change",
    ["checksum = 'other'", "slug = 'other'", "state = 'running'", "state = 'failed'", f"version = {NEWEST}"],
)
def test_one_for_an_upgrade_stops_at_another_history(engine: str, empty: Config, change: str) -> None:
    migrate_to(empty, 4)
    with bare(empty) as storage:
        execute(storage, f"UPDATE trialstore_schema SET {change} WHERE version = 3")
    stopped(engine, empty, script(engine, 4), f"{STOPPED}version 4", "has another history")


@pytest.mark.parametrize("start", [0, 4])
def test_it_waits_for_the_migration_lock_and_then_stops(engine: str, empty: Config, start: int) -> None:
    if start:
        migrate_to(empty, start)
    # The waits of the script are half a minute.
    impatient = re.sub(r"\b30(000)?\b", lambda found: "500" if found[1] else "1", script(engine, start))
    with bare(empty) as storage, storage.database.session() as session:
        session.prepare(write=True)
        with storage.database.dialect.begin_migration(session):
            done = apply_script(engine, empty, impatient)
            session.rollback()
    assert done.code != 0
    assert "lock" in done.errors
    assert inspected(empty).version == start


# --- what it leaves when it is stopped halfway ------------------------------------------------------------------------


def test_where_a_statement_fails_apply_goes_on_once_the_cause_is_mended(
    engine: str, empty: Config, fresh: Structure
) -> None:
    with bare(empty) as storage:
        execute(storage, "CREATE TABLE trial_lineage (number INTEGER)")
    done = apply_script(engine, empty, script(engine))
    assert done.code != 0
    assert "trial_lineage" in done.errors
    with bare(empty) as storage:
        if engine_class(engine).transactional_ddl:
            assert tables(storage) == ["trial_lineage"]
        else:
            assert [row[0] for row in history(storage)] == list(range(1, 10))
            assert history(storage)[-1] == (9, "running", 0)
        execute(storage, "DROP TABLE trial_lineage")
    with SqlStorage({**empty, "schema_policy": "update"}) as storage:
        assert structure(storage) == fresh
    assert inspected(empty).current


@pytest.mark.parametrize(
    "last",
    [
        "CREATE TABLE trial_param (",
        "ALTER TABLE trial ADD COLUMN",
        "CREATE INDEX ix_trial_due",
        "CREATE TABLE trial_lineage (",
    ],
)
def test_of_one_that_was_cut_off_nothing_stays_or_apply_finishes_it(
    engine: str, empty: Config, fresh: Structure, last: str
) -> None:
    text = script(engine)
    found = re.search(r"\s".join(map(re.escape, last.split())), text)
    if found is None:
        pytest.skip("a step that this engine does not need")
    # After that statement, and before what is to be recorded of it.
    end = text.index(";\n", found.start()) + 2
    apply_script(engine, empty, text[:end])
    if engine_class(engine).transactional_ddl:
        assert inspected(empty).found is Found.EMPTY
    else:
        assert inspected(empty).interrupted
    with SqlStorage({**empty, "schema_policy": "update"}) as storage:
        assert structure(storage) == fresh
    assert inspected(empty).current


# --- the command ------------------------------------------------------------------------------------------------------


def call(*arguments: str) -> Result:
    return invoke(["schema", "script", *arguments])


@pytest.mark.parametrize(
    "dialect", [pytest.param(name, marks=pytest.mark.engine(engine_class(name).name)) for name in BUILT_IN]
)
def test_neither_driver_nor_database_is_needed_and_it_is_the_same_every_time(dialect: str, tmp_path: Path) -> None:
    drivers = [name for name in DRIVERS if name != "sqlite3"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({drivers}))\n"
        "from trialstore.storage.cli import main; sys.exit(main())"
    )
    made = set()
    for number, zone in enumerate(("UTC", "Asia/Kathmandu")):
        folder = tmp_path / zone.replace("/", "-")
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", code, "schema", "script", "--dialect", dialect, "--from", "2"],
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": str(number), "LC_ALL": "C"},
            cwd=folder,
            capture_output=True,
            check=True,
        )
        assert done.stderr == b""
        assert list(folder.iterdir()) == []
        made.add(done.stdout)
    assert made == {make_script(engine_class(dialect), 2).text.encode()}


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_the_header_says_what_it_does_and_what_it_locks(dialect: str) -> None:
    text = script(dialect, 3, 8)
    lines = text.splitlines()
    comments = " ".join(line.removeprefix("--").strip() for line in lines[: lines.index("")])
    for migration in load_migrations(engine_class(dialect).migrations_folder):
        assert (str(migration) in comments) == (3 < migration.version <= 8)
    assert "version 0003 to version 0008" in comments
    for migration in make_script(engine_class(dialect), 3, 8).migrations:
        assert (migration.nothing or migration.locks_text) in comments
        assert migration.purpose in " ".join(text.replace("\n--", "").split())
    assert text.isascii()  # a client may take it for any character set
    assert "Run it" in comments
    assert "schema status" in comments
    assert max(map(len, lines[: lines.index("")])) <= 120


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_every_statement_of_the_migrations_is_there_as_it_stands(dialect: str) -> None:
    text, at_ = script(dialect, 1), 0
    for migration in load_migrations(engine_class(dialect).migrations_folder)[1:]:
        for statement in migration.statements:
            at_ = text.index(f"{statement};\n", at_) + 1


def test_it_is_written_to_a_file_byte_by_byte(tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    result = call("--dialect", "postgresql", "-o", str(file))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"Written to {file}.\n")
    assert file.read_bytes() == call("--dialect", "postgresql").stdout.encode()
    result = call("--dialect", "postgresql", "-o", str(tmp_path / "missing" / "schema.sql"))
    assert result.exit_code == 1
    assert "missing" in result.stderr


def test_json_tells_what_it_is_beside_the_text() -> None:
    told = json.loads(call("--dialect", "mariadb", "--from", "7", "--to", "9", "--json").stdout)
    assert told == {
        "dialect": "mysql",
        "from": 7,
        "to": 9,
        "statement": 1,
        "migrations": ["0008_query_indexes", "0009_trial_lineage"],
        "text": script("mysql", 7, 9),
    }


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--dialect", "postgres"], 1, "Did you mean 'postgresql'?"),
        (["--dialect", "sqlite", "--from", str(NEWEST)], 1, f"from version {NEWEST} to version {NEWEST}"),
        (["--dialect", "sqlite", "--from", "4", "--to", "3"], 1, "from version 4 to version 3"),
        (["--dialect", "sqlite", "--to", "99"], 1, "from version 0 to version 99"),
        (["--dialect", "sqlite", "--from", "-1"], 2, "--from"),
        (["--from", "1"], 2, "--dialect"),
    ],
)
def test_what_cannot_be_made_is_refused(options: list[str], code: int, words: str) -> None:
    result = call(*options)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stdout == ""


# --- what it is made of -----------------------------------------------------------------------------------------------


def test_a_value_that_needs_escapes_gets_into_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "library_version", lambda: "1.0' OR '1")
    with pytest.raises(ConfigError, match="library_version cannot be written"):
        script("sqlite")


def test_an_engine_without_the_file_is_told_so(tmp_path: Path) -> None:
    sqlite = engine_class("sqlite")
    shutil.copytree(ROOT / sqlite.migrations_folder, tmp_path / "migrations")
    foreign = type("Foreign", (sqlite,), {"name": "foreign", "migrations_folder": tmp_path / "migrations"})
    with pytest.raises(ConfigError, match=f"foreign has no file {FILE}") as caught:
        make_script(foreign)
    assert str(tmp_path / FILE) in caught.value.hint


WHOLE = [*(f"-- value: {value} x" for value in VALUES), *(f"-- part: {part}" for part in PARTS)]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (WHOLE[:-1], "its parts are not"),
        (WHOLE[1:], "its values are not"),
        ([*WHOLE, "-- part: more"], "its parts are not"),
        ([*WHOLE, f"-- part: {PARTS[0]}"], f"part '{PARTS[0]}' occurs twice"),
    ],
)
def test_a_template_that_is_not_whole_is_refused(lines: list[str], words: str) -> None:
    assert set(parse_template("\n".join(WHOLE), FILE).parts) == set(PARTS)
    with pytest.raises(MigrationFileInvalid, match=words):
        parse_template("\n".join(lines), FILE)
