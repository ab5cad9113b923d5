"""Databases of every older schema version, filled, brought to the newest; and upgrades that are refused on the way."""

from __future__ import annotations

from typing import Any

import pytest

from trialstore.contract.helpers import bare, execute, migrate_to
from trialstore.sql.inspection import BASE_TABLES
from trialstore.sql.migrations import load_migrations
from trialstore.storage import MigrationFailed, MigrationIncomplete, SqlStorage
from upgrade.databases import TABLES, Structure, assert_kept, columns, content, fill, history, orphans, structure

NEWEST = len(load_migrations("sqlite/migrations"))
TYPED = ["config_param", "trial_param", "trial_result", "trial_telemetry"]


def test_the_tables_filled_are_all_there_are() -> None:
    assert set(TABLES) == BASE_TABLES


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_rows_of_an_older_version_are_the_same_at_the_newest(
    empty: dict[str, Any], fresh: Structure, version: int
) -> None:
    migrate_to(empty, version)
    with bare(empty) as storage:
        before = fill(storage)
    with SqlStorage(empty) as storage:
        data = storage.experiments["Exp-7-0"]
        assert len(data.results_df) == 18
        assert data.trials[1].results_dict["score"] == 90.97040631431022
        assert_kept(before, storage)
        assert [row[:2] for row in history(storage)] == [(number, "done") for number in range(1, NEWEST + 1)]
        assert orphans(storage) == []
        assert structure(storage) == fresh


def test_a_database_from_before_any_history_is_adopted_at_the_first_version(
    engine: str, empty: dict[str, Any], fresh: Structure
) -> None:
    with bare(empty) as storage:
        execute(storage, *load_migrations(f"{engine}/migrations")[0].statements)
        before = fill(storage)
    with SqlStorage(empty) as storage:
        assert len(storage.experiments["Exp-7-1"].trials) == 18
        assert [row[1] for row in history(storage)] == ["adopted"] + ["done"] * (NEWEST - 1)
        assert_kept(before, storage)
        assert structure(storage) == fresh


def test_each_version_has_the_columns_that_its_migrations_add(empty: dict[str, Any], engine: str) -> None:
    added = {}
    migrate_to(empty, 1)
    with bare(empty) as storage:
        for migration in load_migrations(f"{engine}/migrations")[1:]:
            execute(storage, *migration.statements)
            here = columns(storage)
            typed = ["value_type" in here[table] for table in TYPED]
            added[migration.version] = ["trial_runner_id" in here["trial"], *typed]
    assert added == {version: [True] + [version >= 5] * 4 for version in range(2, NEWEST + 1)}


# Refused statements


def test_a_refused_migration_is_told_and_goes_on_when_its_cause_is_gone(
    empty: dict[str, Any], fresh: Structure, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate_to(empty, 4)
    # As if somebody had done it just after the look at what stands in the way.
    monkeypatch.setattr("trialstore.sql.migrator.check_ready", lambda *_: None)
    with bare(empty) as storage:
        execute(storage, "ALTER TABLE trial_param ADD COLUMN value_type CHAR(1)")  # 0005's second statement adds it
        before, undone = fill(storage), structure(storage)
        whole = storage.database.dialect.transactional_ddl
        for _ in range(2):  # and what stands in the way is never taken for the migration's own work
            with pytest.raises(MigrationFailed, match="0005_typed_values, statement 2") as caught:
                SqlStorage(empty)
            assert "fix the cause and run it again" in caught.value.hint
            assert "value_type" not in columns(storage)["trial_result"]
            if whole:
                assert structure(storage) == undone
                assert history(storage)[-1][:2] == (4, "done")
            else:
                assert "value_type" in columns(storage)["config_param"]
                assert history(storage)[-1] == (5, "failed", 1)
                with pytest.raises(MigrationIncomplete, match="0005_typed_values"):
                    SqlStorage({**empty, "schema_policy": "verify"})
        execute(storage, "ALTER TABLE trial_param DROP COLUMN value_type")
    with SqlStorage(empty) as storage:
        assert_kept({**before, "trial_param": content(storage)["trial_param"]}, storage)
        assert [row[:2] for row in history(storage)] == [(number, "done") for number in range(1, NEWEST + 1)]
        assert structure(storage) == fresh
