"""Fixtures of the tests of the engines. A test that uses them names its engines by `databases.engines`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import servers
from engines.databases import Database
from servers.base import DatabaseServer


@pytest.fixture
def server(engine: str) -> DatabaseServer:
    """The server of an engine."""
    return servers.require(engine)


@pytest.fixture
def database(server: DatabaseServer) -> Iterator[Database]:
    """An empty database."""
    name = server.create_database()
    yield Database(server, name)
    server.drop_database(name)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts that are over at once; how many attempts there are does not change."""
    monkeypatch.setattr("trialstore.storage.database.connections.LONGEST_WAIT_S", 0.001)


@pytest.fixture
def two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One retry at most."""
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", 2)
