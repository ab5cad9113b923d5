"""Processes that start trials: what the children of test_contexts.py run."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from typing import Any

from processes.helpers import make_experiment
from processes.workers import at
from trialstore.storage import SqlStorage, Status
from trialstore.storage.writing import gathering


def start_trials(_pipe: Connection, config: dict[str, Any], ids: list[int]) -> None:
    """Start trials, each of which runs on something else, that other processes run on, too."""
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        for number, trial_id in enumerate(ids):
            gathering.gathered = lambda number=number: {"round": number, "host_name": "one"}  # type: ignore[misc]
            trial = experiment.get_trial_by_id(trial_id)
            assert trial is not None
            trial.update(Status.RUNNING, at(1))


def start_one(_pipe: Connection, config: dict[str, Any]) -> int:
    """Start a trial, and say in which process."""
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        experiment.new_trial({}).update(Status.RUNNING, at(1))
    return os.getpid()
