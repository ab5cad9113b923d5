"""`trialstore list`, `show --json`, `show --follow`, and how a command is given its database."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from trialstore.dialects.registry import backend_of_file
from trialstore.storage import ConfigError, SqlStorage, Status, config_from_url
from trialstore.storage.cli import follow as following
from trialstore.storage.cli import main

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.timezone.utc)
KNOWN: dict[str, Any] = {
    "trial_id": 1,
    "root_env_config": "",
    "description": "of it",
    "tunables": {"size": 1},
    "opt_targets": {"seconds": "min", "errors": "max"},
}


def run(*arguments: str, code: int = 0, **env: str) -> str:
    result = CliRunner().invoke(main, arguments, env=env)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def fill(config: dict[str, Any]) -> None:
    """Three experiments: a-old, b-new with a trial that runs, and one without trials."""
    with SqlStorage(config) as storage:
        for day, name in enumerate(("a-old", "b-new")):
            with storage.experiment(experiment_id=name, **KNOWN) as experiment:
                for value in (3.5, "12", float("inf"), 2.5):
                    trial = experiment.new_trial({"size": 2}, NOW + dt.timedelta(days=day))
                    trial.update(Status.RUNNING, NOW + dt.timedelta(days=day))
                    ended = NOW + dt.timedelta(days=day, seconds=90)
                    trial.update(Status.SUCCEEDED, ended, {"seconds": value, "errors": 1})
                trial = experiment.new_trial({"size": 3}, NOW + dt.timedelta(days=9))
                failed = experiment.new_trial({"size": 3}, NOW)
                failed.update(Status.RUNNING, NOW)
                failed.update(Status.FAILED, NOW, {"seconds": 0.5})
        with storage.experiment(experiment_id="c_none", **KNOWN):
            pass


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRIALSTORE_URL", raising=False)
    fill({"drivername": "sqlite", "database": "bench.db"})
    return "bench.db"


def listed(file: str, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("list", "--url", file, "--json", *options))["experiments"]
    return found


def test_the_latest_activity_comes_first_and_a_planned_start_is_none(file: str) -> None:
    assert [one["experiment"] for one in listed(file)] == ["b-new", "a-old", "c_none"]
    assert listed(file)[0] == {
        "experiment": "b-new",
        "description": "of it",
        "objectives": {"errors": "max", "seconds": "min"},
        "best": 1.0,
        "trials": {"PENDING": 1, "SUCCEEDED": 4, "FAILED": 1},
        "total": 6,
        "completed": 5,
        "last_activity": "2026-03-05T05:07:37+00:00",
    }
    assert listed(file)[2]["last_activity"] is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--like", "*-*"], ["b-new", "a-old"]),
        (["--like", "A*"], []),
        (["--like", "?_none"], ["c_none"]),
        (["--like", "%"], []),
        (["--like", "a_old"], []),
        (["--since", "2026-03-05"], ["b-new"]),
        (["--since", "2026-03-05T05:07:37Z"], ["b-new"]),
        (["--since", "2026-03-05T06:07:38+01:00"], []),
        (["--limit", "2"], ["b-new", "a-old"]),
    ],
)
def test_experiments_are_chosen_by_name_time_and_number(file: str, options: list[str], expected: list[str]) -> None:
    assert [one["experiment"] for one in listed(file, *options)] == expected


def test_the_table_says_of_how_many_it_is_a_part(file: str) -> None:
    lines = run("list", "--url", file, "--limit", "1").splitlines()
    assert lines[0] == "1 of 3 experiments; see --limit"
    assert "5 of 6" in lines[2]
    assert run("list", "--url", file, "--like", "x").strip() == "No experiment is like that."


@pytest.mark.parametrize("text", ["yesterday", "3x", "99999999999d", "2026-13-01"])
def test_a_time_that_is_none_is_a_usage_error(file: str, text: str) -> None:
    assert "give a time such as" in run("list", "--url", file, "--since", text, code=2)


def test_show_as_json_has_all_trials_and_stands_in_for_what_json_lacks(file: str) -> None:
    found = json.loads(run("show", "b-new", "--url", file, "--json"))
    assert [trial["trial_id"] for trial in found["trials"]] == [1, 2, 3, 4, 5, 6]
    assert [trial["results"]["seconds"] for trial in found["trials"]] == [3.5, "12", "Infinity", 2.5, None, 0.5]
    assert found["trials"][4]["ts_end"] is None
    assert found["trials"][0]["config"] == {"size": 2}
    assert found["trials_by_status"] == {"PENDING": 1, "SUCCEEDED": 4, "FAILED": 1}
    one = json.loads(run("show", "b-new", "--url", file, "--json", "--trial", "3"))
    assert one["results"] == {"errors": 1, "seconds": "Infinity"}
    assert one["experiment"] == "b-new"


# --- which database ---------------------------------------------------------------------------------------------------


def test_the_environment_names_the_database_unless_an_option_does(file: str) -> None:
    assert "b-new" in run("list", TRIALSTORE_URL=file)
    assert "b-new" in run("list", "--url", file, TRIALSTORE_URL="sqlite:///other.db")
    assert "Error: TRIALSTORE_URL: " in run("list", code=1, TRIALSTORE_URL="nosuch://x/y")
    assert "TRIALSTORE_URL" in run("list", code=1, TRIALSTORE_URL="host=db password=secret")
    assert "secret" not in run("list", code=1, TRIALSTORE_URL="host=db password=secret")


def test_a_file_is_known_by_what_is_in_it_then_by_its_name(file: str, tmp_path: Path) -> None:
    Path(file).rename("bench.duckdb")
    assert "b-new" in run("list", "--url", str(tmp_path / "bench.duckdb"))
    names = ("new.duckdb", "new.db", "new.sqlite3", "new", "new.DDB")
    assert [backend_of_file(name) for name in names] == ["duckdb", "sqlite", "sqlite", "sqlite", "duckdb"]


def test_the_name_that_hosted_databases_give_postgresql_is_taken() -> None:
    assert config_from_url("postgres://u:p@h/d")["drivername"] == "postgresql"
    with pytest.raises(ConfigError):
        config_from_url("postgres:/h/d")


# --- following --------------------------------------------------------------------------------------------------------


def test_follow_ends_when_all_trials_are_completed(file: str) -> None:
    begun = threading.Event()

    def finish() -> None:
        with SqlStorage(config_from_url(f"sqlite:///{file}")) as storage:
            begun.wait(60)
            data = storage.get_experiment_by_id("b-new", {"size": 1}, {})
            assert data is not None
            data.cancel_trials([5])

    thread = threading.Thread(target=finish)
    thread.start()
    first = following.time.sleep
    following_sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        following_sleeps.append(seconds)
        begun.set()
        first(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following.time, "sleep", sleep)
        output = run("show", "b-new", "--url", file, "--follow", "--interval", "0.05")
    thread.join()
    lines = output.splitlines()
    assert lines[0] == "5 of 6 done: 1 PENDING, 4 SUCCEEDED, 1 FAILED; last activity 2026-03-05 05:07:37"
    assert lines[1].startswith("6 of 6 done: 4 SUCCEEDED, 1 CANCELED, 1 FAILED; ")
    assert "Best configs by errors" in output
    assert following_sleeps[0] == 0.05


def test_follow_of_what_is_not_there_ends_at_once(file: str) -> None:
    assert "There is no experiment 'x'" in run("show", "x", "--url", file, "--follow", code=1)
    assert "There is no database file" in run("show", "x", "--url", "missing.db", "--follow", code=1)


HOLD = """
import sys, trialstore.storage as ts
with ts.SqlStorage({"drivername": "duckdb", "database": sys.argv[1]}) as storage:
    print("held", flush=True)
    sys.stdin.read()
    storage.get_experiment_by_id("b-new", {"size": 1}, {}).cancel_trials([5])
"""


def test_follow_says_that_a_writer_holds_the_file_and_waits(tmp_path: Path) -> None:
    file = str(tmp_path / "bench.duckdb")
    fill({"drivername": "duckdb", "database": file})
    command = [sys.executable, "-c", HOLD, file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        follower = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "trialstore.storage",
                "show",
                "b-new",
                "--url",
                file,
                "--follow",
                "--interval",
                "0.1",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert follower.stderr is not None
        said = follower.stderr.readline()
        assert said.startswith("Waiting: ")
        assert f"process {holder.pid} has the file open" in said
        holder.stdin.close()
    output, _ = follower.communicate(timeout=120)
    assert follower.returncode == 0
    assert "6 of 6 done" in output
