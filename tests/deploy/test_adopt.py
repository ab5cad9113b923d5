"""`trialstore schema adopt`: databases of mlos_bench, at each of its versions, taken over or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.commands import Run, ok, refused, snapshot
from deploy.conftest import database
from engines.databases import Database, user_of
from trialstore.contract.helpers import bare, execute, migrate_to, query, tables
from trialstore.contract.modes import Config
from trialstore.sql.inspection import BASE_TABLES
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SchemaDrift, SchemaTooOld, SqlStorage
from upgrade.databases import assert_kept, content, history
from upgrade.reference import MARK, MYSQL, REFERENCES, Reference

NEWEST = len(load_migrations("sqlite/migrations"))
REVISIONS = {1: "d2a708351ba8", 2: "f83fb8ae7fc4", 3: "8928a401115b", 4: "b61aa446e724"}
WITH_REFERENCE = [
    pytest.param(engine, marks=pytest.mark.engine(engine)) for engine in ("sqlite", "postgresql", "mysql")
]


@pytest.fixture(params=[pytest.param(each, id=each.name, marks=pytest.mark.engine(each.engine)) for each in REFERENCES])
def reference(request: pytest.FixtureRequest) -> Reference:
    found: Reference = request.param
    return found


@pytest.fixture
def loaded(reference: Reference, tmp_path: Path) -> Iterator[Config]:
    """The config of a database as mlos_bench left it."""
    with database(reference.engine, tmp_path) as config:
        reference.load(config)
        yield config


def like_reference(config: Config, engine: str, version: int, *, marked: bool = True) -> None:
    """Make what mlos_bench makes at a revision, without a history."""
    with bare(config) as storage:
        for migration in load_migrations(f"{engine}/migrations")[:version]:
            execute(storage, *migration.statements)
        if marked:
            execute(
                storage,
                f"CREATE TABLE {MARK} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
                f"INSERT INTO {MARK} VALUES ('{REVISIONS[version]}')",
            )


def change(config: Config, *statements: str) -> None:
    with bare(config) as storage:
        execute(storage, *statements)


def test_a_database_of_the_reference_is_adopted_as_it_is(reference: Reference, loaded: Config, run: Run) -> None:
    with bare(loaded) as storage:
        before = content(storage)
    version = reference.version
    assert f"written by mlos_bench, as version {version} of {NEWEST}" in ok(run(loaded, "status"), 3)
    assert f"as the migrations say at version {version:04d}" in ok(run(loaded, "verify", "--strict"))
    lines = ok(run(loaded, "adopt")).splitlines()
    assert [line.split("_")[0] for line in lines[:-1]] == [f"Adopted {number:04d}" for number in range(1, version + 1)]
    with bare(loaded) as storage:
        assert_kept(before, storage)
        assert [row[:2] for row in history(storage)] == [(number, "adopted") for number in range(1, version + 1)]
        assert query(storage, f"SELECT version_num FROM {MARK}") == [(reference.revision,)]
    ok(run(loaded, "verify", "--strict"))
    assert json.loads(ok(run(loaded, "adopt", "--json")))["adopted"] == []
    assert ok(run(loaded, "apply")).endswith(f"up to date, at version {NEWEST}.\n")
    ok(run(loaded, "verify", "--strict"))
    with SqlStorage({**loaded, "schema_policy": "verify"}) as storage:
        assert_kept(before, storage)
        assert query(storage, f"SELECT version_num FROM {MARK}") == [(reference.revision,)]


@pytest.mark.parametrize("to", range(5, NEWEST))
def test_an_adopted_database_has_no_difference_on_its_way(loaded: Config, to: int, run: Run) -> None:
    """Collations too: those of a server's default are tolerated until the migration that sets them."""
    ok(run(loaded, "adopt"))
    ok(run(loaded, "apply", "--to", str(to)))
    ok(run(loaded, "verify", "--strict"))


