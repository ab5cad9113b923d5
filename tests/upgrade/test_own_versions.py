"""Databases of every older schema version, filled, brought to the newest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trialstore.sql.migrations import load_migrations
from trialstore.sql.migrator import BASE_TABLES, Migrator
from trialstore.storage import MigrationFailed, SqlStorage

SOURCE = Path(__file__).parent / "fixtures" / "reference-head.sqlite"
MIGRATIONS = load_migrations("sqlite/migrations")
# Parents before children.
TABLES = ["experiment", "objectives", "config", "config_param", "trial", "trial_param", "trial_status"]
TYPED = ["config_param", "trial_param", "trial_result", "trial_telemetry"]
TABLES += ["trial_result", "trial_telemetry"]


def config(file: Path, **more: Any) -> dict[str, Any]:
    return {"drivername": "sqlite", "database": str(file), **more}


def migrate_to(file: Path, version: int) -> None:
    with SqlStorage(config(file, lazy_schema_create=True)) as storage:
        migrator = Migrator(storage._database.dialect)
        migrator.migrations = MIGRATIONS[:version]
        with storage._database.session() as session:
            session.prepare(write=True)
            migrator.apply(session)


def read(connection: sqlite3.Connection, table: str, columns: list[str]) -> list[Any]:
    return sorted(connection.execute(f"SELECT {', '.join(columns)} FROM {table}"), key=repr)


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [column[0] for column in connection.execute(f"SELECT * FROM {table}").description]


def fill(file: Path) -> dict[str, tuple[list[str], list[Any]]]:
    """Put the reference's rows into a database, as far as it has the columns; what every table then holds."""
    with closing(sqlite3.connect(file)) as connection, closing(sqlite3.connect(SOURCE)) as source:
        found = {}
        for table in TABLES:
            columns = columns_of(connection, table)
            shared = [column for column in columns_of(source, table) if column in columns]
            marks = ", ".join("?" * len(shared))
            insert = f"INSERT INTO {table} ({', '.join(shared)}) VALUES ({marks})"
            connection.executemany(insert, read(source, table, shared))
            found[table] = (columns, read(connection, table, columns))
        connection.commit()
        return found


def test_the_tables_filled_are_all_there_are() -> None:
    assert set(TABLES) == BASE_TABLES


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_rows_of_an_older_version_are_the_same_at_the_newest(tmp_path: Path, version: int) -> None:
    file = tmp_path / "old.sqlite"
    migrate_to(file, version)
    before = fill(file)
    with SqlStorage(config(file)) as storage:
        data = storage.experiments["Exp-7-0"]
        assert len(data.results_df) == 18
        assert data.trials[1].results_dict["score"] == 90.97040631431022
    with closing(sqlite3.connect(file)) as connection:
        for table, (columns, rows) in before.items():
            assert rows
            assert read(connection, table, columns) == rows
        history = connection.execute("SELECT version, state FROM trialstore_schema ORDER BY version").fetchall()
        violations = connection.execute("PRAGMA foreign_key_check").fetchall()
    assert history == [(migration.version, "done") for migration in MIGRATIONS]
    assert violations == []


def test_a_database_from_before_any_history_is_adopted_at_the_first_version(tmp_path: Path) -> None:
    file = tmp_path / "oldest.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        for statement in MIGRATIONS[0].statements:
            connection.execute(statement)
        connection.commit()
    before = fill(file)
    with SqlStorage(config(file)) as storage:
        assert len(storage.experiments["Exp-7-1"].trials) == 18
    with closing(sqlite3.connect(file)) as connection:
        states = [row[0] for row in connection.execute("SELECT state FROM trialstore_schema ORDER BY version")]
        for table, (columns, rows) in before.items():
            assert read(connection, table, columns) == rows
    assert states == ["adopted"] + ["done"] * (len(MIGRATIONS) - 1)


def test_each_version_has_the_columns_that_its_migrations_add(tmp_path: Path) -> None:
    added = {}
    for version in range(1, len(MIGRATIONS) + 1):
        file = tmp_path / f"{version}.sqlite"
        migrate_to(file, version)
        with closing(sqlite3.connect(file)) as connection:
            typed = ["value_type" in columns_of(connection, table) for table in TYPED]
            added[version] = ["trial_runner_id" in columns_of(connection, "trial"), *typed]
    assert added == {version: [version >= 2] + [version >= 5] * 4 for version in range(1, len(MIGRATIONS) + 1)}


def test_a_migration_that_fails_is_undone_as_a_whole_and_can_be_run_again(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    migrate_to(file, 7)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE INDEX ix_trial_config ON trial (status)")  # stands in the way of 0008's second one
        before = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        with pytest.raises(MigrationFailed, match=r"0008_query_indexes, statement 2") as caught:
            SqlStorage(config(file))
        assert caught.value.hint
        assert connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall() == before
        assert connection.execute("SELECT max(version) FROM trialstore_schema").fetchone() == (7,)
        connection.execute("DROP INDEX ix_trial_config")
    with SqlStorage(config(file)) as storage:
        assert storage.experiments == {}
