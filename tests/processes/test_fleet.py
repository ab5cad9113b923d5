"""Many processes create, claim, run and complete trials of one experiment, all at once.

The defaults are small. TRIALSTORE_TEST_FLEET_TRIALS and TRIALSTORE_TEST_FLEET_PROCESSES make it a big one; `pytest -s`
shows the figures.
"""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from processes import databases
from processes.claimers import HOUR, claim_all, complete, complete_given
from processes.fleet import Fleet, assert_account, full_size, look
from processes.helpers import FORKSERVER, Child, make_experiment
from processes.workers import at
from trialstore.storage import NewTrial, SqlStorage

TRIALS, PROCESSES = full_size(trials=120, processes=8)


@pytest.mark.parametrize("where", databases.EVERYWHERE)
def test_many_processes_run_each_trial_once(where: str, tmp_path: Path) -> None:
    creators = max(1, PROCESSES // 4)
    with databases.fresh(where, tmp_path) as configs, SqlStorage(configs[0]) as storage:
        begin = time.monotonic()
        with Fleet(tmp_path, configs) as fleet:
            fleet.start(creators, PROCESSES - creators, TRIALS)
            fleet.finish(storage)
            seconds = time.monotonic() - begin
            assert fleet.made == TRIALS
            assert assert_account(storage, fleet) == TRIALS
    rate = TRIALS / seconds
    print(f"\n{where}: {TRIALS} trials, {PROCESSES} processes: {seconds:.1f} s, {rate:.0f} trials/s")


# --- claims in children -----------------------------------------------------------------------------------------------

METHODS = ("fork", "forkserver", "spawn")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", databases.FILES_AND_SERVERS)
def test_a_child_completes_a_trial_that_its_parent_has_claimed(where: str, method: str, tmp_path: Path) -> None:
    context = FORKSERVER if method == "forkserver" else multiprocessing.get_context(method)
    with databases.fresh(where, tmp_path) as (config,), SqlStorage(config) as storage:
        with make_experiment(storage) as experiment:
            experiment.new_trials([NewTrial({}, at(0)) for _ in range(3)])
            first, second, kept = experiment.claim_trials(1, limit=3, lease=HOUR)
            for trial in (first, second):
                with Child(complete_given, trial, context=context) as child:
                    assert child.result() == trial.lease_fence == 1
            complete(kept)  # the parent's connections are as good as before
        assert look(storage, "SELECT trial_id, status FROM trial ORDER BY trial_id") == [
            (trial_id, "SUCCEEDED") for trial_id in (1, 2, 3)
        ]
        assert look(storage, "SELECT count(*) FROM trial_telemetry") == [(15,)]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", databases.FILES_AND_SERVERS)
def test_a_parent_and_its_children_share_the_trials_among_them(where: str, method: str, tmp_path: Path) -> None:
    context = FORKSERVER if method == "forkserver" else multiprocessing.get_context(method)
    with databases.fresh(where, tmp_path) as (config,), SqlStorage(config) as storage:
        with make_experiment(storage) as experiment:
            experiment.new_trials([NewTrial({}, at(0)) for _ in range(24)])
            complete(experiment.claim_trials(1, lease=HOUR)[0])  # so that a forked child inherits connections
            with (
                Child(claim_all, experiment, 2, context=context) as one,
                Child(claim_all, experiment, 3, context=context) as other,
            ):
                mine = [trial.trial_id for trial in experiment.claim_trials(1, limit=4, lease=HOUR)]
                children = [one.result(), other.result()]
        taken = [1, *mine, *children[0], *children[1]]
        assert sorted(taken) == list(range(1, 25))
        open_trials = look(storage, "SELECT trial_id FROM trial WHERE status <> 'SUCCEEDED' ORDER BY trial_id")
        assert [trial_id for (trial_id,) in open_trials] == mine
