"""Rows of DuckDB by columns, as the engine has them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError

from .columns import Columns

_ALL = 1_000_000  # rows of one record batch; the driver's own default


class DuckDBColumns(Columns):
    """The engine itself makes columns of its rows."""

    def chunks(self, cursor: Any, size: int) -> Iterator[Sequence[Sequence[Any]]]:
        columns = list(cursor.fetchnumpy().values())  # all rows: one object per value would take more memory
        for at in range(0, len(columns[0]), size):
            parts = [column[at : at + size] for column in columns]
            yield [part if part.dtype.kind == "M" else part.tolist() for part in parts]

    def record_batches(
        self, connection: Any, sql: str, arguments: Any, schema: Any, size: int | None
    ) -> Generator[Any, None, None]:
        import pyarrow as pa

        try:
            with _arrow_reader(connection, sql, arguments, size or _ALL) as reader:
                for batch in reader:
                    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
                    yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except pa.ArrowException as exc:  # what the engine says while its rows are read
            error = DBAPIError(None, None, exc)
        else:
            return
        raise error


def _arrow_reader(connection: Any, sql: str, arguments: Any, size: int) -> Any:
    """A reader of record batches straight from the engine, which it goes on running while it is read."""
    if not hasattr(connection, "fetch_record_batch"):  # from version 2 on, a result of execute() is copied first
        return connection.sql(sql, params=arguments).to_arrow_reader(size)
    result = connection.execute(sql, arguments)
    return result.to_arrow_reader(size) if hasattr(result, "to_arrow_reader") else result.fetch_record_batch(size)
