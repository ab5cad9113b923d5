"""The commands of README.md on every engine: the config file is all that differs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trialstore.storage import SqlStorage


@pytest.fixture
def file(shared_config: dict[str, Any], tmp_path: Path) -> Path:
    """A config file as a user writes it."""
    found = tmp_path / "storage.jsonc"
    found.write_text("// a storage\n" + json.dumps(shared_config), encoding="utf-8")
    return found


def run(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-c", "from trialstore.storage.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_demo_list_and_show(file: Path, shared_config: dict[str, Any], tmp_path: Path) -> None:
    small = ("--trials", "2", "--repeats", "1", "--seconds", "0.5")
    run("demo", *small, "--config", str(file), folder=tmp_path)
    run("demo", *small, "--config", str(file), folder=tmp_path)  # goes on with the same experiment
    assert "sqlite-autotuning" in run("list", "--config", str(file), folder=tmp_path)
    assert "elapsed_s" in run("show", "sqlite-autotuning", "--config", str(file), folder=tmp_path)
    with SqlStorage(shared_config) as storage:
        frame = storage.experiments["sqlite-autotuning"].results_df
        assert list(frame["trial_id"]) == [1, 2, 3, 4]
        assert set(frame["status"]) == {"SUCCEEDED"}
        assert (frame["result.elapsed_s"] > 0).all()
        assert len(storage.experiments["sqlite-autotuning"].trials[1].telemetry_df) > 0


def test_schema_apply_says_what_it_did(file: Path, shared_config: dict[str, Any], tmp_path: Path) -> None:
    assert "up to date" in run("schema", "apply", "--config", str(file), folder=tmp_path)
    with SqlStorage({**shared_config, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}
