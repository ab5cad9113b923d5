"""Connections as the server counts them: none leaks, and one that the server has ended is no trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import servers
from processes import databases
from processes.fleet import GLANCE_S, look, points_of, results_of
from processes.helpers import LIMIT, checked_out, make_experiment
from processes.workers import at, nobody, run_trial
from servers import DatabaseServer
from servers.proxy import Proxy
from trialstore.sql.session import Session
from trialstore.storage import NewTrial, SqlStorage, Status, Storage, StorageError

POOL = 5
"""Connections that stay open, of all those that were needed at once."""
LIST = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'trialstore'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = %s",
}
END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


@dataclass
class Served:
    """A storage, and what its server knows of it."""

    server: DatabaseServer
    database: str
    storage: SqlStorage
    experiment: Storage.Experiment

    def connections(self) -> list[int]:
        """The ids of the library's connections to the database."""
        return [row[0] for row in self.server.admin(LIST[self.server.engine], self.database)]

    def wait_for(self, count: int) -> None:
        """Wait until there are so many: a server takes a moment to notice that a client has gone."""
        late = time.monotonic() + LIMIT
        while len(found := self.connections()) != count:
            assert time.monotonic() < late, f"{len(found)} connections instead of {count}"
            time.sleep(GLANCE_S)

    def fill_pool(self) -> None:
        """Use as many connections at once as stay open."""
        barrier = threading.Barrier(POOL)

        def read(tx: Session) -> Any:
            barrier.wait(LIMIT)
            return tx.one("experiment_get", exp_id="Shared")

        in_threads(POOL, lambda _: self.storage.database.read(read))
        self.wait_for(POOL)

    def end_all(self) -> None:
        """Let the server end all of them, as an administrator or a timeout does."""
        for number in self.connections():
            self.server.admin(END[self.server.engine].format(number))
        self.wait_for(0)


