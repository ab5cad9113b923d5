"""What opening a storage does to the schema, by `schema_policy`, and which histories are refused."""

from __future__ import annotations

from typing import Any

import pytest

from trialstore.contract.helpers import (
    bare,
    dump,
    execute,
    finish,
    make_experiment,
    migrate_to,
    query,
    recorded,
    tables,
)
from trialstore.sql.migrator import Migrator
from trialstore.storage import (
    ConnectError,
    MigrationChecksumMismatch,
    MigrationIncomplete,
    SchemaDrift,
    SchemaMissing,
    SchemaTooNew,
    SchemaTooOld,
    SqlStorage,
    StorageError,
)

POLICIES = ["update", "create", "verify"]
HISTORY = "SELECT version, slug, checksum, state, statements_done FROM trialstore_schema ORDER BY version"


def opened(config: dict[str, Any], policy: str, **more: Any) -> SqlStorage:
    return SqlStorage({**config, "schema_policy": policy, **more})


def head(config: dict[str, Any]) -> int:
    return len(Migrator(bare(config).database.dialect).migrations)


# An empty database


@pytest.mark.parametrize("policy", ["update", "create"])
def test_an_empty_database_gets_the_schema(shared_config: dict[str, Any], policy: str) -> None:
    with opened(shared_config, policy) as storage:
        assert storage.experiments == {}
        rows = query(storage, HISTORY)
    assert [row[0] for row in rows] == list(range(1, head(shared_config) + 1))
    assert {row[3] for row in rows} == {"done"}


def test_verify_refuses_an_empty_database_and_leaves_it_empty(shared_config: dict[str, Any]) -> None:
    with pytest.raises((SchemaMissing, ConnectError)) as caught:
        opened(shared_config, "verify")
    assert caught.value.hint
    lazy = opened(shared_config, "verify", lazy_schema_create=True)
    with lazy, pytest.raises((SchemaMissing, ConnectError)):
        lazy.update_schema()
    with bare(shared_config) as storage:
        assert tables(storage) == []


def test_history_says_when_how_long_and_by_what(shared_config: dict[str, Any]) -> None:
    with opened(shared_config, "update") as storage:
        decode = storage.database.dialect.decode_ts
        sql = "SELECT started_at, finished_at, duration_ms, library_version FROM trialstore_schema"
        for started, finished, duration, library in query(storage, sql):
            assert decode(started) <= decode(finished)
            assert duration >= 0
            assert library


# An up-to-date database


@pytest.mark.parametrize("policy", POLICIES)
def test_an_up_to_date_database_opens_under_every_policy(shared_config: dict[str, Any], policy: str) -> None:
    with opened(shared_config, "update") as storage:
        before = dump(storage)
    with opened(shared_config, policy) as storage:
        assert dump(storage) == before
        storage.update_schema()
        assert dump(storage) == before
        with make_experiment(storage) as experiment:
            finish(experiment.new_trial({}))
        assert list(storage.experiments) == ["Exp"]


def test_update_schema_again_changes_nothing(storage: SqlStorage) -> None:
    before = dump(storage)
    storage.update_schema()
    assert dump(storage) == before


# Lazy creation


def test_lazy_creation_waits_for_the_first_use(shared_config: dict[str, Any]) -> None:
    with opened(shared_config, "update", lazy_schema_create=True) as storage:
        with recorded(storage) as record:
            assert repr(storage)
        assert (record.names, record.begins) == ([], 0)
        assert tables(storage) == []
        assert storage.experiments == {}
        assert "trial" in tables(storage)


@pytest.mark.parametrize("use", ["experiments", "experiment", "get_experiment_by_id", "update_schema"])
def test_every_first_use_creates_the_schema(config: dict[str, Any], use: str) -> None:
    with SqlStorage({**config, "schema_policy": "update", "lazy_schema_create": True}) as storage:
        if use == "experiments":
            assert storage.experiments == {}
        elif use == "experiment":
            make_experiment(storage)
        elif use == "get_experiment_by_id":
            assert storage.get_experiment_by_id("Exp", {}, {}) is None
        else:
            storage.update_schema()
        assert "trial" in tables(storage)


# An older database


@pytest.mark.parametrize("version", [1, 4, 8])
@pytest.mark.parametrize("policy", ["create", "verify"])
def test_an_older_schema_is_refused_with_what_to_do(shared_config: dict[str, Any], policy: str, version: int) -> None:
    migrate_to(shared_config, version)
    with bare(shared_config) as storage:
        before = dump(storage)
        with pytest.raises(SchemaTooOld) as caught:
            opened(shared_config, policy)
        assert dump(storage) == before
    assert str(version) in caught.value.message
    assert "update_schema()" in caught.value.hint


