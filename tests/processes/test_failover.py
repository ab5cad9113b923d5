"""A PostgreSQL primary that dies, and its standby, which takes over: callers do not notice, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from processes.fleet import GLANCE_S, Fleet, assert_account, look
from processes.helpers import LIMIT, make_experiment
from processes.workers import at
from servers import ServerMissing, registry
from servers.proxy import Proxy
from servers.standby import Pair
from trialstore.storage import NewTrial, SqlStorage

pytestmark = pytest.mark.engine("postgresql")


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary and a standby that commits wait for."""
    try:
        started = Pair()
    except ServerMissing as reason:
        registry.unavailable("standby", reason)
    yield started
    started.stop()


def hosts_config(pair: Pair, database: str) -> dict[str, Any]:
    """The config of a database on whichever of the two takes writes."""
    first, second = (server.config(database) for server in (pair.primary, pair.standby))
    known = {key: value for key, value in first.items() if key not in ("host", "port")}
    return {**known, "hosts": [f"{one['host']}:{one['port']}" for one in (first, second)]}


def eventually(check: Callable[[], bool]) -> None:
    """Wait until a check comes true."""
    late = time.monotonic() + LIMIT
    while not check():
        assert time.monotonic() < late
        time.sleep(GLANCE_S)


@pytest.mark.parametrize("immediate", [True, False], ids=["immediate-shutdown", "killed"])
def test_a_load_goes_on_where_the_standby_takes_over(immediate: bool, pair: Pair, tmp_path: Path) -> None:
    config = hosts_config(pair, pair.create_database())
    with SqlStorage(config) as storage, Fleet(tmp_path, [config]) as fleet:
        with make_experiment(storage):
            fleet.start(2, 4)
        fleet.wait_for_all()
        fleet.wait_for_more(15)
        pair.kill_primary(immediate=immediate)
        assert not pair.primary.process.running
        pair.promote()
        fleet.wait_for_more(15)
        fleet.finish(storage)
        assert assert_account(storage, fleet) == fleet.made
        assert look(storage, "SELECT inet_server_port()") == [(pair.standby.config("")["port"],)]


def test_a_claim_finds_what_it_took_while_its_commit_still_waits(pair: Pair) -> None:
    """The connection is lost, but the server goes on with the commit: it waits for the standby."""
    name = pair.create_database()
    with SqlStorage(pair.primary.config(name)) as direct, make_experiment(direct) as made, Proxy(pair.primary) as proxy:
        made.new_trials([NewTrial({}, at(0)) for _ in range(4)])
        waits = (
            f"SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE datname = '{name}' AND state = 'active'"
        )

        def waiting() -> list[str]:
            return [event if event == "SyncRep" else kind for kind, event in pair.primary.admin(waits)]

        with SqlStorage(proxy.config(name)) as storage, make_experiment(storage) as experiment:
            assert experiment.load()[0] == []
            pair.standby.kill()
            with ThreadPoolExecutor(1) as pool:
                claim = pool.submit(experiment.claim_trials, 1, limit=2)
                eventually(lambda: "SyncRep" in waiting())
                proxy.cut_all()
                # The call is made again, and waits for the rows, or (which would be wrong) takes others.
                eventually(lambda: "Lock" in waiting() or waiting().count("SyncRep") > 1)
                pair.standby.restart()
                assert [trial.trial_id for trial in claim.result(LIMIT)] == [1, 2]
        assert look(direct, "SELECT trial_id FROM trial WHERE status = 'READY' ORDER BY trial_id") == [(1,), (2,)]
