"""Many processes, or threads, that write to one experiment."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from processes import workers
from processes.checks import assert_values, stages
from processes.helpers import file_config, make_experiment, rows, together
from trialstore.storage import SqlStorage, Status

pytestmark = pytest.mark.engine("sqlite")

PROCESSES = 8
TRIALS = 200
CONFIGS = 40


def assert_all_there(path: Path, told: Sequence[Sequence[tuple[int, int, int]]], configs: int) -> None:
    """All trials that the writers told of are there, whole and right, and those of equal tunables share a config."""
    made = sorted(trial for writer in told for trial in writer)
    ids = [trial_id for trial_id, _, _ in made]
    assert ids == list(range(1, len(made) + 1))
    assert stages(path) == dict.fromkeys(ids, "done")
    assert rows(path, "SELECT trial_id, config_id FROM trial ORDER BY trial_id") == [trial[:2] for trial in made]
    assert len({(config_id, number) for _, config_id, number in made}) == configs
    assert rows(path, "SELECT count(*) FROM config") == [(configs,)]
    with SqlStorage(file_config(path)) as storage:
        assert assert_values(storage, path) == {trial_id: number for trial_id, _, number in made}
        loaded, configs_of, scores, statuses = make_experiment(storage).load()
    assert loaded == ids
    assert configs_of == [workers.tunables_of(number) for _, _, number in made]
    assert scores == [workers.results_of(trial_id) for trial_id in ids]
    assert set(statuses) == {Status.SUCCEEDED}


def test_eight_processes_run_200_trials_each_in_one_experiment(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    told = together(workers.write_trials, [(file_config(path), TRIALS, CONFIGS)] * PROCESSES)
    assert [len(trials) for trials in told] == [TRIALS] * PROCESSES
    assert_all_there(path, told, CONFIGS)


def test_eight_threads_run_50_trials_each_with_one_storage(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    told: list[list[tuple[int, int, int]]] = []
    start = threading.Barrier(8)
    with SqlStorage(file_config(path)) as storage:

        def work() -> None:
            start.wait(60)
            with make_experiment(storage) as experiment:
                told.append(workers.run_trials(experiment, 50, 10))

        threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [len(trials) for trials in told] == [50] * 8
    assert_all_there(path, told, 10)


def test_eight_threads_share_one_entered_experiment(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    told: list[list[tuple[int, int, int]]] = []
    with SqlStorage(file_config(path)) as storage, make_experiment(storage) as experiment:
        threads = [
            threading.Thread(target=lambda: told.append(workers.run_trials(experiment, 20, 10)), daemon=True)
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [len(trials) for trials in told] == [20] * 8
    assert_all_there(path, told, 10)
