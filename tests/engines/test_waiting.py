"""Rows that other transactions hold: waited for as long as 'busy_timeout' says, and deadlocks resolved by trying
again."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from engines.databases import SERVERS, Config, Database, engines, refusal
from servers import pgbouncer
from trialstore.contract.helpers import ask, at, dump, finish, make_experiment, start_elsewhere
from trialstore.dialects.errors import ErrorKind
from trialstore.sql.session import Session
from trialstore.storage import Busy, QueryError, SqlStorage, Status

WAIT = 60
"""Longest wait for anything, in seconds; what takes longer hangs."""

MODES = [
    pytest.param(engine, pooled, id=name, marks=pytest.mark.engine(engine))
    for engine, pooled, name in (("postgresql", False, "postgresql"), ("postgresql", True, "pgbouncer"))
] + [pytest.param("mysql", False, id="mysql", marks=pytest.mark.engine("mysql"))]
in_each_mode = pytest.mark.parametrize(("engine", "pooled"), MODES)


def config_of(database: Database, pooled: bool, **more: Any) -> Config:
    """The config of a filled database, through the pooler or not."""
    direct = database.filled()
    return {**(pgbouncer.require().config(database.name) if pooled else direct), **more}


@in_each_mode
@pytest.mark.usefixtures("two_attempts")
def test_a_row_that_another_transaction_holds_is_waited_for_and_then_told(database: Database, pooled: bool) -> None:
    with SqlStorage(config_of(database, pooled, busy_timeout=1)) as storage, database.other() as other:
        experiment = make_experiment(storage).__enter__()
        trial = experiment.get_trial_by_id(1)
        assert trial is not None
        start_elsewhere(storage)
        before = dump(storage)
        other("BEGIN")
        other("UPDATE trial SET trial_runner_id = 7")
        error = refusal(lambda: trial.update(Status.RUNNING, at(1)))
        assert type(error) is Busy
        assert error.kind is ErrorKind.BUSY
        assert "busy_timeout" in error.hint
        other("ROLLBACK")
        assert dump(storage) == before
        trial.update(Status.RUNNING, at(1))


@in_each_mode
@pytest.mark.usefixtures("two_attempts")
def test_what_was_written_before_the_wait_is_undone(database: Database, pooled: bool) -> None:
    new = {"exp_id": "New", "description": "", "root_env_config": "", "git_repo": "", "git_commit": ""}

    def write(tx: Session) -> None:
        assert tx.count("experiment_insert", **new) == 1
        tx.execute("trial_set_runner", exp_id="Exp", trial_id=1, trial_runner_id=3)

    with SqlStorage(config_of(database, pooled, busy_timeout=1)) as storage:
        with database.other() as other:
            other("BEGIN")
            other("UPDATE trial SET status = status")
            assert type(refusal(lambda: storage.database.write(write))) is Busy
            assert list(storage.experiments) == ["Exp"]
            # Nothing is left locked by what was undone.
            other("DELETE FROM experiment WHERE exp_id = 'New'")
            other("COMMIT")
        storage.database.write(write)
        assert list(storage.experiments) == ["Exp", "New"]


@in_each_mode
def test_a_writer_that_ends_in_time_is_waited_for(database: Database, pooled: bool) -> None:
    with SqlStorage(config_of(database, pooled, busy_timeout=WAIT)) as storage, database.other() as other:
        trial = make_experiment(storage).__enter__().get_trial_by_id(1)
        assert trial is not None
        other("BEGIN")
        other("UPDATE trial SET trial_runner_id = 7")
        thread = threading.Thread(target=finish, args=(trial,))
        thread.start()
        while not database.admin(WAITING[database.server.engine]):
            assert thread.is_alive()
        other("COMMIT")
        thread.join(WAIT)
        stored = storage.experiments["Exp"].trials[1]
        assert (stored.status, stored.results_dict) == (Status.SUCCEEDED, {"score": 1.5})


WAITING = {
    "postgresql": "SELECT 1 FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


@in_each_mode
def test_readers_do_not_wait_for_writers(database: Database, pooled: bool) -> None:
    with SqlStorage(config_of(database, pooled, busy_timeout=WAIT)) as storage, database.other() as other:
        other("BEGIN")
        other("UPDATE trial SET trial_runner_id = 7")
        other("UPDATE experiment SET description = 'half'")
        assert storage.experiments["Exp"].description == "a test"
        assert len(storage.experiments["Exp"].trials) == 1
        other("ROLLBACK")


class Crossing:
    """Two writes that take two rows in opposite orders, each when the other one has its first."""

    def __init__(self, storage: SqlStorage) -> None:
        self.attempts = [0, 0]
        self.kinds: list[ErrorKind] = []
        self.database = storage.database
        self._first_rows_taken = threading.Barrier(2, timeout=WAIT)

    def run(self) -> None:
        threads = [threading.Thread(target=self._write, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)

    def _write(self, number: int) -> None:
        trials = (1, 2) if number == 0 else (2, 1)

        def write(tx: Session) -> None:
            self.attempts[number] += 1
            try:
                tx.execute("trial_set_runner", exp_id="Exp", trial_id=trials[0], trial_runner_id=number)
                if self.attempts[number] == 1:
                    self._first_rows_taken.wait()
                tx.execute("trial_set_runner", exp_id="Exp", trial_id=trials[1], trial_runner_id=number)
            except QueryError as error:
                self.kinds.append(error.kind)
                raise

        self.database.write(write)


@in_each_mode
def test_a_deadlock_is_resolved_by_trying_again(database: Database, pooled: bool) -> None:
    with SqlStorage(config_of(database, pooled, busy_timeout=WAIT)) as storage:
        with make_experiment(storage) as experiment:
            experiment.new_trial({})
        crossing = Crossing(storage)
        crossing.run()
        assert crossing.kinds == [ErrorKind.DEADLOCK]
        assert sorted(crossing.attempts) == [1, 2]
        runners = [row[0] for row in database.admin("SELECT trial_runner_id FROM trial ORDER BY trial_id")]
        last = crossing.attempts.index(2)
        assert runners == [last, last]


@engines("postgresql")
def test_a_serialization_failure_is_resolved_by_trying_again(database: Database) -> None:
    """Where the administrator, or a distributed server, makes every transaction serializable."""
    config = database.filled()
    attempts = []
    with SqlStorage(config) as storage, database.other() as other:

        def write(tx: Session) -> None:
            attempts.append(1)
            tx.run_migration("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "stricter")
            tx.many("experiment_list")
            if len(attempts) == 1:
                other("UPDATE trial SET status = status")
            tx.execute("trial_set_runner", exp_id="Exp", trial_id=1, trial_runner_id=3)

        storage.database.write(write)
        assert len(attempts) == 2


@engines(*SERVERS)
@pytest.mark.parametrize("seconds", [0, 0.2, 86_400])
def test_a_direct_connection_bounds_its_waits(database: Database, seconds: float) -> None:
    with SqlStorage(database.config(busy_timeout=seconds)) as storage:
        with storage.database.session() as session:
            ((told,),) = ask(session, BOUNDS[database.server.engine])
        assert told == EXPECTED[database.server.engine](seconds)


BOUNDS = {
    "postgresql": "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'",
    "mysql": "SELECT concat(@@innodb_lock_wait_timeout, ' ', @@lock_wait_timeout)",
}
EXPECTED = {
    "postgresql": lambda seconds: str(max(1, round(seconds * 1000))),
    "mysql": lambda seconds: f"{max(1, round(seconds))} {max(1, round(seconds))}",
}
