"""Telemetry as it is read: a list of points, a data frame, an Arrow table or a stream of record batches.

Writing it is the business of `trialstore.storage.writing.telemetry`; its statements stand in
`sql/queries/trial_data.sql`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from trialstore.dialects.errors import ValueRejected
from trialstore.sql.session import Session
from trialstore.storage.database.connections import Database
from trialstore.storage.database.streams import stream
from trialstore.storage.values.encoding import python_value
from trialstore.storage.values.readers import ValueReader

from .frames import utc_column

if TYPE_CHECKING:
    import pandas as pd

BATCH = 65_536
"""Rows of a record batch, unless asked for another number."""
LARGEST_BATCH = 2**30
"""The largest batch that is asked for: drivers cannot count many more rows."""


def points(database: Database, key: Mapping[str, Any], reader: ValueReader) -> list[tuple[dt.datetime, str, Any]]:
    """The points of a trial as `(timestamp in UTC, metric, value)`; one statement."""
    decode_ts = database.dialect.decode_ts

    def read(tx: Session) -> list[tuple[dt.datetime, str, Any]]:
        return [
            (decode_ts(ts), metric, reader.stored(text, kind).value)
            for rows in tx.chunks("telemetry", key)
            for ts, metric, text, kind in rows
        ]

    return database.read_one(read)


def frame(database: Database, key: Mapping[str, Any], reader: ValueReader) -> pd.DataFrame:
    """The points of a trial, columns `ts` (UTC), `metric`, `value`; one statement."""
    return database.read_one(lambda tx: points_frame(tx, "telemetry", key, reader))


def points_frame(
    tx: Session, statement: str, params: Mapping[str, Any], reader: ValueReader, ids: tuple[str, ...] = ()
) -> pd.DataFrame:
    """The points that a statement returns, which has the columns `ids` before those of a point, as a frame with these
    columns, then `ts` (UTC), `metric`, `value`."""
    import numpy as np
    import pandas as pd

    known = {name: [np.array([], dtype="int64")] for name in ids}
    times = [np.array([], dtype="datetime64[us]")]
    metrics: list[str] = []
    shown: list[Any] = []
    for *numbers, ts, names, texts, kinds in tx.column_chunks(statement, params):
        for name, values in zip(ids, numbers, strict=True):
            known[name].append(np.asarray(values, dtype="int64"))
        times.append(tx.dialect.columns.numpy_times(ts))
        metrics += names
        shown += reader.shown_values(texts, kinds)
    found: pd.DataFrame = pd.DataFrame(
        {
            **{name: np.concatenate(parts) for name, parts in known.items()},
            "ts": utc_column(np.concatenate(times)),
            "metric": pd.Series(metrics, dtype=object),
            "value": pd.Series(shown, dtype=object),
        }
    )
    return found


def table(database: Database, statement: str, key: Mapping[str, Any], ids: tuple[str, ...] = ()) -> Any:
    """The points that a statement returns, which has the columns `ids` before those of a point, as an Arrow table."""
    from . import arrow

    arrow.check_installed()
    import pyarrow as pa

    def read(tx: Session) -> Any:
        return pa.Table.from_batches(_batches(tx, statement, key, ids, BATCH), _schema(ids))

    return database.read(read)


def choice_table(database: Database, params: Callable[[Session], Mapping[str, Any]], *, several: bool) -> Any:
    """The points that `telemetry_chosen` returns as an Arrow table, with a column `trial_id` if they are of several
    trials; `params` gives the binds in the transaction."""
    from . import arrow

    arrow.check_installed()
    import pyarrow as pa

    ids = ("trial_id",)

    def read(tx: Session) -> Any:
        found = _batches(tx, "telemetry_chosen", params(tx), ids, BATCH)
        return pa.Table.from_batches(found, _schema(ids))

    table = database.read(read)
    return table if several else table.drop_columns(list(ids))


def batches(database: Database, key: Mapping[str, Any], batch_size: int) -> Generator[Any, None, None]:
    """The points of a trial, in record batches of at most `batch_size`. Raises ValueRejected for what is no size."""
    from . import arrow

    arrow.check_installed()
    size = python_value(batch_size)
    if type(size) is not int or size < 1:
        raise ValueRejected("batch_size is no positive int.", "Give the most points that a batch may have.")
    return stream(database, lambda tx: _batches(tx, "telemetry", key, (), min(size, LARGEST_BATCH)))


def _batches(
    tx: Session, statement: str, key: Mapping[str, Any], ids: tuple[str, ...], size: int
) -> Generator[Any, None, None]:
    import pyarrow as pa

    from . import arrow

    stored = arrow.column_schema(*ids, "ts", "metric_id", "metric_value", "value_type")
    for batch in tx.record_batches(statement, key, stored, size):
        *known, texts, kinds = batch.columns
        columns = [*known, *arrow.value_and_text(arrow.read_values(texts, kinds))]
        yield pa.RecordBatch.from_arrays(columns, schema=_schema(ids))


def _schema(ids: tuple[str, ...]) -> Any:
    import pyarrow as pa

    from . import arrow

    value = [pa.field("value", pa.float64()), pa.field("text", pa.string())]
    return pa.schema([*arrow.column_schema(*ids, "ts", "metric"), *value])
