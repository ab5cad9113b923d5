"""After adoption both write to one database: mlos_bench, as it is installed from PyPI, and this library.

Runs in an environment of its own (`tox -e mlos_bench`), since mlos_bench needs other versions.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from matrix import first_mode
from trialstore.contract.helpers import query
from trialstore.storage import SqlStorage, Status
from trialstore.storage.config.keys import check_config
from trialstore.storage.database.connections import Database
from trialstore.storage.schema.deployment import adopt_schema, apply_schema, verify_schema

pytestmark = pytest.mark.engine("sqlite")
pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")

HARNESS = Path(__file__).with_name("harness.py")
NOW = dt.datetime(2025, 3, 1, 8, 0, 0, 123456, tzinfo=dt.timezone.utc)
REVISION = "SELECT version_num FROM alembic_version"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """An empty database. Only SQLite: on PostgreSQL, 0.6.2 keeps times without their zone, which adoption refuses; on
    MariaDB with utf8mb4, it cannot create its tables, whose keys are too long."""
    return first_mode("sqlite").create(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A git work tree, which mlos_bench must be started in."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "environment.jsonc").write_text("{}", encoding="utf-8")
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    origin = ["remote", "add", "origin", "https://example.org/x.git"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "start"], origin):
        subprocess.run(["git", *arguments], cwd=work, check=True, capture_output=True)
    return work


def reference(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let mlos_bench run a trial; what it then reads."""
    command = [sys.executable, str(HARNESS), json.dumps(config), "Shared"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Error" not in done.stderr, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(storage: SqlStorage) -> None:
    """Run a trial with this library."""
    with storage.experiment(
        experiment_id="Shared",
        trial_id=1,
        root_env_config="environment.jsonc",
        description="both write it",
        tunables={"size": 7, "mode": "a"},
        opt_targets={"score": "min"},
    ) as experiment:
        trial = experiment.new_trial({"size": 9}, config={"by": "ours"})
        trial.update(Status.RUNNING, NOW)
        trial.update_telemetry(Status.RUNNING, NOW + dt.timedelta(seconds=1), [(NOW, "cpu", 1)])
        trial.update(Status.SUCCEEDED, NOW + dt.timedelta(seconds=2), {"score": 2.5})


def test_both_write_to_an_adopted_database_and_read_each_other(settings: dict[str, Any], folder: Path) -> None:
    assert reference(settings, folder)["ids"] == [1]
    database = Database(check_config({**settings, "schema_policy": "update"}))
    assert [migration.version for migration in adopt_schema(database)] == [1, 2]
    apply_schema(database)
    assert not verify_schema(database).harmful
    database.dispose()
    with SqlStorage({**settings, "schema_policy": "verify"}) as storage:
        revision = query(storage, REVISION)
        ours(storage)
    seen = reference(settings, folder)
    assert seen["ids"] == [1, 2, 3]
    assert seen["configs"] == [{"mode": "a", "size": size} for size in ("7", "9", "7")]
    assert seen["scores"] == [{"score": score} for score in ("1.25", "2.5", "1.25")]
    assert seen["status"] == ["SUCCEEDED"] * 3
    assert seen["metadata"] == [{"by": "reference"}, {"by": "ours"}, {"by": "reference"}]
    assert seen["results"] == [{"score": 1.25}, {"score": 2.5}, {"score": 1.25}]
    assert seen["telemetry"] == [["0.5"], ["1"], ["0.5"]]
    with SqlStorage({**settings, "schema_policy": "verify"}) as storage:
        frame = storage.experiments["Shared"].results_df
        assert list(frame["config.size"]) == [7, 9, 7]
        assert list(frame["result.score"]) == [1.25, 2.5, 1.25]
        assert query(storage, REVISION) == revision == [("f83fb8ae7fc4",)]
