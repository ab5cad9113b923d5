"""Connections that are cut at any moment, also between a commit and its answer: every call has its effect once."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import servers
from processes import databases
from processes.fleet import GLANCE_S, Fleet, assert_account, full_size, look, points_of, results_of
from processes.helpers import make_experiment
from processes.workers import at, tunables_of
from servers.proxy import Cut, Faults, Proxy
from trialstore.contract.helpers import dump
from trialstore.dialects.columns import Columns
from trialstore.dialects.errors import ErrorKind
from trialstore.storage import LeaseLost, NewTrial, QueryError, SqlStorage, Status, Storage
from trialstore.storage.writing import gathering
from trialstore.storage.writing.contexts import current_context

TRIALS, PROCESSES = full_size(trials=60, processes=6)
HOUR = dt.timedelta(hours=1)
TICK = dt.timedelta(microseconds=1)
PER_MESSAGE = {"postgresql": 0.015, "mysql": 0.05}
"""How likely a message is cut; PostgreSQL needs five for a statement."""


@pytest.mark.parametrize("where", databases.SERVERS)
def test_a_fleet_whose_connections_are_cut_at_random_does_everything_once(where: str, tmp_path: Path) -> None:
    """Nobody loses a lease, and nobody is told that what he has done was done by another one: a worker would fail."""
    creators = max(1, PROCESSES // 3)
    faults = Faults(seed=6, message=0.01, commit_request=0.03, commit_answer=0.05)
    with (
        databases.fresh(where, tmp_path) as (config,),
        SqlStorage(config) as storage,
        Proxy(servers.require(where)) as proxy,
        Fleet(tmp_path, [proxy.config(config["database"])]) as fleet,
    ):
        fleet.start(creators, PROCESSES - creators, TRIALS)
        fleet.wait_for_all()  # a server that never answered is not waited for
        proxy.faults = faults
        fleet.finish(storage)
        assert fleet.made == TRIALS
        assert assert_account(storage, fleet) == TRIALS
        cuts = dict(proxy.cuts)
    assert {Cut.COMMIT_ANSWER, Cut.COMMIT_REQUEST} <= cuts.keys()
    assert cuts.keys() & {Cut.REQUEST, Cut.ANSWER}
    print(f"\n{where}: {TRIALS} trials, {PROCESSES} processes, {sum(cuts.values())} cuts")


# --- exactly at the commit --------------------------------------------------------------------------------------------


@dataclass
class Cutting:
    """A storage behind a proxy, and the same database past it; `experiment` has four trials, 3 and 4 are claimed."""

    where: str
    config: dict[str, Any]
    proxy: Proxy
    direct: SqlStorage
    storage: SqlStorage
    experiment: Storage.Experiment
    held: Storage.Trial
    """Trial 3, under a lease for an hour."""
    ended: Storage.Trial
    """Trial 4, whose lease has ended."""

    def look(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement, past the proxy."""
        return look(self.direct, sql)

    def when_lost(self, then: Callable[[], Any]) -> None:
        """Let others do something between the loss of the next connection and the next attempt."""
        dialect = self.storage.database.dialect

        def lost(connection: Any) -> None:
            del dialect.connection_lost  # type: ignore[method-assign]
            dialect.connection_lost(connection)
            then()

        dialect.connection_lost = lost  # type: ignore[method-assign]


@pytest.fixture(params=databases.SERVERS)
def cutting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cutting]:
    """A storage whose connection has read and written already, and knows that the server is there."""
    with ExitStack() as stack:
        (config,) = stack.enter_context(databases.fresh(request.param, tmp_path))
        proxy = stack.enter_context(Proxy(servers.require(request.param)))
        direct = stack.enter_context(SqlStorage(config))
        storage = stack.enter_context(SqlStorage(proxy.config(config["database"])))
        experiment = stack.enter_context(make_experiment(storage))
        experiment.new_trials([NewTrial({}, at(second), {"n": 1}) for second in (2, 3, 0, 1)])
        (held,) = experiment.claim_trials(1, lease=HOUR)
        (ended,) = experiment.claim_trials(1, lease=TICK)
        current_context(storage.database)  # else the first start would commit twice
        time.sleep(0.002)  # of two events in one tick of the database's clock the later one stands
        yield Cutting(request.param, config, proxy, direct, storage, experiment, held, ended)