@pytest.mark.parametrize("version", [1, 4, 8])
def test_an_older_schema_is_brought_up_to_date_under_update(shared_config: dict[str, Any], version: int) -> None:
    migrate_to(shared_config, version)
    with bare(shared_config) as storage:
        before = query(storage, HISTORY)
    with opened(shared_config, "update") as storage:
        after = query(storage, HISTORY)
        with make_experiment(storage) as experiment:
            finish(experiment.new_trial({}))
    assert after[:version] == before
    assert len(after) == head(shared_config)


def test_update_schema_applies_what_is_pending_under_create(shared_config: dict[str, Any]) -> None:
    migrate_to(shared_config, 4)
    with opened(shared_config, "create", lazy_schema_create=True) as storage:
        storage.update_schema()
        assert len(query(storage, HISTORY)) == head(shared_config)
        assert storage.experiments == {}


def test_update_schema_only_checks_under_verify(shared_config: dict[str, Any]) -> None:
    migrate_to(shared_config, 4)
    with opened(shared_config, "verify", lazy_schema_create=True) as storage:
        before = dump(storage)
        with pytest.raises(SchemaTooOld):
            storage.update_schema()
        assert dump(storage) == before


# Histories that these migrations cannot have written

NEWER = """
    INSERT INTO trialstore_schema (version, slug, checksum, state, statements_done, started_at, library_version)
    SELECT 99, 'future', checksum, state, 1, started_at, 'x' FROM trialstore_schema WHERE version = 1
"""
REFUSED: list[tuple[str, str, type[StorageError], str]] = [
    (
        "a newer schema",
        NEWER,
        SchemaTooNew,
        "99",
    ),
    (
        "an edited migration file",
        "UPDATE trialstore_schema SET checksum = 'other' WHERE version = 3",
        MigrationChecksumMismatch,
        "0003_",
    ),
    ("a gap", "DELETE FROM trialstore_schema WHERE version = 3", SchemaDrift, "0003"),
    ("another slug", "UPDATE trialstore_schema SET slug = 'other' WHERE version = 3", SchemaDrift, "0003_other"),
    (
        "an unfinished migration",
        "UPDATE trialstore_schema SET state = 'running' WHERE version = 9",
        MigrationIncomplete,
        "0009_",
    ),
    ("an unknown state", "UPDATE trialstore_schema SET state = '?' WHERE version = 3", MigrationIncomplete, "0003_"),
]


@pytest.mark.parametrize(("change", "error", "word"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_history_that_is_not_ours_is_refused_and_nothing_is_changed(
    shared_config: dict[str, Any], change: str, error: type[StorageError], word: str
) -> None:
    with opened(shared_config, "update") as storage:
        execute(storage, change)
        before = dump(storage)
        for policy in POLICIES:
            with pytest.raises(error) as caught:
                opened(shared_config, policy)
            assert word in caught.value.message
            assert caught.value.hint
            with opened(shared_config, policy, lazy_schema_create=True) as lazy, pytest.raises(error):
                lazy.update_schema()
        assert dump(storage) == before


# Other applications


@pytest.mark.parametrize("policy", ["create", "verify"])
def test_a_database_of_another_application_is_refused(shared_config: dict[str, Any], policy: str) -> None:
    with bare(shared_config) as storage:
        execute(storage, "CREATE TABLE invoice (number INTEGER)", "INSERT INTO invoice VALUES (7)")
        before = dump(storage)
        with pytest.raises(SchemaMissing, match="another application") as caught:
            opened(shared_config, policy)
        assert caught.value.hint
        assert dump(storage) == before


def test_update_adds_its_tables_beside_those_of_another_application(shared_config: dict[str, Any]) -> None:
    with bare(shared_config) as storage:
        execute(storage, "CREATE TABLE invoice (number INTEGER)", "INSERT INTO invoice VALUES (7)")
    with opened(shared_config, "update") as storage:
        assert storage.experiments == {}
        assert query(storage, "SELECT number FROM invoice") == [(7,)]


@pytest.mark.parametrize("policy", POLICIES)
def test_tables_of_our_names_built_otherwise_are_refused(shared_config: dict[str, Any], policy: str) -> None:
    with bare(shared_config) as storage:
        execute(storage, "CREATE TABLE trial (number INTEGER)", "INSERT INTO trial VALUES (7)")
        before = dump(storage)
        with pytest.raises(SchemaDrift, match="0001") as caught:
            opened(shared_config, policy)
        assert caught.value.hint
        assert dump(storage) == before
