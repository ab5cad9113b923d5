# ruff: noqa: S608 - the texts are put together of constants
"""The floor on MariaDB and MySQL: PyMySQL, a connection to write on and one to read on, neither of which needs to say
that a transaction begins.

Many rows: `executemany`, which the driver turns into one INSERT of many rows. From 1,000 rows on one JSON text, which
the server takes apart by JSON_TABLE: it takes three quarters of the time, most of which the driver spends on quoting
each value. LOAD DATA was not chosen: it needs a right and a setting on both sides, and with IGNORE it lets values be
cut, which a library may not do.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pymysql

from .floor import Floor, Row
from .floor_sql import COLUMNS, Statements, insert

_JSON = "json_table(?, '$[*]' COLUMNS (id INTEGER PATH '$')) j"
_FIELDS = {"config_id": "INTEGER", "trial_id": "INTEGER", "ts": "DATETIME(6)", "ts_start": "DATETIME(6)"}
_MANY_ROWS = 1000
_SETTINGS = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = 30, "
    "SESSION lock_wait_timeout = 30"
)


def _from_json(table: str, end: str) -> str:
    columns = COLUMNS[table]
    fields = ", ".join(f"{name} {_FIELDS.get(name, 'TEXT')} PATH '$[{at}]'" for at, name in enumerate(columns))
    chosen = ", ".join(f"j.{name}" for name in columns)
    source = f"json_table(%s, '$[*]' COLUMNS ({fields})) j"
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {source}{end}"


class MysqlFloor(Floor):
    """Both connections stay at autocommit = 0."""

    SQL = Statements(
        claim_find=(
            "SELECT trial_id, config_id, coalesce(lease_fence, 0) + 1 FROM trial WHERE exp_id = ? "
            "AND status = 'PENDING' AND ts_start <= utc_timestamp(6) AND ts_end IS NULL "
            "AND (trial_runner_id IS NULL OR trial_runner_id = ?) ORDER BY ts_start, trial_id LIMIT ? "
            "FOR UPDATE SKIP LOCKED"
        ),
        claim_take=(
            f"UPDATE trial t JOIN {_JSON} ON t.exp_id = ? AND t.trial_id = j.id SET t.status = 'READY', "
            "t.trial_runner_id = ?, t.claim_id = ?, t.lease_fence = coalesce(t.lease_fence, 0) + 1, "
            "t.lease_ends = utc_timestamp(6) + INTERVAL ? MICROSECOND"
        ),
        claim_event=(
            f"INSERT INTO trial_status (exp_id, trial_id, ts, status) SELECT ?, j.id, utc_timestamp(6), ? FROM {_JSON} "
            "ON DUPLICATE KEY UPDATE status = 'READY'"
        ),
        params_of=(
            f"SELECT DISTINCT t.config_id, p.param_id, p.param_value, p.value_type FROM {_JSON} "
            "JOIN trial t ON t.exp_id = ? AND t.trial_id = j.id JOIN config_param p ON p.config_id = t.config_id"
        ),
        notes_of=(
            f"SELECT p.trial_id, p.param_id, p.param_value, p.value_type FROM {_JSON} "
            "JOIN trial_param p ON p.exp_id = ? AND p.trial_id = j.id"
        ),
        taking=lambda key, ids, runner, lease, call: (ids, key, runner, call, lease),
        events=lambda key, ids, status: (key, status, ids),
        listed=lambda key, ids: (ids, key),
        event=(
            "INSERT INTO trial_status (exp_id, trial_id, ts, status) VALUES (?, ?, ?, ?) "
            "ON DUPLICATE KEY UPDATE status = values(status)"
        ),
        sign_of_life=(
            "INSERT INTO trial_status (exp_id, trial_id, ts, status) VALUES (?, ?, ?, ?) "
            "ON DUPLICATE KEY UPDATE ts = ts"
        ),
        # A sum, lest MariaDB read all trials of the experiment in the order of the key.
        pending=Statements.pending.replace("ORDER BY trial_id", "ORDER BY trial_id + 0"),
    ).with_mark("%s")
    _MANY = {table: insert(table).replace("?", "%s") for table in COLUMNS}
    _MANY["trial_telemetry"] += " ON DUPLICATE KEY UPDATE ts = ts"
    _LARGE = {table: _from_json(table, "") for table in COLUMNS}
    _LARGE["trial_telemetry"] += " ON DUPLICATE KEY UPDATE trial_telemetry.ts = trial_telemetry.ts"

    def connect(self) -> None:
        self._writer = self._open()
        self._cursor = self._writer.cursor()
        self._cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        self._reader = self._open()

    def _open(self) -> Any:
        names = {"host": "host", "port": "port", "user": "username", "password": "password", "database": "database"}
        connection = pymysql.connect(
            **{name: self.config[key] for name, key in names.items()}, charset="utf8mb4", client_flag=0
        )
        connection.cursor().execute(_SETTINGS)
        return connection

    def close(self) -> None:
        self._writer.close()
        self._reader.close()

    def open_and_close(self) -> None:
        connection = self._open()
        cursor = connection.cursor()
        cursor.execute(self.SQL.history)
        cursor.fetchall()
        connection.close()

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        self._cursor.execute(sql, args)
        return self._cursor.fetchall()  # type: ignore[return-value]

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        return self._cursor.execute(sql, args)

    def many(self, table: str, rows: list[Row]) -> None:
        if len(rows) < _MANY_ROWS:
            self._cursor.executemany(self._MANY[table], rows)
        else:
            self._cursor.execute(self._LARGE[table], (json.dumps(rows, default=str),))

    def new_id(self, digest: str) -> int:
        self._cursor.execute(self._MANY["config"], (digest,))
        return int(self._cursor.lastrowid)

    def begin(self) -> None:
        pass

    def commit(self) -> None:
        self._writer.commit()

    def rollback(self) -> None:
        self._writer.rollback()

    def read(self, *statements: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        cursor = self._reader.cursor()
        found = []
        for sql, args in statements:
            cursor.execute(sql, args)
            found.append(cursor.fetchall())
        self._reader.commit()
        return found

    def encode_ts(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(tzinfo=None)
