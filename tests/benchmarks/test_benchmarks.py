"""The benchmark command runs, and its two sides do the same work. How long they take is not looked at here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = """
    open; new_trial; new_trials of 5; start; finish with 5 metrics;
    telemetry of 1; telemetry of 1, repeated; telemetry of 10; telemetry of 10, repeated; telemetry of 200;
    telemetry of 200, repeated; pending_trials in 20; claim_trials in 20; pending_trials in 60; claim_trials in 60;
    load of 20; results_df of 20; load of 60; results_df of 60; telemetry_df of 500; experiments, 5
"""
NAMES = [name.strip() for name in OPERATIONS.replace("\n", " ").split(";")]
NOT_HERE = "NOT MEASURED ON"


def run(folder: Path, *arguments: str) -> str:
    """Run the command with its small sizes, without other libraries; its standard output."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--no-peers", "--output", str(folder), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], Path]:
    """What a run on an engine prints, the JSON that it writes, and where."""
    pytest.importorskip("matplotlib", reason="the pictures need the extra 'plot'")
    folder = tmp_path_factory.mktemp("bench")
    printed = run(folder, request.param)
    if NOT_HERE in printed:
        pytest.skip(printed)
    return printed, json.loads((folder / "bench.json").read_text(encoding="utf-8"))["engines"][request.param], folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines of the run."""
    if "found" in metafunc.fixturenames:
        metafunc.parametrize(
            "found", metafunc.config.getoption("--engine") or ["sqlite"], indirect=True, scope="module"
        )


def test_every_operation_is_measured_on_both_sides(found: tuple[str, dict[str, Any], Path]) -> None:
    measured = found[1]["operations"]
    assert [each["operation"] for each in measured] == NAMES
    for each in measured:
        assert set(each["median_seconds"]) == {"trialstore", "floor"}
        assert each["ratio"]["low"] <= each["ratio"]["high"]
        assert all(second > 0 for side in each["seconds"].values() for calls in side for second in calls)


def test_writes_and_reads_have_the_limits_that_were_promised(found: tuple[str, dict[str, Any], Path]) -> None:
    limits = {each["operation"]: each["limit"] for each in found[1]["operations"]}
    for name in ("new_trial", "start", "finish with 5 metrics", "claim_trials in 60", "load of 60"):
        assert limits[name] == 1.5
    for name in ("telemetry of 200", "telemetry of 200, repeated", "results_df of 60"):
        assert limits[name] == 2.0


def test_the_table_names_every_operation(found: tuple[str, dict[str, Any], Path]) -> None:
    for name in NAMES:
        assert name in found[0]
    assert "not asked for" in found[0]


def test_the_picture_is_a_png(found: tuple[str, dict[str, Any], Path]) -> None:
    assert (found[2] / "ratios.png").read_bytes().startswith(b"\x89PNG")


def test_size_memory_and_processes_are_measured_too(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the pictures need the extra 'plot'")
    printed = run(tmp_path, "sqlite", "--flat", "--throughput", "--only")
    measured = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["engines"]["sqlite"]
    assert {each["operation"].split()[0] for each in measured["flat"]} == {
        "new_trial",
        "start",
        "finish",
        "claim_trials",
    }
    calls = {"load", "results_df", "load_telemetry", "telemetry_df", "telemetry_batches"}
    assert {each["call"] for each in measured["memory"]} == calls
    assert not any("error" in each for each in measured["memory"])
    assert set(measured["throughput"]["trialstore"]) == {"1", "2"}
    assert all(rate > 0 for rate in measured["throughput"]["trialstore"].values())
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG")
    assert "cost by size" in printed


HONESTY = """
import json, sys, tempfile
from pathlib import Path
from benchmarks.comparing import both, honesty, same_calls, stored_rows
from benchmarks.databases import ServerMissing, databases_of

engine = sys.argv[1]
try:
    with tempfile.TemporaryDirectory() as folder, databases_of(engine, Path(folder)) as databases:
        differing = honesty(engine, databases)
        with both(engine, databases) as (ours, floor):
            same_calls(ours)
        there, missing = stored_rows(ours.config), stored_rows(floor.config)
    found = [table for table in there if there[table] != missing[table]]
    print(json.dumps([differing, {table: len(rows) for table, rows in there.items()}, found]))
except ServerMissing as error:
    print(json.dumps(str(error)))
"""


SIGNATURES = """
import inspect
from benchmarks.databases import SERVERS, DatabaseServer

for server in SERVERS.values():
    assert inspect.signature(server.start) == inspect.signature(DatabaseServer.start), server
"""


def test_durable_servers_are_started_as_those_of_the_tests_are() -> None:
    done = subprocess.run([sys.executable, "-c", SIGNATURES], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


UNUSED = {"trial_lineage", "experiment_attribute", "trial_attribute"}
"""Tables of calls that no benchmark makes."""


def test_both_sides_leave_the_same_rows_behind(request: pytest.FixtureRequest) -> None:
    for engine in request.config.getoption("--engine") or ["sqlite"]:
        done = subprocess.run(
            [sys.executable, "-c", HONESTY, engine], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answer = json.loads(done.stdout)
        if isinstance(answer, str):
            pytest.skip(answer)
        differing, rows, missing = answer
        assert differing == []
        # What was compared is more than nothing, and another content is noticed.
        filled = set(rows) - UNUSED
        assert all(rows[table] for table in filled)
        assert rows["trial_telemetry"] > 2500
        assert set(missing) == filled - {"experiment", "objectives"}


def test_the_comparison_with_trackers_runs_and_says_what_it_could_not_measure() -> None:
    command = [sys.executable, "-m", "benchmarks.trackers", "sqlite", "--values", "3", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--python", f"mltraq={sys.executable}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[0] == "| | 3 |"
    assert [line.split("|")[1].split(",")[0].strip() for line in lines[2:]] == ["trialstore", "trialstore", "mltraq"]
    assert all(" ms |" in line for line in lines[2:4])
    assert "No module named 'mltraq'" in lines[4]


def test_the_benchmark_of_samples_runs_and_counts_all_points() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.sampling",
        "sqlite",
        "--points",
        "400",
        "--buckets",
        "10",
        "--rounds",
        "1",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[2].split("|")[2].strip() == "400"


@pytest.mark.parametrize(
    ("benchmark", "options", "rows"),
    [
        ("search", ["--trials", "100"], 12),
        ("listing", ["--experiments", "20", "--trials", "10"], 1),
        ("questions", ["--trials", "100", "--points", "50"], 5),
    ],
)
def test_what_is_asked_of_many_trials_is_timed_with_statistics_and_without(
    benchmark: str, options: list[str], rows: int, request: pytest.FixtureRequest
) -> None:
    for engine in request.config.getoption("--engine") or ["sqlite"]:
        command = [sys.executable, "-m", f"benchmarks.{benchmark}", engine, "--rounds", "1", *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        lines = done.stdout.splitlines()[2:]
        assert len(lines) == rows
        for line in lines:
            assert all(float(cell.split()[0]) >= 0 for cell in line.split("|")[3:5])
