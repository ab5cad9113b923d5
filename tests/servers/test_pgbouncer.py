"""PgBouncer before the PostgreSQL server: sessions are shared, and databases come and go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import URL

from servers import obtain, pgbouncer, registry
from servers.base import connected

SESSION = "SELECT pg_backend_pid()"


@pytest.fixture
def bouncer() -> pgbouncer.Bouncer:
    """The bouncer that the other tests use too."""
    return pgbouncer.require()


def through(bouncer: pgbouncer.Bouncer, database: str) -> contextlib.AbstractContextManager[Callable[..., list[Any]]]:
    """A client of the bouncer."""
    return connected(bouncer.server.module, URL.create(**bouncer.config(database)))


def test_clients_share_sessions(bouncer: pgbouncer.Bouncer) -> None:
    name = bouncer.server.create_database()
    with through(bouncer, name) as first, through(bouncer, name) as second:
        assert first("SELECT current_database()") == [(name,)]
        assert first(SESSION) == second(SESSION)
        first("BEGIN")
        assert first(SESSION) != second(SESSION)
        first("COMMIT")
    bouncer.server.drop_database(name)


def test_more_clients_than_sessions(bouncer: pgbouncer.Bouncer) -> None:
    name = bouncer.server.create_database()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(through(bouncer, name)) for _ in range(12)]
        assert len({client(SESSION)[0] for client in clients}) <= 5
    bouncer.server.drop_database(name)


def test_dropped_databases_leave_no_sessions(bouncer: pgbouncer.Bouncer) -> None:
    names = []
    for _ in range(10):
        names.append(bouncer.server.create_database())
        with through(bouncer, names[-1]) as client, through(bouncer, names[-1]) as idle:
            client("BEGIN")
            idle("SELECT 1")
            bouncer.server.drop_database(names[-1])
    left = bouncer.server.admin("SELECT datname FROM pg_stat_activity WHERE datname = ANY(%s)", names)
    assert left == []
    another = bouncer.server.create_database()
    with through(bouncer, another) as client:
        assert client("SELECT 1") == [(1,)]
    bouncer.server.drop_database(another)


def test_outlives_a_restart_of_the_server_but_not_its_end(
    bouncer: pgbouncer.Bouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIALSTORE_TEST_POSTGRESQL_URL", raising=False)
    monkeypatch.setattr(registry, "_kept", {})
    with contextlib.ExitStack() as stack:
        stack.callback(registry.stop_all)
        own = pgbouncer.require()
        with through(own, "postgres") as client:
            client(SESSION)
        own.server.restart()
        with through(own, "postgres") as client:
            client(SESSION)
        assert pgbouncer.require() is own
        own.server.stop()
        another = pgbouncer.require()
        assert another is not own
        assert another.server is not own.server
        own.stop()
        assert not own.process.folder.exists()


def test_before_a_server_of_the_environment(bouncer: pgbouncer.Bouncer, monkeypatch: pytest.MonkeyPatch) -> None:
    named = URL.create(**bouncer.server.config("postgres")).render_as_string(hide_password=False)
    monkeypatch.setenv("TRIALSTORE_TEST_POSTGRESQL_URL", named)
    server = obtain("postgresql")
    own = pgbouncer.Bouncer(server)
    try:
        with through(own, "postgres") as client:
            assert client("SELECT 1") == [(1,)]
    finally:
        own.stop()