def in_threads(count: int, call: Callable[[int], Any]) -> None:
    """Run a call in so many threads at once; it must not raise."""
    returned: list[int] = []

    def run(number: int) -> None:
        call(number)
        returned.append(number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(returned) == count


@pytest.fixture(params=databases.SERVERS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """An experiment with nine trials that are due."""
    with ExitStack() as stack:
        (config,) = stack.enter_context(databases.fresh(request.param, tmp_path))
        storage = stack.enter_context(SqlStorage(config))
        experiment = stack.enter_context(make_experiment(storage))
        experiment.new_trials([NewTrial({}, at(0), {"n": 1}) for _ in range(9)])
        yield Served(servers.require(request.param), config["database"], storage, experiment)


def test_many_calls_in_many_threads_leave_no_more_than_the_pool(served: Served) -> None:
    for _ in range(2):
        in_threads(12, lambda number: [run_trial(served.experiment, number, nobody) for _ in range(5)])
        assert len(served.connections()) <= POOL + 12
        late = time.monotonic() + LIMIT
        while len(served.connections()) > POOL:
            assert time.monotonic() < late
            time.sleep(GLANCE_S)
        assert checked_out(served.storage) == 0
    served.storage.dispose()
    served.wait_for(0)
    assert len(served.experiment.load()[0]) == 2 * 12 * 5  # it opens a new one
    served.wait_for(1)
    served.storage.dispose()
    served.wait_for(0)


def test_refused_calls_leave_nothing_open(served: Served) -> None:
    done, lost = served.experiment.claim_trials(1, limit=2)
    done.update(Status.SUCCEEDED, at(1), {"score": 1.0})
    free = served.experiment.get_trial_by_id(lost.trial_id)
    assert free is not None
    lost_copy = served.experiment.get_trial_by_id(lost.trial_id)
    assert lost_copy is not None
    gone = make_experiment(served.storage, experiment_id="never entered")
    refused: list[Callable[[], Any]] = [
        lambda: done.update(Status.SUCCEEDED, at(2), {"score": 1.0}),
        done.renew_lease,
        lambda: free.update(Status.RUNNING, at(2)),
        lambda: free.add_new_config_data({"n": 2}),
        lambda: lost.add_new_config_data({"n": 2}),
        lambda: gone.new_trial({}),
        lambda: served.storage.database.write(lambda tx: tx.count("experiment_insert", exp_id="x" * 70_000, **HEAD)),
    ]
    for _ in range(10):
        for call in refused:
            with pytest.raises(StorageError):
                call()
    assert checked_out(served.storage) == 0
    assert len(served.connections()) == 1
    idle = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state <> 'idle'",
        "mysql": "SELECT count(*) FROM information_schema.innodb_trx AS t JOIN information_schema.processlist AS p "
        "ON p.id = t.trx_mysql_thread_id WHERE p.db = %s",
    }
    assert served.server.admin(idle[served.server.engine], served.database) == [(0,)]


HEAD = {"description": "", "root_env_config": "", "git_repo": "", "git_commit": ""}


def test_cut_connections_are_given_up_on_both_sides(served: Served) -> None:
    with Proxy(served.server) as proxy, SqlStorage(proxy.config(served.database)) as storage:
        served.storage.dispose()
        through = Served(served.server, served.database, storage, served.experiment)
        with make_experiment(storage) as experiment:
            for number in range(1, 6):
                through.fill_pool()
                assert proxy.cut_all() == POOL
                assert experiment.new_trial({}).trial_id == 9 + number
            assert checked_out(storage) == 0
        storage.dispose()
        through.wait_for(0)


# --- connections that the server has ended ----------------------------------------------------------------------------


def load(served: Served, _trial: Storage.Trial) -> None:
    assert served.experiment.load()[0] == []


def new_trial(served: Served, _trial: Storage.Trial) -> None:
    assert served.experiment.new_trial({}).trial_id == 10
    assert look(served.storage, "SELECT count(*) FROM trial") == [(10,)]


def claim(served: Served, _trial: Storage.Trial) -> None:
    assert [trial.trial_id for trial in served.experiment.claim_trials(7, limit=2)] == [2, 3]
    assert look(served.storage, "SELECT count(*) FROM trial WHERE trial_runner_id = 7") == [(2,)]


def complete(served: Served, trial: Storage.Trial) -> None:
    trial.update(Status.SUCCEEDED, at(5), results_of(1, 1, "me"))
    assert served.experiment.load()[2] == [results_of(1, 1, "me")]


def telemetry(served: Served, trial: Storage.Trial) -> None:
    trial.update_telemetry(Status.RUNNING, at(5), points_of(1, 1))
    assert len(served.experiment.load_telemetry(1)) == len(points_of(1, 1))


def renew(_served: Served, trial: Storage.Trial) -> None:
    trial.renew_lease()


@pytest.mark.parametrize("call", [load, new_trial, claim, complete, telemetry, renew], ids=lambda call: call.__name__)
def test_the_next_call_works_when_the_server_has_ended_all_connections(
    call: Callable[[Served, Storage.Trial], None], served: Served
) -> None:
    (trial,) = served.experiment.claim_trials(1)
    served.fill_pool()
    served.end_all()
    call(served, trial)
    assert checked_out(served.storage) == 0
    assert 1 <= len(served.connections()) <= POOL


def test_calls_in_many_threads_work_while_the_server_ends_connections(served: Served) -> None:
    stop = threading.Event()

    def end_some() -> None:
        while not stop.wait(GLANCE_S):
            for number in served.connections()[::2]:
                with suppress(Exception):  # it may have gone by itself
                    served.server.admin(END[served.server.engine].format(number))

    thread = threading.Thread(target=end_some, daemon=True)
    thread.start()
    try:
        in_threads(4, lambda number: [run_trial(served.experiment, number, nobody) for _ in range(5)])
    finally:
        stop.set()
        thread.join(LIMIT)
    assert len(served.experiment.load()[0]) == 20
    assert look(served.storage, "SELECT count(*), max(trial_id) FROM trial") == [(29, 29)]
    assert checked_out(served.storage) == 0
