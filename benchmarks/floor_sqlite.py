# ruff: noqa: S608 - the texts are put together of constants
"""The floor on SQLite: sqlite3 without transactions of its own, WAL, and a commit that is on disk when it returns.

Many rows: `executemany`, which compiles a statement once and binds it again and again, all inside the process. Rows as
one JSON text (`json_each`) took as long for 10,000 points, and longer for 100.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .floor import Floor, Row
from .floor_sql import COLUMNS, Statements, insert

_NOW = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
_IDS = "(SELECT value FROM json_each(?))"
_SHARED = Statements(
    claim_find=(
        "SELECT trial_id, config_id, coalesce(lease_fence, 0) + 1 FROM trial WHERE exp_id = ?1 AND status = 'PENDING' "
        f"AND ts_start <= {_NOW} AND ts_end IS NULL AND (trial_runner_id IS NULL OR trial_runner_id = ?2) "
        "ORDER BY ts_start, trial_id LIMIT ?3"
    ),
    claim_take=(
        "UPDATE trial SET status = 'READY', trial_runner_id = ?, claim_id = ?, "
        "lease_fence = coalesce(lease_fence, 0) + 1, lease_ends = strftime('%Y-%m-%d %H:%M:%f000', 'now', ?) "
        f"WHERE exp_id = ? AND trial_id IN {_IDS}"
    ),
    claim_event=(
        f"INSERT INTO trial_status (exp_id, trial_id, ts, status) SELECT ?, value, {_NOW}, ? FROM json_each(?) "
        "WHERE 1 ON CONFLICT (exp_id, trial_id, ts) DO UPDATE SET status = excluded.status"
    ),
    params_of=(
        "SELECT DISTINCT t.config_id, p.param_id, p.param_value, p.value_type FROM trial t "
        f"JOIN config_param p ON p.config_id = t.config_id WHERE t.exp_id = ? AND t.trial_id IN {_IDS}"
    ),
    notes_of=(
        f"SELECT trial_id, param_id, param_value, value_type FROM trial_param WHERE exp_id = ? AND trial_id IN {_IDS}"
    ),
    taking=lambda key, ids, runner, lease, call: (runner, call, lease, key, ids),
    events=lambda key, ids, status: (key, status, ids),
    # BEGIN IMMEDIATE has shut out all other writers.
    lock="SELECT exp_id FROM experiment WHERE exp_id = ?",
)
# Sums, lest SQLite read the trials of all experiments in the order of a key.
_STATEMENTS = replace(
    _SHARED,
    pending=_SHARED.pending.replace("ORDER BY trial_id", "ORDER BY +trial_id"),
    **{
        name: getattr(_SHARED, name).replace("DISTINCT config_id", "DISTINCT config_id + 0 AS config_id")
        for name in ("pending_params", "load_params", "all_params")
    },
)


class SQLiteFloor(Floor):
    """One connection for everything."""

    SQL = _STATEMENTS
    _MANY = {table: insert(table) for table in COLUMNS}
    _MANY["trial_telemetry"] += " ON CONFLICT DO NOTHING"

    def connect(self) -> None:
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.config["database"], isolation_level=None, timeout=30)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
        return connection

    def close(self) -> None:
        self._connection.close()

    def open_and_close(self) -> None:
        connection = self._open()
        connection.execute(self.SQL.history).fetchall()
        connection.close()

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(sql, args).fetchall()

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        return self._connection.execute(sql, args).rowcount

    def many(self, table: str, rows: list[Row]) -> None:
        self._connection.executemany(self._MANY[table], rows)

    def new_id(self, digest: str) -> int:
        return int(self._connection.execute(self._MANY["config"], (digest,)).lastrowid or 0)

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        self._connection.execute("ROLLBACK")

    def read(self, *statements: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        if len(statements) == 1:
            return [self.rows(*statements[0])]
        self._connection.execute("BEGIN")
        found = [self.rows(*each) for each in statements]
        self._connection.execute("COMMIT")
        return found

    def encode_ts(self, moment: dt.datetime) -> str:
        return moment.replace(tzinfo=None).isoformat(" ", "microseconds")

    def lease(self) -> str:
        return f"{super().lease() / 1e6} seconds"