@pytest.mark.engine("mysql")
@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
def test_the_character_set_of_an_older_server_is_tolerated(tmp_path: Path, charset: str, run: Run) -> None:
    with database("mysql", tmp_path) as config:
        MYSQL.load(config, "CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci", f"CHARSET={charset}")
        ok(run(config, "verify", "--strict"))
        ok(run(config, "adopt"))
        ok(run(config, "verify", "--strict"))
        ok(run(config, "apply"))
        ok(run(config, "verify", "--strict"))


@pytest.mark.parametrize("engine", WITH_REFERENCE)
@pytest.mark.parametrize("version", REVISIONS)
def test_every_revision_can_be_adopted(engine: str, empty: Config, version: int, run: Run) -> None:
    like_reference(empty, engine, version)
    planned = json.loads(ok(run(empty, "plan", "--json"), 3))
    assert len(planned["adopts"]) == version
    assert json.loads(ok(run(empty, "adopt", "--json")))["adopted"] == planned["adopts"]
    ok(run(empty, "apply"))
    ok(run(empty, "verify", "--strict"))


def test_a_database_from_before_any_revision_can_be_adopted(engine: str, empty: Config, run: Run) -> None:
    like_reference(empty, engine, 1, marked=False)
    assert json.loads(ok(run(empty, "adopt", "--json")))["adopted"] == ["0001_base_tables"]
    ok(run(empty, "apply"))
    ok(run(empty, "verify", "--strict"))


DIFFERENCES = {
    "ALTER TABLE trial ADD COLUMN color VARCHAR(10)": "extra: column trial.color",
    "ALTER TABLE experiment DROP COLUMN git_repo": "missing: column experiment.git_repo",
    "DROP TABLE trial_telemetry": "missing: table trial_telemetry",
}
BY_ENGINE = {
    "postgresql": {
        "ALTER TABLE trial ALTER COLUMN status TYPE VARCHAR(99)": "different: column trial.status",
        "ALTER TABLE trial ALTER COLUMN status DROP NOT NULL": "different: column trial.status",
        "ALTER TABLE trial DROP CONSTRAINT trial_config_id_fkey": "missing: foreign key of trial (config_id)",
        "ALTER TABLE config DROP CONSTRAINT config_config_hash_key": "missing: unique key of config (config_hash)",
        "ALTER TABLE trial_param DROP CONSTRAINT trial_param_pkey": "missing: primary key of trial_param",
    },
    "mysql": {
        "ALTER TABLE trial MODIFY COLUMN ts_start DATETIME NOT NULL": "different: column trial.ts_start",
        "ALTER TABLE trial MODIFY COLUMN status VARCHAR(16)": "different: column trial.status",
        "ALTER TABLE trial DROP FOREIGN KEY trial_ibfk_2": "missing: foreign key of trial (config_id)",
        "ALTER TABLE config DROP INDEX config_hash": "missing: unique key of config (config_hash)",
    },
}


def test_what_differs_is_said_and_nothing_is_changed(reference: Reference, tmp_path: Path, run: Run) -> None:
    for statement, line in {**DIFFERENCES, **BY_ENGINE.get(reference.engine, {})}.items():
        with database(reference.engine, tmp_path) as config:
            reference.load(config)
            change(config, statement)
            before = snapshot(config)
            told = f"not built as version {reference.version:04d} says"
            for command in ("adopt", "apply", "plan"):
                refused(run(config, command), 4, told, line)
            assert line in ok(run(config, "status"), 4)
            assert line in ok(run(config, "verify"), 4)
            for policy in ("update", "create", "verify"):
                with pytest.raises(SchemaDrift, match="not built as version"):
                    SqlStorage({**config, "schema_policy": policy})
            assert snapshot(config) == before


def test_of_many_differences_some_are_said(empty: Config, run: Run) -> None:
    change(empty, *(f"CREATE TABLE {table} (other INTEGER)" for table in BASE_TABLES))
    before = snapshot(empty)
    told = refused(run(empty, "adopt"), 4, "not built as version")
    assert told.count("missing: ") + told.count("different: ") == 20
    assert re.search(r" and \d+ more\.", told)
    assert snapshot(empty) == before


