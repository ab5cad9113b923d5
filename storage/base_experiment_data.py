"""Reading an experiment."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from trialstore.dialects.text import clean

from .base_attributes import Attributed

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from .base_trial_data import TrialData, TunableConfigData, TunableConfigTrialGroupData
    from .objectives import Direction


class ExperimentData(Attributed):
    """A stored experiment, read when asked for."""

    RESULT_COLUMN_PREFIX = "result."
    CONFIG_COLUMN_PREFIX = "config."
    METADATA_COLUMN_PREFIX = "metadata."
    ATTRIBUTE_COLUMN_PREFIX = "attribute."
    CONTEXT_COLUMN_PREFIX = "context."

    def __init__(
        self, *, experiment_id: str, description: str | None, root_env_config: str, git_repo: str, git_commit: str
    ) -> None:
        self._experiment_id = experiment_id
        self._description = description
        self._root_env_config = root_env_config
        self._git_repo = git_repo
        self._git_commit = git_commit

    @property
    def experiment_id(self) -> str:
        """The experiment's id."""
        return self._experiment_id

    @property
    def description(self) -> str | None:
        """The description, for people."""
        return self._description

    @property
    def root_env_config(self) -> tuple[str, str, str]:
        """`(root_env_config, git_repo, git_commit)`."""
        return self._root_env_config, self._git_repo, self._git_commit

    def __repr__(self) -> str:
        return clean(f"Experiment :: {self._experiment_id}: '{self._description}'")

    @property
    @abstractmethod
    def objectives(self) -> dict[str, Direction]:
        """Metric → direction, by weight descending, then name."""

    @property
    @abstractmethod
    def trials(self) -> dict[int, TrialData]:
        """Trials by id, ascending."""

    @property
    @abstractmethod
    def tunable_configs(self) -> dict[int, TunableConfigData]:
        """Configs that the trials used, by id, ascending."""

    @property
    @abstractmethod
    def tunable_config_trial_groups(self) -> dict[int, TunableConfigTrialGroupData]:
        """Groups of trials with the same config, by config id, ascending."""

    @property
    @abstractmethod
    def default_tunable_config_id(self) -> int | None:
        """The config of the first trial whose metadata `is_defaults` is true, else of the first trial, else None."""

    @property
    @abstractmethod
    def marked_default_config_id(self) -> int | None:
        """The config of the first trial whose metadata `is_defaults` is true; None where no trial is marked so."""

    @property
    @abstractmethod
    def results_df(self) -> pd.DataFrame:
        """One row per trial: ids, times, status, runner, then `config.*` and `result.*` columns, each sorted by name.

        A `config.` or `result.` column is numeric where every value of it is; None, and what a trial lacks, are NaN (or
        NA) there. One text among them makes it a column of objects, which has all values as they were stored.
        """

    @property
    @abstractmethod
    def exact_results_df(self) -> pd.DataFrame:
        """`results_df` with each `config.` and `result.` value as it was stored, in columns of objects.

        An int stays an int where other trials have none. None stands for what a trial lacks, and for None.
        """

    @abstractmethod
    def trials_df(self, *, metadata: bool = True, attributes: bool = True, exact: bool = False) -> pd.DataFrame:
        """One row per trial with all that is stored of it but telemetry, by one statement: the columns of `results_df`,
        then `metadata.*`, `attribute.*` and `context.*` (what it ran on), each sorted by name, then `duration_s` and
        `queued_s`.

        `duration_s` is `ts_end` less `ts_start`; `queued_s`, of a trial that has started, `ts_start` less the time
        since when it had been waiting; both in seconds, NaN where there is no such time. The other columns are made as
        those of `results_df`, with `exact` as those of `exact_results_df`; dicts and lists stay what they are.

        Args:
            metadata: Whether there are columns `metadata.*`.
            attributes: Whether there are columns `attribute.*`.
            exact: Whether each value is given as it was stored.

        Raises ValueRejected for what is no bool.
        """

    @abstractmethod
    def find(
        self,
        where: str | None = None,
        *,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[TrialData]:
        """The trials of this experiment that fulfil a condition, in order; see `Storage.find_trials`."""

    @abstractmethod
    def find_df(
        self,
        where: str | None = None,
        *,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> pd.DataFrame:
        """As `find`, the rows of `results_df` after a column `experiment_id`; see `Storage.find_df`."""

    @abstractmethod
    def results_arrow(self) -> pa.Table:
        """`results_df` as an Arrow table, with the same columns, made without pandas; needs the extra `arrow`.

        Ids are int64, times timestamp('us', 'UTC'), the status is a string. A `config.` or `result.` column is int64,
        double or bool where all of its values are ints, numbers, or bools, and holds them exactly: one with an int
        beyond int64, or with floats and an int beyond ±2^53, is a string, as is any other column (the text of the
        values: `1`, `0.5`, `True`). Values that mlos_bench wrote without a type count as ints or floats where they
        look like one. None and what a trial lacks are null, NaN is NaN; a column without any value is a double.

        Raises ConfigError where pyarrow is not installed.
        """

    @abstractmethod
    def trials_arrow(self, *, metadata: bool = True, attributes: bool = True) -> pa.Table:
        """`trials_df` as an Arrow table, with the same columns, made without pandas; needs the extra `arrow`.

        Columns are typed as those of `results_arrow`; dicts and lists are JSON text. `duration_s` and `queued_s` are
        doubles, null where there is no such time. One statement. Raises what `results_arrow` and `trials_df` raise.
        """

    @abstractmethod
    def telemetry(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pd.DataFrame:
        """Some of the telemetry of these trials (all, if not given): a column `trial_id`, then those of
        `TrialData.telemetry`; ordered by trial, ts and metric. One statement, and another one where all trials are
        meant.

        Trials that there are not have no rows. Raises what `TrialData.telemetry` raises, and ValueRejected for what is
        no list of trial ids.
        """

    @abstractmethod
    def telemetry_sample(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pd.DataFrame:
        """The same in short: a column `trial_id`, then those of `TrialData.telemetry_sample`, whose parts of time are
        each trial's own; ordered by trial, metric and time. As many statements as for `telemetry`. Raises what both
        raise."""

    @abstractmethod
    def telemetry_sample_arrow(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pa.Table:
        """`telemetry_sample` as an Arrow table of the same columns; null stands for NaN. Needs the extra `arrow`."""

    @abstractmethod
    def telemetry_arrow(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pa.Table:
        """The telemetry of these trials (all, if not given): a column `trial_id` (int64), then those of
        `TrialData.telemetry_arrow`; ordered by trial, ts and metric. `metrics`, `since` and `until` choose as in
        `telemetry`."""

    @property
    @abstractmethod
    def trial_attributes(self) -> dict[int, dict[str, Any]]:
        """The attributes of all trials that have any: trial id → name → value, both ascending, as they are stored now;
        one statement."""

    @abstractmethod
    def set_trial_attributes(self, trial_ids: Iterable[int], attributes: Mapping[str, Any]) -> None:
        """Give each of these trials the attributes, in any state of theirs; all of them or none. One statement for any
        number of trials.

        Raises what `TrialData.set_attributes` raises, also where one of the trials does not exist, and ValueRejected
        for what is no list of trial ids; nothing is written then.
        """

    @abstractmethod
    def delete_trial_attributes(self, trial_ids: Iterable[int], names: Iterable[str]) -> None:
        """Delete the attributes of these names from each of these trials, in one statement; what is not there is no
        error. Raises ValueRejected for what is no list of trial ids, and for what can be no name."""

    @abstractmethod
    def set_attributes_where(self, where: str | None, attributes: Mapping[str, Any]) -> int:
        """Give each trial that fulfils a condition the attributes, all of them or none; how many trials these are.

        `where` is a condition as of `find`, None for all trials. The trials are looked for and written to in one
        transaction, by one statement each, whatever their number; 0 where none fits.

        Raises what `find` and `set_attributes` raise, TrialMissing where a trial that was found is being deleted, and
        CommitUnknown where the connection broke while the commit was on its way; nothing is written in the first two
        cases.
        """

    @abstractmethod
    def delete_attributes_where(self, where: str | None, names: Iterable[str]) -> int:
        """Delete the attributes of these names from each trial that fulfils a condition; how many trials these are,
        whether or not they had them. See `set_attributes_where`."""
