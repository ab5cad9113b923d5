"""Reading a trial, a tunable config, and the trials of an experiment that share one."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from trialstore.dialects.text import clean

from .base_attributes import Attributed
from .status import Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    import pandas as pd
    import pyarrow as pa


class TrialData(Attributed):
    """A stored trial; equal to another one of the same experiment and id."""

    def __init__(
        self,
        *,
        experiment_id: str,
        trial_id: int,
        tunable_config_id: int,
        ts_start: dt.datetime | None,
        ts_end: dt.datetime | None,
        status: Status,
        trial_runner_id: int | None = None,
    ) -> None:
        self._experiment_id = experiment_id
        self._trial_id = trial_id
        self._tunable_config_id = tunable_config_id
        self._ts_start = ts_start
        self._ts_end = ts_end
        self._status = status
        self._trial_runner_id = trial_runner_id

    def __repr__(self) -> str:
        return (
            f"Trial :: {clean(self._experiment_id)}:{self._trial_id} cid:{self._tunable_config_id} "
            f"rid:{self._trial_runner_id} {self._status.name}"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrialData):
            return NotImplemented
        return (self._experiment_id, self._trial_id) == (other._experiment_id, other._trial_id)

    def __hash__(self) -> int:
        return hash((self._experiment_id, self._trial_id))

    @property
    def experiment_id(self) -> str:
        """The experiment that the trial belongs to."""
        return self._experiment_id

    @property
    def trial_id(self) -> int:
        """The trial's id, unique in its experiment."""
        return self._trial_id

    @property
    def trial_runner_id(self) -> int | None:
        """The runner that held the trial."""
        return self._trial_runner_id

    @property
    def ts_start(self) -> dt.datetime | None:
        """When it started, or is to start (UTC); None only where another program stored what is no time."""
        return self._ts_start

    @property
    def ts_end(self) -> dt.datetime | None:
        """When it was completed (UTC), or None."""
        return self._ts_end

    @property
    def status(self) -> Status:
        """The status."""
        return self._status

    @property
    def tunable_config_id(self) -> int:
        """The id of its tunable config."""
        return self._tunable_config_id

    @property
    @abstractmethod
    def tunable_config(self) -> TunableConfigData:
        """Its tunable config."""

    @property
    @abstractmethod
    def tunable_config_trial_group(self) -> TunableConfigTrialGroupData:
        """The group of the experiment's trials with the same config."""

    @property
    @abstractmethod
    def results_df(self) -> pd.DataFrame:
        """Final metrics, columns `metric, value`."""

    @property
    @abstractmethod
    def results_dict(self) -> dict[str, Any]:
        """Final metrics, metric → value."""

    @property
    @abstractmethod
    def status_events(self) -> list[tuple[dt.datetime, Status]]:
        """What became of the trial: `(timestamp in UTC, status)`, the earliest first.

        There is an event for each change of the status, and one for each call of `Trial.update_telemetry`, which says
        that the trial still had the status.
        """

    @property
    @abstractmethod
    def status_df(self) -> pd.DataFrame:
        """The `status_events`, columns `ts` (UTC) and `status` (its name)."""

    @property
    @abstractmethod
    def telemetry_df(self) -> pd.DataFrame:
        """Telemetry, columns `ts` (UTC), `metric`, `value`, ordered by ts, then metric."""

    @abstractmethod
    def telemetry(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pd.DataFrame:
        """Some of the telemetry: `telemetry_df` of these metrics (all, if not given), from `since` on and before
        `until`, as far as they are given; one statement. A naive time is local time.

        Metrics that the trial lacks have no rows. Raises ValueRejected for what is no list of names, and no time.
        """

    @abstractmethod
    def telemetry_sample(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pd.DataFrame:
        """The same telemetry in short, computed by the database: one statement, and few rows however many points
        there are.

        The time from the trial's first to its last point between `since` and `until`, of any metric, is divided into
        `buckets` parts of equal length. For each metric and each part that has points of it there is one row, columns
        `metric`, `ts_first` and `ts_last` (UTC, of these points), `count` (of points), `numbers` (how many of them are
        finite numbers), `min`, `mean`, `max` (doubles, of these numbers; NaN where there are none); ordered by metric,
        then time. So no extreme is lost, and texts, bools, None, NaN and infinities are counted only. Values that
        mlos_bench wrote without a type are numbers where they look like one; an int of more than 300 digits is none.

        Raises what `telemetry` raises, and ValueRejected for `buckets` that are no int from 1 to 100,000.
        """

    @abstractmethod
    def telemetry_sample_arrow(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pa.Table:
        """`telemetry_sample` as an Arrow table of the same columns; null stands for NaN. Needs the extra `arrow`.

        Raises what `telemetry_sample` raises, and ConfigError where pyarrow is not installed.
        """

    @abstractmethod
    def telemetry_arrow(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pa.Table:
        """Telemetry as an Arrow table, ordered by ts, then metric, made without pandas; needs the extra `arrow`.

        The columns are the same whatever the values are: `ts` (timestamp('us', 'UTC')), `metric` (string), `value`
        (double) and `text` (string). A number stands in `value`, any other value in `text` (bools as `True` and
        `False`), None in neither. An int beyond ±2^53, which a double may have to round, also stands in `text`. Values
        that mlos_bench wrote without a type are numbers where they look like one.

        `metrics`, `since` and `until` choose as in `telemetry`. Raises what that raises, and ConfigError where pyarrow
        is not installed.
        """

    @abstractmethod
    def telemetry_batches(self, batch_size: int = 65_536) -> Generator[pa.RecordBatch, None, None]:
        """The rows of `telemetry_arrow` in a stream of record batches, of which one at a time is held, each with at
        most `batch_size` points. A trial without telemetry has no batch.

        All batches come from one snapshot: a connection is in use, and a read transaction open, until the last batch
        was taken or the generator is closed (`contextlib.closing`). Other calls can be made meanwhile, also in the loop
        that takes the batches; where they would have to wait (SQLite in memory or without WAL), all batches are read
        into a temporary file when the first one is taken. Servers end a stream that nobody reads for long (MySQL:
        `net_write_timeout`, a minute).

        Raises ValueRejected for a size below 1, ConfigError where pyarrow is not installed; while it is read,
        QueryError when the connection breaks, since a stream that has begun cannot be read again from the start.
        """

    @property
    @abstractmethod
    def metadata_df(self) -> pd.DataFrame:
        """Metadata, columns `parameter, value`."""

    @property
    @abstractmethod
    def metadata_dict(self) -> dict[str, Any]:
        """Metadata, parameter → value."""

    @property
    @abstractmethod
    def context(self) -> dict[str, Any]:
        """What the trial ran on when it last started, name → value; empty where that is not stored.

        Names are those of docs/guide.md (`host_name`, `cpu_model`, `git_commit`, …) as far as they could be found out,
        and those that the harness added (`SqlStorage(..., context={...})`).
        """


class TunableConfigData(ABC):
    """A stored set of tunable values, which trials of any experiment share."""

    def __init__(self, *, tunable_config_id: int) -> None:
        self._tunable_config_id = tunable_config_id

    def __repr__(self) -> str:
        return f"TunableConfig :: {self._tunable_config_id}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TunableConfigData):
            return NotImplemented
        return self._tunable_config_id == other._tunable_config_id

    def __hash__(self) -> int:
        return hash(self._tunable_config_id)

    @property
    def tunable_config_id(self) -> int:
        """The config's id."""
        return self._tunable_config_id

    @property
    @abstractmethod
    def config_df(self) -> pd.DataFrame:
        """The values, columns `parameter, value`."""

    @property
    @abstractmethod
    def config_dict(self) -> dict[str, Any]:
        """The values, parameter → value."""

    @property
    @abstractmethod
    def trials(self) -> list[TrialData]:
        """The trials of this config in all experiments, by experiment id and trial id, as they are stored now; one
        statement. Those of one experiment alone: `ExperimentData.tunable_config_trial_groups`."""


class TunableConfigTrialGroupData(ABC):
    """The trials of one experiment that ran one tunable config: its repeats."""

    def __init__(self, *, experiment_id: str, tunable_config_id: int, tunable_config_trial_group_id: int) -> None:
        self._experiment_id = experiment_id
        self._tunable_config_id = tunable_config_id
        self._tunable_config_trial_group_id = tunable_config_trial_group_id

    def __repr__(self) -> str:
        return (
            f"TunableConfigTrialGroup :: {clean(self._experiment_id)}:{self._tunable_config_trial_group_id} "
            f"cid:{self._tunable_config_id}"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TunableConfigTrialGroupData):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, int]:
        return self._experiment_id, self._tunable_config_id

    @property
    def experiment_id(self) -> str:
        """The experiment that the trials belong to."""
        return self._experiment_id

    @property
    def tunable_config_id(self) -> int:
        """The config that they share."""
        return self._tunable_config_id

    @property
    def tunable_config_trial_group_id(self) -> int:
        """The least trial id of that config in the experiment."""
        return self._tunable_config_trial_group_id

    @property
    @abstractmethod
    def tunable_config(self) -> TunableConfigData:
        """The config that they share."""

    @property
    @abstractmethod
    def trials(self) -> dict[int, TrialData]:
        """The trials of the group by id, ascending."""

    @property
    @abstractmethod
    def results_df(self) -> pd.DataFrame:
        """The rows of the experiment's `results_df` that belong to this group."""
