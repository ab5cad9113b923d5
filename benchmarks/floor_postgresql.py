# ruff: noqa: S608 - the texts are put together of constants
"""The floor on PostgreSQL: psycopg 3, a connection to write on and one to read on, which prepares what it sees often.

Many rows: arrays, one a column, in the driver's binary form, unpacked by `unnest`. For 10,000 points that took half as
long as `executemany` (in pipeline mode, which the driver uses by itself), and as long as COPY into a temporary table
and INSERT from there, which takes four times as long for few points; COPY into the table itself cannot pass over points
that are there already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import psycopg

from .floor import Floor, Row
from .floor_sql import COLUMNS, Statements

_TYPES = {"config_id": "int4", "trial_id": "int4", "ts": "timestamptz", "ts_start": "timestamptz"}
_IDS = "ANY(?)"
_PARAMS = (
    "SELECT c.config_id, p.param_id, p.param_value, p.value_type "
    "FROM unnest(ARRAY(SELECT DISTINCT t.config_id FROM trial t WHERE {})) c (config_id) "
    "JOIN config_param p ON p.config_id = c.config_id"
)


def _unnested(table: str, end: str = "") -> str:
    columns = COLUMNS[table]
    arrays = ", ".join(f"%b::{_TYPES.get(column, 'text')}[]" for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}){end}"


class PostgresqlFloor(Floor):
    """Transactions begin by themselves, in a message of their own."""

    SQL = Statements(
        claim_find=(
            "SELECT trial_id, config_id, coalesce(lease_fence, 0) + 1 FROM trial WHERE exp_id = ? "
            "AND status = 'PENDING' AND ts_start <= now() AND ts_end IS NULL "
            "AND (trial_runner_id IS NULL OR trial_runner_id = ?) ORDER BY ts_start, trial_id LIMIT ? "
            "FOR UPDATE SKIP LOCKED"
        ),
        claim_take=(
            "UPDATE trial SET status = 'READY', trial_runner_id = ?, claim_id = ?, "
            "lease_fence = coalesce(lease_fence, 0) + 1, lease_ends = clock_timestamp() + ? "
            f"WHERE exp_id = ? AND trial_id = {_IDS}"
        ),
        claim_event=(
            "INSERT INTO trial_status (exp_id, trial_id, ts, status) SELECT ?, unnest(?::int4[]), clock_timestamp(), ? "
            "ON CONFLICT (exp_id, trial_id, ts) DO UPDATE SET status = excluded.status"
        ),
        params_of=(
            "SELECT DISTINCT t.config_id, p.param_id, p.param_value, p.value_type FROM trial t "
            f"JOIN config_param p ON p.config_id = t.config_id WHERE t.exp_id = ? AND t.trial_id = {_IDS}"
        ),
        notes_of=(
            "SELECT trial_id, param_id, param_value, value_type FROM trial_param "
            f"WHERE exp_id = ? AND trial_id = {_IDS}"
        ),
        taking=lambda key, ids, runner, lease, call: (runner, call, lease, key, ids),
        events=lambda key, ids, status: (key, ids, status),
        config_find_all="SELECT config_hash, config_id FROM config WHERE config_hash = ANY(?)",
        pending_params=_PARAMS.format("exp_id = ? AND status = 'PENDING' AND ts_start <= ? AND ts_end IS NULL"),
        load_params=_PARAMS.format("exp_id = ? AND trial_id > ? AND status IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT')"),
        all_params=_PARAMS.format("exp_id = ?"),
        # numpy knows no zones.
        trials=(
            "SELECT trial_id, config_id, trial_runner_id, ts_start AT TIME ZONE 'UTC', ts_end AT TIME ZONE 'UTC', "
            "status FROM trial WHERE exp_id = ? ORDER BY trial_id"
        ),
        telemetry=(
            "SELECT ts AT TIME ZONE 'UTC', metric_id, metric_value, value_type FROM trial_telemetry "
            "WHERE exp_id = ? AND trial_id = ? ORDER BY ts, metric_id"
        ),
    ).with_mark("%s")
    _MANY = {table: _unnested(table) for table in COLUMNS}
    _MANY["trial_telemetry"] = _unnested("trial_telemetry", " ON CONFLICT DO NOTHING")

    def connect(self) -> None:
        self._writer = self._open()
        self._cursor = self._writer.cursor()
        self._reader = self._open()
        self._reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._reader.read_only = True
        self._plain = self._open()
        self._plain.autocommit = True

    def _open(self) -> psycopg.Connection[Row]:
        names = {"host": "host", "port": "port", "user": "username", "password": "password", "dbname": "database"}
        return psycopg.connect(
            **{name: self.config[key] for name, key in names.items()}, options="-c TimeZone=UTC -c lock_timeout=30000"
        )

    def close(self) -> None:
        for connection in (self._writer, self._reader, self._plain):
            connection.close()

    def open_and_close(self) -> None:
        connection = self._open()
        connection.autocommit = True
        connection.execute(self.SQL.history).fetchall()
        connection.close()

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        return self._cursor.execute(sql, args).fetchall()

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        return self._cursor.execute(sql, args).rowcount

    def many(self, table: str, rows: list[Row]) -> None:
        self._cursor.execute(self._MANY[table], list(map(list, zip(*rows, strict=True))))

    def find_configs(self, digests: list[str]) -> dict[str, int]:
        return dict(self.rows(self.SQL.config_find_all, (digests,)))

    def new_id(self, digest: str) -> int:
        found = self.rows("INSERT INTO config (config_hash) VALUES (%s) RETURNING config_id", (digest,))
        return int(found[0][0])

    def begin(self) -> None:
        pass

    def commit(self) -> None:
        self._writer.commit()

    def rollback(self) -> None:
        self._writer.rollback()

    def read(self, *statements: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        if len(statements) == 1:
            return [self._plain.execute(*statements[0]).fetchall()]
        found = [self._reader.execute(*each).fetchall() for each in statements]
        self._reader.commit()
        return found

    def encode_ts(self, moment: dt.datetime) -> dt.datetime:
        return moment

    def ids(self, ids: list[int]) -> list[int]:
        return ids

    def lease(self) -> dt.timedelta:
        return dt.timedelta(microseconds=super().lease())
