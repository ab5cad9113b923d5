"""The servers of the tests: they start, obey, are missed loudly, and never outlive the process that wanted them."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

import servers
from servers import DatabaseServer, ServerBroken, ServerMissing, registry, require, require_named, stop_all
from servers.base import connected
from servers.registry import obtain_named

VARIABLES = [servers.CHOICES[name].kind.variable for name in servers.DEFAULT]
# Settings that a private server has and the library must not rely on.
UNUSUAL = {
    "postgresql": ("SELECT current_setting('TimeZone'), 'a' < 'B'", ("Asia/Kathmandu", True)),
    "mariadb": ("SELECT @@GLOBAL.time_zone, @@GLOBAL.sql_mode, 'a' = 'A'", ("+05:45", "", 1)),
    "mysql": ("SELECT @@GLOBAL.time_zone, @@GLOBAL.sql_mode, 'a' = 'A'", ("+05:45", "", 1)),
}
OWNER = """
import os, sys, time
from servers import require_named
server = require_named(sys.argv[1])
print(server.pid, server.process.folder, flush=True)
end = sys.argv[2]
if end == "error":
    raise RuntimeError
if end == "fork":
    # A child that holds copies of all pipes and lives on.
    child = os.fork()
    if child:
        print(child, flush=True)
if end != "exit":
    time.sleep(600)
"""


@pytest.fixture(params=servers.DEFAULT)
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """The server that the other tests use too."""
    return require_named(request.param)


@pytest.fixture
def start_private(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], DatabaseServer]]:
    """Starts private servers, whatever the environment names, and stops them after the test."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    started: list[DatabaseServer] = []

    def start(name: str) -> DatabaseServer:
        try:
            started.append(obtain_named(name))
        except ServerMissing as reason:
            registry.unavailable(name, reason)
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(params=servers.DEFAULT)
def private(request: pytest.FixtureRequest, start_private: Callable[[str], DatabaseServer]) -> DatabaseServer:
    """A server that a test may kill."""
    return start_private(request.param)


@pytest.fixture(scope="module")
def startable() -> set[str]:
    """The engines that a test saw start here."""
    return set()


def ask(server: DatabaseServer, config: dict[str, Any], sql: str) -> list[tuple[Any, ...]]:
    """Rows of a statement over a config's connection."""
    with connected(server.module, URL.create(**config)) as execute:
        return execute(sql)


def databases(server: DatabaseServer) -> set[str]:
    """The names of all databases."""
    sql = "SELECT datname FROM pg_database" if server.engine == "postgresql" else "SHOW DATABASES"
    return {row[0] for row in server.admin(sql)}


def alive(pid: int | None) -> bool:
    """Whether there is such a process."""
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def eventually(check: Callable[[], bool]) -> bool:
    """Whether a check comes true within a minute, which is far more than it takes."""
    late = time.monotonic() + 60
    while not check():
        if time.monotonic() > late:
            return False
        time.sleep(0.05)
    return True


def test_answers(server: DatabaseServer) -> None:
    assert server.admin("SELECT 1, 'a%'") == [(1, "a%")]
    assert server.admin("SELECT %s", "x") == [("x",)]
    assert re.fullmatch(r"(PostgreSQL|MariaDB|MySQL) \d+(\.\d+)+\S*", server.version)
    assert require_named(server.name) is server


def test_creates_and_drops_databases(server: DatabaseServer) -> None:
    first, second = server.create_database(), server.create_database()
    assert first != second
    assert {first, second} <= databases(server)
    server.admin("CREATE TABLE t (i INTEGER)", database=first)
    with server.session(database=first) as execute:
        execute("START TRANSACTION")
        assert execute("SELECT * FROM t") == []
        server.drop_database(first)
    server.drop_database(first)
    server.drop_database(second)
    assert not {first, second} & databases(server)


def test_configs_open_databases(server: DatabaseServer) -> None:
    name = server.create_database()
    current = "SELECT current_database()" if server.engine == "postgresql" else "SELECT database()"
    assert ask(server, server.config(name), current) == [(name,)]
    assert server.config(name, schema_policy="verify") == {**server.config(name), "schema_policy": "verify"}
    over_socket = server.socket_config(name)
    assert (over_socket is not None) == server.private
    if over_socket:
        assert "host" not in over_socket
        assert ask(server, over_socket, current) == [(name,)]
    server.drop_database(name)


def test_copies_a_database() -> None:
    server = require("postgresql")
    name = server.create_database()
    server.admin("CREATE TABLE t (i INTEGER)", database=name)
    copy = server.create_database(template=name)
    assert server.admin("SELECT * FROM t", database=copy) == []
    server.drop_database(copy)
    server.drop_database(name)


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_mysql_and_mariadb_cannot_copy_a_database(kind: str) -> None:
    with pytest.raises(NotImplementedError):
        require_named(kind).create_database(template="mysql")


def test_private_server_has_unusual_settings(private: DatabaseServer) -> None:
    sql, expected = UNUSUAL[private.name]
    assert private.private
    assert private.admin(sql) == [expected]
    assert all(len(os.fsencode(path)) < 100 for path in private.process.folder.iterdir())


