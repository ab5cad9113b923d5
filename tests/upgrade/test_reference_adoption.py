"""What adopting a database of mlos_bench does to it, and which ones are refused and left as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trialstore.contract.helpers import bare, execute, query
from trialstore.storage import SchemaDrift, SchemaError, SchemaTooOld, SqlStorage, StorageError
from upgrade.databases import Structure, assert_kept, content, history, orphans, structure
from upgrade.reference import EXPECTED, MARK, MYSQL, OLD, Reference

# What adoption does to a database


def test_adoption_is_recorded_and_the_mark_of_the_reference_stays(adopted: SqlStorage, reference: Reference) -> None:
    states = [row[1] for row in history(adopted)]
    assert states[: reference.version] == ["adopted"] * reference.version
    assert set(states[reference.version :]) == {"done"}
    assert query(adopted, f"SELECT version_num FROM {MARK}") == [(reference.revision,)]


def test_no_row_of_the_reference_is_changed(loaded: dict[str, Any]) -> None:
    with bare(loaded) as untouched:
        before = content(untouched)
    assert before["trial"].rows
    with SqlStorage(loaded) as storage:
        assert_kept(before, storage)
        assert orphans(storage) == []


def test_an_adopted_database_is_built_as_a_fresh_one(adopted: SqlStorage, fresh_twin: Structure) -> None:
    found = structure(adopted)
    assert found.columns == fresh_twin.columns
    assert found.keys == fresh_twin.keys


@pytest.mark.engine("mysql")
@pytest.mark.parametrize("engine", ["mysql"])
@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
def test_a_database_in_another_character_set_is_built_as_a_fresh_one(
    empty: dict[str, Any], fresh: Structure, charset: str
) -> None:
    MYSQL.load(empty, "CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci", f"CHARSET={charset}")
    with bare(empty) as untouched:
        before = content(untouched)
        assert {column.collation for column in structure(untouched).columns}.isdisjoint(
            column.collation for column in fresh.columns if column.collation
        )
    with SqlStorage(empty) as storage:
        assert_kept(before, storage)
        assert structure(storage) == fresh


def test_opening_again_changes_nothing(loaded: dict[str, Any]) -> None:
    with SqlStorage(loaded) as storage:
        before = content(storage)
    with SqlStorage({**loaded, "schema_policy": "verify"}) as again:
        assert list(again.experiments) == sorted(EXPECTED)
        again.update_schema()
        assert content(again) == before


# Refusals, which leave the database as it is


def snapshot(config: dict[str, Any]) -> Any:
    """All that a database is made of: of a file its bytes, with the names of the files beside it."""
    if Path(config["database"]).is_file():
        file = Path(config["database"])
        return file.read_bytes(), sorted(path.name for path in file.parent.iterdir())
    with bare(config) as storage:
        return content(storage), structure(storage)


def refused(
    config: dict[str, Any], error: type[SchemaError], *words: str, policies: tuple[str, ...] = ("update",)
) -> None:
    before = snapshot(config)
    for policy in policies:
        with pytest.raises(StorageError) as caught:
            SqlStorage({**config, "schema_policy": policy})
        assert type(caught.value) is error, repr(caught.value)
        assert all(word in caught.value.message for word in words)
        assert caught.value.hint
        assert snapshot(config) == before


def change(config: dict[str, Any], *statements: str) -> None:
    with bare(config) as storage:
        execute(storage, *statements)


def test_other_policies_refuse_it_and_leave_it_as_it_is(loaded: dict[str, Any]) -> None:
    refused(loaded, SchemaTooOld, "mlos_bench", policies=("verify", "create"))


@pytest.mark.parametrize("revision", ["ffffffffffff", ""])
def test_an_unknown_revision_is_refused(loaded: dict[str, Any], revision: str) -> None:
    change(loaded, f"UPDATE alembic_version SET version_num = '{revision}'")
    refused(loaded, SchemaDrift, "alembic_version", policies=("update", "create", "verify"))


def test_a_mark_without_revision_is_refused(loaded: dict[str, Any]) -> None:
    change(loaded, "DELETE FROM alembic_version")
    refused(loaded, SchemaDrift, "alembic_version")


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("ALTER TABLE trial_result RENAME COLUMN metric_value TO metric", "missing: column trial_result.metric_value"),
        ("ALTER TABLE experiment DROP COLUMN git_repo", "missing: column experiment.git_repo"),
        ("DROP TABLE trial_telemetry", "missing: table trial_telemetry"),
        ("ALTER TABLE trial DROP COLUMN trial_runner_id", "missing: column trial.trial_runner_id"),
        ("ALTER TABLE trial ADD COLUMN color VARCHAR(10)", "extra: column trial.color"),
    ],
)
def test_what_differs_from_the_reference_is_named_and_refused(
    reference: Reference, loaded: dict[str, Any], statement: str, difference: str
) -> None:
    change(loaded, statement)
    told = (f"as version {reference.version:04d} says", difference)
    refused(loaded, SchemaDrift, *told, policies=("update", "create", "verify"))


@pytest.mark.parametrize("reference", [OLD], ids=[OLD.name])
@pytest.mark.engine(OLD.engine)
def test_a_column_that_a_later_revision_added_must_be_there(loaded: dict[str, Any]) -> None:
    change(loaded, "UPDATE alembic_version SET version_num = 'b61aa446e724'")
    refused(loaded, SchemaDrift, "as version 0004 says", "missing: column experiment.driver_name")


def test_a_later_column_without_the_mark_of_its_revision_is_refused(loaded: dict[str, Any]) -> None:
    change(loaded, "DROP TABLE alembic_version")
    refused(loaded, SchemaDrift, "as version 0001 says", "extra: column ")


def test_another_application_with_a_mark_of_its_own_is_refused(empty: dict[str, Any]) -> None:
    change(
        empty,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('123456789abc')",
        "CREATE TABLE trial (id INTEGER PRIMARY KEY, name VARCHAR(16))",
    )
    refused(empty, SchemaDrift, policies=("update", "create", "verify"))
