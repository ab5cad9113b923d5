"""Reading experiments from a SQL database: each property reads in one transaction, with a fixed number of
statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from trialstore.dialects.errors import ExperimentMissing, TrialMissing
from trialstore.sql.session import Session
from trialstore.storage.attributes import (
    ExperimentAttributes,
    delete_of_found,
    delete_of_trials,
    of_trials,
    set_of_found,
    set_of_trials,
)
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.base_trial_data import TrialData, TunableConfigData, TunableConfigTrialGroupData
from trialstore.storage.database.connections import Database
from trialstore.storage.objectives import Direction
from trialstore.storage.values.checks import check_flag
from trialstore.storage.values.readers import TYPED, ValueReader
from trialstore.storage.values.rows import group_ids

from . import all_values
from . import telemetry as stored_telemetry
from .by_id import ById
from .frames import results_frame
from .html import experiment_html
from .overview import read_progress
from .search.found import Search
from .telemetry_choice import Choice, sample_frame, sample_table
from .trial_data import SqlTrialData, SqlTunableConfigData, SqlTunableConfigTrialGroupData

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_experiments(database: Database) -> dict[str, ExperimentData]:
    """All experiments by id, ascending; one statement."""
    found = database.read_one(lambda tx: tx.many("experiment_list"))
    ordered = sorted(found, key=lambda row: str(row.exp_id))
    return ById({row.exp_id: SqlExperimentData(database, row) for row in ordered}, "experiment", ExperimentMissing)


class SqlExperimentData(ExperimentAttributes, ExperimentData):
    """A stored experiment."""

    def __init__(self, database: Database, row: Any, reader: ValueReader = TYPED) -> None:
        super().__init__(
            experiment_id=row.exp_id,
            description=row.description,
            root_env_config=row.root_env_config,
            git_repo=row.git_repo,
            git_commit=row.git_commit,
        )
        self.database = database
        self.reader = reader
        self._key = {"exp_id": row.exp_id}

    def _repr_html_(self) -> str:
        """For notebooks: the experiment, and how far its trials are; two statements."""
        return experiment_html(self, read_progress(self.database, self._experiment_id))

    @property
    def objectives(self) -> dict[str, Direction]:
        """Metric → direction, by weight descending, then name."""
        return {row.optimization_target: row.optimization_direction for row in self._objective_rows()}

    @property
    def objective_weights(self) -> dict[str, float | None]:
        """Metric → weight, None where none was given; in the order of `objectives`."""
        return {row.optimization_target: row.weight for row in self._objective_rows()}

    def _objective_rows(self) -> Any:
        return self.database.read_one(lambda tx: tx.many("objective_list", **self._key))

    @property
    def trials(self) -> dict[int, TrialData]:
        """Trials by id, ascending; one statement."""
        found = self.database.read_one(lambda tx: tx.many("trial_list", **self._key))
        groups = group_ids((row.config_id, row.trial_id) for row in found)
        trials = {
            row.trial_id: SqlTrialData.of(self.database, self._experiment_id, row, groups[row.config_id], self.reader)
            for row in found
        }
        return ById(trials, "trial", TrialMissing, f"in experiment {self._experiment_id!r}")

    @property
    def tunable_configs(self) -> dict[int, TunableConfigData]:
        """Configs that the trials used, by id, ascending; one statement."""
        found = self.database.read_one(lambda tx: tx.tuples("config_params_of_experiment", **self._key))
        configs = {
            config_id: SqlTunableConfigData(self.database, config_id, params, self.reader)
            for config_id, params in sorted(self.reader.by_config(found).items())
        }
        return ById(configs, "tunable config", TrialMissing, f"in experiment {self._experiment_id!r}")

    @property
    def tunable_config_trial_groups(self) -> dict[int, TunableConfigTrialGroupData]:
        """Groups of trials with the same config, by config id, ascending; one statement."""
        found = self.database.read_one(lambda tx: tx.many("trial_list", **self._key))
        groups = group_ids((row.config_id, row.trial_id) for row in found)
        by_config = {
            config_id: SqlTunableConfigTrialGroupData(
                self.database, self._experiment_id, config_id, groups[config_id], self.reader
            )
            for config_id in sorted(groups)
        }
        return ById(by_config, "tunable config", TrialMissing, f"in experiment {self._experiment_id!r}")

    @property
    def default_tunable_config_id(self) -> int | None:
        """The config of the first trial whose metadata `is_defaults` is true, else of the first trial, else None."""
        found: int | None = self.database.read_one(lambda tx: tx.scalar("trial_default_config", **self._key))
        return found

    @property
    def marked_default_config_id(self) -> int | None:
        """The config of the first trial whose metadata `is_defaults` is true; None where no trial is marked so."""
        found: int | None = self.database.read_one(lambda tx: tx.scalar("trial_marked_default", **self._key))
        return found

    @property
    def results_df(self) -> pd.DataFrame:
        """One row per trial; three statements. See `ExperimentData.results_df`."""
        return self._results_frame(exact=False)

    @property
    def exact_results_df(self) -> pd.DataFrame:
        """One row per trial; three statements. See `ExperimentData.exact_results_df`."""
        return self._results_frame(exact=True)

    def _results_frame(self, *, exact: bool) -> pd.DataFrame:
        def read(tx: Session) -> tuple[Any, Any, Any]:
            return (
                tx.tuples("trial_list", **self._key),
                tx.tuples("config_params_of_experiment", **self._key),
                tx.tuples("results_of_experiment", **self._key),
            )

        return results_frame(*self.database.read(read), self.database.dialect, self.reader, exact=exact)

    def trials_df(self, *, metadata: bool = True, attributes: bool = True, exact: bool = False) -> pd.DataFrame:
        """One row per trial with all values; one statement. See `ExperimentData.trials_df`."""
        wanted = all_values.wanted(self._experiment_id, metadata=metadata, attributes=attributes)
        return all_values.frame(self.database, wanted, self.reader, exact=check_flag(exact, "exact"))

    def find(
        self,
        where: str | None = None,
        *,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[TrialData]:
        """The trials that fulfil a condition, in order; see `Storage.find_trials`."""
        search = Search(
            where,
            experiment_id=self._experiment_id,
            order_by=order_by,
            descending=descending,
            limit=limit,
            offset=offset,
        )
        return search.trials(self.database, self.reader)

    def find_df(
        self,
        where: str | None = None,
        *,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> pd.DataFrame:
        """The trials that fulfil a condition as rows of a data frame; see `Storage.find_df`."""
        search = Search(
            where,
            experiment_id=self._experiment_id,
            order_by=order_by,
            descending=descending,
            limit=limit,
            offset=offset,
        )
        return search.frame(self.database, self.reader)

    def results_arrow(self) -> pa.Table:
        """One row per trial; three statements. See `ExperimentData.results_arrow`."""
        from . import arrow

        return arrow.results_table(self.database, self._experiment_id)

    def trials_arrow(self, *, metadata: bool = True, attributes: bool = True) -> pa.Table:
        """One row per trial with all values; one statement. See `ExperimentData.trials_arrow`."""
        from . import arrow

        return arrow.trials_table(
            self.database, all_values.wanted(self._experiment_id, metadata=metadata, attributes=attributes)
        )

    def telemetry(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pd.DataFrame:
        """One row per point that is chosen. See `ExperimentData.telemetry`."""
        choice = Choice.of(self.database, self._experiment_id, trial_ids, metrics, since, until)
        return choice.frame(self.reader, several=True)

    def telemetry_sample(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pd.DataFrame:
        """Telemetry in short. See `ExperimentData.telemetry_sample`."""
        choice = Choice.of(self.database, self._experiment_id, trial_ids, metrics, since, until)
        return sample_frame(choice.sample(buckets), several=True)

    def telemetry_sample_arrow(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pa.Table:
        """Telemetry in short as an Arrow table. See `ExperimentData.telemetry_sample_arrow`."""
        choice = Choice.of(self.database, self._experiment_id, trial_ids, metrics, since, until)
        return sample_table(choice, buckets, several=True)

    def telemetry_arrow(
        self,
        trial_ids: Iterable[int] | None = None,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pa.Table:
        """One row per point; one statement for all points. See `ExperimentData.telemetry_arrow`."""
        if trial_ids is None and metrics is None and since is None and until is None:
            return stored_telemetry.table(self.database, "telemetry_of_experiment", self._key, ("trial_id",))
        choice = Choice.of(self.database, self._experiment_id, trial_ids, metrics, since, until)
        return choice.table(several=True)

    @property
    def trial_attributes(self) -> dict[int, dict[str, Any]]:
        """Trial id → attributes; one statement. See `ExperimentData.trial_attributes`."""
        return of_trials(self.database, self._experiment_id)

    def set_trial_attributes(self, trial_ids: Iterable[int], attributes: Mapping[str, Any]) -> None:
        """Give trials attributes; see `ExperimentData.set_trial_attributes`."""
        set_of_trials(self.database, self._experiment_id, trial_ids, attributes)

    def delete_trial_attributes(self, trial_ids: Iterable[int], names: Iterable[str]) -> None:
        """Delete attributes of trials; see `ExperimentData.delete_trial_attributes`."""
        delete_of_trials(self.database, self._experiment_id, trial_ids, names)

    def set_attributes_where(self, where: str | None, attributes: Mapping[str, Any]) -> int:
        """Give trials that fulfil a condition attributes; see `ExperimentData.set_attributes_where`."""
        search = Search(where, experiment_id=self._experiment_id)
        found = set_of_found(self.database, self._experiment_id, search.trial_ids, attributes)
        if not found:
            search.check_experiment(self.database)
        return found

    def delete_attributes_where(self, where: str | None, names: Iterable[str]) -> int:
        """Delete attributes of trials that fulfil a condition; see `ExperimentData.delete_attributes_where`."""
        search = Search(where, experiment_id=self._experiment_id)
        found = delete_of_found(self.database, self._experiment_id, search.trial_ids, names)
        if not found:
            search.check_experiment(self.database)
        return found
