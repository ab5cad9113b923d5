"""The command line: the demo end to end, the commands that read, and how errors are told."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import json
import math
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result
from rich.console import Console

from command_tree import ON_STORAGES, commands, invoke, opens_storage
from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.dialects.text import clean
from trialstore.storage import SchemaTooOld, SqlStorage, Status
from trialstore.storage.cli.demo import Display
from trialstore.storage.cli.output import moment, print_table, settings, shown
from trialstore.storage.cli.program import COMMANDS
from trialstore.storage.cli.streams import standard_streams
from trialstore.storage.cli.target import Target, read_target, storage_options
from trialstore.storage.config.keys import config_from_url
from trialstore.storage.demo import benchmark, plot
from trialstore.storage.demo.corpus import find_sources
from trialstore.storage.demo.interrupt import StopRequest

TINY = ("--trials", "4", "--repeats", "2", "--seconds", "0.2")
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.timezone.utc)


def call(*arguments: str) -> Result:
    """Run a command with stdout and stderr apart, which older versions of click do only when told."""
    return invoke(list(arguments))


def ok(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, and with few sources as the demo's data."""
    library = tmp_path / "library"
    library.mkdir()
    for number in range(10):
        (library / f"module_{number}.py").write_text("\n".join(f"value_{line} = {line}" for line in range(30)))
    monkeypatch.setattr(benchmark, "find_sources", lambda: find_sources(library))
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with an experiment `latency` of three trials in two configs, and the empty experiment `later`."""
    path = tmp_path / "data.sqlite"
    tunables: dict[str, Any] = {"threads": 1, "mode": "[red]fast"}
    with SqlStorage({"drivername": "sqlite", "database": str(path)}) as storage:
        known: dict[str, Any] = {"trial_id": 1, "root_env_config": "env.jsonc", "tunables": tunables}
        with storage.experiment(
            experiment_id="latency", description="of \x1b[31mrequests", opt_targets={"p99_ms": "min"}, **known
        ) as experiment:
            for threads, status, value in ((1, Status.SUCCEEDED, 40.0), (8, Status.SUCCEEDED, 10.0), (8, None, 0.0)):
                trial = experiment.new_trial({"threads": threads}, NOW, {"is_defaults": threads == 1})
                if status:
                    points = [(NOW + dt.timedelta(seconds=second), "load", second) for second in range(3)]
                    trial.update(Status.RUNNING, NOW)
                    trial.update_telemetry(Status.RUNNING, NOW, [*points, (NOW, "note", "begun")])
                    trial.update(status, NOW + dt.timedelta(minutes=1), {"p99_ms": value})
        with storage.experiment(experiment_id="later", description="empty", opt_targets={"x": "max"}, **known):
            pass
    return f"sqlite:///{path}"


# --- the demo ---------------------------------------------------------------------------------------------------------


def test_the_demo_stores_its_trials_where_list_and_show_find_them(folder: Path) -> None:
    output = ok("demo", *TINY)
    assert (folder / "trialstore.sqlite").is_file()
    assert "The best of 2 configs against the default" in output
    assert "4/4" in output
    for command in ("trialstore list", "trialstore show sqlite-autotuning", "--csv trials.csv"):
        assert command in output
    assert "4 SUCCEEDED" in ok("list")
    shown_experiment = ok("show", "sqlite-autotuning")
    assert "Best configs by elapsed_s (min)" in shown_experiment
    assert "Best configs by p95_query_ms (min)" in shown_experiment
    assert "(default)" in shown_experiment
    trial = ok("show", "sqlite-autotuning", "--trial", "1")
    assert "rows_per_s" in trial
    assert "repeat_i" in trial


def test_the_demo_run_again_goes_on_with_the_same_experiment() -> None:
    ok("demo", *TINY)
    assert "Going on after 4 completed trials." in ok("demo", *TINY)
    assert "8 SUCCEEDED" in ok("list")


def test_the_demo_draws_a_picture_where_it_can_and_bars_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if plot.can_draw():
        ok("demo", *TINY)
        assert (folder / "trialstore-demo.png").read_bytes().startswith(b"\x89PNG")
        assert "best.svg" in ok("demo", *TINY, "--plot", "best.svg")
        assert (folder / "best.svg").is_file()
        (folder / "trialstore-demo.png").unlink()
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    output = ok("demo", *TINY, "--plot", "missing.png")
    assert "Best elapsed_s so far" in output
    assert "trialstore[plot]" in output
    assert not list(folder.glob("*.png"))


def test_a_picture_that_cannot_be_written_after_all_is_drawn_as_bars(folder: Path) -> None:
    pytest.importorskip("matplotlib", reason="without the extra 'plot' no picture is tried")
    (folder / "trialstore-demo.png").mkdir()
    output = ok("demo", *TINY)
    assert "cannot be written to trialstore-demo.png" in output
    assert "Best elapsed_s so far" in output


@pytest.mark.parametrize("file", ["plot.xyz", "no/such/folder/plot.png", "../folder.png"])
def test_a_plot_that_cannot_be_written_is_refused_before_anything_runs(folder: Path, file: str) -> None:
    (folder.parent / "folder.png").mkdir()
    result = call("demo", *TINY, "--plot", file)
    assert result.exit_code == 2
    assert "--plot" in result.stderr
    assert list(folder.iterdir()) == []


def test_the_demo_takes_another_name_and_database_and_names_both_in_what_comes_next(folder: Path) -> None:
    output = ok("demo", *TINY, "--experiment", "my tuning", "--url", "sqlite:///other.sqlite")
    assert "trialstore show 'my tuning' --url sqlite:///other.sqlite" in output
    assert not (folder / "trialstore.sqlite").exists()
    assert "my tuning" in ok("list", "--url", "sqlite:///other.sqlite")


def test_a_demo_without_any_success_says_so_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_more: object) -> None:
        raise OSError("no space left")

    ok("demo", *TINY)
    monkeypatch.setattr(benchmark, "run_workload", fail)
    result = call("demo", *TINY)
    assert result.exit_code == 1
    assert "no space left" in result.stdout
    assert result.stderr.startswith("Error: No trial has succeeded.\nHint: ")


def test_a_program_may_close_its_output_after_a_command() -> None:
    written = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(written, encoding="utf-8")) as output:
        with standard_streams():
            print("shown", flush=True)
            remembered = sys.stdout
        assert written.getvalue().split() == [b"shown"]
        output.close()
    remembered.close()  # what Python does to it as soon as nobody remembers it; errors go to the program's own output


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal to a child process")
def test_an_interrupted_demo_ends_cleanly_and_says_how_to_go_on() -> None:
    code = "import sys; from trialstore.storage.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "demo", "--trials", "500", "--seconds", "300"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("1/500"):
                child.send_signal(signal.SIGINT)
                break
        rest, errors = child.communicate()
    assert child.returncode == 130
    assert "Traceback" not in rest + errors
    assert "To go on: trialstore demo" in errors
    counts = ok("list")
    assert "PENDING" in counts
    assert "RUNNING" not in counts


def test_on_a_terminal_a_bar_counts_the_trials(tmp_path: Path) -> None:
    stream = io.StringIO()
    out = Console(file=stream, width=100, force_terminal=True, color_system=None)
    options = benchmark.Options(trials=2, repeats=1, seconds=0.1)
    with (
        SqlStorage({"drivername": "sqlite", "database": str(tmp_path / "x.sqlite")}) as storage,
        Display(out, 2, storage) as display,
    ):
        benchmark.run_benchmark(storage, options, display, StopRequest())
    assert "2/2" in stream.getvalue()
    assert "sqlite:" in stream.getvalue()
    assert "trial 1" not in stream.getvalue()


# --- reading ----------------------------------------------------------------------------------------------------------


def test_list_tells_trials_objectives_best_score_and_last_activity(url: str) -> None:
    lines = ok("list", "--url", url).splitlines()
    assert lines[1].split()[:5] == ["latency", "1", "PENDING,", "2", "SUCCEEDED"]
    assert lines[1].split()[5:11] == ["2", "of", "3", "p99_ms", "(min)", "10"]
    assert "2026-03-04 05:07" in lines[1]
    assert lines[2].split() == ["later", "none", "–", "x", "(max)", "–", "–", "empty"]


def test_list_of_a_database_without_experiments_says_so(folder: Path) -> None:
    with SqlStorage({"drivername": "sqlite", "database": "trialstore.sqlite"}):
        pass
    assert ok("list") == "There are no experiments yet.\n"


def test_show_compares_configs_with_the_default(url: str) -> None:
    output = ok("show", "latency", "--url", url)
    best = [line.split() for line in output.splitlines() if line.split()[-1:] == ["threads=8"]]
    assert best[0] == ["1", "2", "1", "10", "10", "10", "+75.0", "%", "threads=8"]
    assert "env.jsonc" in output
    assert "There are no trials yet." in ok("show", "later", "--url", url)


def test_show_of_trials_without_results_says_that_there_are_none(url: str) -> None:
    with SqlStorage(config_from_url(url)) as storage:
        later = storage.get_experiment_by_id("later", {"threads": 1, "mode": "slow"}, {"x": "max"})
        assert later is not None
        later.new_trial({})
    output = ok("show", "later", "--url", url)
    assert "No trial has succeeded with a number as x yet." in output
    assert "PENDING" in output


def test_show_limits_and_sorts_the_trials(url: str) -> None:
    def trials(*options: str) -> list[str]:
        table = ok("show", "latency", "--url", url, *options).split("Trials, ")[1]
        return [line.split()[0] for line in table.splitlines()[2:] if line.strip()]

    assert trials() == ["3", "2", "1"]
    assert trials("--sort", "best") == ["2", "1", "3"]
    assert trials("--limit", "1") == ["3"]
    assert "1 of 3; see --limit" in ok("show", "latency", "--url", url, "--limit", "1")


def test_show_of_one_trial_tells_its_config_metadata_results_and_telemetry(url: str) -> None:
    output = ok("show", "latency", "--trial", "2", "--url", url)
    words = [line.split() for line in output.splitlines()]
    assert ["threads", "8"] in words
    assert ["is_defaults", "False"] in words
    assert ["p99_ms", "10"] in words
    assert ["load", "3", "0", "1", "2", "0", "2"] in words
    assert ["note", "1", "–", "–", "–", "begun", "begun"] in words
    assert "Telemetry: none" in ok("show", "latency", "--trial", "3", "--url", url)


def test_csv_holds_every_trial_on_stdout_or_in_a_file(url: str, folder: Path) -> None:
    output = ok("show", "latency", "--csv", "-", "--url", url)
    rows = list(csv.DictReader(io.StringIO(output)))
    assert [row["trial_id"] for row in rows] == ["1", "2", "3"]
    assert rows[1]["config.threads"] == "8"
    assert float(rows[1]["result.p99_ms"]) == 10
    result = call("show", "latency", "--csv", "trials.csv", "--url", url)
    assert result.stderr == "Wrote 3 trials to trials.csv.\n"
    assert (folder / "trials.csv").read_text() == output


def test_csv_has_metadata_attributes_and_times_behind_the_results(url: str) -> None:
    odd = ['a\0b,"c"', {"a": [1, math.nan, "é"]}, "=1+1", "\ud800", 7]
    with SqlStorage(config_from_url(url)) as storage:
        with make_experiment(storage, "odd", opt_targets={}) as experiment:
            for number, value in enumerate(odd):
                trial = experiment.new_trial({}, config={"v": value})
                trial.set_attributes({"\ue000": "\ue000", "n": number})
                trial.update(Status.RUNNING, at(0))
                finish(trial, seconds=2.5)
        own = list(storage.experiments["odd"].results_df.columns)
    text = ok("show", "odd", "--csv", "-", "--url", url)
    names, *lines = text.replace("\0", "NUL").splitlines()  # which Python 3.10 cannot read either
    more = [
        "metadata.v",
        "attribute.n",
        "attribute.\ue000",
        "context.cpus",
        "context.host_name",
        "duration_s",
        "queued_s",
    ]
    assert names.split(",") == [*own, *more]
    rows = list(csv.DictReader(io.StringIO("\n".join([names, *lines]))))
    assert [row["metadata.v"] for row in rows] == ['aNULb,"c"', '{"a": [1, "NaN", "é"]}', "=1+1", "\\ud800", "7"]
    assert [row["attribute.n"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert {row["attribute.\ue000"] for row in rows} == {"\ue000"}
    assert {row["duration_s"] for row in rows} == {"2.5"}
    plain = ok("show", "odd", "--csv", "-", "--csv-plain-text", "--url", url)
    assert ",'=1+1," in plain


def test_csv_quotes_texts_that_break_a_line(url: str, folder: Path) -> None:
    texts = ["a\rb", "a\nb", "a\r\nb", "\r\n", "a\r", "plain"]
    with SqlStorage(config_from_url(url)) as storage, make_experiment(storage, "lines", opt_targets={}) as experiment:
        for text in texts:
            experiment.new_trial({}, config={"v": text, "c\rd": 1})
    ok("show", "lines", "--csv", "lines.csv", "--url", url)
    with (folder / "lines.csv").open(newline="") as lines:
        assert [(row["metadata.v"], row["metadata.c\rd"]) for row in csv.DictReader(lines)] == [
            (text, "1") for text in texts
        ]
    assert (folder / "lines.csv").read_bytes().count(b"\r\n") == 2  # within texts


def test_reading_commands_leave_the_database_as_it_is(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    before = path.read_bytes()
    for arguments in (["list"], ["show", "latency"], ["show", "latency", "--trial", "1"]):
        ok(*arguments, "--url", url)
    assert path.read_bytes() == before


def test_cancel_ends_pending_trials_and_lists_few_of_those_that_it_left(url: str) -> None:
    unknown = [str(number) for number in range(101, 131)]
    result = call("cancel", "latency", "--url", url, "3", *unknown)
    assert result.exit_code == 1
    assert result.stdout == "Canceled: 3\n"
    assert result.stderr.rstrip().endswith(f": {', '.join(unknown[:20])} and 10 more")
    result = call("cancel", "latncy", "--url", url, "1")
    assert "There is no experiment 'latncy'." in result.stderr
    assert "latency" in result.stderr
    with SqlStorage(config_from_url(url)) as storage:
        experiment = storage.get_experiment_by_id("later", {"threads": 1, "mode": "fast"}, {})
        assert experiment is not None
        made = [str(trial.trial_id) for trial in experiment.new_trials([{}] * 30)]
    assert ok("cancel", "later", "--url", url, *made) == f"Canceled: {', '.join(made[:20])} and 10 more\n"


def test_stored_text_is_shown_as_it_is_without_markup_or_control_characters(url: str) -> None:
    output = ok("show", "latency", "--url", url)
    assert "of \\x1b[31mrequests" in output
    assert "\x1b" not in output
    assert "[red]fast" in ok("show", "latency", "--trial", "1", "--url", url)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["list"], ["show", "x"], ["list", "--url", "sqlite:///missing.sqlite"]])
def test_a_missing_file_is_an_error_and_is_not_created(folder: Path, arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no database file")
    assert "\nHint: " in result.stderr
    assert "Traceback" not in result.stderr
    assert list(folder.iterdir()) == []


def test_an_empty_file_is_not_made_a_database_by_reading(folder: Path) -> None:
    (folder / "trialstore.sqlite").touch()
    result = call("list")
    assert result.exit_code == 1
    assert "holds no tables" in result.stderr
    assert (folder / "trialstore.sqlite").stat().st_size == 0


@pytest.mark.parametrize("command", [["demo"], ["list"], ["show", "x"]])
def test_config_and_url_together_are_a_usage_error(folder: Path, command: list[str]) -> None:
    result = call(*command, "--config", "a.jsonc", "--url", "sqlite:///a.sqlite")
    assert result.exit_code == 2
    assert "--config and --url exclude each other" in result.stderr
    assert list(folder.iterdir()) == []


def test_a_config_file_names_the_storage_also_where_its_policy_would_allow_changes(url: str, folder: Path) -> None:
    database = url.removeprefix("sqlite:///")
    (folder / "storage.jsonc").write_text(
        f'{{drivername: "sqlite", database: "{database}", schema_policy: "update", lazy_schema_create: true}} // ours'
    )
    assert "latency" in ok("list", "--config", "storage.jsonc")
    (folder / "storage.jsonc").write_text('{drivername: "sqlite", database: "new.sqlite", schema_policy: "update"}')
    assert call("list", "--config", "storage.jsonc").exit_code == 1
    assert not (folder / "new.sqlite").exists()


def test_a_file_that_is_no_database_is_an_error_with_its_code_in_json(folder: Path) -> None:
    (folder / "text.sqlite").write_text("no database, but long enough to be looked at: " * 40)
    result = call("schema", "status", "--json", "--url", "sqlite:///text.sqlite")
    error = json.loads(result.stdout)["error"]
    assert error["class"] == "ConnectError"
    assert error["code"] in ("SQLITE_NOTADB", "DatabaseError")  # Python 3.10 has no codes of SQLite
    assert error["message"].startswith("sqlite:text.sqlite: ")


def test_a_missing_config_file_is_told_by_name() -> None:
    result = call("list", "--config", "none.jsonc")
    assert result.exit_code == 1
    assert "none.jsonc" in result.stderr


def test_a_config_may_be_given_as_text_which_is_not_repeated(url: str) -> None:
    text = json.dumps({"drivername": "sqlite", "database": url.removeprefix("sqlite:///")})
    assert "latency" in ok("list", "--config", text)
    result = call("list", "--config", '{drivername: "sqlite", password: "hunter2" @}')
    assert result.exit_code == 1
    assert "not valid JSON5: see line 1, column 44" in result.stderr
    result = call("list", "--config", text.replace("database", "datbase"))
    assert "config.datbase" in result.stderr
    wrong = call("list", "--config", '{drivername: "mysql", database: "hunter2", password: "hunter2", port: 0}')
    assert wrong.exit_code == 1
    assert "hunter2" not in result.output + wrong.output


def test_an_unknown_experiment_is_told_with_the_nearest_one(url: str) -> None:
    result = call("show", "latencies", "--url", url)
    assert result.exit_code == 1
    assert result.stderr == "Error: There is no experiment 'latencies'.\nHint: Did you mean 'latency'?\n"


def test_an_unknown_trial_is_told_with_those_there_are(url: str) -> None:
    assert "Its trials are 1 to 3." in call("show", "latency", "--trial", "9", "--url", url).stderr
    assert "It has no trials yet." in call("show", "later", "--trial", "1", "--url", url).stderr


def test_a_csv_file_that_cannot_be_written_is_an_error(url: str, folder: Path) -> None:
    result = call("show", "latency", "--csv", str(folder / "no" / "such.csv"), "--url", url)
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_csv_and_trial_together_are_a_usage_error(url: str) -> None:
    assert call("show", "latency", "--csv", "-", "--trial", "1", "--url", url).exit_code == 2


def test_a_password_in_a_url_is_neither_shown_nor_kept_for_showing() -> None:
    target = read_target(None, "sqlite://user:hunter2@host/x")
    assert "hunter2" not in "".join(target.words) + repr(target)
    result = call("list", "--url", "nosuchengine://user:hunter2@host/x")
    assert result.exit_code == 1
    assert "hunter2" not in result.stderr + result.stdout


# --- the group --------------------------------------------------------------------------------------------------------


def test_the_version_is_that_of_the_package() -> None:
    assert ok("--version").startswith("trialstore 0.")


def test_help_names_every_command_and_what_it_does() -> None:
    for words, command in commands():
        for place, word in enumerate(words):
            assert f"\n  {word} " in ok(*words[:place], "--help")
        output = ok(*words, "--help")
        purpose = " ".join((command.help or "").partition("\n\n")[0].split())
        assert purpose
        assert purpose in " ".join(output.split())
        assert ("--config" in output) is opens_storage(command)


def test_schema_apply_creates_the_schema_and_then_finds_it_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    assert call("list", "--url", url).exit_code == 1
    for _ in range(2):
        assert "up to date" in ok("schema", "apply", "--url", url)
    assert call("list", "--url", url).exit_code == 0


OTHER_CODES = {("schema", "apply"): 2, ("schema", "status"): 3, ("schema", "plan"): 3}
"""Commands that need no database, or must be told which one to create."""


@pytest.mark.parametrize("words", [words for words in ON_STORAGES if words != ("demo",)], ids=" ".join)
def test_a_command_that_names_no_database_creates_none(folder: Path, words: tuple[str, ...]) -> None:
    more = ("--done",) if words == ("schema", "resolve") else ()
    assert call(*ON_STORAGES[words], *more).exit_code == OTHER_CODES.get(words, 1)
    assert list(folder.iterdir()) == []


def test_schema_apply_without_a_name_brings_the_file_that_is_there_up_to_date(folder: Path) -> None:
    (folder / "trialstore.sqlite").touch()
    assert "up to date" in ok("schema", "apply")


def test_an_unknown_command_is_a_usage_error() -> None:
    assert call("shwo").exit_code == 2


def test_a_command_line_that_only_asks_for_the_version_loads_nothing_heavy() -> None:
    modules = {target.partition(":")[0] for target in COMMANDS.values()}
    code = f"import sys, {', '.join(sorted(modules))}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "rich", "matplotlib", "json5", "numpy"} & set(done.stdout.split())


def test_a_group_of_another_module_slots_in_by_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.group("schema")
    def schema() -> None:
        """Look after the schema."""

    @schema.command("fail")
    @storage_options
    def fail(target: Target) -> None:
        raise SchemaTooOld(f"{target!r} is old.", "Bring it up to date.")

    module = types.ModuleType("another_module")
    module.__dict__["schema"] = schema
    monkeypatch.setitem(sys.modules, "another_module", module)
    monkeypatch.setitem(COMMANDS, "schema", "another_module:schema")
    assert "Look after the schema." in ok("--help")
    result = call("schema", "fail", "--url", "sqlite:///x.sqlite")
    assert result.exit_code == 1
    assert result.stderr == "Error: Target() is old.\nHint: Bring it up to date.\n"


# --- output -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (2.0, "2"),
        (0.123456, "0.1235"),
        (12345.678, "12345.7"),
        (float("inf"), "inf"),
        (1e300, "1e+300"),
        (-1234567.25, "-1234567.2"),
        (True, "True"),
        ("a\x1b[2J\n", "a\\x1b[2J\\n"),
        (NOW, "2026-03-04 05:06:07"),
    ],
)
def test_values_are_shown_short_and_without_control_characters(value: object, text: str) -> None:
    assert shown(value) == text


def test_times_are_shown_in_utc() -> None:
    tokyo = dt.timezone(dt.timedelta(hours=9))
    assert moment(NOW.astimezone(tokyo), seconds=False) == "2026-03-04 05:06"
    assert moment(None) == "–"


def test_a_config_is_shown_by_what_differs_from_the_default() -> None:
    assert settings({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 1}) == "b=2 c=3"
    assert settings({"a": 1}, {"a": 1}) == "(default)"


def test_printable_text_of_any_script_stays_as_it_is() -> None:
    assert clean("Größe µ 日本") == "Größe µ 日本"


@pytest.mark.parametrize("width", [200, 60, 30, 10])
def test_no_width_of_a_terminal_cuts_off_a_cell(width: int) -> None:
    stream = io.StringIO()
    out = Console(file=stream, width=width, force_terminal=True, color_system=None)
    print_table(
        out, "title", ("name", "size", "settings"), [("a-long-name-of-a-thing", 12345678, "one=1 two=2 three=3")]
    )
    assert max(map(len, stream.getvalue().splitlines())) <= width
    text = stream.getvalue() if width > len("a-long-name-of-a-thing") else "".join(stream.getvalue().split())
    for word in ("a-long-name-of-a-thing", "12345678", "one=1", "two=2", "three=3"):
        assert word in text


def test_a_column_may_be_omitted_with_a_note_where_the_terminal_is_too_narrow() -> None:
    stream = io.StringIO()
    out = Console(file=stream, width=30, force_terminal=True, color_system=None)
    print_table(out, "", ("name", "settings"), [("a-name-of-21-characters", "x" * 40)], may_omit_last=True)
    assert "xx" not in stream.getvalue()
    assert "too narrow for the column 'settings'" in " ".join(stream.getvalue().split())
