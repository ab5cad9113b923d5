"""Reading trials, tunable configs, and the trials that share one, from a SQL database."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from trialstore.dialects.errors import TrialMissing
from trialstore.sql.session import Session
from trialstore.storage.attributes import TrialAttributes
from trialstore.storage.base_trial_data import TrialData, TunableConfigData, TunableConfigTrialGroupData
from trialstore.storage.database.connections import Database
from trialstore.storage.status import Status
from trialstore.storage.values.readers import TYPED, ValueReader
from trialstore.storage.values.rows import Stored, plain

from . import telemetry as stored_telemetry
from .by_id import ById
from .frames import named_values, results_frame, status_frame
from .html import trial_html, values_html
from .telemetry_choice import Choice, sample_frame, sample_table

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    import pandas as pd
    import pyarrow as pa


class SqlTunableConfigData(TunableConfigData):
    """A stored set of tunable values, read when first asked for unless given."""

    def __init__(
        self,
        database: Database,
        tunable_config_id: int,
        params: dict[str, Stored] | None = None,
        reader: ValueReader = TYPED,
    ) -> None:
        super().__init__(tunable_config_id=tunable_config_id)
        self.database = database
        self.reader = self._read_by = reader
        self._params = params

    def _read(self) -> dict[str, Stored]:
        if self._params is None or self._read_by is not self.reader:
            found = self.database.read_one(lambda tx: tx.many("config_params", config_id=self._tunable_config_id))
            self._params, self._read_by = self.reader.params(found), self.reader
        return self._params

    def _repr_html_(self) -> str:
        """For notebooks: the values; one statement."""
        return values_html(repr(self), "parameter", self.config_dict)

    @property
    def config_df(self) -> pd.DataFrame:
        """The values, columns `parameter, value`."""
        return named_values("parameter", self._read())

    @property
    def config_dict(self) -> dict[str, Any]:
        """The values, parameter → value."""
        return plain(self._read())

    @property
    def trials(self) -> list[TrialData]:
        """The trials of this config in all experiments; one statement. See `TunableConfigData.trials`."""
        wanted = {"config_id": self._tunable_config_id}
        found = self.database.read_one(lambda tx: tx.many("trial_list_of_config_anywhere", **wanted))
        groups: dict[str, int] = {}
        return [
            SqlTrialData.of(self.database, row.exp_id, row, groups.setdefault(row.exp_id, row.trial_id), self.reader)
            for row in found
        ]


class SqlTunableConfigTrialGroupData(TunableConfigTrialGroupData):
    """The trials of one experiment that ran one tunable config."""

    def __init__(
        self,
        database: Database,
        experiment_id: str,
        tunable_config_id: int,
        group_id: int,
        reader: ValueReader = TYPED,
    ) -> None:
        super().__init__(
            experiment_id=experiment_id, tunable_config_id=tunable_config_id, tunable_config_trial_group_id=group_id
        )
        self.database = database
        self.reader = reader
        self._where = {"exp_id": experiment_id, "config_id": tunable_config_id}

    @property
    def tunable_config(self) -> TunableConfigData:
        """The config that they share."""
        return SqlTunableConfigData(self.database, self._tunable_config_id, reader=self.reader)

    @property
    def trials(self) -> dict[int, TrialData]:
        """The trials of the group by id, ascending; one statement."""
        found = self.database.read_one(lambda tx: tx.many("trial_list_of_config", **self._where))
        group_id = self._tunable_config_trial_group_id
        trials = {
            row.trial_id: SqlTrialData.of(self.database, self._experiment_id, row, group_id, self.reader)
            for row in found
        }
        return ById(trials, "trial", TrialMissing, f"of this config in experiment {self._experiment_id!r}")

    @property
    def results_df(self) -> pd.DataFrame:
        """The rows of the experiment's `results_df` that belong to this group; three statements."""
        config_id = self._tunable_config_id

        def read(tx: Session) -> tuple[Any, Any, Any]:
            return (
                tx.tuples("trial_list_of_config", **self._where),
                [(config_id, *row) for row in tx.tuples("config_params", config_id=config_id)],
                tx.tuples("results_of_config", **self._where),
            )

        return results_frame(*self.database.read(read), self.database.dialect, self.reader)


