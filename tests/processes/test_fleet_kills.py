"""Workers that are killed or paused: others take their trials over when the lease has run out, and nothing is lost."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processes import databases
from processes.claimers import SHORT, complete, pause_before_commit, pause_in_claim, run_until, write_late
from processes.fleet import GLANCE_S, POINTS, Fleet, assert_account, full_size, look, points_of, results_of
from processes.helpers import LIMIT, Child, make_experiment
from processes.workers import at
from trialstore.contract.helpers import dump
from trialstore.storage import NewTrial, SqlStorage, Status, Storage

TRIALS, PROCESSES = full_size(trials=80, processes=8)
KILLED = 0.3
"""Of all processes that were started, so many are killed …"""
LONGEST_S = 0.03
"""… at most so long after some step was acknowledged, so that it may fall into any part of the next ones."""
LEASE = dt.timedelta(seconds=1.5)
FAR = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize("where", databases.FILES_AND_SERVERS)
def test_killed_workers_lose_nothing_and_others_bring_their_trials_to_the_end(where: str, tmp_path: Path) -> None:
    chance = random.Random(where)
    creators = max(1, PROCESSES // 4)
    kills = round(PROCESSES * KILLED / (1 - KILLED))
    with databases.fresh(where, tmp_path) as configs, SqlStorage(configs[0]) as storage:
        begin = time.monotonic()
        with Fleet(tmp_path, configs, LEASE, may_lose=True) as fleet:
            fleet.start(creators, PROCESSES - creators, TRIALS)
            for _ in range(kills):
                fleet.wait_for_more(chance.randrange(1, max(2, TRIALS // kills // 2)), "started")
                time.sleep(chance.uniform(0, LONGEST_S))
                fleet.kill(chance.choice(sorted({**fleet.creators, **fleet.workers})))
            fleet.finish(storage)
            # A killed creator may have made trials in its last call, which was not acknowledged.
            assert assert_account(storage, fleet) >= fleet.made
            seconds = time.monotonic() - begin
    print(f"\n{where}: {TRIALS} trials, {PROCESSES} processes, {len(fleet.killed)} killed: {seconds:.1f} s")


@pytest.mark.parametrize("last", ["claimed", "running", "sent", "writing", "done"])
@pytest.mark.parametrize("where", databases.FILES_AND_SERVERS)
def test_a_trial_is_taken_over_from_a_killed_worker_unless_it_was_done(where: str, last: str, tmp_path: Path) -> None:
    with databases.fresh(where, tmp_path) as (config,), SqlStorage(config) as storage:
        with make_experiment(storage) as experiment:
            experiment.new_trial({}, at(0))
            with Child(run_until, config, last) as child:
                for step in ("claimed", "running", "sent", "done"):
                    if step == "done" and last == "writing":
                        child.process.join(LIMIT)  # it kills itself
                        break
                    child.hear(step)
                    if step == last:
                        break
                child.kill()
                assert child.process.exitcode == -signal.SIGKILL
            if last == "done":
                assert experiment.release_expired(FAR) == []
            else:
                assert experiment.claim_trials(2) == []
                assert take_back(experiment) == [1]
                complete(*experiment.claim_trials(2))
        fence = 1 if last == "done" else 2
        assert look(storage, "SELECT status, lease_fence, lease_ends FROM trial") == [("SUCCEEDED", fence, None)]
        results = look(storage, "SELECT metric_value FROM trial_result WHERE metric_id IN ('fence', 'score', 'worker')")
        assert {value for (value,) in results} == {"1.5", str(fence), "child"}
        claims = [1] if last == "done" else [1, 2] if last in ("sent", "writing") else [2]
        points = look(storage, "SELECT metric_id, count(*) FROM trial_telemetry GROUP BY metric_id ORDER BY metric_id")
        assert points == [(f"load {claim}", POINTS) for claim in claims]


# --- paused workers ---------------------------------------------------------------------------------------------------


@contextmanager
def paused(child: Child) -> Iterator[None]:
    """Stop a process (SIGSTOP) for the duration of a block."""
    os.kill(child.pid, signal.SIGSTOP)
    try:
        wait_until_paused(child)
        yield
    finally:
        os.kill(child.pid, signal.SIGCONT)


def wait_until_paused(child: Child) -> None:
    """Wait until a process is stopped."""
    late = time.monotonic() + LIMIT
    while Path(f"/proc/{child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < late
        time.sleep(GLANCE_S)


def take_back(experiment: Storage.Experiment) -> list[int]:
    """What is taken back as soon as a lease has run out."""
    late = time.monotonic() + LIMIT
    while not (found := experiment.release_expired()):
        assert time.monotonic() < late
        time.sleep(GLANCE_S)
    return found


@pytest.mark.parametrize("then", ["nobody has it", "another one runs it", "another one has completed it"])
@pytest.mark.parametrize("where", databases.FILES_AND_SERVERS)
def test_late_writes_of_a_paused_worker_are_refused(where: str, then: str, tmp_path: Path) -> None:
    with (
        databases.fresh(where, tmp_path) as (config,),
        SqlStorage(config) as storage,
        make_experiment(storage) as experiment,
        Child(write_late, config) as child,
    ):
        experiment.new_trial({}, at(0))
        child.tell("made")
        child.hear("running")
        with paused(child):
            child.tell("go on")
            assert take_back(experiment) == [1]
            if then != "nobody has it":
                (trial,) = experiment.claim_trials(2)
                trial.update(Status.RUNNING, at(2))
                trial.update_telemetry(Status.RUNNING, at(3), points_of(1, trial.lease_fence))
                if then == "another one has completed it":
                    trial.update(Status.SUCCEEDED, at(4), results_of(1, trial.lease_fence, "second"))
            before = dump(storage)
        refused, noticed = child.result()
        assert refused == ["LeaseLost"] * 7
        assert noticed
        assert dump(storage) == before


@pytest.mark.parametrize("where", databases.SERVERS)
def test_a_worker_that_is_paused_while_it_writes_holds_up_nobody_else(where: str, tmp_path: Path) -> None:
    with (
        databases.fresh(where, tmp_path) as (config,),
        SqlStorage({**config, "busy_timeout": 1, "retry_timeout": 2}) as storage,
    ):
        with make_experiment(storage) as experiment:
            experiment.new_trials([NewTrial({}, at(0)) for _ in range(3)])
            with Child(pause_before_commit, config) as child:
                child.hear("claimed")
                wait_until_paused(child)
                time.sleep(SHORT.total_seconds())
                # Its lease has run out, but its row is still locked by the open transaction.
                assert experiment.release_expired() == []
                others = experiment.claim_trials(2, limit=9)
                assert [trial.trial_id for trial in others] == [2, 3]
                assert experiment.new_trial({}).trial_id == 4
                for trial in others:
                    trial.update(Status.SUCCEEDED, at(9), {"score": 1.0})
                os.kill(child.pid, signal.SIGCONT)
                child.result()
            assert experiment.release_expired() == []
        assert look(storage, "SELECT trial_id, status FROM trial ORDER BY trial_id")[0] == (1, "SUCCEEDED")


@pytest.mark.parametrize("where", databases.SERVERS)
def test_a_claim_that_is_under_way_hides_only_what_it_takes(where: str, tmp_path: Path) -> None:
    with (
        databases.fresh(where, tmp_path) as (config,),
        SqlStorage({**config, "busy_timeout": 1, "retry_timeout": 2}) as storage,
        make_experiment(storage) as experiment,
        Child(pause_in_claim, config) as child,
    ):
        experiment.new_trials([NewTrial({}, at(0)) for _ in range(3)])
        child.tell("made")
        wait_until_paused(child)
        assert [trial.trial_id for trial in experiment.claim_trials(2)] == [2]
        assert [trial.trial_id for trial in experiment.claim_trials(3, limit=9)] == [3]
        os.kill(child.pid, signal.SIGCONT)
        assert child.result() == [1]
