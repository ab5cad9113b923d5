"""What child processes of the contract tests run."""

from __future__ import annotations

import os
from typing import Any

from trialstore.contract.helpers import MAPPING, TARGETS, at, finish, make_experiment
from trialstore.storage import SqlStorage, Status, Storage


def use_storage(storage: SqlStorage) -> Any:
    """Add a trial by a storage from the parent."""
    with make_experiment(storage) as experiment:
        trial = finish(experiment.new_trial({"cache": 2}), "storage")
    storage.dispose()
    return os.getpid(), trial.trial_id


def use_experiment(experiment: Storage.Experiment) -> Any:
    """Add a trial by an experiment from the parent."""
    trial = finish(experiment.new_trial({"cache": 3}), "experiment")
    assert experiment.tunables == MAPPING
    assert experiment.opt_targets == TARGETS
    experiment.database.dispose()  # type: ignore[attr-defined]
    return os.getpid(), trial.trial_id


def use_trial(trial: Storage.Trial) -> Any:
    """Run a trial from the parent."""
    trial.set_trial_runner(9)
    trial.add_new_config_data({"added": True})
    trial.update(Status.RUNNING, at(1))
    trial.update_telemetry(Status.RUNNING, at(2), [(at(2), "cpu", 1)])
    finish(trial, "trial")
    trial.database.dispose()  # type: ignore[attr-defined]
    return os.getpid(), trial.trial_id
