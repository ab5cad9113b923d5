"""The storage, its experiments and their trials, as mlos_bench uses them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

try:
    from mlos_bench.environments.status import Status
    from mlos_bench.services.base_service import Service
    from mlos_bench.storage import base_storage
    from mlos_bench.storage.base_experiment_data import ExperimentData
    from mlos_bench.tunables.tunable_groups import TunableGroups
except ImportError as missing:
    raise ImportError(
        f"trialstore.storage.mlos_bench runs inside mlos_bench, which cannot be imported: {missing}. "
        "Run: pip install 'trialstore[mlos_bench]' (or: pip install mlos-bench pytz 'sqlalchemy<2.1')",
        name=missing.name,
    ) from missing

from trialstore.storage import base_storage as core_storage
from trialstore.storage import status as core_status
from trialstore.storage.reading.by_id import with_same_ids
from trialstore.storage.sql_storage import SqlStorage as CoreStorage
from trialstore.storage.values.encoding import python_value
from trialstore.storage.values.readers import read_by

from .data import TEXT, SqlExperimentData, accepted, their_status

Direction = Literal["min", "max"]


class SqlStorage(base_storage.Storage):
    """Experiments in the database that the config names, for mlos_bench.

    The keys of the config are those of mlos_bench's own SQL storage and those of docs/config.md. Raises ConfigError for
    a wrong one, ConnectError and SchemaError when the database cannot be used.
    """

    def __init__(
        self, config: dict[str, Any], global_config: dict[str, Any] | None = None, service: Service | None = None
    ) -> None:
        super().__init__(config, global_config, service)
        self._core = CoreStorage(config)

    def _validate_json_config(self, config: dict[str, Any]) -> None:
        """Leave it to the core: mlos_bench's schema of a storage config knows neither this class nor its keys."""

    @property
    def core(self) -> CoreStorage:
        """The `trialstore.storage.SqlStorage` behind this one, whose values keep their types."""
        return self._core

    def __repr__(self) -> str:
        return repr(self._core)

    def __enter__(self) -> SqlStorage:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> Literal[False]:
        """Close the connections; exceptions go on."""
        self.dispose()
        return False

    def __getstate__(self) -> dict[str, Any]:
        """All; the core leaves its connections out."""
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def dispose(self) -> None:
        """Close all connections of this process; the storage can be used again and then opens new ones."""
        self._core.dispose()

    def update_schema(self) -> None:
        """Apply the migrations that the database still needs; under `schema_policy` "verify", only check that there
        are none."""
        self._core.update_schema()

    @property
    def experiments(self) -> dict[str, ExperimentData]:
        """The stored experiments by id, ascending, for reading."""
        return with_same_ids(self._core.experiments, SqlExperimentData)

    def experiment(
        self,
        *,
        experiment_id: str,
        trial_id: int,
        root_env_config: str,
        description: str,
        tunables: TunableGroups,
        opt_targets: dict[str, Direction],
        opt_weights: Mapping[str, float] | None = None,
    ) -> Experiment:
        """An experiment to be entered (`with`), which creates or reloads it; `opt_weights` are ours, and optional."""
        return Experiment(
            self._core.experiment(
                experiment_id=experiment_id,
                trial_id=trial_id,
                root_env_config=root_env_config,
                description=description,
                tunables=tunables,
                opt_targets=opt_targets,
                opt_weights=opt_weights,
            )
        )

    def get_experiment_by_id(
        self, experiment_id: str, tunables: TunableGroups, opt_targets: dict[str, Direction]
    ) -> Experiment | None:
        """A stored experiment, usable as it is (without entering it), or None."""
        found = self._core.get_experiment_by_id(experiment_id, tunables, opt_targets)
        return None if found is None else Experiment(found)


