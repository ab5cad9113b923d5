"""DuckDB files that are not what they should be, or not where; and memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engines.duckdb_files import filled, opened, refused
from trialstore.contract.helpers import make_experiment, query
from trialstore.storage import ConfigError, ConnectError

pytestmark = pytest.mark.engine("duckdb")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trials.duckdb"


# Files


@pytest.mark.parametrize("policy", ["update", "create", "verify"])
@pytest.mark.parametrize(
    "content",
    [b"", b"This is a text and no database.\n" * 500, bytes(8) + b"DUCK" + b"\xff" * 20_000, b"PAR1" + bytes(500)],
    ids=["empty", "text", "broken", "parquet"],
)
def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(file: Path, content: bytes, policy: str) -> None:
    file.write_bytes(content)
    refused(file, ConnectError, str(file), schema_policy=policy)
    assert file.read_bytes() == content


def test_a_file_of_another_engine_is_refused_without_loading_what_could_read_it(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (x)")
    before = file.read_bytes()
    refused(file, ConnectError, "no DuckDB database")
    assert file.read_bytes() == before


@pytest.mark.parametrize("size", [50, 5000, 20_000])
def test_a_database_that_was_cut_off_is_refused_and_stays_as_it_is(file: Path, size: int) -> None:
    content = filled(file).read_bytes()[:size]
    file.write_bytes(content)
    refused(file, ConnectError, str(file), schema_policy="verify")
    assert file.read_bytes() == content


def test_a_folder_or_a_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, ConfigError, str(tmp_path), "folder")
    refused(tmp_path / "missing" / "x", ConfigError, "missing", "Create the folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [{"schema_policy": "verify"}, {"read_only": True}], ids=str)
def test_reading_does_not_create_a_missing_file(file: Path, more: dict[str, Any]) -> None:
    refused(file, ConnectError, str(file), **more)
    assert list(file.parent.iterdir()) == []


def test_reading_never_changes_the_file(file: Path) -> None:
    before = filled(file).read_bytes()
    for more in ({"read_only": True}, {"schema_policy": "verify"}, {}):
        with opened(file, **more) as storage:
            assert len(storage.experiments["Exp"].results_df) == 1
            storage.update_schema()
        assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_settings_of_the_engine_may_be_given_in_query(file: Path) -> None:
    with opened(file, query={"threads": "1", "memory_limit": "512MB"}) as storage:
        assert query(storage, "SELECT current_setting('threads')") == [(1,)]
    for wrong in ({"threads": "many"}, {"memory_limit": "much"}):
        refused(file, ConnectError, query=wrong)
    for wrong in ({"access_mode": "read_only"}, {"TimeZone": "Asia/Tokyo"}, {"threads": ["1", "2"]}):
        refused(file, ConfigError, next(iter(wrong)), query=wrong)


# Memory


@pytest.mark.parametrize("database", [None, "", ":memory:", ":memory:shared"])
def test_every_way_to_name_memory_works(database: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(database) as storage:
        make_experiment(storage).__enter__()
        assert list(storage.experiments) == ["Exp"]
    with opened(database) as storage:
        assert storage.experiments == {}
    assert list(tmp_path.iterdir()) == []


def test_memory_with_a_name_is_shared_by_the_storages_of_a_process() -> None:
    with opened(":memory:one") as first, opened(":memory:one") as second, opened(":memory:two") as other:
        make_experiment(first).__enter__()
        assert list(second.experiments) == ["Exp"]
        assert other.experiments == {}


def test_memory_cannot_be_opened_to_read_or_to_verify() -> None:
    refused(None, ConfigError, "read_only", read_only=True)
    refused(":memory:", ConnectError, "starts empty", schema_policy="verify")
