"""Writers of the same configs, each in an order of its own: what the children of test_lock_order.py run."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from processes.helpers import make_experiment
from trialstore.contract.helpers import at
from trialstore.storage import (
    AlreadyCompleted,
    LeaseLost,
    NewTrial,
    SqlStorage,
    Status,
    Storage,
    TrialHeld,
    ValueRejected,
)

ROUNDS = 4
CONFIGS = 1000
SOURCES = 25
TICK = 1.0
"""Seconds from one moment at which all writers begin at once to the next."""


def begin_together() -> None:
    """Wait for the moment at which the other writers begin as well, or for the next one."""
    time.sleep(-time.time() % TICK)


def create_shuffled(_pipe: Any, config: dict[str, Any], writer: int) -> None:
    """Create trials of the configs that all others create as well, in an order of one's own."""
    order = random.Random(writer)
    with SqlStorage(config) as storage, make_experiment(storage, experiment_id=f"Writer {writer}") as experiment:
        for round_number in range(ROUNDS):
            numbers = [round_number * CONFIGS + number for number in range(CONFIGS)]
            order.shuffle(numbers)
            begin_together()
            experiment.new_trials([NewTrial({"size": number}) for number in numbers])


def merge_shuffled(_pipe: Any, config: dict[str, Any], writer: int) -> None:
    """Merge sources, whose configs are completed to the same ones as those of all others, in an order of one's own."""
    sources = [f"Source {number}" for number in range(SOURCES)]
    random.Random(writer).shuffle(sources)
    with SqlStorage(config) as storage, make_experiment(storage, experiment_id=f"Writer {writer}") as experiment:
        begin_together()
        experiment.merge(sources)


CALLS = 60
TRIALS = 80
LATER = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)


def write_shuffled(_pipe: Any, config: dict[str, Any], writer: int) -> int:
    """Write to the trials of two experiments that merge each other, as all others do, in an order of one's own; how
    many calls were not refused for what others had done."""
    chance, done = random.Random(writer), 0
    with SqlStorage(config) as storage:
        experiments = [make_experiment(storage, experiment_id=name).__enter__() for name in ("One", "Two")]
        begin_together()
        for number in range(CALLS):
            with suppress(TrialHeld, LeaseLost, AlreadyCompleted, ValueRejected):
                _write_anything(chance, writer, number, *chance.sample(experiments, 2))
                done += 1
    return done


def _write_anything(
    chance: random.Random, writer: int, number: int, here: Storage.Experiment, there: Storage.Experiment
) -> None:
    some = [chance.randint(1, TRIALS) for _ in range(8)]
    sizes = [chance.randrange(40) for _ in range(8)]
    trial = here.get_trial_by_id(some[0])
    assert trial is not None
    calls: list[Callable[[], Any]] = [
        lambda: here.cancel_trials(some),
        lambda: here.new_trials([NewTrial({"size": size}) for size in sizes]),
        lambda: here.merge([there.experiment_id]),
        lambda: trial.add_new_config_data({f"{writer}, {number}": 1, "z": writer}),
        lambda: trial.update_telemetry(Status.RUNNING, at(number), [(at(number), "cpu", 1)]),
        lambda: trial.update(Status.SUCCEEDED, at(number), {"score": number}),
        lambda: trial.set_trial_runner(writer),
        lambda: [each.renew_lease() for each in here.claim_trials(writer, limit=5)],
        lambda: [each.release_lease() for each in here.claim_trials(writer, limit=5)],
        lambda: here.release_expired(LATER),
    ]
    chance.choice(calls)()
