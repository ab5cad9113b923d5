"""What adopting a database of the reference does to it, and which ones are refused and left as they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from trialstore.sql.migrations import load_migrations
from trialstore.storage import SchemaDrift, SchemaError, SchemaTooOld, SqlStorage, StorageError
from upgrade.reference import EXPECTED, FIXTURES, REVISIONS, change, content, opened, rows

HEAD = len(load_migrations("sqlite/migrations"))

# What adoption does to the file


def test_adoption_is_recorded_and_the_mark_of_the_reference_stays(
    storage: SqlStorage, file: Path, fixture: str
) -> None:
    revision, version = REVISIONS[fixture]
    states = [row[0] for row in rows(file, "SELECT state FROM trialstore_schema ORDER BY version")]
    assert states == ["adopted"] * version + ["done"] * (HEAD - version)
    assert rows(file, "SELECT version_num FROM alembic_version") == [(revision,)]


def test_no_row_of_the_reference_is_changed(storage: SqlStorage, file: Path, fixture: str) -> None:
    after = content(file)
    for name, (columns, expected) in content(FIXTURES / fixture).items():
        found_columns, found = after[name]
        kept = [found_columns.index(column) for column in columns]
        assert sorted((tuple(row[place] for place in kept) for row in found), key=repr) == expected


def test_opening_again_changes_nothing(storage: SqlStorage, file: Path) -> None:
    before = content(file)
    with opened(file, schema_policy="verify") as again:
        assert list(again.experiments) == sorted(EXPECTED)
        again.update_schema()
    assert content(file) == before


# Refusals, which leave the file as it is


def refused(file: Path, error: type[SchemaError], *words: str, policies: tuple[str, ...] = ("update",)) -> None:
    before = file.read_bytes()
    for policy in policies:
        with pytest.raises(StorageError) as caught:
            opened(file, schema_policy=policy)
        assert type(caught.value) is error, repr(caught.value)
        assert all(word in caught.value.message for word in words)
        assert caught.value.hint
        assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_other_policies_refuse_it_and_leave_the_file_byte_for_byte(file: Path) -> None:
    refused(file, SchemaTooOld, "mlos_bench", policies=("verify", "create"))


@pytest.mark.parametrize("revision", ["ffffffffffff", ""])
def test_an_unknown_revision_is_refused(file: Path, revision: str) -> None:
    change(file, f"UPDATE alembic_version SET version_num = '{revision}'")
    refused(file, SchemaDrift, "alembic_version", policies=("update", "create", "verify"))


def test_a_mark_without_revision_is_refused(file: Path) -> None:
    change(file, "DELETE FROM alembic_version")
    refused(file, SchemaDrift, "alembic_version")


@pytest.mark.parametrize(
    ("statement", "version"),
    [
        ("ALTER TABLE trial_result RENAME COLUMN metric_value TO metric", "0001"),
        ("ALTER TABLE experiment DROP COLUMN git_repo", "0001"),
        ("DROP TABLE trial_telemetry", "0001"),
        ("ALTER TABLE trial DROP COLUMN trial_runner_id", "0002"),
    ],
)
def test_a_missing_table_or_column_is_refused(file: Path, statement: str, version: str) -> None:
    change(file, statement)
    refused(file, SchemaDrift, version, policies=("update", "create", "verify"))


def test_a_column_that_a_later_revision_added_must_be_there(tmp_path: Path) -> None:
    file = Path(shutil.copyfile(FIXTURES / "reference-0.6.2.sqlite", tmp_path / "reference.sqlite"))
    change(file, "UPDATE alembic_version SET version_num = 'b61aa446e724'")
    refused(file, SchemaDrift, "0003")


def test_a_later_column_without_the_mark_of_its_revision_is_refused(file: Path) -> None:
    change(file, "DROP TABLE alembic_version")
    refused(file, SchemaDrift)


def test_another_application_with_a_mark_of_its_own_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    change(
        file,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('123456789abc')",
        "CREATE TABLE trial (id INTEGER PRIMARY KEY, name TEXT)",
    )
    refused(file, SchemaDrift, policies=("update", "create", "verify"))
