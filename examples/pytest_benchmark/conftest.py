"""Stores what pytest-benchmark saves. Copy this file beside your benchmarks; no test has to change.

- An experiment is a benchmark function, as `test_sorting.py::test_sorted`: only times of one function can be compared,
  and only its runs have the same parameters.
- A trial is one run of the function with one set of parameters, which are its tunables. When the set is run again, at
  another commit or on another machine, that is one more trial of the same config: the trials of a config are the
  history of a benchmark.
- Results are the statistics of pytest-benchmark, in seconds. Commit, machine and `benchmark.extra_info` are metadata.
- With --benchmark-save-data the time of each round is telemetry. pytest-benchmark does not record when a round ran, so
  timestamps count up by a microsecond: they keep the order of the rounds and mean nothing else.

As in pytest-benchmark, a run is stored when you say so, by --benchmark-autosave, --benchmark-save or --benchmark-json,
and a benchmark that fails is not. --trialstore names the storage.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from trialstore.storage import Status, Storage, from_config

CONFIG = '{"drivername": "sqlite", "database": "examples.sqlite"}'
STORED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--trialstore", default=CONFIG, help="file with the config of the storage, or its text")


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Called for each file that pytest-benchmark is about to save; with --benchmark-json and --benchmark-save twice."""
    if STORED not in config.stash:
        config.stash[STORED] = True
        with from_config(config.getoption("trialstore")) as storage:
            for benchmark in output_json["benchmarks"]:
                store(storage, benchmark, output_json, rounds=config.getoption("benchmark_save_data"))


def store(storage: Storage, benchmark: dict[str, Any], run: dict[str, Any], *, rounds: bool) -> None:
    """Store one benchmark of a run as a trial."""
    function = benchmark["fullname"].partition("[")[0]
    # Of the processor its name only: the list of its features is longer than all else.
    machine = {**run["machine_info"], "cpu": run["machine_info"].get("cpu", {}).get("brand_raw")}
    metadata = {"commit": run["commit_info"], "machine": machine, "extra_info": benchmark["extra_info"]}
    results = dict(benchmark["stats"])
    times = results.pop("data", [])
    end = datetime.fromisoformat(run["datetime"])
    with storage.experiment(
        experiment_id=function,
        trial_id=1,
        root_env_config="",  # would record the commit of the first run only; each trial has its own
        description=f"pytest-benchmark: {function}",
        tunables={name: plain(value) for name, value in (benchmark["params"] or {}).items()},
        opt_targets={"median": "min"},
    ) as experiment:
        trial = experiment.new_trial({}, ts_start=end, config=metadata)
        if rounds:
            points = [(end + timedelta(microseconds=i), "seconds", seconds) for i, seconds in enumerate(times)]
            trial.update_telemetry(Status.RUNNING, end, points)
        trial.update(Status.SUCCEEDED, end, results)


def plain(value: object) -> Any:
    """A parameter as a tunable: numbers and text as they are, functions and classes by name, all else as text."""
    return value if isinstance(value, (int, float, str, type(None))) else getattr(value, "__name__", str(value))