def test_restart_keeps_port_and_committed_data(private: DatabaseServer) -> None:
    name = private.create_database()
    config = private.config(name)
    private.admin("CREATE TABLE t (i INTEGER)", database=name)
    for number, how in enumerate(("killed", "immediate", "orderly")):
        pid = private.pid
        private.admin("INSERT INTO t VALUES (%s)", number, database=name)
        if how == "killed":
            private.kill()
            assert not alive(pid)
            with pytest.raises(Exception, match=r"(?i)connect|refused"):
                private.admin("SELECT 1")
        private.restart(immediate=how != "orderly")
        assert not alive(pid)
        assert alive(private.pid)
        assert private.config(name) == config
        assert ask(private, config, "SELECT max(i) FROM t") == [(number,)]


def test_stop_leaves_nothing(private: DatabaseServer) -> None:
    folder = private.process.folder
    assert folder.exists()
    private.stop()
    assert not alive(private.pid)
    assert not folder.exists()
    with pytest.raises(ServerBroken):
        private.restart()


def test_stopped_server_is_replaced(private: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_kept", {"x": private})
    another = registry.kept("x", lambda: private)
    assert another is private
    private.stop()
    replacement = registry.kept("x", lambda: obtain_named(private.name))
    assert alive(replacement.pid)
    stop_all()
    assert not alive(replacement.pid)


def test_forked_child_stops_nothing(private: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_kept", {private.name: private})
    child = os.fork()
    if child == 0:
        try:
            atexit._run_exitfuncs()  # noqa: SLF001 - what an interpreter runs in the end
            private.stop()
            private.process.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert private.admin("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "kind, end",
    [
        ("postgresql", "exit"),
        ("postgresql", "error"),
        ("postgresql", "terminate"),
        ("postgresql", "fork"),
        ("mariadb", "kill"),
        ("mysql", "kill"),
    ],
)
def test_ended_process_leaves_nothing(
    kind: str, end: str, start_private: Callable[[str], DatabaseServer], startable: set[str]
) -> None:
    if kind not in startable:  # the skip or failure of a missing server belongs here
        start_private(kind).stop()
        startable.add(kind)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, kind, end], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    assert owner.stdout is not None
    with owner:
        pid, folder = owner.stdout.readline().decode().split()
        survivor = int(owner.stdout.readline()) if end == "fork" else None
        if end in ("terminate", "kill", "fork"):
            assert alive(int(pid))
            owner.send_signal(signal.SIGTERM if end == "terminate" else signal.SIGKILL)
        owner.wait(60)
        try:
            assert eventually(lambda: not alive(int(pid)))
            assert eventually(lambda: not Path(folder).exists())
        finally:
            if survivor:
                os.kill(survivor, signal.SIGKILL)


def test_server_of_the_environment(private: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    named = URL.create(**private.config("postgres" if private.engine == "postgresql" else "mysql"))
    monkeypatch.setenv(private.variable, named.render_as_string(hide_password=False))
    server = obtain_named(private.name)
    assert (server.private, server.pid, server.version) == (False, None, private.version)
    assert server.socket_config("x") is None
    name = server.create_database()
    assert server.config(name) == private.config(name)
    with pytest.raises(ServerBroken):
        server.kill()
    server.stop()
    assert name not in databases(private)


def test_silent_server_of_the_environment_is_an_error(private: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    named = URL.create(**private.config("x")).render_as_string(hide_password=False)
    private.stop()
    monkeypatch.setenv(private.variable, named)
    monkeypatch.setattr(registry, "_kept", {})
    for _ in range(2):
        with pytest.raises(ServerBroken, match=private.variable) as caught:
            require_named(private.name)
        assert private.config("x")["password"] not in str(caught.value)


@pytest.mark.parametrize("kind", servers.DEFAULT)
@pytest.mark.parametrize(
    "ci, outcome",
    [
        (None, pytest.skip.Exception),
        ("", pytest.skip.Exception),
        ("0", pytest.skip.Exception),
        ("false", pytest.skip.Exception),
        ("true", pytest.fail.Exception),
        ("1", pytest.fail.Exception),
    ],
)
def test_missing_server(
    kind: str, ci: str | None, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if ci is None:
        monkeypatch.delenv("CI", raising=False)
    else:
        monkeypatch.setenv("CI", ci)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("servers.binaries.search", lambda name: None)
    monkeypatch.setattr("servers.mysql.search", lambda name: None)
    monkeypatch.setattr("servers.unpacked.KEYS", Path("no such file"))
    monkeypatch.setenv("TRIALSTORE_TEST_CACHE", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(registry, "_kept", {})
    with pytest.raises(outcome, match=f"NOT TESTED ON {kind}: .*not (found|installed)"):
        require_named(kind)


def test_a_named_server_of_the_other_flavour_is_an_error(
    start_private: Callable[[str], DatabaseServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = URL.create(**start_private("mariadb").config("mysql")).render_as_string(hide_password=False)
    monkeypatch.setenv("TRIALSTORE_TEST_MYSQL_URL", named)
    with pytest.raises(ServerBroken, match=r"the server of TRIALSTORE_TEST_MYSQL_URL is MariaDB \(\d"):
        obtain_named("mysql")