def new_trial(on: Cutting) -> None:
    trial = on.experiment.new_trial(tunables_of(7), at(0), {"a": 1, "b": 2})
    assert (trial.trial_id, trial.status, trial.tunables) == (5, Status.PENDING, tunables_of(7))
    assert on.look("SELECT max(config_id) FROM config") == [(trial.tunable_config_id,)]
    assert on.experiment.new_trial({}).trial_id == 6


def new_trials(on: Cutting) -> None:
    trials = on.experiment.new_trials([NewTrial(tunables_of(n), at(0), {"n": n}) for n in (7, 8, 7)])
    assert [trial.trial_id for trial in trials] == [5, 6, 7]
    assert [trial.tunables["size"] for trial in trials] == [7, 8, 7]
    assert trials[0].tunable_config_id == trials[2].tunable_config_id != trials[1].tunable_config_id
    assert on.experiment.trial_id == 8


def claim_trials(on: Cutting) -> None:
    trials = on.experiment.claim_trials(9, limit=1, lease=HOUR)
    assert [(trial.trial_id, trial.lease_fence, trial.config()["n"]) for trial in trials] == [(1, 1, 1)]
    assert on.look("SELECT trial_id FROM trial WHERE trial_runner_id = 9") == [(1,)]
    trials[0].update(Status.RUNNING, at(1))


def update_to_running(on: Cutting) -> None:
    on.held.update(Status.RUNNING, at(5))
    assert on.held.status is Status.RUNNING
    assert on.look("SELECT status FROM trial WHERE trial_id = 3") == [("RUNNING",)]


def update_to_running_somewhere_else(on: Cutting) -> None:
    with mock.patch.object(gathering, "gathered", return_value={"host_name": "another host"}):
        on.held.update(Status.RUNNING, at(5))
    assert on.look("SELECT t.status, v.key_value FROM trial t JOIN context_value v ON v.context_id = t.context_id") == [
        ("RUNNING", "another host")
    ]


def update_to_succeeded(on: Cutting) -> None:
    assert on.held.update(Status.SUCCEEDED, at(5), results_of(3, 1, "me")) == results_of(3, 1, "me")
    assert on.look("SELECT status, lease_ends FROM trial WHERE trial_id = 3") == [("SUCCEEDED", None)]
    assert on.experiment.load()[2] == [results_of(3, 1, "me")]


def update_unclaimed_to_failed(on: Cutting) -> None:
    trial = on.experiment.get_trial_by_id(1)
    assert trial is not None
    trial.update(Status.FAILED, at(5), {"exit": 1})
    assert on.look("SELECT metric_id, metric_value FROM trial_result") == [("exit", "1")]


def update_telemetry(on: Cutting) -> None:
    on.held.update_telemetry(Status.RUNNING, at(6), points_of(3, 1))
    assert [value for _, _, value in on.experiment.load_telemetry(3)] == [value for _, _, value in points_of(3, 1)]


def add_new_config_data(on: Cutting) -> None:
    on.held.add_new_config_data({"host": "a", "list": [1]})
    assert on.held.config()["list"] == [1]
    again = on.experiment.get_trial_by_id(3)
    assert again is not None
    assert (again.config()["host"], again.config()["list"], again.config()["n"]) == ("a", [1], 1)


def set_trial_runner(on: Cutting) -> None:
    trial = on.experiment.get_trial_by_id(2)
    assert trial is not None
    assert trial.set_trial_runner(8) == trial.trial_runner_id == 8
    assert on.look("SELECT trial_runner_id FROM trial WHERE trial_id = 2") == [(8,)]


def renew_lease(on: Cutting) -> None:
    before = on.look("SELECT lease_ends FROM trial WHERE trial_id = 4")
    on.ended.renew_lease(HOUR)
    assert before < on.look("SELECT lease_ends FROM trial WHERE trial_id = 4")
    assert on.experiment.release_expired() == []


def release_lease(on: Cutting) -> None:
    on.held.release_lease()
    assert (on.held.status, on.held.lease_fence) == (Status.PENDING, None)
    assert on.look("SELECT status, trial_runner_id, lease_ends FROM trial WHERE trial_id = 3") == [
        ("PENDING", None, None)
    ]


def release_expired(on: Cutting) -> None:
    assert on.experiment.release_expired() == [4]
    assert on.look("SELECT status, trial_runner_id, lease_ends FROM trial WHERE trial_id = 4") == [
        ("PENDING", None, None)
    ]


