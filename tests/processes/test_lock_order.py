"""Writers lock in one order: they wait for each other, and never in a circle, which the server would count."""

from __future__ import annotations

from pathlib import Path

import pytest

import servers
from processes.databases import SERVERS, fresh
from processes.helpers import make_experiment, together
from processes.shuffled import CONFIGS, ROUNDS, SOURCES, TRIALS, create_shuffled, merge_shuffled, write_shuffled
from trialstore.contract.helpers import finish, query
from trialstore.storage import SqlStorage

PROCESSES = 6

DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    "mysql": "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'",
}


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


@pytest.mark.parametrize("where", SERVERS)
def test_writers_of_all_kinds_on_the_same_trials_never_deadlock(where: str, tmp_path: Path) -> None:
    """Whoever writes to several trials locks them in the order of their ids, whatever order they are given in."""
    with fresh(where, tmp_path) as (config,):
        with SqlStorage(config) as storage:
            for name in ("One", "Two"):
                make_experiment(storage, experiment_id=name).__enter__().new_trials([{}] * TRIALS)
        server, name = servers.require(where), config["database"]
        before = deadlocks(server, name)
        done = together(write_shuffled, [(config, writer) for writer in range(PROCESSES)])
        assert deadlocks(server, name) == before
        assert min(done) > 0
        with SqlStorage(config) as storage:
            assert query(storage, "SELECT count(*) FROM trial WHERE ts_end IS NOT NULL")[0][0] > 0
