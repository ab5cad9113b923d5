"""A server that falls silent without closing anything, at any message: every call ends within its limits, with an error
of ours or with its effect, and the connection is not used again."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import servers
from processes import databases
from processes.helpers import make_experiment
from processes.workers import at
from servers.proxy import Proxy
from trialstore.storage import (
    KeepLease,
    NewTrial,
    ServerUnreachable,
    SqlStorage,
    Status,
    Storage,
    StorageError,
)

LIMITS = {"read_timeout": 2, "connect_timeout": 2, "busy_timeout": 1, "retry_timeout": 1}
PATIENCE_S = 60
"""Longest that anything may take here, in seconds, also on a busy machine: what has no limit takes for ever."""
HOUR = dt.timedelta(hours=1)


class Silencing:
    """A storage behind a proxy that can fall silent, with a claimed trial."""

    def __init__(self, config: dict[str, Any], proxy: Proxy, stack: ExitStack) -> None:
        self.proxy = proxy
        self.config = {**proxy.config(config["database"]), **LIMITS}
        self.storage = stack.enter_context(SqlStorage(self.config))
        self.experiment = stack.enter_context(make_experiment(self.storage))
        self.experiment.new_trials([NewTrial({}, at(0), {"n": n}) for n in range(2)])
        (self.held,) = self.experiment.claim_trials(1, lease=HOUR)
        self.held.update_telemetry(Status.RUNNING, at(1), [(at(n), "text", "x" * 20_000) for n in range(100)])


@pytest.fixture(params=databases.SERVERS)
def silencing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Silencing]:
    with ExitStack() as stack:
        (config,) = stack.enter_context(databases.fresh(request.param, tmp_path))
        proxy = stack.enter_context(Proxy(servers.require(request.param)))
        made = Silencing(config, proxy, stack)
        yield made
        proxy.cut_all()


def within_limits(call: Callable[[], Any]) -> Any:
    """What a call raises, or returns; it ends."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(call())
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            found.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert found, "it waits for ever"
    return found[0]


CALLS: dict[str, Callable[[Silencing], Any]] = {
    "new_trial": lambda on: on.experiment.new_trial({}),
    "claim_trials": lambda on: on.experiment.claim_trials(1),
    "update": lambda on: on.held.update(Status.SUCCEEDED, at(9), {"score": 1}),
    "update_telemetry": lambda on: on.held.update_telemetry(Status.RUNNING, at(8), [(at(8), "m", 1)] * 50),
    "renew_lease": lambda on: on.held.renew_lease(HOUR),
    "load": lambda on: on.experiment.load(),
    "telemetry": lambda on: on.experiment.load_telemetry(1),
    "experiments": lambda on: list(on.storage.experiments),
    "opening": lambda on: SqlStorage(on.config),
    "stream": lambda on: list(on.storage.experiments["Shared"].trials[1].telemetry_batches(7)),
}


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_ends_though_the_server_says_nothing_any_more(silencing: Silencing, name: str, after: int) -> None:
    if name == "stream":
        pytest.importorskip("pyarrow", reason="streams need the extra 'arrow'")
    silencing.proxy.silent_after = after
    told = within_limits(lambda: CALLS[name](silencing))
    if after == 0:
        assert isinstance(told, StorageError)
        assert told.hint
    within_limits(silencing.storage.dispose)
    silencing.proxy.cut_all()
    silencing.proxy.silent_after = None
    silencing.experiment.new_trial({})


def test_a_connection_that_was_not_answered_is_not_used_again(silencing: Silencing) -> None:
    silencing.proxy.silent_after = 0
    assert isinstance(within_limits(silencing.experiment.load), StorageError)
    assert isinstance(within_limits(silencing.experiment.load), ServerUnreachable)
    silencing.proxy.silent_after = None
    assert silencing.experiment.load() == ([], [], [], [])


def test_a_server_that_says_nothing_at_the_login_is_given_up(silencing: Silencing) -> None:
    silencing.proxy.silent_after = 0
    config = {**silencing.config, "read_timeout": 3600}
    assert isinstance(within_limits(lambda: SqlStorage(config)), ServerUnreachable)


@pytest.mark.parametrize("after", [40, 60, 80])
def test_a_migration_ends_though_the_server_says_nothing_any_more(silencing: Silencing, after: int) -> None:
    other = {**silencing.config, "migration_lock_timeout": 1, "migration_statement_timeout": 1}
    with SqlStorage({**other, "lazy_schema_create": True}) as storage:
        silencing.proxy.silent_after = after
        within_limits(storage.update_schema)


def test_a_lease_is_lost_when_it_could_not_be_renewed_in_time(silencing: Silencing) -> None:
    left = []

    def keep() -> None:
        with KeepLease(silencing.held, dt.timedelta(seconds=2)) as lease:
            silencing.proxy.silent_after = 0
            left.append(lease.wait_lost(PATIENCE_S / 2))
            left.append(lease.lost)

    assert within_limits(keep) is None
    assert left == [True, True]


def test_leaving_a_kept_lease_waits_for_nobody(silencing: Silencing) -> None:
    def keep(trial: Storage.Trial) -> None:
        with KeepLease(trial, dt.timedelta(seconds=3)):
            silencing.proxy.silent_after = 0
            time.sleep(1.5)
            raise KeyboardInterrupt

    assert isinstance(within_limits(lambda: keep(silencing.held)), KeyboardInterrupt)
