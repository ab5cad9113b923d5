"""A process in which mlos_bench has the interface of its newest source, and our class is used as its harness does.

0.6.2 is what can be installed. What that source has instead of it (REFERENCE.md) stands here in place of its classes
before ours are made: the abstract members with their signatures, what the constructors take and refuse, and what the
base classes do by themselves. `python newer.py CONFIG` prints what it found in an empty database as JSON.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing
import pickle
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from mlos_bench import util
from mlos_bench.environments.status import Status
from mlos_bench.storage import base_storage, base_trial_data
from mlos_bench.tunables.tunable_groups import TunableGroups

Targets = dict[str, Any]
Values = dict[str, Any]
TARGETS = {"score": "min"}
EXPERIMENT = "New"


def get_git_info(path: str) -> tuple[str, str, str, str]:
    """One value more than in 0.6.2. Only the constructor of experiments, which ours do not use, asks for it."""
    raise AssertionError(f"asked for git's knowledge of {path}")


class Storage(ABC):
    """What every storage has."""

    def __init__(self, config: Values, global_config: Values | None = None, service: Any = None) -> None:
        self._validate_json_config(config)
        self._service = service
        self._config = dict(config)
        self._global_config = global_config or {}

    def _validate_json_config(self, config: Values) -> None:
        raise AssertionError("checked by a schema that does not know this class")

    @abstractmethod
    def update_schema(self) -> None: ...

    @property
    @abstractmethod
    def experiments(self) -> dict[str, Any]: ...

    @abstractmethod
    def get_experiment_by_id(
        self, experiment_id: str, tunables: TunableGroups, opt_targets: Targets
    ) -> Storage.Experiment | None: ...

    @abstractmethod
    def experiment(
        self,
        *,
        experiment_id: str,
        trial_id: int,
        root_env_config: str,
        description: str,
        tunables: TunableGroups,
        opt_targets: Targets,
    ) -> Storage.Experiment: ...

    class Experiment(ABC):
        """Experiments, which know whether they were entered."""

        def __init__(
            self,
            *,
            tunables: TunableGroups,
            experiment_id: str,
            trial_id: int,
            root_env_config: str,
            description: str,
            opt_targets: Targets,
        ) -> None:
            self._git_repo, self._git_commit, self._root_env_config, _ = get_git_info(root_env_config)
            self._tunables, self._opt_targets = tunables.copy(), opt_targets
            self._experiment_id, self._trial_id, self._description = experiment_id, trial_id, description
            self._in_context = False

        def __enter__(self) -> Storage.Experiment:
            assert not self._in_context
            self._setup()
            self._in_context = True
            return self

        def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> bool:
            assert self._in_context
            self._teardown(exc_val is None)
            self._in_context = False
            return False

        def __repr__(self) -> str:
            return self._experiment_id

        def _setup(self) -> None:  # noqa: B027  # as it is there
            """Nothing to do."""

        def _teardown(self, is_ok: bool) -> None:  # noqa: B027
            """Nothing to do."""

        @property
        def experiment_id(self) -> str:
            return self._experiment_id

        @property
        def trial_id(self) -> int:
            return self._trial_id

        @property
        def description(self) -> str:
            return self._description

        @property
        def root_env_config(self) -> str:
            return self._root_env_config

        @property
        def tunables(self) -> TunableGroups:
            return self._tunables

        @property
        def opt_targets(self) -> Targets:
            return self._opt_targets

        def new_trial(
            self, tunables: TunableGroups, ts_start: datetime | None = None, config: Values | None = None
        ) -> Storage.Trial:
            return self._new_trial(tunables, ts_start, config)

        @abstractmethod
        def merge(self, experiment_ids: list[str]) -> None: ...

        @abstractmethod
        def load_tunable_config(self, config_id: int) -> Values: ...

        @abstractmethod
        def load_telemetry(self, trial_id: int) -> list[tuple[datetime, str, Any]]: ...

        @abstractmethod
        def load(
            self, last_trial_id: int = -1
        ) -> tuple[list[int], list[Values], list[Values | None], list[Status]]: ...

        @abstractmethod
        def get_trial_by_id(self, trial_id: int) -> Storage.Trial | None: ...

        @abstractmethod
        def pending_trials(
            self, timestamp: datetime, *, running: bool, trial_runner_assigned: bool | None = None
        ) -> Iterator[Storage.Trial]: ...

        @abstractmethod
        def _new_trial(
            self, tunables: TunableGroups, ts_start: datetime | None = None, config: Values | None = None
        ) -> Storage.Trial: ...

    class Trial(ABC):
        """Trials, which runners are assigned to, and which are new or restored."""

        def __init__(
            self,
            *,
            tunables: TunableGroups,
            experiment_id: str,
            trial_id: int,
            tunable_config_id: int,
            trial_runner_id: int | None,
            opt_targets: Targets,
            status: Status,
            restoring: bool,
            config: Values | None = None,
        ) -> None:
            if not restoring and status.name not in ("UNKNOWN", "PENDING"):
                raise ValueError(f"no new trial is {status.name}")
            self._tunables, self._opt_targets = tunables, opt_targets
            self._experiment_id, self._trial_id = experiment_id, trial_id
            self._tunable_config_id, self._trial_runner_id = tunable_config_id, trial_runner_id
            self._config, self._status = config or {}, status

        def __repr__(self) -> str:
            parts = (self._experiment_id, self._trial_id, self._tunable_config_id, self.trial_runner_id)
            return ":".join(map(str, parts))

        @property
        def experiment_id(self) -> str:
            return self._experiment_id

        @property
        def trial_id(self) -> int:
            return self._trial_id

        @property
        def tunable_config_id(self) -> int:
            return self._tunable_config_id

        @property
        def trial_runner_id(self) -> int | None:
            return self._trial_runner_id

        @property
        def tunables(self) -> TunableGroups:
            return self._tunables

        @property
        def status(self) -> Status:
            return self._status

        def opt_targets(self) -> Targets:
            """A method here, and a property in 0.6.2."""
            return self._opt_targets

        def config(self, global_config: Values | None = None) -> Values:
            ids = {"experiment_id": self._experiment_id, "trial_id": self._trial_id}
            runner = {} if self.trial_runner_id is None else {"trial_runner_id": self.trial_runner_id}
            return {**self._config, **(global_config or {}), **ids, **runner}

        def add_new_config_data(self, new_config_data: Mapping[str, Any]) -> None:
            if both := set(self._config) & set(new_config_data):
                raise ValueError(f"there already: {both}")
            self._config.update(new_config_data)
            self._save_new_config_data(new_config_data)

        @abstractmethod
        def set_trial_runner(self, trial_runner_id: int) -> int: ...

        @abstractmethod
        def _save_new_config_data(self, new_config_data: Mapping[str, Any]) -> None: ...

        @abstractmethod
        def update(self, status: Status, timestamp: datetime, metrics: Values | None = None) -> Values | None: ...

        @abstractmethod
        def update_telemetry(
            self, status: Status, timestamp: datetime, metrics: list[tuple[datetime, str, Any]]
        ) -> None: ...


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
        trial_runner_id: int | None = None,
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


# At import, so that a spawned child, which imports this file, has them, too.
util.get_git_info = get_git_info
base_storage.get_git_info = get_git_info  # type: ignore[attr-defined]
base_storage.Storage = Storage  # type: ignore[misc,assignment]
base_trial_data.TrialData = TrialData  # type: ignore[misc]

from trialstore.storage.mlos_bench import data as mlos_bench_data  # noqa: E402
from trialstore.storage.mlos_bench import storage as mlos_bench  # noqa: E402


def make_tunables() -> TunableGroups:
    """One integer."""
    return TunableGroups({"g": {"cost": 1, "params": {"n": {"type": "int", "range": [0, 9], "default": 1}}}})


def misfits(ours: type, theirs: type) -> list[str]:
    """What a caller who knows their class could not do with ours: its abstract members that are missing, and the
    arguments of its methods that are not taken as they are there."""
    found = [f"{name} is abstract" for name in sorted(getattr(ours, "__abstractmethods__", ()))]
    for name in sorted(theirs.__abstractmethods__):  # type: ignore[attr-defined]
        wanted, there = inspect.getattr_static(theirs, name), inspect.getattr_static(ours, name)
        if isinstance(wanted, property) or isinstance(there, property):
            found += [] if type(wanted) is type(there) else [f"{name} is not a property in both"]
            continue
        known, taken = (dict(inspect.signature(each).parameters) for each in (wanted, there))
        for parameter in known.values():
            own = taken.pop(parameter.name, None)
            if own is None or (own.kind, own.default) != (parameter.kind, parameter.default):
                found.append(f"{name}: {parameter.name}")
        empty = inspect.Parameter.empty
        found += [f"{name}: {own.name} must be given" for own in taken.values() if own.default is empty]
    return found


def run_trial(storage: Any, trial_id: int, runner_id: int) -> None:
    """What a trial runner does, in a process of its own."""
    experiment = storage.get_experiment_by_id(EXPERIMENT, make_tunables(), TARGETS)
    trial = experiment.get_trial_by_id(trial_id)
    assert trial.trial_runner_id == runner_id
    now = datetime.now(timezone.utc)
    trial.update(Status.RUNNING, now)
    trial.add_new_config_data({"ran": trial.config()["trial_runner_id"]})
    trial.update_telemetry(Status.SUCCEEDED, now, [(now, "cpu", 0.5)])
    trial.update(Status.SUCCEEDED, now, {"score": trial.tunables["n"]})


def run_apart(method: str, *arguments: Any) -> int | None:
    """Run a trial in a child process that is started this way; its exit code."""
    child = multiprocessing.get_context(method).Process(target=run_trial, args=arguments)
    child.start()
    child.join()
    return child.exitcode


def add_twice(trial: Any, new: Values) -> bool:
    """Add metadata two times; whether the second time is refused."""
    trial.add_new_config_data(new)
    try:
        trial.add_new_config_data(new)
    except ValueError:
        return True
    return False


def is_entered(experiment: Any) -> Any:
    """Whether mlos_bench's own methods take the experiment for entered."""
    return experiment._in_context  # noqa: SLF001 - it tells nowhere else


