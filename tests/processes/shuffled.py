"""Writers of the same configs, each in an order of its own: what the children of test_lock_order.py run."""

from __future__ import annotations

import random
import time
from typing import Any

from processes.helpers import make_experiment
from trialstore.storage import NewTrial, SqlStorage

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
