"""How long a migration may wait, as a dialect tells its server; tests/deploy/test_waits.py has what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from trialstore.dialects.postgresql import PostgreSQLDialect


class Recorder:
    """A session that keeps the limits that are asked for."""

    def __init__(self) -> None:
        self.limits: list[int] = []

    def begin(self, *, write: bool) -> None:
        """Nothing."""

    def one(self, _name: str, **params: Any) -> None:
        """A row of settings."""
        self.limits.append(int(params["lock_ms"]))

    def scalar(self, _name: str, **_params: Any) -> None:
        """The lock."""

    def execute(self, _name: str, **_params: Any) -> None:
        """Nothing."""

    def limit_waits(self, _seconds: float | None) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({}, [500, 2000]),  # of many waits for the lock, the first one
        ({"migration_lock_timeout": 1}, [500, 1000]),
        ({"migration_lock_timeout": 0}, [1, 1]),  # 0 would be no limit
        ({"busy_timeout": 0}, [1, 1]),
    ],
)
def test_a_migration_never_waits_without_a_limit(settings: dict[str, Any], limits: list[int]) -> None:
    session = Recorder()
    with PostgreSQLDialect({"drivername": "postgresql", "database": "x", **settings}).begin_migration(session):
        assert session.limits == limits
