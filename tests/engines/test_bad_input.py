"""Databases that cannot be reached or used: a named error with a hint, on every engine that can have the fault."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import matrix
from engines.databases import Config, Database, engines, on_servers, refusal, user_of
from servers import pgbouncer
from trialstore.contract.helpers import SECRET, at, dump, finish, make_experiment, refused
from trialstore.dialects.registry import dialect_class
from trialstore.storage import ConfigError, ConnectError, PermissionDenied, ServerUnreachable, SqlStorage, Status

# Faults that an engine cannot have, and why. Every other engine is tested for them.
NO_SERVER = "it is a library of this process: there is no server to log in to"
NOT_LOCAL = {
    "wrong password": NO_SERVER,
    "no password": NO_SERVER,
    "unknown user": NO_SERVER,
    "server down": NO_SERVER,
    "unknown host": NO_SERVER,
    "too many connections": NO_SERVER,
    "TLS": NO_SERVER,
    "database missing": "opening creates the file; under 'verify' it must exist, see the tests of its files",
    "no right to create": "rights are those of the file and its folder, see the tests of its files",
}
IMPOSSIBLE = {"sqlite": NOT_LOCAL, "duckdb": NOT_LOCAL, "postgresql": {}, "mysql": {}}


def can_have(fault: str) -> pytest.MarkDecorator:
    """Run a test on each engine that can have this fault."""
    return engines(*(name for name in matrix.ENGINES if fault not in IMPOSSIBLE[name]))


@engines(*(name for name, never in IMPOSSIBLE.items() if NO_SERVER in never.values()))
@pytest.mark.parametrize("setting", ["username", "password", "host", "port"])
def test_an_engine_without_a_server_refuses_what_only_servers_need(engine: str, setting: str) -> None:
    config = {"drivername": engine, setting: 7 if setting == "port" else SECRET}
    refused(lambda: SqlStorage(config), ConfigError, f"config.{setting}", engine)


# On all engines

DRIVERS = {
    "sqlite": ["sqlite+aiosqlite", "sqlite+pysqlcipher"],
    "duckdb": ["duckdb+other"],
    "postgresql": ["postgresql+psycopg2", "postgresql+asyncpg", "postgresql+psycopg_async"],
    "mysql": ["mysql+mysqldb", "mysql+aiomysql", "mariadb+mariadbconnector"],
}


def test_another_driver_than_ours_is_refused_with_the_one_to_use(engine: str) -> None:
    for name in DRIVERS[engine]:
        error = refused(lambda name=name: SqlStorage({"drivername": name, "database": "x"}), ConfigError, name)
        assert f"{name.partition('+')[0]}+{dialect_class(engine).driver}" in error.hint


def test_an_unknown_key_of_query_is_refused(engine: str, tmp_path: Path) -> None:
    config = {"drivername": engine, "database": str(tmp_path / "x")}
    refused(
        lambda: SqlStorage({**config, "query": {"no_such_key": SECRET}}), ConfigError, "config.query", "no_such_key"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_too_old_is_refused(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = dialect_class(engine)
    config = matrix.make_config(engine, tmp_path)
    monkeypatch.setattr(cls, "least_versions", dict.fromkeys(cls.least_versions, (99, 1)))
    error = refused(lambda: SqlStorage(config), ConnectError, "answers")
    assert "99.1" in error.hint
    monkeypatch.undo()
    with SqlStorage({**config, "lazy_schema_create": True}) as storage:
        assert storage.database.read(lambda tx: tx.many("schema_tables")) == []


@pytest.mark.parametrize("beyond, lines", [(-1, 1), (0, 0), (1, 0)])
def test_a_server_that_is_newer_than_those_tested_works_and_is_named_once_in_the_log(
    engine: str,
    beyond: int,
    lines: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cls = dialect_class(engine)
    config = matrix.make_config(engine, tmp_path)
    with SqlStorage({**config, "lazy_schema_create": True}) as storage, storage.database.session() as session:
        server = storage.database.dialect.identify(session.driver_connection)
    tested = (server.version[0] + beyond, *server.version[1:2]) if beyond else server.version[:2]
    monkeypatch.setattr(cls, "newest_tested", {server.flavour: tested})
    caplog.set_level(logging.INFO, logger="trialstore")
    with SqlStorage(config) as storage:
        assert storage.experiments == {}
        assert storage.experiments == {}
    told = [record.getMessage() for record in caplog.records if "newest tested version" in record.getMessage()]
    assert len(told) == lines
    assert all(str(server) in line and ".".join(map(str, tested)) in line for line in told)


NAMES = {
    "sqlite": ["database"],
    "duckdb": ["database"],
    "postgresql": ["database", "username", "password", "host"],
    "mysql": ["database", "username", "password", "host"],
}


def test_a_nul_in_a_name_is_refused(engine: str) -> None:
    for key in NAMES[engine]:
        config = {"drivername": engine, "database": "x", key: f"{SECRET}\0"}
        refused(lambda config=config: SqlStorage(config), ConfigError, f"config.{key}" if key != "database" else "")


# On servers: what the config says


@on_servers
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"database": None}, ["config.database", "missing"]),
        ({"database": ""}, ["config.database", "missing"]),
        ({"username": "\ud800"}, ["config.username"]),
        ({"query": {"\0": "x"}}, ["config.query"]),
        ({"port": 0}, ["config.port"]),
        ({"port": -1}, ["config.port"]),
        ({"port": 65_536}, ["config.port"]),
        ({"connect_timeout": 0}, ["config.connect_timeout"]),
        ({"connect_timeout": 0.5}, ["config.connect_timeout", "float"]),
        ({"read_only": True}, ["config.read_only"]),
        ({"journal_mode": "wal"}, ["config.journal_mode"]),
    ],
    ids=ascii,
)
def test_a_wrong_setting_is_refused_before_a_connection_is_made(
    engine: str, change: dict[str, Any], words: list[str]
) -> None:
    refused(lambda: SqlStorage({"drivername": engine, "database": "x", **change}), ConfigError, *words)


# On servers: what the server, or its absence, says


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


CONNECTIONS: dict[str, tuple[Callable[[], Config], str, str]] = {
    "wrong password": (lambda: {"password": SECRET}, "", "'password'"),
    "no password": (lambda: {"password": None}, "", "'password'"),
    "unknown user": (lambda: {"username": "nobody_at_all"}, "", "'username'"),
    "server down": (lambda: {"port": unused_port()}, "efused", "server runs"),
    "database missing": (lambda: {"database": "no_such_db"}, "no_such_db", "Create the database"),
    "unknown host": (lambda: {"host": "no.such.host.invalid"}, "no.such.host.invalid", "'host'"),
}


def told_as(fault: str) -> type[ConnectError]:
    """A storage that was connected before would wait for a server that nobody finds, and not for a password."""
    return ServerUnreachable if fault in ("server down", "unknown host") else ConnectError


@pytest.mark.parametrize(
    ("engine", "fault"),
    [
        pytest.param(engine, fault, marks=pytest.mark.engine(engine))
        for engine, never in IMPOSSIBLE.items()
        for fault in CONNECTIONS
        if fault not in never
    ],
)
def test_what_cannot_be_reached_is_told_with_what_to_check(database: Database, fault: str) -> None:
    change, word, hint = CONNECTIONS[fault]
    config = {**database.config(), **change()}
    assert hint in refused(lambda: SqlStorage(config), told_as(fault), "cannot be opened", word).hint
    assert database.tables() == []


@engines("postgresql")
@pytest.mark.parametrize("fault", CONNECTIONS)
def test_the_same_through_a_pooler(database: Database, fault: str) -> None:
    change, word, hint = CONNECTIONS[fault]
    config = {**pgbouncer.require().config(database.name), **change()}
    assert hint in refused(lambda: SqlStorage(config), told_as(fault), "cannot be opened", word).hint


TOO_MANY = {
    "postgresql": (["ALTER ROLE {username} CONNECTION LIMIT 1"], "ALTER ROLE {username} CONNECTION LIMIT -1"),
    "mysql": (
        ["ALTER USER {username}@'%' WITH MAX_USER_CONNECTIONS 1"],
        "ALTER USER {username}@'%' WITH MAX_USER_CONNECTIONS 0",
    ),
}


@can_have("too many connections")
@pytest.mark.usefixtures("short_waits")
def test_too_many_connections_are_busy_and_tried_again(database: Database) -> None:
    config = database.filled()
    limits, freedom = TOO_MANY[database.server.engine]
    with user_of(database, "x") as user:
        for limit in limits:
            database.server.admin(limit.format(**user))
        with SqlStorage({**config, **user}) as first, first.database.session():
            error = refusal(lambda: SqlStorage({**config, **user}))
            assert type(error).__name__ == "Busy"
            assert "onnections" in error.hint
        database.server.admin(freedom.format(**user))
        with SqlStorage({**config, **user}) as storage:
            assert list(storage.experiments) == ["Exp"]


# On servers: rights


@can_have("no right to create")
@pytest.mark.parametrize("policy", ["create", "update"])
def test_a_user_who_may_not_create_tables_is_told_and_leaves_nothing(database: Database, policy: str) -> None:
    with user_of(database, "x") as user:
        config = database.config(**user, schema_policy=policy)
        assert "administrator" in refused(lambda: SqlStorage(config), PermissionDenied).hint
        assert database.tables() == []


@on_servers
def test_a_user_who_may_not_create_tables_needs_no_such_right_once_they_are_there(database: Database) -> None:
    config = database.filled()
    with user_of(database, "x") as user, SqlStorage({**config, **user, "schema_policy": "update"}) as storage:
        assert list(storage.experiments) == ["Exp"]


@on_servers
@pytest.mark.parametrize(
    "write",
    [
        lambda experiment, _trial: experiment.new_trial({}),
        lambda _experiment, trial: finish(trial),
        lambda _experiment, trial: trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", 1)]),
        lambda _experiment, trial: trial.add_new_config_data({"a": SECRET}),
    ],
    ids=["new trial", "finish", "telemetry", "metadata"],
)
def test_a_user_who_may_only_read_can_read_and_is_told_when_writing(database: Database, write: Any) -> None:
    config = database.filled()
    with user_of(database, "x") as user, SqlStorage({**config, **user}) as storage:
        before = dump(storage)
        assert len(storage.experiments["Exp"].trials) == 1
        experiment = make_experiment(storage).__enter__()
        trial = experiment.get_trial_by_id(1)
        assert "administrator" in refused(lambda: write(experiment, trial), PermissionDenied).hint
        assert dump(storage) == before


@on_servers
def test_a_user_without_any_right_is_told(database: Database) -> None:
    config = database.filled()
    with user_of(database, "x", {"postgresql": [], "mysql": []}) as user:
        error = refusal(lambda: SqlStorage({**config, **user}))
        assert type(error) in (PermissionDenied, ConnectError)
        assert "administrator" in error.hint or "rights" in error.hint
