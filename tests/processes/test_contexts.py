"""Processes that start trials which run on the same, at the same moment."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from processes import databases
from processes.helpers import Child, make_experiment, together
from processes.starters import start_one, start_trials
from trialstore.contract.helpers import query
from trialstore.storage import SqlStorage

PROCESSES = 4
ROUNDS = 20


@pytest.mark.parametrize("where", databases.EVERYWHERE)
def test_processes_that_run_on_the_same_share_a_context(where: str, tmp_path: Path) -> None:
    with databases.fresh(where, tmp_path) as configs, SqlStorage(configs[0]) as storage:
        ids = [trial.trial_id for trial in make_experiment(storage).new_trials([{}] * PROCESSES * ROUNDS)]
        shares = [
            (configs[process % len(configs)], ids[process * ROUNDS : (process + 1) * ROUNDS])
            for process in range(PROCESSES)
        ]
        together(start_trials, shares)
        found = [
            (trial_id % ROUNDS, trial.context["round"], trial.context["host_name"])
            for trial_id, trial in next(iter(storage.experiments.values())).trials.items()
        ]
        assert found == [((number + 1) % ROUNDS, number % ROUNDS, "one") for number in range(len(ids))]
        assert query(storage, "SELECT count(*) FROM context") == [(ROUNDS,)]
        assert query(storage, "SELECT count(*) FROM context_value") == [(2 * ROUNDS,)]


@pytest.mark.engine("sqlite")
def test_what_processes_find_out_by_themselves_is_nothing_of_the_process_s_own(tmp_path: Path) -> None:
    """Every value that two processes found is the same: each may have had no time for some."""
    with databases.fresh("sqlite", tmp_path) as (config,), SqlStorage(config) as storage:
        pids = []
        for _ in range(2):
            with Child(start_one, config) as child:
                pids.append(child.result())
        first, second = (trial.context for trial in next(iter(storage.experiments.values())).trials.values())
    assert pids[0] != pids[1]
    common = first.keys() & second.keys()
    assert {name: first[name] for name in common} == {name: second[name] for name in common}
    assert {first.get("host_name", platform.node()), second.get("host_name", platform.node())} == {platform.node()}
