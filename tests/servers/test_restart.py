"""Servers that restart while others write: whatever was acknowledged is there afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from servers import DatabaseServer, ServerMissing, registry
from servers.load import TABLE, Load


@pytest.fixture(params=registry.DEFAULT)
def private(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A server that the test may kill, whatever the environment names."""
    try:
        server = registry.start_private(request.param)
    except ServerMissing as reason:
        registry.unavailable(request.param, reason)
    yield server
    server.stop()


def immediate(server: DatabaseServer) -> None:
    """As a crash does: PostgreSQL's immediate shutdown, MariaDB's SIGKILL."""
    server.restart(immediate=True)


def killed(server: DatabaseServer) -> None:
    """SIGKILL."""
    server.kill()
    server.restart()


def orderly(server: DatabaseServer) -> None:
    """As an administrator does."""
    server.restart(immediate=False)


@pytest.mark.parametrize("how", [immediate, killed, orderly], ids=lambda how: how.__name__)
def test_restart_in_mid_load_loses_nothing(how: Callable[[DatabaseServer], None], private: DatabaseServer) -> None:
    name = private.create_database()
    private.admin(TABLE, database=name)
    config: dict[str, Any] = private.config(name)
    load = Load(private.module, [lambda: config] * 3)  # of before: host and port stay
    with load.running():
        for _ in range(2):
            load.wait_for_more()
            errors, pid = len(load.errors), private.pid
            how(private)
            assert private.pid != pid
            load.wait_for_more()
            assert len(load.errors) > errors  # they were cut off
    stored = {row[0] for row in private.admin("SELECT i FROM numbers", database=name)}
    assert load.acknowledged <= stored
    # A commit that was not answered may be there: one a writer and restart.
    assert len(stored - load.acknowledged) <= 3 * 2