def found_in(storage: Any) -> Values:
    """Run trials as the newest scheduler does, and let runners of their own run two of them."""
    entered = storage.experiment(
        experiment_id=EXPERIMENT,
        trial_id=1,
        root_env_config="mock.jsonc",
        description="newest",
        tunables=make_tunables(),
        opt_targets=TARGETS,
    )
    contexts = [is_entered(entered)]
    with entered as experiment:
        contexts.append(is_entered(experiment))
        made = [experiment.new_trial(make_tunables().assign({"n": n}), None, {"repeat_i": n}) for n in range(1, 5)]
        for trial in experiment.pending_trials(datetime.now(timezone.utc), running=False, trial_runner_assigned=False):
            assert trial.set_trial_runner(trial.trial_id) == trial.trial_runner_id
        due = list(experiment.pending_trials(datetime.now(timezone.utc), running=False, trial_runner_assigned=True))
        due[2].update(Status.FAILED, datetime.now(timezone.utc))
        claimed = experiment.core.claim_trials(4)
        storage.dispose()  # some databases are of one process at a time
        codes = [run_apart(method, storage, n, n) for n, method in enumerate(("spawn", "fork"), 1)]
        trial_ids, configs, scores, status = experiment.load(-1)
        refused = [add_twice(trial, {"host": "a"}) for trial in (made[2], experiment.get_trial_by_id(2))]
        config = made[2].config({"more": 1})
        held = mlos_bench.Trial(claimed[0])
        git = [entered._root_env_config, entered._git_repo, entered._git_commit]  # noqa: SLF001 - as its scheduler reads them
    contexts.append(is_entered(entered))
    twin = pickle.loads(pickle.dumps(storage))
    found = twin.get_experiment_by_id(EXPERIMENT, make_tunables(), TARGETS)
    contexts.append(is_entered(found))
    data = twin.experiments[EXPERIMENT]
    recorded = git == list(data.root_env_config)
    with found:
        contexts.append(is_entered(found))
    twin.dispose()
    return {
        "contexts": contexts,
        "git": [recorded, *git],
        "children": codes,
        "loaded": [trial_ids, configs, scores, [each.name for each in status]],
        "refused": refused,
        "config": config,
        "held": [held.status.name, repr(held)],
        "opt_targets": held.opt_targets(),
        "metadata": data.trials[1].metadata_dict,
        "runners": [trial.trial_runner_id for trial in data.trials.values()],
        "bases": [
            isinstance(twin, Storage),
            isinstance(found, Storage.Experiment),
            isinstance(held, Storage.Trial),
            isinstance(data.trials[1], TrialData),
        ],
    }


def main(config: str) -> None:
    """Print what our classes lack, or what was found in a database."""
    pairs = [
        (mlos_bench.SqlStorage, Storage),
        (mlos_bench.Experiment, Storage.Experiment),
        (mlos_bench.Trial, Storage.Trial),
        (mlos_bench_data.SqlTrialData, TrialData),
    ]
    result: Values = {
        "misfits": [f"{ours.__name__}.{each}" for ours, theirs in pairs for each in misfits(ours, theirs)]
    }
    if not result["misfits"]:
        # With keywords, as its function that makes objects from configs does.
        with mlos_bench.SqlStorage(config=json.loads(config), global_config={}, service=None) as storage:
            storage.update_schema()
            result.update(found_in(storage))
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