def enter_new_experiment(on: Cutting) -> None:
    targets: Any = {"score": "min", "cost": "max"}
    with make_experiment(on.storage, experiment_id="Other", opt_targets=targets, opt_weights={"cost": 2.0}) as other:
        assert other.trial_id == 1
    assert on.look("SELECT optimization_target FROM objectives WHERE exp_id = 'Other' ORDER BY 1") == [
        ("cost",),
        ("score",),
    ]


# Call → how many rows it adds to which tables.
CALLS: dict[Callable[[Cutting], None], dict[str, int]] = {
    new_trial: {"trial": 2, "config": 1, "config_param": 3, "trial_param": 2},
    new_trials: {"trial": 3, "config": 2, "config_param": 6, "trial_param": 3},
    claim_trials: {"trial_status": 2},
    update_to_running: {"trial_status": 1},
    update_to_running_somewhere_else: {"trial_status": 1, "context": 1, "context_value": 1},
    update_to_succeeded: {"trial_status": 1, "trial_result": 3},
    update_unclaimed_to_failed: {"trial_status": 1, "trial_result": 1},
    update_telemetry: {"trial_status": 1, "trial_telemetry": 5},
    add_new_config_data: {"trial_param": 2},
    set_trial_runner: {},
    renew_lease: {},
    release_lease: {"trial_status": 1},
    release_expired: {"trial_status": 1},
    enter_new_experiment: {"experiment": 1, "objectives": 2},
}


def rows_added(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, int]:
    """How many rows each table has more."""
    added = {table: len(rows) - len(before[table]) for table, rows in after.items()}
    return {table: count for table, count in added.items() if count}


@pytest.mark.parametrize("where", [Cut.COMMIT_ANSWER, Cut.COMMIT_REQUEST], ids=lambda where: where.name.lower())
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_call_whose_commit_is_not_answered_returns_and_has_its_effect_once(
    call: Callable[[Cutting], None], where: Cut, cutting: Cutting, caplog: pytest.LogCaptureFixture
) -> None:
    before = dump(cutting.direct)
    cutting.proxy.cut_next_commit(where)
    call(cutting)
    assert cutting.proxy.cuts == {where: 1}
    assert rows_added(before, dump(cutting.direct)) == CALLS[call]
    # Nobody is told that another one was faster.
    assert [record for record in caplog.records if record.name.startswith("trialstore")] == []


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_call_whose_commit_is_not_answered_three_times(call: Callable[[Cutting], None], cutting: Cutting) -> None:
    before = dump(cutting.direct)
    for where in (Cut.COMMIT_REQUEST, Cut.COMMIT_ANSWER, Cut.COMMIT_ANSWER):
        cutting.proxy.cut_next_commit(where)
    call(cutting)
    assert cutting.proxy.cuts == {Cut.COMMIT_REQUEST: 1, Cut.COMMIT_ANSWER: 2}
    assert rows_added(before, dump(cutting.direct)) == CALLS[call]


# --- others are faster than the next attempt --------------------------------------------------------------------------


def test_a_lease_that_was_given_back_may_be_another_ones_by_then(cutting: Cutting) -> None:
    with make_experiment(cutting.direct) as experiment:
        cutting.when_lost(lambda: taken.extend(experiment.claim_trials(5, limit=9)))
        taken: list[Storage.Trial] = []
        cutting.proxy.cut_next_commit(Cut.COMMIT_ANSWER)
        cutting.held.release_lease()
        assert [trial.trial_id for trial in taken] == [3, 1, 2]
        assert cutting.held.lease_fence is None
        taken[0].update(Status.SUCCEEDED, at(9), {"score": 1.0})


def test_the_result_of_another_one_is_not_taken_for_ones_own(cutting: Cutting) -> None:
    """The commit never arrived, and who took the trial over completed it with the same status and time."""

    def take_over() -> None:
        with make_experiment(cutting.direct) as experiment:
            assert 3 in experiment.release_expired(dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc))
            experiment.claim_trials(5)[0].update(Status.SUCCEEDED, at(9), {"score": 2.0})

    cutting.when_lost(take_over)
    cutting.proxy.cut_next_commit(Cut.COMMIT_REQUEST)
    with pytest.raises(LeaseLost):
        cutting.held.update(Status.SUCCEEDED, at(9), {"score": 1.0})
    assert cutting.look("SELECT metric_value FROM trial_result") == [("2.0",)]