class Experiment(base_storage.Storage.Experiment):
    """An experiment in a SQL database, for mlos_bench."""

    def __init__(self, core: core_storage.Storage.Experiment) -> None:
        # The base's constructor is not called: it runs git, and fails outside of a work tree. The core has run git
        # already, and does not fail there. So the attributes that the base's methods use are set here.
        self._core = core
        self._experiment_id = core.experiment_id
        self._root_env_config = core.root_env_config
        self._description = core.description
        self._opt_targets = core.opt_targets
        self._git_repo, self._git_commit = core.git_repo, core.git_commit
        self._in_context = False

    @property
    def core(self) -> core_storage.Storage.Experiment:
        """The `trialstore.storage` experiment behind this one: claims under leases, typed values."""
        return self._core

    @property
    def _as_text(self) -> core_storage.Storage.Experiment:
        """The same experiment, whose values are read as the text that is stored."""
        source: Any = self._core  # one of a SQL storage, which has a reader
        twin: core_storage.Storage.Experiment = read_by(TEXT, source)
        return twin

    def __enter__(self) -> Experiment:
        """Create the experiment with its objectives, or reload it. Entering an entered one raises TrialError."""
        self._core.__enter__()
        self._in_context = True
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> Literal[False]:
        """Leave the experiment; exceptions go on."""
        self._in_context = False
        return self._core.__exit__(exc_type, exc_val, exc_tb)

    @property
    def trial_id(self) -> int:
        """The id of the next trial, as far as this process knows; the database decides when it is created."""
        return self._core.trial_id

    @property
    def tunables(self) -> TunableGroups:
        """A copy of the tunables."""
        copied: TunableGroups = self._core.tunables
        return copied

    def _new_trial(
        self, tunables: TunableGroups, ts_start: dt.datetime | None = None, config: dict[str, Any] | None = None
    ) -> Trial:
        return Trial(self._core.new_trial(tunables, ts_start, config), restoring=False)

    def merge(self, experiment_ids: list[str]) -> None:
        """Copy the completed trials of other experiments into this one; see `Storage.Experiment.merge`."""
        self._core.merge(experiment_ids)

    def load(
        self, last_trial_id: int = -1
    ) -> tuple[list[int], list[dict[str, Any]], list[dict[str, Any] | None], list[Status]]:
        """What an optimizer learns from: `(trial_ids, configs, scores, status)`, all values as text."""
        trial_ids, configs, scores, status = self._as_text.load(last_trial_id)
        return trial_ids, configs, scores, [their_status(each) for each in status]

    def load_tunable_config(self, config_id: int) -> dict[str, Any]:
        """The values of a config as text, name → value. Raises LookupError for an unknown id."""
        return self._as_text.load_tunable_config(config_id)

    def load_telemetry(self, trial_id: int) -> list[tuple[dt.datetime, str, Any]]:
        """Telemetry of a trial as `(timestamp in UTC, metric, value as text)`, ordered by timestamp, then metric."""
        return self._as_text.load_telemetry(trial_id)

    def get_trial_by_id(self, trial_id: int) -> Trial | None:
        """The trial of that id, or None; its metadata as text."""
        found = self._as_text.get_trial_by_id(trial_id)
        return None if found is None else Trial(found)

    def pending_trials(
        self, timestamp: dt.datetime, *, running: bool, trial_runner_assigned: bool | None = None
    ) -> Iterator[Trial]:
        """Trials that are due, in order of their ids, their metadata as text; see `Storage.Experiment`."""
        yield from map(
            Trial,
            list(self._as_text.pending_trials(timestamp, running=running, trial_runner_assigned=trial_runner_assigned)),
        )


class Trial(base_storage.Storage.Trial):
    """A trial in a SQL database, for mlos_bench."""

    def __init__(self, core: core_storage.Storage.Trial, *, restoring: bool = True) -> None:
        known = {
            "tunables": core.tunables,
            "experiment_id": core.experiment_id,
            "trial_id": core.trial_id,
            "tunable_config_id": core.tunable_config_id,
            "trial_runner_id": core.trial_runner_id,
            "opt_targets": core.opt_targets(),
            "config": core.config(),
            "status": their_status(core.status),
            "restoring": restoring,
        }
        super().__init__(**accepted(super().__init__, known))
        self._core = core

    @property
    def core(self) -> core_storage.Storage.Trial:
        """The `trialstore.storage` trial behind this one: leases, and metrics that keep their types."""
        return self._core

    @property
    def experiment_id(self) -> str:
        """The experiment that the trial belongs to."""
        return self._core.experiment_id

    @property
    def trial_runner_id(self) -> int | None:
        """The runner that holds the trial, as this process knows it."""
        return self._core.trial_runner_id

    @property
    def status(self) -> Status:
        """The status, as this process knows it."""
        return their_status(self._core.status)

    def config(self, global_config: dict[str, Any] | None = None) -> dict[str, Any]:
        """The trial's metadata, overlaid by `global_config`, then by the ids of experiment, trial and (if any)
        runner."""
        return self._core.config(global_config)

    def set_trial_runner(self, trial_runner_id: int) -> int:
        """Assign a runner if there is none or the trial is PENDING; the runner that now holds the trial."""
        return self._core.set_trial_runner(trial_runner_id)

    def add_new_config_data(self, new_config_data: Mapping[str, Any]) -> None:
        """Add metadata. Raises ValueError, and writes nothing, if one of the keys exists."""
        self._core.add_new_config_data(new_config_data)

    def _save_new_config_data(self, new_config_data: Mapping[str, Any]) -> None:
        # The newest mlos_bench has every class of trials define this. What calls it there, its own
        # `add_new_config_data`, is replaced above: that one decides by what this process knows of the trial.
        self.add_new_config_data(new_config_data)

    def update(
        self, status: Status, timestamp: dt.datetime, metrics: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Change the status; a completed one ends the trial and stores its metrics, once. Returns `metrics`.

        Completing a completed trial raises AlreadyCompleted, which is a RuntimeError.
        """
        storable = {name: _storable(value) for name, value in metrics.items()} if metrics else metrics
        self._core.update(_our_status(status), timestamp, storable)
        return metrics

    def update_telemetry(
        self, status: Status, timestamp: dt.datetime, metrics: Sequence[tuple[dt.datetime, str, Any]]
    ) -> None:
        """Append a status event and `(timestamp, metric, value)` points; points that are there already change
        nothing."""
        points = [(ts, metric, _storable(value)) for ts, metric, value in metrics]
        self._core.update_telemetry(_our_status(status), timestamp, points)


def _our_status(status: Any) -> Any:
    """The core's status for mlos_bench's; anything else is returned as it is, and the core will refuse it."""
    return core_status.Status[status.name] if isinstance(status, Status) else status


def _storable(value: Any) -> Any:
    """The value, or its text if it is of a type that is not stored (a time, a list): environments measure anything."""
    plain = python_value(value)
    return plain if plain is None or isinstance(plain, (bool, int, float, str)) else str(value)
