"""The settings that the demo tunes: which values may be tried, and applying them to a connection.

The values are those that workload.sql has statements for, so that a setting that is not written down there cannot be
proposed, and no SQL is put together here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from trialstore.dialects.errors import StorageError, listed, nearest
from trialstore.sql.catalogue import parse_statements

Value = int | str
Config = dict[str, Value]

WORKLOAD_FILE = Path(__file__).with_name("workload.sql")
TARGET_SYSTEM = f"SQLite {sqlite3.sqlite_version}"

DEFAULTS: Config = {
    "page_size": 4096,
    "journal_mode": "delete",
    "synchronous": "full",
    "cache_size": -2000,
    "mmap_size": 0,
}
"""SQLite's own defaults. page_size and mmap_size are in bytes; a negative cache_size is in KiB."""

_PREFIX = "pragma_"
_ANSWERS = {"synchronous": {"0": "off", "1": "normal", "2": "full", "3": "extra"}}


class SettingRefused(StorageError):
    """SQLite runs with another value than the one that was set."""


@lru_cache(maxsize=1)
def statements() -> Mapping[str, str]:
    """The SQL of workload.sql by statement name. Raises StorageError for a file that breaks the catalogue's rules."""
    found: dict[str, str] = {}
    for statement in parse_statements(WORKLOAD_FILE.read_text(encoding="utf-8"), WORKLOAD_FILE.name):
        if statement.name in found:
            raise StorageError(f"{WORKLOAD_FILE.name}: {statement.name!r} is defined twice.")
        found[statement.name] = statement.sql
    return found


@lru_cache(maxsize=1)
def allowed_values() -> Mapping[str, tuple[Value, ...]]:
    """Setting → the values that may be tried, neighbours beside each other; settings in the order of applying them."""
    return {name: tuple(values) for name, values in _statements_by_value().items()}


def check_config(config: Mapping[str, Value]) -> None:
    """Raise StorageError unless `config` gives each setting one of its allowed values."""
    for name in config:
        if name not in DEFAULTS:
            raise StorageError(f"The demo has no setting {name!r}.", nearest(name, DEFAULTS))
    for name, values in allowed_values().items():
        if config.get(name) not in values:
            raise StorageError(f"Setting {name!r} has a value that is not allowed.", f"Known: {listed(values, str)}.")


def apply_config(connection: sqlite3.Connection, config: Mapping[str, Value]) -> None:
    """Apply all settings to a connection with an empty database. Raises SettingRefused where SQLite does otherwise."""
    check_config(config)
    by_value = _statements_by_value()
    for name in allowed_values():
        connection.execute(by_value[name][config[name]]).fetchall()
    for name in allowed_values():
        row = connection.execute(statements()[f"read_{name}"]).fetchone()
        answer = str(row[0]).lower() if row else "nothing"
        answer = _ANSWERS.get(name, {}).get(answer, answer)
        if answer != str(config[name]):
            raise SettingRefused(
                f"SQLite {sqlite3.sqlite_version} took {name} = {answer} instead of {config[name]}.",
                "Is the temporary folder on a network file system? Set TMPDIR to another one.",
            )


@lru_cache(maxsize=1)
def _statements_by_value() -> Mapping[str, Mapping[Value, str]]:
    found: dict[str, dict[Value, str]] = {name: {} for name in DEFAULTS}
    for statement, sql in statements().items():
        if statement.startswith(_PREFIX):
            # What is executed decides, not the statement's name, which cannot hold a minus sign.
            left, _, right = sql.partition("=")
            name, text = left.split()[-1], right.strip().lower()
            found[name][int(text) if text.lstrip("-").isdecimal() else text] = sql
    return found
