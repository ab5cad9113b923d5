"""Writers lock in one order: they wait for each other, and never in a circle, which the server would count."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

import servers
from processes.databases import SERVERS, fresh
from processes.helpers import make_experiment, together
from trialstore.contract.helpers import finish, query
from trialstore.storage import NewTrial, SqlStorage

PROCESSES = 6
ROUNDS = 4
CONFIGS = 1000
SOURCES = 25
TICK = 1.0
"""Seconds from one moment at which all writers begin at once to the next."""

DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    "mysql": "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'",
}


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


def deadlocks(server: servers.DatabaseServer, name: str) -> int:
    """How many the server has counted until now."""
    return int(server.admin(DEADLOCKS[server.engine], database=name)[0][0])


@pytest.mark.parametrize("where", SERVERS)
def test_the_same_configs_created_in_different_orders_never_deadlock(where: str, tmp_path: Path) -> None:
    with fresh(where, tmp_path) as (config,):
        server, name = servers.require(where), config["database"]
        before = deadlocks(server, name)
        together(create_shuffled, [(config, writer) for writer in range(PROCESSES)])
        assert deadlocks(server, name) == before
        with SqlStorage(config) as storage:
            assert query(storage, "SELECT count(*) FROM config") == [(ROUNDS * CONFIGS,)]
            assert query(storage, "SELECT count(DISTINCT config_id) FROM config_param") == [(ROUNDS * CONFIGS,)]
            assert query(storage, "SELECT count(*) FROM trial") == [(PROCESSES * ROUNDS * CONFIGS,)]


@pytest.mark.parametrize("where", SERVERS)
def test_merges_that_complete_the_same_configs_never_deadlock(where: str, tmp_path: Path) -> None:
    with fresh(where, tmp_path) as (config,):
        with SqlStorage(config) as storage:
            for number in range(SOURCES):
                source = make_experiment(storage, experiment_id=f"Source {number}", tunables={"size": 0})
                with source as experiment:
                    finish(experiment.new_trial({"size": number}))
        server, name = servers.require(where), config["database"]
        before = deadlocks(server, name)
        together(merge_shuffled, [(config, writer) for writer in range(PROCESSES)])
        assert deadlocks(server, name) == before
        with SqlStorage(config) as storage:
            assert query(storage, "SELECT count(*) FROM trial") == [((PROCESSES + 1) * SOURCES,)]
