"""The command `trialstore find`."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from pathlib import Path

import pytest
from click.testing import Result

from command_tree import invoke
from trialstore.storage import SqlStorage, Status

NOW = dt.datetime(2025, 3, 1, 8, 0, tzinfo=dt.timezone.utc)
SECONDS = [3.5, 1, math.nan, None, 10, 9.998]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Two experiments: six trials, of which the last one waits, and 25 that are alike."""
    path = tmp_path / "data.sqlite"
    known = {"trial_id": 1, "root_env_config": "env.jsonc", "description": "", "opt_targets": {"seconds": "min"}}
    with SqlStorage({"drivername": "sqlite", "database": str(path)}) as storage:
        with storage.experiment(experiment_id="few", tunables={"level": 1}, **known) as experiment:
            for number, seconds in enumerate(SECONDS):
                trial = experiment.new_trial({"level": number}, NOW)
                results = {"seconds": seconds, "note": "\x1b[31mred"}
                trial.update(Status.SUCCEEDED, NOW + dt.timedelta(seconds=number), results)
            experiment.new_trial({"level": 7}, NOW)
        with storage.experiment(experiment_id="many", tunables={"level": 0}, **known) as experiment:
            experiment.new_trials([{}] * 25)
    return f"sqlite:///{path}"


def call(url: str, *arguments: str) -> Result:
    return invoke(["find", *arguments, "--url", url])


def ok(url: str, *arguments: str) -> str:
    result = call(url, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_ids_come_in_order_a_line_a_trial(url: str) -> None:
    found = ok(url, "result.seconds > 0", "--sort", "result.seconds", "--ids")
    assert found.split() == ["few:2", "few:1", "few:6", "few:5"]
    found = ok(url, "result.seconds > 0", "--sort", "result.seconds", "--descending", "--limit", "2", "--ids")
    assert found.split() == ["few:5", "few:6"]
    assert len(ok(url, "", "--experiment", "many", "--ids").split()) == 25


def test_json_has_the_values_that_there_are(url: str) -> None:
    found = json.loads(ok(url, "trial_id in [2, 3, 4, 7] and experiment == 'few'", "--json"))
    assert [row["trial_id"] for row in found] == [2, 3, 4, 7]
    assert found[0]["result.seconds"] == 1
    assert found[1]["result.seconds"] == "NaN"
    assert "result.seconds" not in found[2]
    assert found[0]["ts_start"] == "2025-03-01T08:00:00+00:00"
    assert found[0]["result.note"] == "\x1b[31mred"
    assert "ts_end" not in found[3]
    assert json.loads(ok(url, "trial_id < 0", "--json")) == []


def test_csv_has_a_line_a_trial_with_its_values_as_they_are(url: str) -> None:
    rows = list(csv.DictReader(io.StringIO(ok(url, "config.level >= 4", "--csv"))))
    assert [(row["trial_id"], row["config.level"], row["result.seconds"]) for row in rows] == [
        ("5", "4", "10"),
        ("6", "5", "9.998"),
        ("7", "7", ""),
    ]


def test_a_table_shows_the_first_trials_and_says_where_there_are_more(url: str) -> None:
    shown = ok(url, "experiment == 'many'")
    assert "The first 20 trials that fit; see --limit" in shown
    assert len([line for line in shown.splitlines() if line.startswith("many")]) == 20
    few = ok(url, "result.seconds == 9.998")
    assert few.startswith("1 trial\n")
    assert "config.level=5" in few
    assert "\x1b" not in few
    assert ok(url, "trial_id < 0") == "No trial fits.\n"
    assert "25 trials\n" in ok(url, "experiment == 'many'", "--limit", "30")


def test_what_is_wrong_is_said_with_its_place(url: str) -> None:
    wrong = call(url, "result.seconds < 1 and statsu == 'FAILED'")
    assert wrong.exit_code == 1
    assert "column 24" in wrong.stderr
    assert "'status'" in wrong.stderr
    assert "There is no experiment 'fwe'" in call(url, "", "--experiment", "fwe").stderr
    assert call(url, "", "--json", "--csv").exit_code == 2
    assert call(url, "", "--descending").exit_code == 2
