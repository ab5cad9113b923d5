"""Telemetry by choice: some trials, metrics and a span of time, whole or as a sample that the engine computes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trialstore.dialects.errors import ValueRejected
from trialstore.sql.session import Session
from trialstore.storage.database.connections import Database
from trialstore.storage.values.checks import check_name, items_of, to_utc, trial_id_list
from trialstore.storage.values.encoding import python_value
from trialstore.storage.values.readers import ValueReader

from .frames import utc_column
from .telemetry import choice_table, points_frame

if TYPE_CHECKING:
    import pandas as pd

MOST_BUCKETS = 100_000
_FIRST = dt.datetime(1, 1, 2, tzinfo=dt.timezone.utc)
_LAST = dt.datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)
_SAMPLE = ("metric", "ts_first", "ts_last", "count", "numbers", "min", "mean", "max")


@dataclass(frozen=True)
class Choice:
    """Which points: those of some trials (None: all of the experiment), of some metrics (None: all), and of a time."""

    database: Database
    exp_id: str
    ids: tuple[int, ...] | None
    bounds: dict[str, Any]

    @classmethod
    def of(
        cls,
        database: Database,
        exp_id: str,
        trial_ids: Iterable[int] | None,
        metrics: Iterable[str] | None,
        since: dt.datetime | None,
        until: dt.datetime | None,
    ) -> Choice:
        """A choice whose every part was checked. Raises ValueRejected."""
        encode_ts = database.dialect.encode_ts
        first = _FIRST if since is None else max(to_utc(since, "since"), _FIRST)
        last = _LAST if until is None else min(max(to_utc(until, "until"), _FIRST) - _MICROSECOND, _LAST)
        names = None
        if metrics is not None:
            wanted = items_of(metrics, "metrics: a value", "Give a list of names of metrics.", keys=True)
            length = database.dialect.id_length
            names = json.dumps(sorted({check_name(name, "Metric", length) for name in wanted}), ensure_ascii=False)
        ids = None if trial_ids is None else tuple(trial_id_list(trial_ids))
        return cls(database, exp_id, ids, {"metrics": names, "since": encode_ts(first), "until": encode_ts(last)})

    def params(self, tx: Session) -> dict[str, Any]:
        """The binds of the statements."""
        ids = self.ids
        if ids is None:
            ids = tuple(row.trial_id for row in tx.many("trial_list", exp_id=self.exp_id))
        return {"exp_id": self.exp_id, "ids": json.dumps(ids), **self.bounds}

    def frame(self, reader: ValueReader, *, several: bool) -> pd.DataFrame:
        """The points, columns `trial_id` (of several trials), `ts`, `metric`, `value`."""
        found = self.database.read(
            lambda tx: points_frame(tx, "telemetry_chosen", self.params(tx), reader, ("trial_id",))
        )
        return found if several else found.drop(columns="trial_id")

    def table(self, *, several: bool) -> Any:
        """The points as an Arrow table."""
        return choice_table(self.database, self.params, several=several)

    def sample(self, buckets: Any) -> list[tuple[Any, ...]]:
        """The rows of the sample, times as datetimes in UTC."""
        number = python_value(buckets)
        if type(number) is not int or not 1 <= number <= MOST_BUCKETS:
            raise ValueRejected("buckets is no number of parts.", f"Give an int from 1 to {MOST_BUCKETS:,}.")
        decode_ts = self.database.dialect.decode_ts
        found = self.database.read(lambda tx: tx.tuples("telemetry_sample", buckets=number, **self.params(tx)))
        return [(row[0], row[1], decode_ts(row[2]), decode_ts(row[3]), *row[4:]) for row in found]


def sample_frame(rows: list[tuple[Any, ...]], *, several: bool) -> pd.DataFrame:
    """The rows of a sample as a data frame."""
    import numpy as np
    import pandas as pd

    trials, metrics, firsts, lasts, *numbers = zip(*rows, strict=True) if rows else [()] * 9
    kinds = ("int64", "int64", "float64", "float64", "float64")
    columns: dict[str, Any] = {"trial_id": np.array(trials, dtype="int64")} if several else {}
    columns["metric"] = pd.Series(metrics, dtype=object)
    for name, moments in (("ts_first", firsts), ("ts_last", lasts)):
        columns[name] = utc_column(np.array([each.replace(tzinfo=None) for each in moments], dtype="datetime64[us]"))
    for name, values, kind in zip(_SAMPLE[3:], numbers, kinds, strict=True):
        columns[name] = np.array(values, dtype=kind)
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame


def sample_table(choice: Choice, buckets: Any, *, several: bool) -> Any:
    """The sample as an Arrow table. Raises ConfigError where pyarrow is not installed."""
    from . import arrow

    arrow.check_installed()
    import pyarrow as pa

    rows = choice.sample(buckets)
    time, number = pa.timestamp("us", tz="UTC"), pa.float64()
    kinds = (pa.int64(), pa.string(), time, time, pa.int64(), pa.int64(), number, number, number)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(kinds)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    table = pa.Table.from_arrays(arrays, names=["trial_id", *_SAMPLE])
    return table if several else table.drop_columns(["trial_id"])
