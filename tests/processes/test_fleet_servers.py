"""Servers that crash while a fleet writes: it goes on when they are back, or on another one, and nothing is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from processes import databases
from processes.fleet import Fleet, assert_account
from processes.helpers import make_experiment
from servers import group
from servers.cluster import Cluster
from trialstore.storage import SqlStorage

CREATORS, WORKERS = 2, 4


@pytest.mark.parametrize("where", databases.SERVERS)
def test_a_server_that_crashes_twice_in_mid_load_loses_nothing(where: str, tmp_path: Path) -> None:
    """PostgreSQL by an immediate shutdown, MariaDB by SIGKILL; it comes back on the same port."""
    with databases.private_server(where) as server:
        config = server.config(server.create_database())
        with SqlStorage(config) as storage, Fleet(tmp_path, [config]) as fleet:
            with make_experiment(storage):
                fleet.start(CREATORS, WORKERS)
            fleet.wait_for_all()
            for _ in range(2):
                fleet.wait_for_more(15)
                pid = server.pid
                server.restart(immediate=True)
                assert server.pid != pid
                fleet.wait_for_more(15)
            fleet.finish(storage)
            assert assert_account(storage, fleet) == fleet.made


@pytest.mark.parametrize("where", databases.MULTI_WRITERS)
def test_a_node_that_is_killed_and_comes_back_in_mid_load_loses_nothing(where: str, tmp_path: Path) -> None:
    with databases.on_whole_cluster(where) as (cluster, name):
        configs = [cluster.hosts_config(name, first) for first in range(3)]
        with SqlStorage(configs[0]) as storage, Fleet(tmp_path, configs, dt.timedelta(seconds=20), True) as fleet:
            with make_experiment(storage):
                pass
            cluster.catch_up()
            fleet.start(CREATORS, WORKERS)
            fleet.wait_for_all()
            fleet.wait_for_more(15)
            cluster.kill(2)
            fleet.wait_for_more(15)
            cluster.rejoin(2)
            fleet.wait_for_more(15)
            fleet.finish(storage)
        assert_on_all_nodes(cluster, name, fleet)


@pytest.mark.parametrize("where", [pytest.param(group.WITH_PRIMARY, marks=pytest.mark.engine("mysql"))])
def test_a_load_goes_on_where_another_primary_is_elected(where: str, tmp_path: Path) -> None:
    """Those whose first host is another one find the primary by the refusal of their first write."""
    with databases.on_whole_cluster(where) as (cluster, name):
        configs = [cluster.hosts_config(name, first) for first in range(3)]
        with SqlStorage(configs[0]) as storage, Fleet(tmp_path, configs) as fleet:
            with make_experiment(storage):
                pass
            fleet.start(CREATORS, WORKERS)
            fleet.wait_for_all()
            fleet.wait_for_more(15)
            before = cluster.writable
            before.kill()
            fleet.wait_for_more(15)
            assert cluster.writable is not before
            cluster.complete()
            fleet.wait_for_more(15)
            fleet.finish(storage)
        assert_on_all_nodes(cluster, name, fleet)


def assert_on_all_nodes(cluster: Cluster, name: str, fleet: Fleet) -> None:
    """Each node has all that was acknowledged, and nothing else."""
    cluster.catch_up()
    for number in range(3):
        with SqlStorage(cluster.config(number, name)) as of_node:
            assert assert_account(of_node, fleet) == fleet.made