def test_a_trial_whose_commit_was_not_answered_is_found_below_those_of_others(cutting: Cutting) -> None:
    with make_experiment(cutting.direct) as experiment:
        cutting.when_lost(lambda: experiment.new_trials([{}, {}]))
        cutting.proxy.cut_next_commit(Cut.COMMIT_ANSWER)
        assert cutting.experiment.new_trial({}).trial_id == 5
        cutting.when_lost(lambda: experiment.new_trials([{}, {}]))
        cutting.proxy.cut_next_commit(Cut.COMMIT_REQUEST)
        assert cutting.experiment.new_trial({}).trial_id == 10
        assert cutting.experiment.trial_id == 11
    assert cutting.look("SELECT count(*) FROM trial") == [(10,)]


def test_what_was_claimed_is_found_beside_the_claims_of_others(cutting: Cutting) -> None:
    with make_experiment(cutting.direct) as experiment:
        cutting.when_lost(lambda: experiment.claim_trials(5, limit=9))
        cutting.proxy.cut_next_commit(Cut.COMMIT_ANSWER)
        (trial,) = cutting.experiment.claim_trials(9)
        assert (trial.trial_id, trial.lease_fence) == (1, 1)
        trial.update(Status.RUNNING, at(1))


# --- anywhere else ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_calls_go_on_when_connections_are_cut_at_any_message(seed: int, cutting: Cutting) -> None:
    cutting.held.update(Status.RUNNING, at(5))
    cutting.proxy.faults = Faults(seed, message=PER_MESSAGE[cutting.where])
    for number in range(5, 15):
        assert cutting.experiment.new_trial(tunables_of(number), at(60)).trial_id == number
        cutting.held.update_telemetry(Status.RUNNING, at(number), [(at(number), "load", number)])
        cutting.held.renew_lease(HOUR)
    cutting.held.update(Status.SUCCEEDED, at(99), {"score": 1.0})
    cutting.proxy.faults = Faults()
    assert [value for _, _, value in cutting.experiment.load_telemetry(3)] == list(range(5, 15))
    assert cutting.look("SELECT count(*) FROM trial") == [(14,)]
    assert cutting.look("SELECT metric_value FROM trial_result") == [("1.0",)]
    assert sum(cutting.proxy.cuts.values()) > 0


def long_stream(on: Cutting) -> Generator[Any, None, None]:
    """Telemetry of trial 3, of which more is on its way than the connection can hold; one batch was taken."""
    pytest.importorskip("pyarrow", reason="streams need the extra 'arrow'")
    on.held.update_telemetry(Status.RUNNING, at(1), [(at(number), "text", "x" * 60_000) for number in range(400)])
    stream = on.storage.experiments["Shared"].trials[3].telemetry_batches(10)
    assert next(stream).num_rows == 10
    return stream


def test_a_stream_that_breaks_off_says_why(cutting: Cutting) -> None:
    """What else the driver then has to say, which has lost its place in the answer, hides nothing of that."""
    stream = long_stream(cutting)
    assert cutting.proxy.cut_all() == 1
    with pytest.raises(QueryError) as caught:
        list(stream)
    assert caught.value.kind is ErrorKind.DISCONNECTED
    assert caught.value.__context__ is caught.value.__cause__ is None
    assert len(cutting.experiment.load_telemetry(3)) == 400


def test_an_interrupt_in_a_stream_stays_one(cutting: Cutting, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    stream = long_stream(cutting)
    monkeypatch.setattr(Columns, "arrow_times", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    assert len(cutting.experiment.load_telemetry(3)) == 400


def test_a_stream_that_nobody_reads_on_ends_quietly_though_its_connection_is_cut(cutting: Cutting) -> None:
    stream = long_stream(cutting)
    assert cutting.proxy.cut_all() == 1
    stream.close()
    assert len(cutting.experiment.load_telemetry(3)) == 400


def test_reading_goes_on_when_all_connections_are_cut(cutting: Cutting) -> None:
    cutting.held.update(Status.SUCCEEDED, at(5), {"score": 1.0})
    for _ in range(5):
        assert cutting.proxy.cut_all() == 1
        time.sleep(GLANCE_S)
        assert cutting.experiment.load()[0] == [3]
        assert list(cutting.storage.experiments) == ["Shared"]
