"""`trialstore schema apply`: how far it goes, what it says, how long it waits, and which files it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.commands import Run, changed, ok, refused, snapshot, statement_of
from engines import workers
from engines.databases import Database, on_servers
from processes.helpers import Child
from trialstore.contract.helpers import bare, migrate_to, query, tables
from trialstore.contract.modes import Config
from trialstore.dialects.registry import engine_class
from trialstore.sql.catalogue import ROOT
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage
from upgrade.databases import Structure, assert_kept, fill, structure

NEWEST = len(load_migrations("sqlite/migrations"))


def test_apply_goes_up_to_a_version_and_then_to_the_newest(empty: Config, fresh: Structure, run: Run) -> None:
    lines = ok(run(empty, "apply", "--to", "5")).splitlines()
    assert [line.split(" (")[0] for line in lines[:-1]][::4] == [
        "Applied 0001_base_tables",
        "Applied 0005_typed_values",
    ]
    assert lines[-1].endswith(f": the schema is at version 5; {NEWEST - 5} are still pending.")
    with bare(empty) as storage:
        before = fill(storage)
    told = json.loads(ok(run(empty, "apply", "--to", "7", "--json")))
    assert (told["applied"], told["adopted"], told["version"]) == (["0006_long_values", "0007_event_keys"], [], 7)
    assert len(ok(run(empty, "apply")).splitlines()) == NEWEST - 7 + 1
    for _ in range(2):
        assert ok(run(empty, "apply")).endswith(f": the schema is up to date, at version {NEWEST}.\n")
        ok(run(empty, "apply", "--to", str(NEWEST)))
    ok(run(empty, "verify", "--strict"))
    with bare(empty) as storage:
        assert_kept(before, storage)
        assert structure(storage) == fresh


def test_what_was_applied_step_by_step_opens_under_verify(empty: Config, run: Run) -> None:
    for version in range(1, NEWEST + 1):
        ok(run(empty, "apply", "--to", str(version)))
        ok(run(empty, "verify", "--strict"))
    with SqlStorage({**empty, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}


def test_a_target_is_refused_before_a_database_is_created(empty: Config, run: Run) -> None:
    refused(run(empty, "apply", "--to", "99"), 1, "There is no schema version 99")
    if Path(empty["database"]).is_absolute():
        assert not Path(empty["database"]).exists()
    with bare(empty) as storage:
        assert tables(storage) == []


# --- waiting ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is retried for a minute elsewhere is tried once."""
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", 1)


@on_servers
@pytest.mark.usefixtures("one_attempt")
def test_who_holds_the_migration_lock_is_told(server_database: Database, run: Run) -> None:
    config = server_database.config(busy_timeout=600, migration_lock_timeout=1)
    with Child(workers.hold_migration_lock, config) as holder:
        holder.hear("locked")
        refused(run(config, "apply"), 1, "of user", "holds the lock")
        assert server_database.tables() == []
        holder.tell("release")
        holder.result()
    ok(run(config, "apply"))


@on_servers
@pytest.mark.usefixtures("one_attempt")
def test_a_table_in_use_is_waited_for_as_long_as_the_config_says(server_database: Database, run: Run) -> None:
    config = server_database.config(busy_timeout=600, migration_lock_timeout=1)
    migrate_to(config, 4)
    with server_database.other() as user:
        user("BEGIN" if server_database.server.engine == "postgresql" else "START TRANSACTION")
        user("SELECT count(*) FROM trial_param")
        before = snapshot(config) if server_database.server.engine == "postgresql" else None
        # PostgreSQL locks all tables of the migration before its first statement.
        number = 1 if server_database.server.engine == "postgresql" else 2
        told = refused(
            run(config, "apply"), 1, f"Migration 0005_typed_values, statement {number}", "migration_lock_timeout"
        )
        assert "holds the lock" not in told
        assert before in (None, snapshot(config))
        user("COMMIT")
    ok(run(config, "apply"))
    ok(run(config, "verify", "--strict"))


# Of sleep() MariaDB says nothing when it is cut short.
SLOW = {
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT count(*) FROM {0} AS a, {0} AS b, {0} AS c, {0} AS d".format("information_schema.collations"),
}
LIMITS = {
    "postgresql": "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')",
    "mysql": "SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout /*M!100600 , @@max_statement_time */",
}


