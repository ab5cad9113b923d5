"""Databases of any engine, filled and looked into past the library."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from trialstore.contract.helpers import execute, query
from trialstore.sql.catalogue import Statement
from trialstore.sql.session import Session
from trialstore.sql.structure import read_facts
from trialstore.sql.views import DEFINITIONS
from trialstore.storage import SqlStorage
from upgrade.reference import HEAD, MARK

# Parents before children.
TABLES = ("experiment", "objectives", "config", "config_param", "trial")
TABLES += ("trial_param", "trial_status", "trial_result", "trial_telemetry")
SOURCE = HEAD.path
# Columns that are in no key, of the tables whose keys have times.
VALUES = ("status", "metric_value")
# Types of times without a fraction.
WHOLE_SECONDS = ("datetime",)


# Rows


@dataclass(frozen=True)
class Rows:
    """The rows of a table, in no order."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


Content = Mapping[str, Rows]


def content(storage: SqlStorage) -> Content:
    """The rows of every table."""
    return {table: _rows(storage, table, names) for table, names in columns(storage).items()}


def assert_kept(before: Content, storage: SqlStorage) -> None:
    """Every row that was there is there, as far as its columns go, and no other row of those tables."""
    for table, expected in before.items():
        assert _rows(storage, table, expected.columns) == expected, table


def columns(storage: SqlStorage) -> dict[str, tuple[str, ...]]:
    """The columns of every table, in order."""
    found = defaultdict(list)
    for row in storage.database.read(lambda tx: tx.many("schema_columns")):
        found[row.table_name].append(row.column_name)
    return {table: tuple(names) for table, names in found.items()}


def fill(storage: SqlStorage) -> Content:
    """Put the rows of mlos_bench into empty tables, as far as these have the columns; what every table then holds.

    The history of the schema is left out, for an upgrade adds to it.
    """
    here, encode = columns(storage), storage.database.dialect.encode_ts
    whole_seconds = any(column.type in WHOLE_SECONDS for column in structure(storage).columns)

    def bind(name: str, value: Any) -> Any:
        if value is None or not name.startswith("ts"):
            return value
        moment = dt.datetime.fromisoformat(value).replace(tzinfo=dt.timezone.utc)
        return encode(moment.replace(microsecond=0) if whole_seconds else moment)

    def write(tx: Session) -> None:
        with closing(sqlite3.connect(SOURCE)) as source:
            source.row_factory = sqlite3.Row
            for table in TABLES:
                found = source.execute(f"SELECT * FROM {table}").fetchall()
                names = [name for name in found[0].keys() if name in here[table]]  # noqa: SIM118 - a row is no dict
                rows = [{name: bind(name, row[name]) for name in names} for row in found]
                # Of events in the same second mlos_bench kept one, where it kept seconds only.
                kept = {tuple(value for name, value in row.items() if name not in VALUES): row for row in rows}
                binds = ", ".join(f":{name}" for name in names)
                sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({binds})"
                insert = tx.statements.compile(Statement(table, "count", tuple(names), "a test", sql, "a test"))
                tx.driver_connection.cursor().executemany(insert.sql, list(map(insert.arguments, kept.values())))

    storage.database.write(write)
    filled = {table: rows for table, rows in content(storage).items() if table in TABLES}
    assert all(rows.rows for rows in filled.values())
    return filled


def history(storage: SqlStorage) -> list[tuple[int, str, int]]:
    """Version, state and number of statements that are done, of each migration."""
    return query(storage, "SELECT version, state, statements_done FROM trialstore_schema ORDER BY version")  # type: ignore[return-value]


def _rows(storage: SqlStorage, table: str, names: tuple[str, ...]) -> Rows:
    return Rows(names, sorted(query(storage, f"SELECT {', '.join(names)} FROM {table}"), key=repr))


# Structure


@dataclass(frozen=True)
class Column:
    """A column, in the engine's own terms."""

    table: str
    name: str
    type: str
    nullable: bool
    default: str | None
    collation: str | None


@dataclass(frozen=True)
class Key:
    """A key or an index: its columns in order, and those that a foreign key refers to."""

    table: str
    kind: str
    name: str
    columns: tuple[str, ...]
    refers_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Structure:
    """All that an engine tells of its tables."""

    columns: frozenset[Column]
    keys: frozenset[Key]


def structure(storage: SqlStorage) -> Structure:
    """The structure of a database, without mlos_bench's mark of its revision."""

    def read(tx: Session) -> Structure:
        found = [Column(row[0], row[1], row[2], bool(row[3]), *row[4:6]) for row in tx.many("schema_columns")]
        parts = defaultdict(list)
        for row in tx.many("schema_keys"):
            parts[row.table_name, row.key_type, row.key_name].append(row)
        keys = [_key(*name, rows) for name, rows in parts.items()]
        return Structure(*(frozenset(part for part in all_ if part.table != MARK) for all_ in (found, keys)))

    return storage.database.read(read)


def _key(table: str, kind: str, name: str, parts: list[Any]) -> Key:
    parts.sort(key=lambda part: part.position)
    assert [part.position for part in parts] == list(range(1, len(parts) + 1))
    names = tuple(part.column_name for part in parts)
    if kind != "FOREIGN KEY":
        return Key(table, kind, name, names)
    return Key(table, kind, name, names, tuple(f"{part.referenced_table}.{part.referenced_column}" for part in parts))


def drop_views(storage: SqlStorage) -> None:
    """Take away the library's views, which keep what they read from being changed on some engines."""
    facts = storage.database.read(read_facts)
    execute(storage, *(f"DROP VIEW {fact.table}" for fact in sorted(facts) if fact.kind in DEFINITIONS))


def orphans(storage: SqlStorage) -> list[Any]:
    """Foreign keys that a row breaks, each with the number of such rows."""
    found = []
    for key in structure(storage).keys:
        if key.refers_to:
            parent = key.refers_to[0].partition(".")[0]
            pairs = [(name, refers.partition(".")[2]) for name, refers in zip(key.columns, key.refers_to, strict=True)]
            match = " AND ".join(f"p.{theirs} = c.{ours}" for ours, theirs in pairs)
            filled = " AND ".join(f"c.{name} IS NOT NULL" for name in key.columns)
            missing = f"NOT EXISTS (SELECT 1 FROM {parent} p WHERE {match})"
            sql = f"SELECT count(*) FROM {key.table} c WHERE {filled} AND {missing}"
            ((count,),) = query(storage, sql)
            found += [(key, count)] * (count > 0)
    return found
