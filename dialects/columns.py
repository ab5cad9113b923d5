"""Rows by columns, for data frames and Arrow: what `Dialect.columns` knows of an engine's driver.

NumPy and pyarrow are imported when they are first needed: who asks for neither needs neither.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol


class Rows(Protocol):
    """The part of `Dialect` that `Columns` uses; see there."""

    @property
    def plain_times(self) -> bool: ...
    def read_ts(self, value: Any) -> dt.datetime | None: ...
    def stream_cursor(self, connection: Any) -> Any: ...
    def close_stream(self, cursor: Any) -> None: ...


class Columns:
    """How the rows of a dialect's driver become columns; for an engine whose driver knows a faster way, a subclass."""

    def __init__(self, dialect: Rows) -> None:
        self.dialect = dialect

    def chunks(self, cursor: Any, size: int) -> Iterator[Sequence[Sequence[Any]]]:
        """The columns of the rows that the driver's cursor has, at most `size` rows at once, never empty; times
        as `numpy_times` takes them. Overridden if the driver returns rows by columns."""
        while rows := cursor.fetchmany(size):
            yield list(zip(*rows, strict=True))

    def numpy_times(self, values: Sequence[Any]) -> Any:
        """What `read_ts` makes of the values of a column, as a NumPy array of type `datetime64[us]`, in UTC. Overridden
        where there is a faster way."""
        import numpy as np

        if not self.dialect.plain_times:
            moments = map(self.dialect.read_ts, values)
            values = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
        return np.array(values, dtype="datetime64[us]")

    def record_batches(
        self, connection: Any, sql: str, arguments: Any, schema: Any, size: int | None
    ) -> Generator[Any, None, None]:
        """The rows of a statement that is run on the driver's connection, as `pyarrow.RecordBatch`es of the `schema`;
        times are of type `timestamp('us', 'UTC')`.

        With a `size`, each has at most so many rows, and neither driver nor server hands over many more before they
        are asked for; closing the generator leaves the connection fit for the next statement. Without one, all rows
        come at once. Overridden where the driver itself makes Arrow of rows.
        """
        import pyarrow as pa

        cursor = connection.cursor() if size is None else self.dialect.stream_cursor(connection)
        try:
            cursor.execute(sql, arguments)
            while rows := cursor.fetchall() if size is None else cursor.fetchmany(size):
                columns = [
                    self.arrow_times(values) if pa.types.is_timestamp(field.type) else pa.array(values, field.type)
                    for field, values in zip(schema, zip(*rows, strict=True), strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except GeneratorExit:
            self.dialect.close_stream(cursor)
            raise
        except BaseException:
            with suppress(Exception):  # it is the first error that says what happened
                self.dialect.close_stream(cursor)
            raise
        self.dialect.close_stream(cursor)

    def arrow_times(self, values: Sequence[Any]) -> Any:
        """What `read_ts` makes of the values of a column, as a `pyarrow.Array`."""
        import pyarrow as pa

        return pa.array(list(map(self.dialect.read_ts, values)), pa.timestamp("us", tz="UTC"))
