"""The Galera cluster: each node takes writes, nodes come and go, and conflicts are told at the commit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest

from servers import galera, registry
from servers.galera import GaleraCluster
from servers.load import TABLE, Load

DEADLOCK, NOT_READY = 1213, 1047
OWNER = """
import time
from servers import galera, registry
cluster = galera.require()
print(*cluster.pids, *(node.process.folder for node in cluster.nodes), flush=True)
time.sleep(600)
"""


@pytest.fixture
def cluster() -> Iterator[GaleraCluster]:
    """The cluster of all tests of this process, complete before and after each one."""
    shared = galera.require()
    yield shared
    for node in shared.nodes:
        if not node.process.running:
            shared.rejoin(node.number)
    shared.wait_for_size(len(shared.nodes))


@pytest.fixture
def database(cluster: GaleraCluster) -> Iterator[str]:
    """A database with a table of numbers, on all nodes."""
    name = cluster.create_database()
    cluster.nodes[0].admin(TABLE, database=name)
    cluster.catch_up()
    yield name
    cluster.drop_database(name)


def numbers(cluster: GaleraCluster, node: int, database: str) -> set[int]:
    """What is in the table, as one node tells that has all that was committed before."""
    cluster.catch_up()
    return {row[0] for row in cluster.nodes[node].admin("SELECT i FROM numbers", database=database)}


def eventually(check: Callable[[], bool]) -> None:
    """Wait until a check comes true: within a minute, which is far more than it takes."""
    late = time.monotonic() + 60
    while not check():
        assert time.monotonic() < late
        time.sleep(0.05)


def test_three_nodes_have_the_same(cluster: GaleraCluster, database: str) -> None:
    assert galera.require() is cluster
    assert len({node.pid for node in cluster.nodes}) == len({node.config("x")["port"] for node in cluster.nodes}) == 3
    for number, node in enumerate(cluster.nodes):
        status = node.status()
        assert (status["wsrep_cluster_size"], status["wsrep_cluster_status"]) == ("3", "Primary")
        assert (status["wsrep_ready"], status["wsrep_local_state_comment"]) == ("ON", "Synced")
        node.admin("INSERT INTO numbers VALUES (%s)", number, database=database)
    assert [numbers(cluster, node, database) for node in range(3)] == [{0, 1, 2}] * 3


def test_a_conflict_is_told_at_the_commit(cluster: GaleraCluster, database: str) -> None:
    with cluster.nodes[0].session(database) as first, cluster.nodes[1].session(database) as second:
        for execute in (first, second):
            execute("BEGIN")
            execute("INSERT INTO numbers VALUES (7)")  # nobody waits for the other one
        first("COMMIT")
        with pytest.raises(pymysql.OperationalError) as caught:
            second("COMMIT")
        assert caught.value.args[0] == DEADLOCK
        assert second("SELECT 1") == [(1,)]  # the connection is as good as before
    assert numbers(cluster, 1, database) == {7}


def test_killed_node_gets_what_was_written_meanwhile(cluster: GaleraCluster, database: str) -> None:
    cluster.nodes[1].admin("INSERT INTO numbers VALUES (1)", database=database)
    pid, config = cluster.nodes[1].pid, cluster.config(1, database)
    cluster.kill(1)
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(pymysql.OperationalError):
        cluster.nodes[1].admin("SELECT 1")
    cluster.wait_for_size(2)
    cluster.nodes[0].admin("INSERT INTO numbers VALUES (2)", database=database)
    cluster.rejoin(1)
    # At once: it is not ready before it has all.
    assert cluster.nodes[1].admin("SELECT i FROM numbers ORDER BY i", database=database) == [(1,), (2,)]
    assert cluster.config(1, database) == config
    cluster.nodes[1].admin("INSERT INTO numbers VALUES (3)", database=database)
    assert numbers(cluster, 2, database) == {1, 2, 3}


def test_first_node_is_like_the_others(cluster: GaleraCluster, database: str) -> None:
    cluster.nodes[0].restart(immediate=False)
    cluster.wait_for_size(3)
    cluster.nodes[0].admin("INSERT INTO numbers VALUES (1)", database=database)
    assert numbers(cluster, 1, database) == {1}


def test_killed_node_in_mid_load_loses_nothing(cluster: GaleraCluster, database: str) -> None:
    # All writers begin at another node, and go on to the next one whenever they have to connect again.
    turns = [iter(range(start, 10_000)) for start in range(3)]
    load = Load("pymysql", [lambda turn=turn: cluster.config(next(turn) % 3, database) for turn in turns])
    with load.running():
        load.wait_for_more()
        cluster.kill(2)
        load.wait_for_more()
        cluster.rejoin(2)
        load.wait_for_more()
    for node in range(3):
        stored = numbers(cluster, node, database)
        assert load.acknowledged <= stored
        assert len(stored - load.acknowledged) <= len(load.errors)


def test_a_node_alone_refuses_until_another_one_is_back(cluster: GaleraCluster, database: str) -> None:
    cluster.kill(1)
    cluster.wait_for_size(2)
    cluster.kill(2)
    eventually(lambda: cluster.nodes[0].status()["wsrep_cluster_status"] == "non-Primary")
    for statement in ("SELECT i FROM numbers", "INSERT INTO numbers VALUES (1)"):
        with pytest.raises(pymysql.OperationalError) as caught:
            cluster.nodes[0].admin(statement, database=database)
        assert caught.value.args[0] == NOT_READY
    cluster.rejoin(2)
    cluster.wait_for_size(2)
    cluster.nodes[0].admin("INSERT INTO numbers VALUES (1)", database=database)
    assert numbers(cluster, 2, database) == {1}


def test_killed_owner_leaves_nothing(cluster: GaleraCluster) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, env=environment)
    assert owner.stdout is not None
    with owner:
        *pids, folder, other, last = owner.stdout.readline().decode().split()
        try:
            assert len(pids) == 3
            assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        finally:
            owner.send_signal(signal.SIGKILL)
        owner.wait(60)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    eventually(lambda: not any(Path(path).exists() for path in (folder, other, last)))


def test_failed_start_leaves_nothing(cluster: GaleraCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[GaleraCluster] = []

    def complete(one: GaleraCluster, size: int) -> None:
        started.append(one)
        raise RuntimeError("on purpose")

    monkeypatch.setattr(GaleraCluster, "wait_for_size", complete)
    with pytest.raises(RuntimeError, match="on purpose"):
        GaleraCluster(1)
    monkeypatch.undo()
    (node,) = started[0].nodes
    assert not Path(f"/proc/{node.pid}").exists()
    assert not node.process.folder.exists()


@pytest.mark.parametrize("missing", ["programs", "library"])
@pytest.mark.parametrize("ci, outcome", [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_missing_cluster(
    missing: str,
    ci: str,
    outcome: type[BaseException],
    cluster: GaleraCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(registry, "_kept", {})
    if missing == "programs":
        monkeypatch.setattr("servers.binaries.search", lambda name: None)
    else:
        monkeypatch.setattr(galera, "FOLDERS", ())
    with pytest.raises(outcome, match=r"NOT TESTED ON galera: .* is not found"):
        galera.require()
