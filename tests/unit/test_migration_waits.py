"""How long a migration may wait, as a dialect tells its server; tests/deploy/test_waits.py has what comes of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from trialstore.dialects.base import Patience
from trialstore.dialects.errors import Busy, ErrorKind
from trialstore.dialects.mysql import MySQLDialect
from trialstore.dialects.postgresql import PostgreSQLDialect
from trialstore.storage.config.keys import check_config
from trialstore.storage.database.connections import Database


class Recorder:
    """A session that keeps the limits that are asked for."""

    def __init__(self, patience: float | None = None) -> None:
        self.limits: list[int] = []
        self.patience = None if patience is None else Patience(patience)

    def begin(self, *, write: bool) -> None:
        """Nothing."""

    def one(self, _name: str, **params: Any) -> None:
        """A row of settings."""
        self.limits.append(int(params["lock_ms"]))

    def scalar(self, _name: str, **params: Any) -> int:
        """The lock."""
        self.limits += params.values()
        return 1

    def execute(self, _name: str, **params: Any) -> None:
        """Settings."""
        self.limits.append(params["lock_wait"])

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


@pytest.mark.parametrize("left", [0, 1])
def test_what_was_waited_before_counts(left: int) -> None:
    settings = {"database": "x", "migration_lock_timeout": 600}
    session = Recorder(left)
    with PostgreSQLDialect({"drivername": "postgresql", **settings}).begin_migration(session):
        assert all(limit <= max(1, left * 1000) for limit in session.limits)
    session = Recorder(left)
    with MySQLDialect({"drivername": "mysql", **settings}).begin_migration(session):
        assert session.limits == [1, 1]  # whole seconds


def test_attempts_end_with_the_patience_which_each_step_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    now, made = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", 3)
    database = Database(check_config({"drivername": "sqlite", "database": ":memory:"}))
    patience = Patience(30)

    def attempt() -> None:
        now[0] += 2
        made.append(now[0])
        if len(made) == 5:
            patience.renew()
        raise Busy("in use", "", ErrorKind.BUSY)

    with pytest.raises(Busy):
        database.retry(attempt, patience)
    renewed = made[4]
    assert renewed + 26 < made[-1] <= renewed + 32
