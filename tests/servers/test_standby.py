"""A PostgreSQL primary and its standby: the standby follows, and takes over without losing what was acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from servers import ServerMissing, registry, standby
from servers.base import connected
from servers.load import TABLE, Load
from servers.standby import Pair

PORT = "SELECT inet_server_port()"
INSERT = "INSERT INTO numbers VALUES (1)"


@pytest.fixture
def start_pair() -> Iterator[Callable[..., Pair]]:
    """Starts pairs whose primary a test may end."""
    started: list[Pair] = []

    def start(**options: bool) -> Pair:
        try:
            started.append(Pair(**options))
        except ServerMissing as reason:
            registry.unavailable("standby", reason)
        return started[-1]

    yield start
    for pair in started:
        pair.stop()


def eventually(check: Callable[[], bool]) -> None:
    """Wait until a check comes true: within a minute, which is far more than it takes."""
    late = time.monotonic() + 60
    while not check():
        assert time.monotonic() < late
        time.sleep(0.05)


def test_standby_follows_and_only_reads() -> None:
    pair = standby.require()
    assert standby.require() is pair
    name = pair.create_database()
    pair.primary.admin(TABLE, database=name)
    pair.primary.admin(INSERT, database=name)
    pair.catch_up()
    assert pair.standby.admin("SELECT i FROM numbers", database=name) == [(1,)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        pair.standby.admin("INSERT INTO numbers VALUES (2)", database=name)


def test_config_finds_the_one_that_writes() -> None:
    pair = standby.require()
    config = pair.config("postgres", schema_policy="verify")
    assert config.pop("schema_policy") == "verify"
    ports = [server.config("postgres")["port"] for server in (pair.primary, pair.standby)]
    for order in ("{},{}", "{1},{0}"):
        query = {**config["query"], "port": order.format(*ports)}
        with connected("psycopg", URL.create(**{**config, "query": query})) as execute:
            assert execute(PORT) == [(ports[0],)]


def test_commits_wait_for_the_standby(start_pair: Callable[..., Pair]) -> None:
    pair = start_pair()
    pair.primary.admin(TABLE, database="postgres")
    pair.standby.kill()
    with ThreadPoolExecutor(1) as pool:
        commit = pool.submit(pair.primary.admin, INSERT, database="postgres")
        waits = "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND wait_event = 'SyncRep'"
        eventually(lambda: pair.primary.admin(waits, INSERT) == [(1,)])
        assert not commit.done()
        pair.standby.restart()
        assert commit.result(60) == []


def test_commits_do_not_wait_for_a_standby_that_is_not_synchronous(start_pair: Callable[..., Pair]) -> None:
    pair = start_pair(synchronous=False)
    pair.primary.admin(TABLE, database="postgres")
    pair.standby.kill()
    pair.primary.admin(INSERT, database="postgres")
    assert pair.primary.admin("SELECT i FROM numbers", database="postgres") == [(1,)]
    pair.standby.restart()
    pair.catch_up()
    assert pair.standby.admin("SELECT i FROM numbers", database="postgres") == [(1,)]


@pytest.mark.parametrize("immediate", [True, False], ids=["immediate-shutdown", "killed"])
def test_failover_loses_nothing_that_was_acknowledged(immediate: bool, start_pair: Callable[..., Pair]) -> None:
    pair = start_pair()
    name = pair.create_database()
    pair.primary.admin(TABLE, database=name)
    config = pair.config(name)
    load = Load("psycopg", [lambda: config] * 3)
    with load.running():
        load.wait_for_more()
        pair.kill_primary(immediate=immediate)
        assert not pair.primary.process.running
        before = load.acknowledged
        pair.promote()
        load.wait_for_more()
    stored = {row[0] for row in pair.standby.admin("SELECT i FROM numbers", database=name)}
    assert before < load.acknowledged <= stored
    assert len(stored - load.acknowledged) <= 3
    with connected("psycopg", URL.create(**config)) as execute:
        assert execute(PORT) == [(pair.standby.config(name)["port"],)]


def test_stop_leaves_nothing(start_pair: Callable[..., Pair]) -> None:
    pair = start_pair()
    folders = [server.process.folder for server in (pair.primary, pair.standby)]
    pids = pair.pids
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    pair.kill_primary()
    pair.stop()
    pair.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(folder.exists() for folder in folders)


def test_failed_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    standby.require()  # the skip or failure of what is missing
    folders = []

    def settle(pair: Pair, synchronous: bool) -> None:
        folders.extend(server.process.folder for server in (pair.primary, pair.standby))
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Pair, "_settle", settle)
    with pytest.raises(RuntimeError, match="on purpose"):
        Pair()
    assert len(folders) == 2
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize("ci, outcome", [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_missing_standby(ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("servers.binaries.search", lambda name: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(registry, "_kept", {})
    with pytest.raises(outcome, match=r"NOT TESTED ON standby: .* is not found"):
        standby.require()