def test_additions_do_not_stand_in_the_way(loaded: Config, run: Run) -> None:
    change(loaded, "CREATE TABLE invoice (number INTEGER)", "CREATE INDEX own ON trial_result (metric_id)")
    ok(run(loaded, "adopt"))
    ok(run(loaded, "apply"))
    assert "extra: table invoice" in ok(run(loaded, "verify"))


def test_where_there_is_nothing_to_adopt_that_is_said(empty: Config, engine: str, run: Run) -> None:
    change(empty, "CREATE TABLE invoice (number INTEGER)")
    before = snapshot(empty)
    refused(run(empty, "adopt"), 1, "tables of another application only: there is nothing to adopt")
    assert snapshot(empty) == before


def test_a_mark_that_is_none_of_the_reference_is_refused(loaded: Config, run: Run) -> None:
    change(loaded, f"UPDATE {MARK} SET version_num = '123456789abc'")
    before = snapshot(loaded)
    for command in ("adopt", "apply", "plan", "verify"):
        refused(run(loaded, command), 4, "alembic_version")
    assert "alembic_version" in ok(run(loaded, "status"), 4)
    assert snapshot(loaded) == before


@pytest.mark.parametrize("engine", WITH_REFERENCE)
def test_two_histories_that_went_apart_are_refused_until_they_are_joined(engine: str, empty: Config, run: Run) -> None:
    """mlos_bench was upgraded, and its database with it, after the adoption."""
    like_reference(empty, engine, 2)
    ok(run(empty, "adopt"))
    change(empty, *load_migrations(f"{engine}/migrations")[2].statements)
    change(empty, f"UPDATE {MARK} SET version_num = '{REVISIONS[3]}'")
    before = snapshot(empty)
    for command in ("apply", "plan", "verify"):
        refused(run(empty, command), 4, "mlos_bench has brought the database to what is 0003 here", "schema adopt")
    assert "schema adopt" in ok(run(empty, "status"), 4)
    for policy in ("update", "create", "verify"):
        with pytest.raises(SchemaDrift):
            SqlStorage({**empty, "schema_policy": policy})
    assert snapshot(empty) == before
    assert json.loads(ok(run(empty, "adopt", "--json")))["adopted"] == ["0003_experiment_driver"]
    ok(run(empty, "apply"))
    ok(run(empty, "verify", "--strict"))


def test_opening_names_the_command(loaded: Config) -> None:
    for policy in ("create", "verify"):
        with pytest.raises(SchemaTooOld) as caught:
            SqlStorage({**loaded, "schema_policy": policy})
        assert "trialstore schema adopt" in caught.value.hint


def test_apply_adopts_by_itself(reference: Reference, loaded: Config, run: Run) -> None:
    version = reference.version
    refused(run(loaded, "apply", "--to", str(version - 1)), 1, f"past version {version - 1}")
    with bare(loaded) as storage:
        assert "trialstore_schema" not in tables(storage)
    told = json.loads(ok(run(loaded, "apply", "--to", str(version), "--json")))
    assert (len(told["adopted"]), told["applied"]) == (version, [])
    assert len(json.loads(ok(run(loaded, "apply", "--json")))["applied"]) == NEWEST - version


def test_a_database_of_this_library_has_nothing_to_adopt(empty: Config, run: Run) -> None:
    migrate_to(empty, 3)
    before = snapshot(empty)
    assert "nothing to adopt" in ok(run(empty, "adopt"))
    assert snapshot(empty) == before


# --- a history that was lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(5, NEWEST + 1))
@pytest.mark.parametrize("lost", ["DROP TABLE trialstore_schema", "DELETE FROM trialstore_schema"])
def test_a_lost_history_is_recorded_again(engine: str, empty: Config, version: int, lost: str, run: Run) -> None:
    migrate_to(empty, version)
    change(empty, lost)
    told = refused(run(empty, "apply"), 4, "not built as version 0001", "'trialstore schema adopt'")
    assert "Use another database" not in told.split("adopt'")[0]
    ok(run(empty, "adopt"))
    idle = {one.version for one in load_migrations(f"{engine}/migrations") if one.nothing}
    with bare(empty) as storage:
        found = history(storage)
    assert [row[:2] for row in found] == [(number, "adopted") for number in range(1, len(found) + 1)]
    assert set(range(len(found) + 1, version + 1)) <= idle
    ok(run(empty, "apply"))
    ok(run(empty, "verify", "--strict"))
    assert "nothing to adopt" in ok(run(empty, "adopt"))


