"""The commands of README.md on every engine: the config file is all that differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from trialstore.storage import SqlStorage
from trialstore.storage.cli import main


@pytest.fixture
def file(shared_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file as a user writes it, beside which the commands are run."""
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "storage.jsonc"
    found.write_text("// a storage\n" + json.dumps(shared_config), encoding="utf-8")
    return found


def run(*arguments: str) -> str:
    # In this process: that the program starts, SQLite's tests say.
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.once_per_engine("what it does to the database are calls that other tests make in every mode")
def test_demo_list_and_show(file: Path, shared_config: dict[str, Any]) -> None:
    small = ("--trials", "2", "--repeats", "1", "--seconds", "0.5")
    run("demo", *small, "--config", str(file))
    run("demo", *small, "--config", str(file))  # goes on with the same experiment
    assert "sqlite-autotuning" in run("list", "--config", str(file))
    assert "elapsed_s" in run("show", "sqlite-autotuning", "--config", str(file))
    with SqlStorage(shared_config) as storage:
        frame = storage.experiments["sqlite-autotuning"].results_df
        assert list(frame["trial_id"]) == [1, 2, 3, 4]
        assert set(frame["status"]) == {"SUCCEEDED"}
        assert (frame["result.elapsed_s"] > 0).all()
        assert len(storage.experiments["sqlite-autotuning"].trials[1].telemetry_df) > 0


def test_schema_apply_says_what_it_did(file: Path, shared_config: dict[str, Any]) -> None:
    assert "up to date" in run("schema", "apply", "--config", str(file))
    with SqlStorage({**shared_config, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}
