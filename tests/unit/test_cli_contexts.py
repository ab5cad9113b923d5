"""What `trialstore show` prints of what trials ran on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command_tree import invoke
from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.storage import SqlStorage, Status
from trialstore.storage.writing import gathering


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with trials that ran at two commits, and one of which that is not stored."""
    found: dict[str, Any] = {"host_name": "one", "cpus": 8}
    monkeypatch.setattr(gathering, "gathered", lambda: dict(found))
    path = tmp_path / "data.sqlite"
    with SqlStorage({"drivername": "sqlite", "database": str(path)}) as storage, make_experiment(storage) as experiment:
        for number, commit in enumerate(("aaaa", "bbbb\x1b", "aaaa")):
            found["git_commit"] = commit
            if number == 1:
                found["git_dirty"] = True
            else:
                found.pop("git_dirty", None)
            experiment.new_trial({}).update(Status.RUNNING, at(number))
        finish(experiment.new_trial({}, ts_start=at(7)))
        make_experiment(storage, "Empty").__enter__()
    return f"sqlite:///{path}"


def test_contexts_are_shown_by_what_is_different(url: str) -> None:
    printed = invoke(["show", "Exp", "--contexts", "--url", url]).stdout
    lines = [line.split("  ") for line in printed.splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in lines if line != [""]]
    assert rows == [
        ["In all contexts"],
        ["cpus", "8"],
        ["host_name", "one"],
        ["Trials by what they ran on"],
        ["context", "trials", "first start (UTC)", "last start (UTC)", "git_commit", "git_dirty"],
        ["1", "2", "2025-03-01 08:00:00", "2025-03-01 08:00:02", "aaaa", "(absent)"],
        ["2", "1", "2025-03-01 08:00:01", "2025-03-01 08:00:01", "bbbb\\x1b", "True"],
        ["(not stored)", "1", "2025-03-01 08:00:07", "2025-03-01 08:00:07", "–", "–"],
    ]


def test_contexts_as_json(url: str) -> None:
    answer = json.loads(invoke(["show", "Exp", "--contexts", "--json", "--url", url]).stdout)
    assert answer["experiment"] == "Exp"
    first, second, without = answer["contexts"]
    assert first == {
        "context_id": 1,
        "trials": 2,
        "first_start": "2025-03-01T08:00:00.123456+00:00",
        "last_start": "2025-03-01T08:00:02.123456+00:00",
        "values": {"cpus": 8, "git_commit": "aaaa", "host_name": "one"},
    }
    assert second["values"]["git_dirty"] is True
    assert (without["context_id"], without["trials"], without["values"]) == (None, 1, {})


def test_an_experiment_without_trials_has_no_contexts(url: str) -> None:
    assert invoke(["show", "Empty", "--contexts", "--url", url]).stdout == "No trial has begun yet.\n"
    assert json.loads(invoke(["show", "Empty", "--contexts", "--json", "--url", url]).stdout)["contexts"] == []


def test_a_trial_is_shown_with_its_context(url: str) -> None:
    assert "Ran on" in invoke(["show", "Exp", "--trial", "1", "--url", url]).stdout
    answer = json.loads(invoke(["show", "Exp", "--trial", "1", "--json", "--url", url]).stdout)
    assert answer["context"] == {"cpus": 8, "git_commit": "aaaa", "host_name": "one"}


@pytest.mark.parametrize("more", [["--trial", "1"], ["--csv", "-"]])
def test_contexts_are_of_all_trials(url: str, more: list[str]) -> None:
    result = invoke(["show", "Exp", "--contexts", *more, "--url", url])
    assert result.exit_code == 2
    assert "--contexts is for all trials" in result.stderr