def newest_built(engine: str) -> int:
    """The newest version that differs in structure from the one before, on this engine: no look can tell those after
    it, which do nothing there, and applying them is free."""
    return max(one.version for one in load_migrations(f"{engine}/migrations") if not one.nothing)


@pytest.mark.parametrize("lost", ["= 1", "= 7", "IN (3, 4, 9)", "> 8"])
def test_rows_that_the_history_lost_are_recorded_again(engine: str, empty: Config, lost: str, run: Run) -> None:
    migrate_to(empty, NEWEST)
    change(empty, f"DELETE FROM trialstore_schema WHERE version {lost}")
    if ">" not in lost:
        refused(run(empty, "apply"), 4, "lacks version", "'trialstore schema adopt'")
    ok(run(empty, "adopt"))
    with bare(empty) as storage:
        found = [row[0] for row in history(storage)]
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= newest_built(engine)
    ok(run(empty, "apply"))
    assert "up to date" in ok(run(empty, "status"))


def test_what_is_built_as_no_version_is_not_recorded(empty: Config, run: Run) -> None:
    migrate_to(empty, NEWEST)
    change(empty, "DELETE FROM trialstore_schema WHERE version = 7", "ALTER TABLE trial ADD COLUMN color VARCHAR(10)")
    before = snapshot(empty)
    refused(run(empty, "adopt"), 4, f"version {NEWEST:04d} comes closest: extra: column trial.color")
    assert snapshot(empty) == before


# --- a mark that says nothing of ours ---------------------------------------------------------------------------------

MARKS = {
    "of another application": (
        f"CREATE TABLE {MARK} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        f"INSERT INTO {MARK} VALUES ('123456789abc')",
    ),
    "of two applications": (
        f"CREATE TABLE {MARK} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        f"INSERT INTO {MARK} VALUES ('123456789abc')",
        f"INSERT INTO {MARK} VALUES ('{REVISIONS[1]}')",
    ),
    "of another kind": (f"CREATE TABLE {MARK} (revision INTEGER)",),
    "empty": (f"CREATE TABLE {MARK} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",),
}


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
@pytest.mark.parametrize("version", [0, 2, 3, NEWEST])
def test_a_mark_of_another_application_stops_nothing(
    empty: Config, mark: tuple[str, ...], version: int, run: Run
) -> None:
    change(empty, *mark)
    if version:
        migrate_to(empty, version)
    json.loads(ok(run(empty, "plan", "--json"), 3 if version < NEWEST else 0))
    ok(run(empty, "apply"))
    ok(run(empty, "status"))
    ok(run(empty, "verify"))
    with SqlStorage({**empty, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}


def test_a_lost_history_is_recorded_again_beside_the_mark_of_another(empty: Config, run: Run) -> None:
    migrate_to(empty, NEWEST)
    change(empty, *MARKS["of another application"], "DROP TABLE trialstore_schema")
    refused(run(empty, "apply"), 4, "alembic_version", "'trialstore schema adopt'")
    ok(run(empty, "adopt"))
    ok(run(empty, "apply"))
    assert "up to date" in ok(run(empty, "status"))


@pytest.mark.parametrize("engine", [pytest.param("postgresql", marks=pytest.mark.engine("postgresql"))])
def test_a_mark_that_may_not_be_read_stops_nothing(server_database: Database, run: Run) -> None:
    config = server_database.config()
    migrate_to(config, 3)
    change(config, *MARKS["of two applications"])
    owned = [f"ALTER TABLE {table} OWNER TO {{user}}" for table in (*sorted(BASE_TABLES), "trialstore_schema")]
    rights = {"postgresql": ["GRANT ALL ON SCHEMA public TO {user}", *owned]}
    with user_of(server_database, "a passw0rd", rights) as login:
        for command in ("plan", "status"):
            ok(run({**config, **login}, command), 3)
        ok(run({**config, **login}, "apply"))
