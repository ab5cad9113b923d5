"""A child process in which mlos_bench has its later interface, and our class is used through it.

0.6.2 is what can be installed. What later versions add to it (REFERENCE.md, the page that the project was made from) is
put on top here, before our classes are made: more abstract methods, arguments that must be given, `opt_targets()`.
`python newer.py DATABASE` prints what it found as JSON.
"""

from __future__ import annotations

import inspect
import json
import pickle
import sys
from abc import abstractmethod
from datetime import datetime, timezone
from typing import Any

from mlos_bench.environments.status import Status
from mlos_bench.storage import base_storage, base_trial_data
from mlos_bench.tunables.tunable_groups import TunableGroups

Older = base_storage.Storage


class Storage(Older):
    """Storages that can be disposed of and pickled, and find an experiment by id."""

    @abstractmethod
    def __enter__(self) -> Any: ...

    @abstractmethod
    def __exit__(self, *exc: Any) -> Any: ...

    @abstractmethod
    def __getstate__(self) -> Any: ...

    @abstractmethod
    def __setstate__(self, state: Any) -> None: ...

    @abstractmethod
    def dispose(self) -> None: ...

    @abstractmethod
    def get_experiment_by_id(self, experiment_id: str, tunables: Any, opt_targets: Any) -> Any: ...

    class Experiment(Older.Experiment):
        """Experiments that find a trial by id."""

        @abstractmethod
        def get_trial_by_id(self, trial_id: int) -> Any: ...

    class Trial(Older.Trial):
        """Trials that runners are assigned to."""

        def __init__(
            self,
            *,
            tunables: Any,
            experiment_id: str,
            trial_id: int,
            tunable_config_id: int,
            trial_runner_id: int | None,
            opt_targets: Any,
            status: Status,
            config: Any = None,
        ) -> None:
            super().__init__(
                tunables=tunables,
                experiment_id=experiment_id,
                trial_id=trial_id,
                tunable_config_id=tunable_config_id,
                opt_targets=opt_targets,
                config=config,
            )
            self._trial_runner_id = trial_runner_id
            self._status = status

        def opt_targets(self) -> Any:
            """A method here, and a property in 0.6.2."""
            return self._opt_targets

        @abstractmethod
        def set_trial_runner(self, trial_runner_id: int) -> int: ...

        @abstractmethod
        def add_new_config_data(self, new_config_data: Any) -> None: ...


class TrialData(base_trial_data.TrialData):
    """Trial data with the runner."""

    def __init__(
        self,
        *,
        experiment_id: str,
        trial_id: int,
        tunable_config_id: int,
        ts_start: datetime,
        ts_end: datetime | None,
        status: Status,
        trial_runner_id: int | None,
    ) -> None:
        super().__init__(
            experiment_id=experiment_id,
            trial_id=trial_id,
            tunable_config_id=tunable_config_id,
            ts_start=ts_start,
            ts_end=ts_end,
            status=status,
        )
        self._trial_runner_id = trial_runner_id


def main(database: str) -> None:
    """Use our class through the later interface."""
    base_storage.Storage = Storage  # type: ignore[misc]
    base_trial_data.TrialData = TrialData  # type: ignore[misc]

    from trialstore.storage.mlos_bench import data as mlos_bench_data
    from trialstore.storage.mlos_bench import storage as mlos_bench

    tunables = TunableGroups({"g": {"cost": 1, "params": {"n": {"type": "int", "range": [0, 9], "default": 1}}}})
    now = datetime.now(timezone.utc)
    with mlos_bench.SqlStorage({"drivername": "sqlite", "database": database}) as storage:
        with storage.experiment(
            experiment_id="New",
            trial_id=1,
            root_env_config="environment.jsonc",
            description="later",
            tunables=tunables,
            opt_targets={"score": "min"},
        ) as experiment:
            experiment.new_trial(tunables)
        twin = pickle.loads(pickle.dumps(storage))
        found = twin.get_experiment_by_id("New", tunables, {"score": "min"})
        trial: Any = found.get_trial_by_id(1)
        trial.set_trial_runner(4)
        trial.add_new_config_data({"host": "a"})
        (due,) = found.pending_trials(datetime.now(timezone.utc), running=False, trial_runner_assigned=True)
        due.update(Status.SUCCEEDED, now, {"score": 2})
        data: Any = twin.experiments["New"].trials[1]
        classes = [mlos_bench.SqlStorage, mlos_bench.Experiment, mlos_bench.Trial, mlos_bench_data.SqlTrialData]
        result = {
            "abstract": [each.__name__ for each in classes if inspect.isabstract(each)],
            "bases": [isinstance(twin, Storage), isinstance(found, Storage.Experiment), isinstance(data, TrialData)],
            "opt_targets": trial.opt_targets(),
            "config": due.config(),
            "runners": [trial.trial_runner_id, due.trial_runner_id, data.trial_runner_id],
            "status": [str(trial.status), str(due.status), str(data.status)],
        }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
