"""The examples, run as their page says; what they stored is read back through the library."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import inherited
from trialstore.storage import SqlStorage, Status
from trialstore.storage.base_experiment_data import ExperimentData

if missing := [name for name in ("optuna", "psutil", "pytest_benchmark") if importlib.util.find_spec(name) is None]:
    pytest.skip(f"not installed (extra `examples`): {', '.join(missing)}", allow_module_level=True)

pytestmark = pytest.mark.engine("sqlite")
EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
HARNESS = Path("home_made_harness.py")
STUDY = Path("optuna_study.py")
WORKER = Path("worker.py")
SAMPLER = Path("resource_sampler.py")
BENCHMARKS = EXAMPLES / "pytest_benchmark"
SQLITE = {"drivername": "sqlite", "database": "examples.sqlite"}
QUICK = "-p no:cacheprovider --benchmark-max-time=0.02 --benchmark-min-rounds=3"
ODD_BENCHMARKS = """
import pytest

class TestOdd:
    @pytest.mark.parametrize("value", [len, {1: 2}, None, True, 0.5])
    def test_odd(self, benchmark, value):
        benchmark.extra_info["seed"] = 7
        benchmark(str, value)

def test_failing(benchmark):
    benchmark(lambda: 1 / 0)
"""


@pytest.fixture(autouse=True)
def folder_with_copied_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is in no git repository, so that what is committed during a test changes nothing."""
    monkeypatch.chdir(tmp_path)
    for script in (HARNESS, STUDY, WORKER, SAMPLER):
        shutil.copy(EXAMPLES / script, tmp_path)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as from a shell of the user's, with the programs of this environment on PATH."""
    # A pytest that believes to be a worker of ours measures nothing.
    known = {name: value for name, value in inherited.environment().items() if not name.startswith("PYTEST_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**known, "PATH": path, "PYTEST_ADDOPTS": QUICK, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def run_script(script: Path, *arguments: str) -> str:
    done = run("python", script, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def run_benchmarks(folder: Path, *options: str) -> str:
    done = run("pytest", folder, *options)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def stored(config: dict[str, Any] | None = None) -> dict[str, ExperimentData]:
    with SqlStorage({**(config or SQLITE), "schema_policy": "verify"}) as storage:
        return storage.experiments


def configs(experiment: ExperimentData) -> list[dict[str, Any]]:
    """The tunables of each trial, in order of the trials."""
    return [trial.tunable_config.config_dict for trial in experiment.trials.values()]


def loaded(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def store_before(script: Path, tunables: dict[str, Any], targets: list[str], trials: list[tuple[Any, ...]]) -> None:
    """Store `(tunables, *updates)`, as if an earlier run of the script had been stopped after them."""
    now = datetime.now(timezone.utc)
    described = re.search(r'description="(.*?)"', script.read_text(encoding="utf-8"))
    assert described is not None
    with (
        SqlStorage(SQLITE) as storage,
        storage.experiment(
            experiment_id=loaded(script).EXPERIMENT,
            trial_id=1,
            root_env_config=str(script.resolve()),
            description=described[1],
            tunables=tunables,
            opt_targets=dict.fromkeys(targets, "min"),
        ) as experiment,
    ):
        for values, *updates in trials:
            trial = experiment.new_trial(values)
            for status, *metrics in updates:
                trial.update(status, now, *metrics)


# --- a home-made harness ----------------------------------------------------------------------------------------------


def test_the_harness_stores_every_config_with_its_result() -> None:
    shown = run_script(HARNESS)
    module = loaded(HARNESS)
    experiment = stored()[module.EXPERIMENT]
    assert experiment.objectives == {"bytes": "min", "seconds": "min"}
    assert configs(experiment) == module.GRID
    for trial in experiment.trials.values():
        tunables = trial.tunable_config.config_dict
        if tunables["lc"] + tunables["lp"] > 4:
            assert (trial.status, trial.results_dict) == (Status.FAILED, {})
        else:
            results = trial.results_dict
            assert trial.status is Status.SUCCEEDED
            assert results["bytes"] == module.measure(tunables)["bytes"]
            assert 0 < results["seconds"] < 60
    assert len(shown.splitlines()) == 1 + len(module.GRID)


def test_the_harness_measures_nothing_twice() -> None:
    first = run_script(HARNESS)
    before = stored()[loaded(HARNESS).EXPERIMENT].results_df
    second = run_script(HARNESS)
    assert second == first
    assert stored()[loaded(HARNESS).EXPERIMENT].results_df.equals(before)


def test_the_harness_goes_on_where_it_was_stopped() -> None:
    module = loaded(HARNESS)
    result = {"seconds": 0.25, "bytes": 1}
    cut_off, waiting, measured = module.GRID[0], module.GRID[5], module.GRID[2]
    trials = [
        (cut_off, (Status.RUNNING,)),
        (waiting,),
        (measured, (Status.RUNNING,), (Status.SUCCEEDED, result)),
    ]
    store_before(HARNESS, module.DEFAULTS, ["seconds", "bytes"], trials)
    run_script(HARNESS)
    experiment = stored()[module.EXPERIMENT]
    assert configs(experiment)[:3] == [cut_off, waiting, measured]
    assert len(experiment.trials) == len(module.GRID)
    assert all(tunables in configs(experiment) for tunables in module.GRID)
    assert all(trial.status.is_completed() for trial in experiment.trials.values())
    assert experiment.trials[1].results_dict["bytes"] == module.measure(cut_off)["bytes"]
    assert experiment.trials[3].results_dict == result


# --- workers ----------------------------------------------------------------------------------------------------------


def test_workers_share_a_queue() -> None:
    assert run_script(WORKER, "1") == "worker 1 ran 6 trials\n"
    with SqlStorage(SQLITE) as storage:
        experiment = storage.get_experiment_by_id("hash-queue", {"size": 0, "rounds": 0}, {"seconds": "min"})
        assert experiment is not None
        more = experiment.new_trials({"size": size} for size in range(40))
    others = [subprocess.Popen([sys.executable, WORKER, number], stdout=subprocess.PIPE, text=True) for number in "234"]
    told = [other.communicate(timeout=60)[0] for other in others]
    assert sum(int(text.split()[3]) for text in told) == len(more)
    trials = stored()["hash-queue"].trials.values()
    assert {trial.status for trial in trials} == {Status.SUCCEEDED}
    assert all(trial.results_dict["seconds"] > 0 for trial in trials)
    assert {trial.trial_runner_id for trial in list(trials)[:6]} == {1}


def test_a_worker_takes_over_what_another_one_held() -> None:
    run_script(WORKER, "1")
    with SqlStorage(SQLITE) as storage:
        experiment = storage.get_experiment_by_id("hash-queue", {"size": 0, "rounds": 0}, {"seconds": "min"})
        assert experiment is not None
        experiment.new_trials([{"size": 1}, {"size": 2}])
        experiment.claim_trials(9, lease=timedelta(microseconds=1))
        experiment.claim_trials(9, lease=timedelta(hours=1))
    time.sleep(0.01)
    assert run_script(WORKER, "2") == "worker 2 ran 1 trials\n"


# --- resources --------------------------------------------------------------------------------------------------------


def test_the_sampler_stores_the_resources_of_each_trial() -> None:
    shown = run_script(SAMPLER).splitlines()
    experiment = stored()[loaded(SAMPLER).EXPERIMENT]
    assert len(shown) == len(experiment.trials) == 3
    for line, trial in zip(shown, experiment.trials.values(), strict=True):
        telemetry = trial.telemetry_df
        assert f"preset {trial.tunable_config.config_dict['preset']}: {len(telemetry)} points" in line
        assert trial.status is Status.SUCCEEDED
        assert trial.ts_end is not None
        assert set(telemetry["metric"]) <= {"cpu_percent", "rss_bytes"}
        assert all(trial.ts_start <= ts <= trial.ts_end for ts in telemetry["ts"])
        assert all(value > 1e6 for value in telemetry["value"][telemetry["metric"] == "rss_bytes"])
    assert any(len(trial.telemetry_df) for trial in experiment.trials.values())


# --- pytest-benchmark -------------------------------------------------------------------------------------------------


def saved(folder: str = ".benchmarks") -> list[dict[str, Any]]:
    """What pytest-benchmark itself saved, run by run."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*/*.json"))]


def function(name: str) -> ExperimentData:
    (found,) = (each for key, each in stored().items() if key.endswith(f"::{name}"))
    return found


def test_a_benchmark_is_stored_as_pytest_benchmark_saves_it() -> None:
    run_benchmarks(BENCHMARKS, "--benchmark-autosave", "--benchmark-save-data")
    (run_,) = saved()
    experiment = function("test_sorted")
    assert experiment.objectives == {"median": "min"}
    sets = itertools.product((1_000, 10_000), ("random", "ascending"))
    assert configs(experiment) == [{"size": size, "order": order} for size, order in sets]
    assert configs(function("test_heapify")) == [{}]
    assert len(stored()) == 2
    expected = [each for each in run_["benchmarks"] if "test_sorted" in each["fullname"]]
    for trial, benchmark in zip(experiment.trials.values(), expected, strict=True):
        seconds = benchmark["stats"].pop("data")
        assert trial.status is Status.SUCCEEDED
        assert trial.tunable_config.config_dict == benchmark["params"]
        assert trial.results_dict == benchmark["stats"]
        assert {"min", "mean", "stddev", "median", "rounds"} <= set(trial.results_dict)
        assert trial.ts_end == datetime.fromisoformat(run_["datetime"])
        telemetry = trial.telemetry_df
        assert set(telemetry["metric"]) == {"seconds"}
        assert list(telemetry["value"]) == seconds
        assert trial.metadata_dict["commit"] == run_["commit_info"]
        processor = run_["machine_info"]["cpu"].get("brand_raw")
        assert trial.metadata_dict["machine"] == {**run_["machine_info"], "cpu": processor}


def test_a_second_run_adds_a_trial_to_each_config() -> None:
    run_benchmarks(BENCHMARKS, "--benchmark-autosave")
    # Two files are saved, but it is one run.
    run_benchmarks(BENCHMARKS, "--benchmark-autosave", "--benchmark-json=run.json")
    groups = function("test_sorted").tunable_config_trial_groups.values()
    assert [list(group.trials) for group in groups] == [[1, 5], [2, 6], [3, 7], [4, 8]]
    medians = [trial.results_dict["median"] for trial in function("test_heapify").trials.values()]
    assert medians == [run_["benchmarks"][-1]["stats"]["median"] for run_ in saved()]
    # The rounds are many, and stored on demand only.
    assert all(trial.telemetry_df.empty for trial in function("test_sorted").trials.values())


def test_a_run_that_saves_nothing_stores_nothing() -> None:
    assert "5 passed" in run_benchmarks(BENCHMARKS)
    assert not Path("examples.sqlite").exists()


def test_a_copied_conftest_stores_any_parameter_and_no_failed_benchmark() -> None:
    folder = Path("mine")
    folder.mkdir()
    shutil.copy(BENCHMARKS / "conftest.py", folder)
    (folder / "test_odd.py").write_text(ODD_BENCHMARKS, encoding="utf-8")
    config = {**SQLITE, "database": "mine.sqlite"}
    shown = run_benchmarks(folder, "--benchmark-autosave", "--trialstore", json.dumps(config))
    assert "1 failed, 5 passed" in shown
    ((name, experiment),) = stored(config).items()
    assert name == "mine/test_odd.py::TestOdd::test_odd"
    values = [each["value"] for each in configs(experiment)]
    assert list(map(repr, values)) == ["'len'", "'{1: 2}'", "None", "True", "0.5"]
    assert all(trial.metadata_dict["extra_info"] == {"seed": 7} for trial in experiment.trials.values())


# --- an Optuna study --------------------------------------------------------------------------------------------------


def test_the_study_goes_on_in_a_second_run() -> None:
    module = loaded(STUDY)
    count = module.TRIALS
    shown = [run_script(STUDY).splitlines() for _ in range(2)]
    experiment = stored()[module.EXPERIMENT]
    tried = configs(experiment)
    assert [lines[0] for lines in shown] == ["0 earlier trials", f"{count} earlier trials"]
    assert len(tried) == 2 * count
    assert {trial.status for trial in experiment.trials.values()} == {Status.SUCCEEDED}
    for tunables in tried:
        assert list(map(type, (tunables["level"], tunables["memory"], tunables["rle"]))) == [int, int, bool]
    best = min(experiment.trials.values(), key=lambda trial: trial.results_dict["seconds"])
    start, params = shown[1][1].split(" s with ")
    assert start == f"{2 * count} trials, the best: {best.results_dict['seconds']}"
    assert ast.literal_eval(params) == best.tunable_config.config_dict


def test_the_study_learns_from_what_is_stored() -> None:
    module = loaded(STUDY)
    best = {"level": 9, "memory": 1, "rle": True}
    trials = [
        (best, (Status.RUNNING,), (Status.SUCCEEDED, {"seconds": 0.0})),
        ({"level": 8}, (Status.RUNNING,), (Status.FAILED,)),
        ({"level": 7}, (Status.RUNNING,)),
    ]
    store_before(STUDY, {"level": 6, "memory": 8, "rle": False}, ["seconds"], trials)
    shown = run_script(STUDY).splitlines()
    assert shown == ["2 earlier trials", f"{2 + module.TRIALS} trials, the best: 0.0 s with {best}"]
    assert len(stored()[module.EXPERIMENT].trials) == 3 + module.TRIALS


# --- the page ---------------------------------------------------------------------------------------------------------


def test_every_command_of_the_page_runs_in_its_order() -> None:
    shutil.copytree(EXAMPLES, "examples", ignore=shutil.ignore_patterns("__pycache__"))
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == PAGE.count("```") / 2 == 6
    for block in blocks:
        done = run("bash", "-euo", "pipefail", "-c", block)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    on_sqlite, on_duckdb = stored(), stored({"drivername": "duckdb", "database": "examples.duckdb"})
    # The page runs the study twice on SQLite and once on DuckDB.
    assert sorted(len(experiment.trials) for experiment in on_sqlite.values()) == [1, 3, 4, 6, 8, 30]
    assert sorted(len(experiment.trials) for experiment in on_duckdb.values()) == [1, 4, 8, 15]
    assert [name for name in on_sqlite if name not in ("hash-queue", "lzma-resources")] == list(on_duckdb)
    assert {trial.status for trial in on_sqlite["hash-queue"].trials.values()} == {Status.SUCCEEDED}


def test_the_page_links_every_example() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert [target for target in targets if not (EXAMPLES / target).exists()] == []
    assert {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.py")} <= set(targets)
