"""A scheduler for mlos_bench's newest source whose trial runners are processes of their own.

The source has none yet, but storages that can be pickled, and experiments and trials that are found by their ids, for
one to come. A config names this one.
"""

from __future__ import annotations

import multiprocessing
import pickle
from datetime import datetime, timezone
from typing import Any

from mlos_bench.schedulers.sync_scheduler import SyncScheduler


def run_trials(pickled: bytes, runner: Any, trial_ids: list[int], experiment_id: str, targets: Any, known: Any) -> None:
    """Run trials in a child process, with the storage as another process has pickled it."""
    storage = pickle.loads(pickled)
    experiment = storage.get_experiment_by_id(experiment_id, runner.environment.tunable_params, targets)
    with runner:
        for trial_id in trial_ids:
            runner.run_trial(experiment.get_trial_by_id(trial_id), known)
    storage.dispose()


class ParallelScheduler(SyncScheduler):
    """Lets all runners run at once, or one after the other where the database is of one process at a time."""

    def run_schedule(self, running: bool = False) -> None:
        """Run all trials that are due, each in the process of its runner."""
        experiment: Any = self.experiment
        now = datetime.now(timezone.utc)
        due: dict[int, list[int]] = {}
        for trial in experiment.pending_trials(now, running=running, trial_runner_assigned=True):
            due.setdefault(trial.trial_runner_id, []).append(trial.trial_id)
        self.storage.dispose()
        context = multiprocessing.get_context("fork")
        rest = (experiment.experiment_id, experiment.opt_targets, self.global_config)
        children = [
            context.Process(target=run_trials, args=(pickle.dumps(self.storage), self.trial_runners[each], ids, *rest))
            for each, ids in due.items()
        ]
        for child in children:
            child.start()
            if self.global_config.get("one_at_a_time"):
                child.join()
        for child in children:
            child.join()
        assert not any(child.exitcode for child in children)
        for trial_ids in due.values():
            self._trial_count += len(trial_ids)
            self._ran_trials += [experiment.get_trial_by_id(trial_id) for trial_id in trial_ids]