class SqlTrialData(TrialAttributes, TrialData):
    """A stored trial; its data is read when asked for."""

    def __init__(
        self,
        database: Database,
        group_id: int,
        *,
        experiment_id: str,
        trial_id: int,
        tunable_config_id: int,
        ts_start: dt.datetime | None,
        ts_end: dt.datetime | None,
        status: Status,
        trial_runner_id: int | None,
        reader: ValueReader = TYPED,
    ) -> None:
        super().__init__(
            experiment_id=experiment_id,
            trial_id=trial_id,
            tunable_config_id=tunable_config_id,
            ts_start=ts_start,
            ts_end=ts_end,
            status=status,
            trial_runner_id=trial_runner_id,
        )
        self.database = database
        self.reader = reader
        self._group_id = group_id
        self._key = {"exp_id": self._experiment_id, "trial_id": self._trial_id}

    @classmethod
    def of(
        cls, database: Database, experiment_id: str, row: Any, group_id: int, reader: ValueReader = TYPED
    ) -> SqlTrialData:
        """The trial in a row `trial_id, config_id, trial_runner_id, ts_start, ts_end, status`."""
        read_ts = database.dialect.read_ts
        return cls(
            database,
            group_id,
            experiment_id=experiment_id,
            trial_id=row.trial_id,
            tunable_config_id=row.config_id,
            ts_start=read_ts(row.ts_start),
            ts_end=read_ts(row.ts_end),
            status=Status.parse(row.status),
            trial_runner_id=row.trial_runner_id,
            reader=reader,
        )

    def _repr_html_(self) -> str:
        """For notebooks: the trial with its config and results; two statements."""
        return trial_html(self)

    @property
    def tunable_config(self) -> TunableConfigData:
        """Its tunable config."""
        return SqlTunableConfigData(self.database, self._tunable_config_id, reader=self.reader)

    @property
    def tunable_config_trial_group(self) -> TunableConfigTrialGroupData:
        """The group of the experiment's trials with the same config."""
        return SqlTunableConfigTrialGroupData(
            self.database, self._experiment_id, self._tunable_config_id, self._group_id, self.reader
        )

    def _results(self) -> dict[str, Stored]:
        return self.reader.results(self.database.read_one(lambda tx: tx.many("results", **self._key)))

    @property
    def results_df(self) -> pd.DataFrame:
        """Final metrics, columns `metric, value`."""
        return named_values("metric", self._results())

    @property
    def results_dict(self) -> dict[str, Any]:
        """Final metrics, metric → value."""
        return plain(self._results())

    @property
    def status_events(self) -> list[tuple[dt.datetime, Status]]:
        """`(timestamp in UTC, status)`, the earliest first; one statement. See `TrialData.status_events`."""
        found = self.database.read_one(lambda tx: tx.many("trial_status_events", **self._key))
        return [(self.database.dialect.decode_ts(row.ts), Status.parse(row.status)) for row in found]

    @property
    def status_df(self) -> pd.DataFrame:
        """The same as a frame, columns `ts` (UTC) and `status`; one statement."""
        return status_frame(self.status_events)

    @property
    def telemetry_df(self) -> pd.DataFrame:
        """Telemetry, columns `ts` (UTC), `metric`, `value`, ordered by ts, then metric."""
        return stored_telemetry.frame(self.database, self._key, self.reader)

    def telemetry(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pd.DataFrame:
        """Some of the telemetry; one statement. See `TrialData.telemetry`."""
        return self._choice(metrics, since, until).frame(self.reader, several=False)

    def telemetry_sample(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pd.DataFrame:
        """Telemetry in short; one statement. See `TrialData.telemetry_sample`."""
        return sample_frame(self._choice(metrics, since, until).sample(buckets), several=False)

    def telemetry_sample_arrow(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        buckets: int = 1_000,
    ) -> pa.Table:
        """Telemetry in short as an Arrow table; one statement. See `TrialData.telemetry_sample_arrow`."""
        return sample_table(self._choice(metrics, since, until), buckets, several=False)

    def _choice(self, metrics: Iterable[str] | None, since: dt.datetime | None, until: dt.datetime | None) -> Choice:
        return Choice.of(self.database, self._experiment_id, [self._trial_id], metrics, since, until)

    def telemetry_arrow(
        self,
        metrics: Iterable[str] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> pa.Table:
        """Telemetry as an Arrow table; one statement. See `TrialData.telemetry_arrow`."""
        if metrics is None and since is None and until is None:
            return stored_telemetry.table(self.database, "telemetry", self._key)
        return self._choice(metrics, since, until).table(several=False)

    def telemetry_batches(self, batch_size: int = stored_telemetry.BATCH) -> Generator[pa.RecordBatch, None, None]:
        """Telemetry in a stream; one statement. See `TrialData.telemetry_batches`."""
        return stored_telemetry.batches(self.database, self._key, batch_size)

    def _metadata(self) -> dict[str, Stored]:
        return self.reader.params(self.database.read_one(lambda tx: tx.many("trial_params", **self._key)))

    @property
    def metadata_df(self) -> pd.DataFrame:
        """Metadata, columns `parameter, value`."""
        return named_values("parameter", self._metadata())

    @property
    def metadata_dict(self) -> dict[str, Any]:
        """Metadata, parameter → value."""
        return plain(self._metadata())

    @property
    def context(self) -> dict[str, Any]:
        """What the trial ran on, name → value; one statement. See `TrialData.context`."""
        found = self.database.read_one(lambda tx: tx.tuples("context_values", **self._key))
        return {name: TYPED.stored(text, kind).value for name, text, kind in found}
