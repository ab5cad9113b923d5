"""A scheduler with several trial runners, each a process of its own, as mlos_bench's later versions have them.

0.6.2 has none, so this one, which a config names, uses what the later interface has for them: runners are assigned in
the database, a child gets the storage pickled, finds its experiment by id, and runs the trials that are its own.
"""

from __future__ import annotations

import itertools
import multiprocessing
from datetime import datetime, timezone
from typing import Any

from mlos_bench.environments.base_environment import Environment
from mlos_bench.schedulers.sync_scheduler import SyncScheduler
from mlos_bench.storage.base_storage import Storage


def run_trials(
    runner_id: int, storage: Storage, environment: Environment, experiment_id: str, targets: Any, known: dict[str, Any]
) -> None:
    """Run, in a child process, the due trials that this runner was assigned."""
    experiment: Any = storage.get_experiment_by_id(experiment_id, environment.tunable_params, targets)
    now = datetime.now(timezone.utc)
    with environment:
        for trial in experiment.pending_trials(now, running=True, trial_runner_assigned=True):
            if trial.trial_runner_id == runner_id:
                assert trial.config()["trial_runner_id"] == runner_id
                environment.setup(trial.tunables, trial.config(known))
                status, ended, results = environment.run()
                trial.update_telemetry(status, ended, environment.status()[2])
                trial.update(status, ended, results)


class RunnersScheduler(SyncScheduler):
    """Gives due trials to the runners in turn, and waits for all of them."""

    def _run_schedule(self, running: bool = False) -> None:
        experiment: Any = self.experiment
        now = datetime.now(timezone.utc)
        runners = itertools.cycle(range(int(self.global_config["num_trial_runners"])))
        for trial in experiment.pending_trials(now, running=running, trial_runner_assigned=False):
            assert trial.set_trial_runner(next(runners)) == trial.trial_runner_id
        due = list(experiment.pending_trials(now, running=running, trial_runner_assigned=True))
        self._run_all(experiment, sorted({trial.trial_runner_id for trial in due}))
        for trial in due:
            self._trial_count += 1
            self._ran_trials.append(experiment.get_trial_by_id(trial.trial_id))

    def _run_all(self, experiment: Any, runners: list[int]) -> None:
        context = multiprocessing.get_context("spawn")
        rest = (self.storage, self.environment, experiment.experiment_id, experiment.opt_targets, self.global_config)
        self.environment.__exit__(None, None, None)  # each child enters its own copy
        children = [context.Process(target=run_trials, args=(runner, *rest)) for runner in runners]
        for child in children:
            child.start()
        for child in children:
            child.join()
        self.environment.__enter__()
        if any(child.exitcode for child in children):
            raise RuntimeError("A trial runner ended before its trials did.")
