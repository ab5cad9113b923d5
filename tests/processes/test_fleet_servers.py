"""Servers that crash while a fleet writes: it goes on when they are back, or on another one, and nothing is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from processes import databases
from processes.fleet import Fleet, assert_account
from processes.helpers import make_experiment
from servers import galera
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


@pytest.mark.engine("mysql")
def test_a_node_that_is_killed_and_comes_back_in_mid_load_loses_nothing(tmp_path: Path) -> None:
    cluster = galera.require()
    name = cluster.create_database()
    config = cluster.config(0, name)
    ports = [cluster.config(number, name)["port"] for number in range(3)]
    known = {key: value for key, value in config.items() if key not in ("host", "port")}
    configs = [
        {**known, "hosts": [f"127.0.0.1:{port}" for port in (*ports[start:], *ports[:start])]} for start in range(3)
    ]
    try:
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
            cluster.catch_up()
            assert assert_account(storage, fleet) == fleet.made
            for number in range(3):
                with SqlStorage(cluster.config(number, name)) as of_node:
                    assert assert_account(of_node, fleet) == fleet.made
    finally:
        if not cluster.nodes[2].process.running:
            cluster.rejoin(2)
        cluster.wait_for_size(3)
        cluster.drop_database(name)
