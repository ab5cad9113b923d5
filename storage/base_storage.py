"""The interface that a benchmark harness writes to: a storage, its experiments, their trials."""

from __future__ import annotations

import copy
import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from trialstore.dialects.errors import ConfigError, TrialError
from trialstore.dialects.text import clean

from .base_attributes import Attributed
from .new_trial import NewTrial
from .objectives import Direction
from .status import Status
from .telemetry_writer import TelemetryWriter
from .tunables.values import Tunables
from .values.checks import check_mapping

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

    from .base_experiment_data import ExperimentData
    from .base_trial_data import TrialData


class Storage(ABC):
    """Where experiments are kept. A context manager: leaving it disposes of the connections."""

    def __init__(
        self, config: dict[str, Any], global_config: dict[str, Any] | None = None, service: Any = None
    ) -> None:
        if global_config is not None and not isinstance(global_config, Mapping):
            raise ConfigError(f"global_config is of type {type(global_config).__name__}.", "Give a dict, or None.")
        self._config = dict(config)
        self._global_config = dict(global_config or {})
        self._service = service

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> Literal[False]:
        """Close the connections; exceptions go on."""
        self.dispose()
        return False

    @property
    def global_config(self) -> dict[str, Any]:
        """A copy of the global parameters that the storage was made with."""
        return dict(self._global_config)

    @property
    def service(self) -> Any:
        """The service that the storage was made with, as it was given."""
        return self._service

    @abstractmethod
    def dispose(self) -> None:
        """Close all connections of this process; the storage can be used again and then opens new ones."""

    @abstractmethod
    def update_schema(self) -> None:
        """Apply the migrations that the database still needs; under `schema_policy` "verify", only check that there
        are none."""

    @property
    @abstractmethod
    def experiments(self) -> dict[str, ExperimentData]:
        """The stored experiments by id, ascending, for reading."""

    @abstractmethod
    def find_trials(
        self,
        where: str | None = None,
        *,
        experiment_id: str | None = None,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[TrialData]:
        """The trials that fulfil a condition, as `status == "SUCCEEDED" and result.seconds < 1.5`.

        The condition looks like Python, and is never run as such; docs/search.md describes fields and comparisons. It
        is looked for in the database, by one statement or two, whatever the number of trials.

        Args:
            where: The condition; None or blanks for all trials.
            experiment_id: The experiment to search; None for all of them.
            order_by: A field, as `result.seconds`: numbers come first, then text, then values of other types, trials
                without a value last; of equal ones the lower experiment id, then trial id. None orders by these alone.
            descending: Whether the greatest number, and the last text, come first.
            limit: The most trials to return; None for all.
            offset: How many of the first ones to leave out.

        Raises:
            ValueRejected: the condition or another argument is wrong; the message says where, never with its values.
            ExperimentMissing: there is no experiment of that id.
        """

    @abstractmethod
    def find_df(
        self,
        where: str | None = None,
        *,
        experiment_id: str | None = None,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> pd.DataFrame:
        """As `find_trials`, a row per trial: `experiment_id`, then the columns of `ExperimentData.results_df`."""

    @abstractmethod
    def experiment(
        self,
        *,
        experiment_id: str,
        trial_id: int,
        root_env_config: str,
        description: str,
        tunables: Tunables,
        opt_targets: Mapping[str, Direction],
        opt_weights: Mapping[str, float] | None = None,
    ) -> Storage.Experiment:
        """An experiment to be entered (`with`), which creates or reloads it.

        Args:
            experiment_id: Its unique id.
            trial_id: The number of its first trial, where it has none yet.
            root_env_config: Path of the harness's configuration; its git repository and commit are recorded.
            description: For people.
            tunables: `TunableGroups` or a mapping `{name: value}`: the parameters and their default values.
            opt_targets: Metrics to optimise for, and the direction.
            opt_weights: Weights of some or all of the metrics.
        """

    @abstractmethod
    def get_experiment_by_id(
        self, experiment_id: str, tunables: Tunables, opt_targets: Mapping[str, Direction]
    ) -> Storage.Experiment | None:
        """A stored experiment, usable as it is (without entering it), or None. For a child process that runs a
        trial."""

    class Experiment(Attributed):
        """An experiment that can be written to. Entering it creates it, or continues it where it was left."""

        def __init__(
            self,
            *,
            experiment_id: str,
            trial_id: int,
            root_env_config: str,
            description: str,
            tunables: Any,
            opt_targets: Mapping[str, Direction],
        ) -> None:
            self._experiment_id = experiment_id
            self._trial_id = trial_id
            self._root_env_config = root_env_config
            self._description = description
            self._tunables = tunables
            self._opt_targets = dict(opt_targets)
            self._entered = False

        def __enter__(self) -> Self:
            """Create the experiment with its objectives, or reload it. Entering an entered one raises TrialError."""
            if self._entered:
                raise TrialError(f"Experiment {self._experiment_id!r} is entered already.", "Leave it first.")
            self._setup()
            self._entered = True
            return self

        def __exit__(
            self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
        ) -> Literal[False]:
            """Leave the experiment; exceptions go on."""
            self._entered = False
            return False

        def __repr__(self) -> str:
            return self._experiment_id

        @abstractmethod
        def _setup(self) -> None:
            """Create or reload the experiment in the storage."""

        @property
        def experiment_id(self) -> str:
            """The experiment's id."""
            return self._experiment_id

        @property
        def trial_id(self) -> int:
            """The id of the next trial, as far as this process knows; the storage decides when it is created."""
            return self._trial_id

        @property
        def description(self) -> str:
            """The description, for people."""
            return self._description

        @property
        def root_env_config(self) -> str:
            """Path of the root configuration, relative to its git repository if it is in one."""
            return self._root_env_config

        @property
        @abstractmethod
        def git_repo(self) -> str:
            """URL of the git repository that the root configuration is in; "" outside of one."""

        @property
        @abstractmethod
        def git_commit(self) -> str:
            """The commit of that repository; "" where there is none."""

        @property
        @abstractmethod
        def tunables(self) -> Any:
            """A copy of the tunables, of the kind that the experiment was made with."""

        @property
        def opt_targets(self) -> dict[str, Direction]:
            """Metrics to optimise for → direction."""
            return dict(self._opt_targets)

        @abstractmethod
        def new_trial(
            self, tunables: Tunables, ts_start: dt.datetime | None = None, config: dict[str, Any] | None = None
        ) -> Storage.Trial:
            """A new PENDING trial, due at `ts_start` (now, if not given), with `config` as its metadata.

            A mapping as `tunables` replaces some of the experiment's values. Equal tunables share one config id.
            Raises ValueError (ValueRejected) for metadata that is no JSON, for unknown tunables and for values that
            cannot be stored, and ExperimentMissing for an experiment that was never entered; nothing is written then.
            """

        @abstractmethod
        def new_trials(self, trials: Iterable[NewTrial | Tunables]) -> list[Storage.Trial]:
            """New PENDING trials in one transaction, in the order given, under ids that follow one another.

            Each is a `NewTrial`, or tunables as `new_trial` takes them. Raises what `new_trial` raises; none of them
            is written then.
            """

        @abstractmethod
        def claim_trials(
            self,
            trial_runner_id: int,
            *,
            limit: int = 1,
            lease: dt.timedelta = dt.timedelta(minutes=5),
            timestamp: dt.datetime | None = None,
        ) -> list[Storage.Trial]:
            """Take up to `limit` trials for a runner, for as long as `lease`: no other runner gets them meanwhile.

            Taken are PENDING trials that are due at `timestamp` (by the database's clock, if not given) and that no
            runner, or this one, was assigned to, those due first before the others. They become READY. The lease is
            counted by the database's clock. Only the returned objects (or pickled copies of them) may write to the
            trials from now on; see `Trial.renew_lease` and `KeepLease` for work that takes longer.

            A trial that the tunables of this experiment object do not fit is left out with a warning. Raises
            ValueRejected for a runner id that is no 32-bit integer, a negative limit, or a lease that is not positive.
            """

        @abstractmethod
        def unfit_trials(self) -> dict[int, str]:
            """PENDING trials that cannot be run with the tunables of this experiment object, by id, with the reason:
            their tunables are others, or something that is stored with them cannot be read.

            `claim_trials` and `pending_trials` leave them out; this object checks and logs each of them once.
            `cancel_trials` ends them. Trials that are due later count as well.
            """

        @abstractmethod
        def cancel_trials(self, trial_ids: Iterable[int]) -> list[int]:
            """Mark PENDING trials that nobody holds as CANCELED, also those that cannot be run; returns the ids of
            the canceled ones, ascending.

            Other trials, and ids of no trial, are ignored. One transaction. Raises ValueRejected for anything that is
            not an id.
            """

        @abstractmethod
        def release_expired(self, timestamp: dt.datetime | None = None) -> list[int]:
            """Return trials whose lease ended before `timestamp` (now, by the database's clock, if not given) to
            PENDING, without a runner, for the next `claim_trials`; their ids, ascending.

            What their holders wrote stays; whatever they write from now on is refused with LeaseLost.
            """

        @abstractmethod
        def load(
            self, last_trial_id: int = -1
        ) -> tuple[list[int], list[dict[str, Any]], list[dict[str, Any] | None], list[Status]]:
            """What an optimizer learns from: `(trial_ids, configs, scores, status)`, equally long, ordered by trial id.

            Holds the trials with id > `last_trial_id` that SUCCEEDED, FAILED or TIMED_OUT; the scores of one that did
            not succeed are None. Raises ValueRejected for a `last_trial_id` that is no int.
            """

        @abstractmethod
        def load_tunable_config(self, config_id: int) -> dict[str, Any]:
            """The values of a config, name → value. Raises LookupError (TrialMissing) for an unknown id."""

        @abstractmethod
        def load_telemetry(self, trial_id: int) -> list[tuple[dt.datetime, str, Any]]:
            """Telemetry of a trial as `(timestamp in UTC, metric, value)`, ordered by timestamp, then metric."""

        @abstractmethod
        def get_trial_by_id(self, trial_id: int) -> Storage.Trial | None:
            """The trial of that id, or None."""

        @abstractmethod
        def pending_trials(
            self, timestamp: dt.datetime, *, running: bool, trial_runner_assigned: bool | None = None
        ) -> Iterator[Storage.Trial]:
            """Trials that are due at `timestamp` and PENDING, in order of their ids.

            With `running` also those READY or RUNNING. `trial_runner_assigned` keeps those with (True) or without
            (False) a runner. Raises ValueRejected for a timestamp that is no time, and for what is no bool.
            """

        @abstractmethod
        def merge(self, experiment_ids: list[str]) -> None:
            """Copy the completed trials of other experiments into this one under new ids, with their metadata,
            status history, results, attributes and telemetry.

            Merging again adds only what is new. Objectives must be the same; a tunable that a source lacks takes this
            experiment's value. Raises TrialError or ValueRejected, and nothing is written, when a source does not
            exist or does not fit.
            """

    class Trial(Attributed):
        """One run of the benchmark with one tunable config."""

        def __init__(
            self,
            *,
            tunables: Any,
            experiment_id: str,
            trial_id: int,
            tunable_config_id: int,
            opt_targets: Mapping[str, Direction],
            config: Mapping[str, Any],
            status: Status,
            trial_runner_id: int | None = None,
        ) -> None:
            self._tunables = tunables
            self._experiment_id = experiment_id
            self._trial_id = trial_id
            self._tunable_config_id = tunable_config_id
            self._opt_targets = dict(opt_targets)
            self._config = dict(config)
            self._status = status
            self._trial_runner_id = trial_runner_id

        def __repr__(self) -> str:
            return f"{clean(self._experiment_id)}:{self._trial_id}:{self._tunable_config_id}"

        @property
        def experiment_id(self) -> str:
            """The experiment that the trial belongs to."""
            return self._experiment_id

        @property
        def trial_id(self) -> int:
            """The trial's id, unique in its experiment."""
            return self._trial_id

        @property
        def tunable_config_id(self) -> int:
            """The id of its tunable config, shared by all trials with equal tunables."""
            return self._tunable_config_id

        @property
        def trial_runner_id(self) -> int | None:
            """The runner that holds the trial, as this process knows it."""
            return self._trial_runner_id

        @property
        def status(self) -> Status:
            """The status, as this process knows it."""
            return self._status

        @property
        @abstractmethod
        def tunables(self) -> Any:
            """The tunables with the values of this trial, of the kind that the experiment was made with."""

        def opt_targets(self) -> dict[str, Direction]:
            """Metrics to optimise for → direction."""
            return dict(self._opt_targets)

        def config(self, global_config: Mapping[str, Any] | None = None) -> dict[str, Any]:
            """The trial's metadata, overlaid by `global_config`, then by the ids of experiment, trial and (if any)
            runner. Raises ValueRejected for a `global_config` that is no mapping."""
            if global_config is not None:
                check_mapping(global_config, "global_config")
            config = {**copy.deepcopy(self._config), **(global_config or {})}
            config["experiment_id"] = self._experiment_id
            config["trial_id"] = self._trial_id
            if self._trial_runner_id is not None:
                config["trial_runner_id"] = self._trial_runner_id
            return config

        @abstractmethod
        def set_trial_runner(self, trial_runner_id: int) -> int:
            """Assign a runner if there is none or the trial is PENDING; the runner that now holds the trial.

            Raises LeaseLost where this object claimed the trial and does not hold it any more.
            """

        @property
        @abstractmethod
        def lease_fence(self) -> int | None:
            """The number of the claim under which this object holds the trial, greater with each claim of it; None
            where it was not claimed. Systems outside the database can refuse old holders by it (a fencing token)."""

        @abstractmethod
        def renew_lease(self, lease: dt.timedelta = dt.timedelta(minutes=5)) -> None:
            """Hold the trial for as long as `lease` from now on, by the database's clock.

            Raises LeaseLost where this object does not hold the trial (any more); a lease that has run out can still
            be renewed as long as nobody took the trial back. ValueRejected for a lease that is no length of time.
            """

        @abstractmethod
        def release_lease(self) -> None:
            """Give the trial back before the lease ends: it is PENDING again and free for the next claim. Raises
            LeaseLost where this object does not hold it."""

        @abstractmethod
        def add_new_config_data(self, new_config_data: Mapping[str, Any]) -> None:
            """Add metadata. Raises ValueError (ValueRejected), and writes nothing, if one of the keys exists."""

        @abstractmethod
        def update(
            self, status: Status, timestamp: dt.datetime, metrics: dict[str, Any] | None = None
        ) -> dict[str, Any] | None:
            """Change the status; a completed one ends the trial and stores its metrics, once. Returns `metrics`.

            Completing a completed trial raises AlreadyCompleted (a RuntimeError), writing to one that this object
            claimed and does not hold any more LeaseLost, and to one that somebody else claimed TrialHeld. A status that
            is not completed takes no metrics (ValueError), and on a trial that is running or completed only logs a
            warning. One transaction, or nothing.
            """

        @abstractmethod
        def update_telemetry(
            self, status: Status, timestamp: dt.datetime, metrics: Sequence[tuple[dt.datetime, str, Any]]
        ) -> None:
            """Append a status event and `(timestamp, metric, value)` points; points that are there already change
            nothing."""

        @abstractmethod
        def telemetry_writer(
            self, flush_every: float = 1.0, at_most: int = 10_000, when_full: Literal["block", "drop"] = "block"
        ) -> TelemetryWriter:
            """A context manager whose `add(metric, value, ts=None)` notes a point in some microseconds; a thread with
            a connection of its own stores them in batches. See `TelemetryWriter`.

            Args:
                flush_every: Seconds after which points are sent at the latest.
                at_most: How many points may wait in memory. They are sent earlier when half of them wait.
                when_full: What becomes of a further point: "block" waits until there is room for it; "drop" drops it,
                    and `TelemetryWriter.dropped` counts it.

            Raises ValueRejected for arguments that are none of these.
            """
