# ruff: noqa: S608 - the texts are put together of constants
"""The floor on DuckDB: the driver's own connection.

Many rows: up to 16 as one INSERT of many rows, up to 1,000 as arrays unpacked by `unnest`, more as a data frame that
the statement reads where it lies in memory, which for 10,000 points takes four fifths of the arrays' time. The driver's
`executemany` plans the statement anew for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from .floor import Floor, Row
from .floor_sql import COLUMNS, Statements, insert

_NOW = "CAST(current_timestamp AT TIME ZONE 'UTC' AS TIMESTAMP)"
_IDS = "(SELECT unnest(CAST(? AS INTEGER[])))"
_TYPES = {"config_id": "INTEGER", "trial_id": "INTEGER", "ts": "TIMESTAMP", "ts_start": "TIMESTAMP"}
_FEW, _SOME = 16, 1000


def _unnested(table: str) -> str:
    columns = COLUMNS[table]
    arrays = ", ".join(f"unnest(CAST(? AS {_TYPES.get(column, 'VARCHAR')}[]))" for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {arrays}"


class DuckdbFloor(Floor):
    """One connection for everything."""

    SQL = Statements(
        claim_find=(
            "SELECT trial_id, config_id, coalesce(lease_fence, 0) + 1 FROM trial WHERE exp_id = ? "
            f"AND status = 'PENDING' AND ts_start <= {_NOW} AND ts_end IS NULL "
            "AND (trial_runner_id IS NULL OR trial_runner_id = ?) ORDER BY ts_start, trial_id LIMIT ?"
        ),
        claim_take=(
            "UPDATE trial SET status = 'READY', trial_runner_id = ?, claim_id = ?, "
            f"lease_fence = coalesce(lease_fence, 0) + 1, lease_ends = {_NOW} + to_microseconds(CAST(? AS BIGINT)) "
            f"WHERE exp_id = ? AND trial_id IN {_IDS}"
        ),
        claim_event=(
            "INSERT INTO trial_status (exp_id, trial_id, ts, status) "
            f"SELECT ?, unnest(CAST(? AS INTEGER[])), {_NOW}, ? "
            "ON CONFLICT (exp_id, trial_id, ts) DO UPDATE SET status = excluded.status"
        ),
        params_of=(
            "SELECT DISTINCT t.config_id, p.param_id, p.param_value, p.value_type FROM trial t "
            f"JOIN config_param p ON p.config_id = t.config_id WHERE t.exp_id = ? AND t.trial_id IN {_IDS}"
        ),
        notes_of=(
            "SELECT trial_id, param_id, param_value, value_type FROM trial_param "
            f"WHERE exp_id = ? AND trial_id IN {_IDS}"
        ),
        taking=lambda key, ids, runner, lease, call: (runner, call, lease, key, ids),
        events=lambda key, ids, status: (key, ids, status),
        # No other process can write, and of two connections that give out the same id one fails.
        lock="SELECT exp_id FROM experiment WHERE exp_id = ?",
    )
    _ENDS = {"trial_telemetry": " ON CONFLICT DO NOTHING"}

    def connect(self) -> None:
        self._connection = duckdb.connect(self.config["database"])

    def close(self) -> None:
        self._connection.close()

    def open_and_close(self) -> None:
        # A second connection of this process: no other process may have the file open. The library's storage does so
        # too, and both leave the database itself loaded.
        connection = duckdb.connect(self.config["database"])
        connection.execute(self.SQL.history).fetchall()
        connection.close()

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(sql, args).fetchall()

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        found = self._connection.execute(sql, args).fetchall()
        return int(found[0][0])

    def many(self, table: str, rows: list[Row]) -> None:
        end = self._ENDS.get(table, "")
        if len(rows) <= _FEW:
            more = f", ({', '.join('?' * len(COLUMNS[table]))})" * (len(rows) - 1)
            self._connection.execute(insert(table) + more + end, [value for row in rows for value in row])
        elif len(rows) <= _SOME:
            self._connection.execute(_unnested(table) + end, list(map(list, zip(*rows, strict=True))))
        else:
            self._insert_frame(table, rows, end)

    def _insert_frame(self, table: str, rows: list[Row], end: str) -> None:
        import numpy as np
        import pandas as pd

        columns = COLUMNS[table]
        dtypes = {"TIMESTAMP": "datetime64[us]", "INTEGER": "int32"}
        arrays = {
            name: np.array(values, dtype=dtypes.get(_TYPES.get(name, ""), object))
            for name, values in zip(columns, zip(*rows, strict=True), strict=True)
        }
        self._connection.register("given", pd.DataFrame(arrays))
        self._connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM given{end}")
        self._connection.unregister("given")

    def new_id(self, digest: str) -> int:
        found = self.rows("INSERT INTO config (config_hash) VALUES (?) RETURNING config_id", (digest,))
        return int(found[0][0])

    def begin(self) -> None:
        self._connection.begin()

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def read(self, *statements: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        if len(statements) == 1:
            return [self.rows(*statements[0])]
        self._connection.begin()
        found = [self.rows(*each) for each in statements]
        self._connection.commit()
        return found

    def telemetry_df(self, trial_id: int) -> Any:
        """By columns: the driver hands over arrays."""
        import pandas as pd

        found = self._connection.execute(self.SQL.telemetry, (self.exp_id, trial_id)).fetchnumpy()
        times = pd.Series(found["ts"].astype("datetime64[us]")).dt.tz_localize("UTC")
        kinds = set(found["value_type"])
        texts = found["metric_value"]
        if kinds != {"f"}:
            return super().telemetry_df(trial_id)
        values = pd.Series(list(map(float, texts)), dtype=object)
        return pd.DataFrame({"ts": times, "metric": pd.Series(list(found["metric_id"]), dtype=object), "value": values})
