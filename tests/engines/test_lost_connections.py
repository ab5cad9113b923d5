"""Connections that an administrator, or a server's end, cuts off: nothing is lost, and nothing written twice."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest

from engines.databases import Database, needs_private, on_servers, refusal
from engines.test_waiting import config_of, in_each_mode
from trialstore.contract.helpers import ask, at, finish, make_experiment
from trialstore.sql.session import Session
from trialstore.storage import CommitUnknown, ServerUnreachable, SqlStorage, Status, StorageError

CONNECTION_ID = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
SLEEP = {"postgresql": "SELECT pg_sleep(3)", "mysql": "SELECT sleep(3)"}
ROW = {"description": "", "root_env_config": "", "git_repo": "", "git_commit": ""}


@in_each_mode
def test_a_connection_that_was_ended_between_calls_is_replaced(database: Database, pooled: bool) -> None:
    with SqlStorage(config_of(database, pooled)) as storage:
        experiment = make_experiment(storage).__enter__()
        assert database.end_connections()
        assert experiment.new_trial({}).trial_id == 2
        assert database.end_connections()
        assert len(storage.experiments["Exp"].trials) == 2


@in_each_mode
@pytest.mark.parametrize("write", [False, True])
def test_a_transaction_whose_connection_is_ended_runs_again(database: Database, pooled: bool, write: bool) -> None:
    attempts = []

    def function(tx: Session) -> int:
        attempts.append(1)
        if write:
            assert tx.count("experiment_insert", exp_id="First", **ROW) == 1
        assert tx.one("experiment_get", exp_id="Exp") is not None
        if len(attempts) == 1:
            assert database.end_connections()
        return len(tx.many("experiment_list"))

    with SqlStorage(config_of(database, pooled)) as storage:
        run = storage.database.write if write else storage.database.read
        assert run(function) == (2 if write else 1)
        assert len(attempts) == 2
        assert list(storage.experiments) == (["Exp", "First"] if write else ["Exp"])


@on_servers
def test_when_one_connection_was_lost_the_others_of_the_pool_are_not_tried(database: Database) -> None:
    attempts = []

    def function(tx: Session) -> None:
        attempts.append(1)
        assert tx.one("experiment_get", exp_id="Exp") is not None

    with SqlStorage(database.filled()) as storage:
        with ExitStack() as at_once:
            for _ in range(4):
                at_once.enter_context(storage.database.session())
        assert database.end_connections() == 4
        storage.database.read(function)
        assert len(attempts) <= 1
        # And one that was in use meanwhile is given up when it comes back.
        with storage.database.session() as busy:
            with storage.database.session() as other:
                other.statements.losses += 1
            old = ask(busy, CONNECTION_ID[database.server.engine])
        with storage.database.session() as new:
            assert ask(new, CONNECTION_ID[database.server.engine]) != old


class Alarm(Exception):
    """What an application raises when its time is up."""


@on_servers
def test_a_connection_whose_answer_the_application_did_not_wait_for_is_not_used_again(database: Database) -> None:
    def ring(_number: int, _frame: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with SqlStorage(database.filled()) as storage:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(Alarm):
                storage.database.write(lambda tx: tx.run_migration(SLEEP[database.server.engine], "sleep"))
            assert list(storage.experiments) == ["Exp"]
            assert storage.experiments["Exp"].trials.keys() == {1}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@on_servers
def test_a_connection_that_is_lost_at_the_commit_leaves_the_outcome_open(database: Database) -> None:
    attempts = []

    def function(tx: Session) -> None:
        attempts.append(1)
        tx.count("experiment_insert", exp_id="New", **ROW)
        database.end_connections()

    with SqlStorage(database.filled()) as storage:
        error = refusal(lambda: storage.database.write(function))
        assert type(error) is CommitUnknown
        assert error.hint
        assert attempts == [1]
        assert list(storage.experiments) == ["Exp"]


@on_servers
@pytest.mark.parametrize("immediate", [True, False], ids=["crash", "in good order"])
def test_a_server_that_is_restarted_between_calls_is_found_again(database: Database, immediate: bool) -> None:
    needs_private(database.server)
    with SqlStorage(database.filled()) as storage:
        experiment = make_experiment(storage).__enter__()
        trial = finish(experiment.new_trial({}))
        database.server.restart(immediate=immediate)
        assert experiment.new_trial({}).trial_id == 3
        assert storage.experiments["Exp"].trials[2].results_dict == {"score": 1.5}
        trial.update_telemetry(Status.SUCCEEDED, at(20), [(at(1), "cpu", 1)])


@on_servers
@pytest.mark.usefixtures("short_waits")
def test_a_server_that_is_down_is_told_and_used_again_when_it_is_back(database: Database) -> None:
    needs_private(database.server)
    with SqlStorage({**database.filled(), "retry_timeout": 1}) as storage:
        experiment = make_experiment(storage).__enter__()
        database.server.kill()
        try:
            for call in (lambda: experiment.new_trial({}), lambda: storage.experiments):
                error: StorageError = refusal(call)
                assert type(error) is ServerUnreachable
                assert error.hint
        finally:
            database.server.restart()
        assert experiment.new_trial({}).trial_id == 2
        assert len(storage.experiments["Exp"].trials) == 2
