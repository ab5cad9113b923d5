"""Storages, experiments and trials handed to other processes; errors pickled and copied."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from trialstore.contract import children
from trialstore.contract.helpers import MAPPING, at, finish, make_experiment
from trialstore.storage import ConfigError, SqlStorage, Status, Storage, StorageError


def in_child(method: str, function: Callable[..., Any], argument: Any) -> int:
    """Run a function in a child process; the trial id that it gives."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        pid, trial_id = pool.submit(function, argument).result(60)
    assert pid != os.getpid()
    return int(trial_id)


def clone(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


# Python 3.12 warns of threads in a process that forks; those here belong to libraries and hold no lock of ours.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.once_per_engine("a child connects as its parent does, whose connections other tests look at")
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_child_process_can_write_with_what_its_parent_hands_over(process_storage: SqlStorage, method: str) -> None:
    with make_experiment(process_storage) as experiment:
        trial = experiment.new_trial({"cache": 1}, ts_start=at(0), config={"n": 1})
        assert in_child(method, children.use_trial, trial) == 1
        assert in_child(method, children.use_experiment, experiment) == 2
        assert in_child(method, children.use_storage, process_storage) == 3
        assert finish(experiment.new_trial({"cache": 4}), "parent").trial_id == 4
        ids, configs, scores, _ = experiment.load()
    assert ids == [1, 2, 3, 4]
    assert [config["cache"] for config in configs] == [1, 3, 2, 4]
    assert [score["score"] for score in scores if score] == ["trial", "experiment", "storage", "parent"]
    stored = process_storage.experiments["Exp"].trials[1]
    assert stored.metadata_dict == {"added": True, "n": 1}
    assert stored.trial_runner_id == 9
    assert len(stored.telemetry_df) == 1


def test_a_copy_is_the_same_storage(shared_storage: SqlStorage) -> None:
    make_experiment(shared_storage).__enter__()
    with clone(shared_storage) as copied:
        assert repr(copied) == repr(shared_storage)
        assert list(copied.experiments) == ["Exp"]


def test_a_copy_of_an_experiment_or_trial_is_equal_and_usable(shared_storage: SqlStorage) -> None:
    with make_experiment(shared_storage, trial_id=3) as experiment:
        trial = experiment.new_trial({"cache": 1}, config={"n": [1]})
        twin, same = clone(experiment), clone(trial)
    assert (twin.experiment_id, twin.trial_id, twin.tunables) == ("Exp", 4, MAPPING)
    assert (same.trial_id, same.status, same.tunables, same.config()) == (
        3,
        Status.PENDING,
        trial.tunables,
        trial.config(),
    )
    finish(same)
    assert twin.load()[0] == [3]
    for copied in (twin, same):
        copied.database.dispose()


def test_a_copy_holds_no_connection_of_the_original(shared_storage: SqlStorage) -> None:
    assert shared_storage.experiments == {}
    with clone(shared_storage) as copied:
        shared_storage.dispose()
        assert copied.experiments == {}


@pytest.mark.parametrize("part", ["storage", "experiment", "trial"])
def test_what_lives_in_one_process_only_cannot_be_pickled(private_storage: SqlStorage, part: str) -> None:
    with make_experiment(private_storage) as experiment:
        parts: dict[str, Any] = {
            "storage": private_storage,
            "experiment": experiment,
            "trial": experiment.new_trial({}),
        }
    with pytest.raises(ConfigError, match="memory") as caught:
        pickle.dumps(parts[part])
    assert caught.value.hint
    assert list(private_storage.experiments) == ["Exp"]


def test_data_of_an_experiment_can_be_pickled(shared_storage: SqlStorage) -> None:
    with make_experiment(shared_storage) as experiment:
        finish(experiment.new_trial({}))
    data = clone(shared_storage.experiments["Exp"])
    assert repr(data) == "Experiment :: Exp: 'a test'"
    assert data.trials == shared_storage.experiments["Exp"].trials
    data.database.dispose()


def test_a_real_error_comes_through_pickling_and_copying(experiment: Storage.Experiment) -> None:
    trial = finish(experiment.new_trial({}))
    with pytest.raises(StorageError) as caught:
        finish(trial)
    assert isinstance(caught.value, RuntimeError)
    for twin in (clone(caught.value), copy.copy(caught.value), copy.deepcopy(caught.value)):
        assert type(twin) is type(caught.value)
        assert (twin.message, twin.hint, twin.args) == (
            caught.value.message,
            caught.value.hint,
            caught.value.args,
        )
        assert str(twin) == str(caught.value)
