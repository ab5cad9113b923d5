"""The program on any terminal: encodings, widths, pipes, closed streams, and names that would steer a terminal."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from command_tree import ON_STORAGES
from engines.sqlite_files import opened
from engines.terminals import (
    INTERRUPTED_PROGRAM,
    into_closed_pipe,
    on_terminal,
    run,
    run_in_shell,
    without_escapes,
)
from trialstore.storage import Status

pytestmark = [
    pytest.mark.engine("sqlite"),
    pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals, /dev/full and bash are POSIX"),
]
full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.timezone.utc)
STEERING = "evil\x1b[31m\x9b2J\u202e\u2028\nError: forged"
FOREIGN = "日本語 Größe – e\u0301 שלום"
LONG = "long-" * 50
SMALL_DEMO = ("demo", "--trials", "2", "--repeats", "1", "--seconds", "0.2")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Experiments with every kind of value and of name."""
    path = tmp_path_factory.mktemp("terminals") / "data.sqlite"
    tunables: dict[str, Any] = {"threads": 1, "mode": "fast", "limit": None, "ratio": 0.5}
    values: tuple[Any, ...] = (1.5, 10**400, -(10**400), math.inf, math.nan, -0.0, None, "x" * 20_000, "=1+1", True)
    with opened(path) as storage:
        for name in ("values", STEERING, FOREIGN, LONG, "-x"):
            with storage.experiment(
                experiment_id=name,
                trial_id=1,
                root_env_config="env.jsonc",
                description=f"of {name}",
                tunables=tunables,
                opt_targets={"score": "min", "日本": "max"},
            ) as experiment:
                for number, value in enumerate(values if name == "values" else (1.0, 2.0)):
                    trial = experiment.new_trial({"threads": number % 3 + 1}, NOW, {"note": f"a {name}"})
                    trial.update(Status.RUNNING, NOW)
                    trial.update_telemetry(Status.RUNNING, NOW, [(NOW, "load", value), (NOW, name, 1)])
                    metrics = {"score": value, "日本": number, "count": number}
                    trial.update(Status.SUCCEEDED, NOW + dt.timedelta(seconds=90), metrics)
                failed = experiment.new_trial({}, NOW)
                failed.update(Status.FAILED, NOW, {"text": "-1 – 日本\x1b[2J"})
        with storage.experiment(
            experiment_id="settings",
            trial_id=1,
            root_env_config="env.jsonc",
            description="",
            tunables={"a": 1, "b": None, "c": 0.5},
            opt_targets={"score": "min"},
        ) as experiment:
            for number, changed in enumerate(({}, {"b": math.nan}, {"b": "None"}, {"a": 2, "b": "1"})):
                trial = experiment.new_trial(changed, NOW)
                trial.update(Status.SUCCEEDED, NOW, {"score": number + 1.0})
    return path


@pytest.fixture(scope="module")
def target(file: Path) -> tuple[str, str]:
    return "--url", f"sqlite:///{file}"


def fine(done: subprocess.CompletedProcess[bytes]) -> str:
    """The output of a command that succeeded without a word on standard error."""
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode("utf-8")