@on_servers
@pytest.mark.usefixtures("one_attempt")
def test_a_statement_of_a_migration_may_run_as_long_as_the_config_says(
    server_database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = server_database.server.engine
    config = server_database.config()
    migrate_to(config, 4)
    with bare(config) as storage:
        if "mariadb" not in str(query(storage, "SELECT version()")).lower() and engine == "mysql":
            pytest.skip("MySQL limits SELECT only")
    slow = changed(load_migrations(f"{engine}/migrations"), (statement_of(engine, 5, 2), SLOW[engine]))
    monkeypatch.setattr("trialstore.sql.migrator.load_migrations", lambda folder: slow)
    # So long that the other statements end before, also on a machine that is busy.
    limited = {**config, "migration_statement_timeout": 4}
    refused(run(limited, "apply"), 1, "Migration 0005_typed_values, statement 2", "migration_statement_timeout")
    monkeypatch.setattr("trialstore.sql.migrator.load_migrations", load_migrations)
    assert "Applied 0005_typed_values" in ok(run(config, "apply", "--to", "5"))
    ok(run(config, "verify", "--strict"))


@on_servers
def test_the_limits_of_a_migration_do_not_stay_with_its_connection(server_database: Database) -> None:
    config = server_database.config(busy_timeout=7, migration_lock_timeout=3, migration_statement_timeout=50)
    limits = LIMITS[server_database.server.engine]
    with bare({**config, "schema_policy": "update"}) as storage:
        with storage.database.session():
            pass
        before = query(storage, limits)
        storage.update_schema()
        assert storage.database.engine.pool.checkedin() == 1  # type: ignore[attr-defined]
        assert query(storage, limits) == before
    assert "7" in str(before)


# --- files ------------------------------------------------------------------------------------------------------------


def edit(folder: Path, engine: str) -> None:
    file = folder / "0003_experiment_driver.sql"
    file.write_text(file.read_text(encoding="utf-8") + "-- One more comment.\n", encoding="utf-8")


def lose_one(folder: Path, engine: str) -> None:
    (folder / "0003_experiment_driver.sql").unlink()


def lose_the_last(folder: Path, engine: str) -> None:
    max(folder.glob("*.sql")).unlink()


def renumber(folder: Path, engine: str) -> None:
    last = max(folder.glob("*.sql"))
    last.rename(folder / f"{int(last.name[:4]) + 1:04d}{last.name[4:]}")


def double(folder: Path, engine: str) -> None:
    text = (folder / "0003_experiment_driver.sql").read_text(encoding="utf-8")
    other = text.replace("migration: 0003 experiment_driver", "migration: 0003 other")
    (folder / "0003_other.sql").write_text(other, encoding="utf-8")


def cut(folder: Path, engine: str) -> None:
    file = folder / "0002_trial_runner.sql"
    file.write_text(file.read_text(encoding="utf-8").rstrip().removesuffix(";"), encoding="utf-8")


FILES = {
    "edited": (edit, "Migration 0003_experiment_driver differs from the one that was applied"),
    "missing": (lose_one, "0004_datetime_precision.sql: number 0003 is expected here"),
    "missing at the end": (lose_the_last, f"this library knows {NEWEST - 1}"),
    "renumbered": (renumber, ".sql: its header says"),
    "duplicated": (double, "0003_other.sql: number 0004 is expected here"),
    "unparsable": (cut, "the last statement does not end with ';'"),
}


@pytest.mark.parametrize(("change", "word"), FILES.values(), ids=FILES)
def test_files_that_are_not_as_they_were_are_refused(
    engine: str,
    empty: Config,
    change: Callable[[Path, str], None],
    word: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    SqlStorage({**empty, "schema_policy": "update"}).dispose()
    before = snapshot(empty)
    folder = tmp_path / "copy" / "migrations"
    shutil.copytree(ROOT / engine / "migrations", folder)
    shutil.copy(ROOT / engine / "structure.txt", folder.parent)
    monkeypatch.setattr(engine_class(engine), "migrations_folder", folder)
    change(folder, engine)
    for command in ("plan", "apply", "verify"):
        refused(run(empty, command), 4, word)
    result = run(empty, "status")
    assert result.exit_code == 4
    assert word in result.stdout + result.stderr
    shutil.rmtree(folder.parent)
    assert snapshot(empty) == before


@pytest.mark.parametrize("text", [None, "0001- | experiment\n"])
def test_a_structure_file_that_is_lost_or_broken_is_refused(
    engine: str, empty: Config, text: str | None, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqlStorage({**empty, "schema_policy": "update"}).dispose()
    shutil.copytree(ROOT / engine / "migrations", tmp_path / "copy" / "migrations")
    if text is not None:
        (tmp_path / "copy" / "structure.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(engine_class(engine), "migrations_folder", tmp_path / "copy" / "migrations")
    refused(run(empty, "verify"), 4, "structure.txt")
    ok(run(empty, "status"))
