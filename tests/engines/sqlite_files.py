"""What the tests of SQLite share: opening files, filling them, and how a refusal must look."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.storage import SqlStorage, Status, StorageError


def opened(database: Path | str, **more: Any) -> SqlStorage:
    return SqlStorage({"drivername": "sqlite", "database": str(database), **more})


def filled(file: Path, **more: Any) -> Path:
    """A database with one finished trial, closed again."""
    with opened(file, **more) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({}, ts_start=at(0), config={"n": 1})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", 0.5)])
        finish(trial)
    return file


def pragma(storage: SqlStorage, name: str) -> Any:
    with storage.database.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def journal_mode(file: Path) -> Any:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def read_everything(storage: SqlStorage) -> None:
    data = storage.experiments["Exp"]
    assert len(data.results_df) == 1
    assert len(data.trials[1].telemetry_df) == 1
    assert data.trials[1].metadata_dict == {"n": 1}
    assert len(data.tunable_configs) == len(data.tunable_config_trial_groups) == 1
    experiment = storage.get_experiment_by_id("Exp", {"cache": 64}, {"score": "min"})
    assert experiment is not None
    assert len(experiment.load()[0]) == 1
    assert list(experiment.pending_trials(at(9), running=True)) == []


def refused(file: Path | str, error: type[StorageError], *words: str, **more: Any) -> StorageError:
    with pytest.raises(StorageError) as caught:
        opened(file, **more)
    assert type(caught.value) is error, repr(caught.value)
    assert all(word in str(caught.value) for word in words), repr(caught.value)
    assert caught.value.hint
    return caught.value