# --- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "command", "dash"),
    [
        ("ascii", ["show", FOREIGN, "--trial", "1"], "Runner   -"),
        ("cp1252", ["show", FOREIGN, "--trial", "1"], "Runner   –"),
        ("latin-1", ["list"], ""),
        ("cp437", ["show", FOREIGN], ""),
        ("ascii", ["show", FOREIGN, "--csv", "-"], ""),
        ("utf-8", ["show", FOREIGN], ""),
    ],
)
def test_characters_that_an_encoding_lacks_are_written_as_plain_ones(
    target: tuple[str, str], encoding: str, command: list[str], dash: str
) -> None:
    done = run(*command, *target, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    assert ("日本" if encoding == "utf-8" else "\\u65e5\\u672c") in text
    assert dash in text


def test_the_c_locale_is_no_hindrance(target: tuple[str, str]) -> None:
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    assert b"\\u65e5\\u672c" in run("list", *target, env=env).stdout
    done = run("show", "Grö\udcff", *target, env={**env, "PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 2)


def test_the_demo_and_its_bars_go_to_a_terminal_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "picture").mkdir()
    done = run(
        *SMALL_DEMO, "--experiment=-x 日本", "--plot", "日本.png", env={"PYTHONIOENCODING": "ascii"}, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"trialstore show --csv trials.csv -- '-x \\u65e5\\u672c'" in done.stdout
    command = next(line for line in done.stdout.decode().splitlines() if "--csv" in line)
    assert run_in_shell(command.strip().removeprefix("trialstore ").replace("\\u65e5\\u672c", "日本"), "", cwd=tmp_path)
    assert run("show", "--csv", "trials.csv", "--", "-x 日本", cwd=tmp_path).returncode == 0


# --- streams that take nothing ----------------------------------------------------------------------------------------

OUTPUTS = pytest.mark.parametrize(
    ("command", "unbuffered"),
    [
        (["list"], ""),
        (["show", "values"], "1"),
        (["show", "values", "--csv", "-"], ""),
        (["schema", "status", "--json"], "1"),
        (["sql", "show", "trial_load"], "1"),
        (["--help"], ""),
    ],
    ids=str,
)


def targeted(command: list[str], target: tuple[str, str]) -> list[str]:
    return command if command[0] in ("sql", "--help") else [*command, *target]


@full_disk
@OUTPUTS
def test_a_full_disk_is_an_error_of_one_line_and_a_hint(
    target: tuple[str, str], command: list[str], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(*targeted(command, target), stdout=full, env={"PYTHONUNBUFFERED": unbuffered})
    assert done.returncode == 1
    message, hint = done.stderr.decode().splitlines()
    assert message.startswith("Error: The output cannot be written: ")
    assert hint.startswith("Hint: ")


@OUTPUTS
def test_a_closed_pipe_ends_a_command_quietly(target: tuple[str, str], command: list[str], unbuffered: str) -> None:
    done = into_closed_pipe(*targeted(command, target), env={"PYTHONUNBUFFERED": unbuffered})
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_first_line_of_a_long_output_is_had_without_a_complaint() -> None:
    done = run_in_shell("sql list", "| head -1")
    assert done.stderr == b""
    assert done.returncode in (0, 141)
    assert done.stdout.split()[:3] == [b"name", b"returns", b"params"]


def test_a_demo_that_nobody_reads_any_more_ends_with_its_trials_stored(tmp_path: Path) -> None:
    done = into_closed_pipe("demo", "--trials", "50", "--seconds", "10", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (141, b"")
    with opened(tmp_path / "trialstore.sqlite") as storage:
        trials = storage.experiments["sqlite-autotuning"].trials.values()
        assert not [trial for trial in trials if trial.status is Status.RUNNING]


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_hindrance(tmp_path: Path, closed: str) -> None:
    url = f"sqlite:///{tmp_path}/new.sqlite"
    assert run_in_shell(f"schema apply --url {url}", closed).returncode == 0
    done = run_in_shell(f"list --url {url}", closed)
    assert (done.returncode, done.stderr) == (0, b"")
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@full_disk
@pytest.mark.parametrize("lost", ["2>&-", "2>/dev/full"])
def test_an_error_that_cannot_be_told_still_has_its_exit_code(tmp_path: Path, lost: str) -> None:
    assert run_in_shell("list", lost, cwd=tmp_path).returncode == 1
    assert run_in_shell("list --nonsense", lost, cwd=tmp_path).returncode == 2


# --- widths -----------------------------------------------------------------------------------------------------------


def longest(text: str) -> int:
    return max(map(cell_len, without_escapes(text).splitlines()))


@pytest.mark.parametrize(
    ("columns", "command"),
    [
        (10, ["show", "settings"]),
        (40, ["show", "settings"]),
        (60, ["show", "settings"]),
        (90, ["show", "settings"]),
        (40, ["show", FOREIGN]),
        (60, ["list"]),
        (20, ["show", LONG, "--trial", "1"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_no_line_is_longer_than_the_terminal_and_nothing_is_cut_off(
    target: tuple[str, str], columns: int, command: list[str]
) -> None:
    code, text = on_terminal(*command, *target, columns=columns)
    assert code == 0
    assert longest(text) <= columns
    if command == ["show", "settings"]:
        joined = "".join(without_escapes(text).split())
        for word in ("b=nan", "b='None'", "a=2b='1'", "+0.0%", "SUCCEEDED", "2026-03-0405:06"):
            assert word in joined or (word not in ("+0.0%", "b=nan") and "toonarrow" in joined)


def test_columns_in_the_environment_rule_a_terminal_of_any_kind(target: tuple[str, str]) -> None:
    code, text = on_terminal("show", FOREIGN, *target, columns=200, env={"COLUMNS": "20", "TERM": "dumb"})
    assert code == 0
    assert longest(text) <= 20
    piped = fine(run("show", FOREIGN, *target, env={"COLUMNS": "20"}))
    assert max(map(cell_len, piped.splitlines())) > 60


def test_a_dumb_terminal_gets_no_escapes_and_one_without_colours_none(target: tuple[str, str]) -> None:
    _, text = on_terminal("show", FOREIGN, *target, columns=60, env={"TERM": "dumb"})
    assert longest(text) <= 60
    assert "\x1b" not in text
    _, text = on_terminal("show", FOREIGN, *target, columns=60, env={"NO_COLOR": "1"})
    assert "\x1b[3" not in text


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"PYTHONIOENCODING": "cp437"}])
def test_the_demo_fits_a_narrow_terminal(tmp_path: Path, env: dict[str, str]) -> None:
    code, text = on_terminal(*SMALL_DEMO, columns=40, env=env, cwd=tmp_path)
    assert code == 0
    assert longest(text.replace("\r", "\n")) <= 40
    assert "trialstore show sqlite-autotuning \\\n    --csv trials.csv\n" in without_escapes(text)
    if "TERM" in env:
        assert "\x1b" not in text
        assert "1/2  trial 1" in text


# --- names and values -------------------------------------------------------------------------------------------------


def test_names_reach_neither_a_terminal_nor_a_line_of_their_own_raw(target: tuple[str, str], file: Path) -> None:
    told = [
        run("list", *target),
        run("show", STEERING, *target),
        run("show", "zzz", *target),
        run("cancel", STEERING + "!", "99", *target),
        run("show", "--\x1b[31m", *target),
        run("show", "values", "--csv", f"{file.parent}/\x1b[31m.csv", *target),
    ]
    for done in told:
        output = (done.stdout + done.stderr).decode("utf-8")
        assert not set("\x1b\x9b\u202e\u2028") & set(output), done.args
        assert "\nError: forged" not in output
    assert "evil\\x1b[31m" in told[0].stdout.decode()


def test_a_name_in_the_database_is_clean_in_every_command_about_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with opened(path), closing(sqlite3.connect(path)) as connection:
        connection.execute('CREATE TABLE "evil\x1b[31m\x9b\n-- forged" (a INTEGER)')
    for options in ([], ["--json"]):
        done = run("schema", "verify", "--url", f"sqlite:///{path}", *options)
        assert done.returncode == 0
        output = done.stdout.decode("utf-8")
        assert "\x1b" not in output
        assert "\x9b" not in output
        assert "\n-- forged" not in output
        if options:
            assert "evil\x1b[31m\x9b\n-- forged" in json.loads(output)["additions"][0]["subject"]


@pytest.mark.parametrize("sort", ["recent", "best"])
def test_no_value_ends_the_commands_that_read(target: tuple[str, str], sort: str) -> None:
    shown = fine(run("show", "values", "--sort", sort, *target))
    assert "x" * 20 not in shown
    assert "values" in fine(run("list", *target))


@pytest.mark.parametrize("trial", [2, 3, 8])
def test_a_trial_with_any_value_is_shown(target: tuple[str, str], trial: int) -> None:
    assert "Results" in fine(run("show", "values", "--trial", str(trial), *target))


def test_csv_keeps_each_value_as_it_is(target: tuple[str, str], tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(fine(run("show", "values", "--csv", "-", *target)))))
    assert [row["trial_id"] for row in rows] == [str(number) for number in range(1, 12)]
    assert [row["result.count"] for row in rows] == [*map(str, range(10)), ""]
    assert rows[1]["result.score"] == str(10**400)
    assert [rows[number]["result.score"] for number in (3, 5, 8, 9)] == ["inf", "-0.0", "=1+1", "True"]
    done = run("show", "values", "--csv", str(tmp_path / "x.csv"), "--csv-plain-text", *target)
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1)
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as found:
        plain = list(csv.DictReader(found))
    assert plain[8]["result.score"] == "'=1+1"
    assert plain[10]["result.text"].startswith("'-1 – 日本")
    assert [row["result.count"] for row in plain] == [row["result.count"] for row in rows]
    assert [plain[number]["result.score"] for number in (2, 5)] == [str(-(10**400)), "-0.0"]


def test_csv_has_the_trials_that_the_options_choose(target: tuple[str, str]) -> None:
    def ids(*options: str) -> list[str]:
        text = fine(run("show", "settings", "--csv", "-", *options, *target))
        return [row["trial_id"] for row in csv.DictReader(io.StringIO(text))]

    assert ids("--limit", "2", "--sort", "best") == ["1", "2"]
    assert ids("--limit", "3", "--sort", "recent") == ["4", "3", "2"]


def test_csv_on_a_terminal_steers_nothing(target: tuple[str, str]) -> None:
    code, text = on_terminal("show", "values", "--csv", "-", *target, columns=80)
    assert code == 0
    assert "\x1b" not in text
    assert "日本\\x1b[2J" in text


def test_only_a_marked_config_is_called_the_default(target: tuple[str, str]) -> None:
    trials = fine(run("show", "settings", *target))
    assert "(default)" not in trials
    assert "vs default" not in trials
    table = trials.split("Trials, ")[1].splitlines()[2:6]
    assert [line.rstrip().split("  ")[-1].strip() for line in table] == [
        "a=2 b='1'",
        "b='None'",
        "b=nan",
        "(as the first trial)",
    ]


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ON_STORAGES.values(), ids=" ".join)
def test_an_interrupted_command_says_so_in_a_word(command: list[str], target: tuple[str, str]) -> None:
    done = run(*command, *target, program=INTERRUPTED_PROGRAM)
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr.decode().strip() == "Interrupted."


# --- logs -------------------------------------------------------------------------------------------------------------


def test_no_id_makes_up_a_line_of_the_log(tmp_path: Path) -> None:
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO); from engines.sqlite_files import opened\n"
        "with opened(sys.argv[1]) as storage:\n"
        "    with storage.experiment(experiment_id=sys.argv[2], trial_id=1, root_env_config='x', description='',\n"
        "                            tunables={'a': 1}, opt_targets={'m': 'min'}) as experiment:\n"
        "        trial = experiment.new_trial({}); trial.update(trial.status.SUCCEEDED, trial_ts, {'x\\ny': 1})\n"
        "    print(repr(trial), repr(storage), repr(storage.experiments[sys.argv[2]]), trial)\n"
    ).replace("trial_ts", "__import__('datetime').datetime.now()")
    file = tmp_path / "a\nWARNING:forged.sqlite"
    done = run(str(file), STEERING.replace("Error", "WARNING"), program=(sys.executable, "-c", code))
    assert done.returncode == 0, done.stderr
    output = (done.stdout + done.stderr).decode("utf-8")
    assert "Created experiment evil\\x1b[31m" in output
    assert "\nWARNING: forged" not in output
    assert "\nWARNING:forged" not in output
    assert not set("\x1b\x9b\u202e\u2028") & set(output)
