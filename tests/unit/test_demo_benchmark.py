"""The demo's harness: what it stores, and how it stops, fails and goes on."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from trialstore.dialects.errors import StorageError
from trialstore.storage import SqlStorage, Status, Storage
from trialstore.storage.demo import benchmark as benchmark_module
from trialstore.storage.demo.benchmark import Options, Outcome, run_benchmark
from trialstore.storage.demo.corpus import Corpus, find_sources
from trialstore.storage.demo.interrupt import Stopped, StopRequest
from trialstore.storage.demo.search import WEIGHTS
from trialstore.storage.demo.settings import (
    DEFAULTS,
    Config,
)
from trialstore.storage.demo.workload import Measured, run_workload


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A small folder of sources in place of Python's."""
    folder = tmp_path / "library"
    (folder / "package").mkdir(parents=True)
    for number in range(12):
        lines = [f"def function_{number}_{line}(value):  # line {line}" for line in range(40)]
        (folder / "package" / f"module_{number}.py").write_text("\n".join(lines))
    return folder


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as a terminal sends it: what is started in the background may be told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_first_interrupt_is_noted_and_a_second_one_breaks_off() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as stop:
        stop.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Stopped):
            stop.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


# --- the harness ------------------------------------------------------------------------------------------------------


class Recorder:
    """Keeps what the harness tells."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, Status, str]] = []
        self.stored: int | None = None

    def prepared(self, corpus: Corpus, stored_trials: int) -> None:
        self.stored = stored_trials

    def trial_begins(self, trial: Storage.Trial) -> None:
        pass

    def trial_ended(self, trial: Storage.Trial, status: Status, metrics: dict[str, Any], reason: str) -> None:
        self.ended.append((trial.trial_id, status, reason))


@pytest.fixture
def storage(tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(benchmark_module, "find_sources", lambda: find_sources(library))
    with SqlStorage({"drivername": "sqlite", "database": str(tmp_path / "results.sqlite")}) as opened:
        yield opened


OPTIONS = Options(trials=4, repeats=2, seconds=0.1)


def go(storage: SqlStorage, options: Options = OPTIONS) -> tuple[Outcome, Recorder]:
    recorder = Recorder()
    return run_benchmark(storage, options, recorder, StopRequest()), recorder


def statuses(storage: SqlStorage) -> list[str]:
    data = storage.experiments[OPTIONS.experiment_id]
    return [trial.status.name for trial in data.trials.values()]


def test_a_run_stores_repeats_with_metadata_results_and_telemetry(storage: SqlStorage) -> None:
    outcome, recorder = go(storage)
    assert (outcome.completed, outcome.succeeded, outcome.interrupted) == (4, 4, False)
    assert recorder.stored == 0
    data = storage.experiments[OPTIONS.experiment_id]
    trials = list(data.trials.values())
    assert [trial.metadata_dict["repeat_i"] for trial in trials] == [1, 1, 2, 2]
    assert [trial.metadata_dict["is_defaults"] for trial in trials] == [True, False, True, False]
    assert trials[0].tunable_config.config_dict == DEFAULTS
    assert data.default_tunable_config_id == trials[0].tunable_config_id
    assert list(data.objectives) == ["elapsed_s", "p95_query_ms"]
    assert all({"elapsed_s", "p95_query_ms", "db_mb"} <= trial.results_dict.keys() for trial in trials)
    assert all("phase" in set(trial.telemetry_df["metric"]) for trial in trials)


def test_a_later_run_knows_the_search_and_measures_the_default_again_on_the_same_files(storage: SqlStorage) -> None:
    go(storage)
    _outcome, recorder = go(storage)
    assert recorder.stored == 4
    data = storage.experiments[OPTIONS.experiment_id]
    assert len(data.trials) == 8
    assert len(data.tunable_configs) == 3
    assert data.trials[5].tunable_config_id == data.default_tunable_config_id
    assert len({trial.metadata_dict["corpus"] for trial in data.trials.values()}) == 1


def test_a_trial_that_fails_is_stored_with_the_reason_and_the_others_go_on(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_unless_default(corpus: Corpus, config: Config, folder: Path, **more: Any) -> Measured:
        if config != DEFAULTS:
            raise sqlite3.OperationalError("disk I/O error")
        return run_workload(corpus, config, folder, **more)

    monkeypatch.setattr(benchmark_module, "run_workload", fail_unless_default)
    outcome, recorder = go(storage)
    assert statuses(storage) == ["SUCCEEDED", "FAILED", "SUCCEEDED", "FAILED"]
    assert (outcome.completed, outcome.succeeded) == (4, 2)
    assert recorder.ended[1] == (2, Status.FAILED, "OperationalError: disk I/O error")
    metadata = storage.experiments[OPTIONS.experiment_id].trials[2].metadata_dict
    assert metadata["reason"] == "OperationalError: disk I/O error"


def test_a_trial_that_takes_too_long_times_out(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Options, "trial_limit_s", -1.0)
    outcome, _recorder = go(storage)
    assert statuses(storage) == ["TIMED_OUT"] * 4
    assert outcome.succeeded == 0


def test_an_interrupted_trial_is_canceled_and_the_pending_ones_run_next_time(storage: SqlStorage) -> None:
    class Impatient(Recorder):
        def trial_begins(self, trial: Storage.Trial) -> None:
            stop.requested = trial.trial_id == 2

    stop = StopRequest()
    outcome = run_benchmark(storage, OPTIONS, Impatient(), stop)
    assert outcome.interrupted
    assert statuses(storage) == ["SUCCEEDED", "CANCELED", "PENDING", "PENDING"]
    _outcome, recorder = go(storage)
    assert [trial_id for trial_id, *_ in recorder.ended] == [3, 4, 5, 6]
    assert statuses(storage) == ["SUCCEEDED", "CANCELED", *["SUCCEEDED"] * 4]


def test_an_interrupt_before_the_first_trial_leaves_an_experiment_to_go_on_with(storage: SqlStorage) -> None:
    stop = StopRequest()
    stop.requested = True
    assert run_benchmark(storage, OPTIONS, Recorder(), stop).interrupted
    assert statuses(storage) == []
    assert go(storage)[0].succeeded == 4


def test_a_run_out_of_time_starts_no_further_trial(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_module, "_GRACE_S", -1e6)
    outcome, _recorder = go(storage)
    assert outcome.out_of_time
    assert outcome.completed == 0


def test_a_trial_that_another_process_completed_is_not_counted(storage: SqlStorage) -> None:
    class Rival(Recorder):
        def trial_begins(self, trial: Storage.Trial) -> None:
            if trial.trial_id == 1:
                same = storage.get_experiment_by_id(OPTIONS.experiment_id, DEFAULTS, {})
                assert same is not None
                rivals = same.get_trial_by_id(1)
                assert rivals is not None
                rivals.update(Status.SUCCEEDED, pd.Timestamp.now("UTC").to_pydatetime(), {"elapsed_s": 1.0})

    rival = Rival()
    outcome = run_benchmark(storage, OPTIONS, rival, StopRequest())
    assert outcome.completed == 4
    assert 1 not in [trial_id for trial_id, *_ in rival.ended]


def test_a_trial_left_running_by_a_killed_process_is_canceled_when_it_is_old(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(storage)
    experiment = storage.get_experiment_by_id(OPTIONS.experiment_id, DEFAULTS, {})
    assert experiment is not None
    old, new = (
        experiment.new_trial(DEFAULTS, config=experiment.load_tunable_config(1) | {"corpus_files": 1, "corpus": "x"})
        for _number in range(2)
    )
    now = pd.Timestamp.now("UTC").to_pydatetime()
    old.update(Status.RUNNING, now - benchmark_module.ABANDONED * 2)
    new.update(Status.RUNNING, now)
    benchmark_module.cancel_abandoned(storage, experiment)
    assert statuses(storage)[-2:] == ["CANCELED", "RUNNING"]


def test_other_files_than_before_are_refused_because_times_would_not_compare(
    storage: SqlStorage, library: Path
) -> None:
    go(storage)
    for path in (library / "package").iterdir():
        path.write_text("changed = True\n")
    with pytest.raises(StorageError, match="--experiment NAME"):
        go(storage)
    assert len(statuses(storage)) == 4


def test_an_experiment_of_another_harness_is_refused(storage: SqlStorage) -> None:
    with storage.experiment(
        experiment_id=OPTIONS.experiment_id,
        trial_id=1,
        root_env_config="",
        description="not the demo's",
        tunables=DEFAULTS,
        opt_targets=dict.fromkeys(WEIGHTS, "min"),
    ) as experiment:
        experiment.new_trial(DEFAULTS)
    with pytest.raises(StorageError, match="was not made by this demo"):
        go(storage)
    assert statuses(storage) == ["PENDING"]
