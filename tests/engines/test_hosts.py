"""Several hosts in the config: the first that serves is used, and another one when the connection to it is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from engines.databases import SERVERS, Config, Database, engines
from servers.proxy import Proxy
from trialstore.contract.helpers import finish, make_experiment
from trialstore.sql.session import Session
from trialstore.storage import ConfigError, ServerUnreachable, SqlStorage


@contextmanager
def dead_port() -> Iterator[int]:
    """A port where nobody answers, and that nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def with_hosts(config: Config, *ports: int) -> Config:
    """The config with several ports of this host instead of its own."""
    rest = {key: value for key, value in config.items() if key not in ("host", "port")}
    return {**rest, "hosts": [f"127.0.0.1:{port}" for port in ports]}


@engines(*SERVERS)
def test_a_host_that_is_down_is_passed_over(database: Database) -> None:
    config = database.config()
    with dead_port() as dead, SqlStorage(with_hosts(config, dead, config["port"])) as storage:
        with make_experiment(storage) as experiment:
            finish(experiment.new_trial({}))
        assert list(storage.experiments) == ["Exp"]


@engines(*SERVERS)
def test_a_host_that_is_lost_is_left_for_the_next(database: Database) -> None:
    own = database.config()["port"]
    with Proxy(database.server) as proxy:
        through = proxy.config(database.name)["port"]
        storage = SqlStorage(with_hosts(database.config(), through, own))
        experiment = make_experiment(storage).__enter__()
        experiment.new_trial({})
        assert proxy.cut_all() >= 1
    assert experiment.new_trial({}).trial_id == 2
    assert sorted(storage.experiments["Exp"].trials) == [1, 2]
    storage.dispose()


@engines(*SERVERS)
def test_nobody_passes_over_a_host_that_serves_when_many_have_lost_another(database: Database) -> None:
    threads = 5
    database.filled()
    together, lost = threading.Barrier(threads, timeout=60), threading.Event()
    with Proxy(database.server) as second, Proxy(database.server) as third, ExitStack() as until_lost:
        first = until_lost.enter_context(Proxy(database.server))
        ports = [proxy.config(database.name)["port"] for proxy in (first, second, third)]

        def look(tx: Session) -> int:
            if not lost.is_set():
                tx.scalar("trial_last_id", exp_id="Exp")
                if together.wait() == 0:
                    until_lost.close()
                    lost.set()
                assert lost.wait(60)
            return int(tx.scalar("trial_last_id", exp_id="Exp"))

        config = {**with_hosts(database.config(), *ports), "retry_timeout": 60}
        with SqlStorage(config) as storage, ThreadPoolExecutor(threads) as pool:
            found = [pool.submit(storage.database.read, look) for _ in range(threads)]
            assert [each.result() for each in found] == [1] * threads
        assert first.connections >= threads
        assert second.connections > 0
        assert third.connections == 0


@engines(*SERVERS)
def test_none_that_answers_is_an_error_at_once(database: Database) -> None:
    with dead_port() as dead, dead_port() as other, pytest.raises(ServerUnreachable) as caught:
        SqlStorage(with_hosts(database.config(), dead, other))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ([], "config.hosts is empty"),
        ("db1", "config.hosts is of type str"),
        ([1], "config.hosts holds a int"),
        (["db1:99999"], "config.hosts is no port number"),
        (["db1,db2"], "config.hosts holds an entry that is not a host"),
        (["db 1"], "config.hosts holds an entry that is not a host"),
        (["::1"], "config.hosts holds an entry that is not a host"),
        (["a\0b"], "config.hosts holds a NUL"),
    ],
)
@pytest.mark.parametrize("drivername", ["postgresql", "mysql", "mariadb"])
def test_wrong_hosts_are_refused(drivername: str, hosts: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SqlStorage({"drivername": drivername, "database": "d", "hosts": hosts, "lazy_schema_create": True})
    assert words in caught.value.message


@pytest.mark.parametrize("more", [{"host": "a"}, {"port": 5432}, {"query": {"unix_socket": "/run/s"}}])
def test_several_hosts_are_given_in_one_way(more: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"config\.hosts cannot be combined"):
        SqlStorage({"drivername": "mysql", "database": "d", "hosts": ["a", "[::1]:3307"], **more})


@pytest.mark.parametrize("drivername", ["sqlite", "duckdb"])
def test_engines_of_files_have_no_hosts(drivername: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.hosts: unknown key"):
        SqlStorage({"drivername": drivername, "hosts": ["a"]})
