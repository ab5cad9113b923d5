"""What the tests of DuckDB share: opening files, filling them, and how a refusal must look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines.databases import refusal
from trialstore.contract.helpers import finish, make_experiment
from trialstore.storage import SqlStorage, StorageError


def config_of(file: Path | str | None, **more: Any) -> dict[str, Any]:
    return {"drivername": "duckdb", "database": None if file is None else str(file), **more}


def opened(file: Path | str | None, **more: Any) -> SqlStorage:
    return SqlStorage(config_of(file, **more))


def filled(file: Path) -> Path:
    """A database with one finished trial, closed again."""
    with opened(file) as storage, make_experiment(storage) as experiment:
        finish(experiment.new_trial({}, config={"n": 1}))
    return file


def refused(file: Path | str | None, error: type[StorageError], *words: str, **more: Any) -> StorageError:
    found = refusal(lambda: opened(file, **more))
    assert type(found) is error, repr(found)
    assert all(word in str(found) for word in words), repr(found)
    assert found.hint
    return found
