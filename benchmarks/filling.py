# ruff: noqa: S608 - the texts are put together of constants
"""Fills a database in bulk, by INSERT … SELECT from a table of numbers, so that 1,000,000 trials take seconds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import create_engine

from trialstore.storage.config.keys import check_config

from . import data

REPEATS = 10
"""Trials of each config, where there are many."""

# How an engine says: that many seconds after the beginning of 2025, in UTC.
MOMENT = {
    "sqlite": "datetime(1735689600 + {}, 'unixepoch') || '.000000'",
    "duckdb": "TIMESTAMP '2025-01-01 00:00:00' + to_seconds({})",
    "postgresql": "TIMESTAMPTZ '2025-01-01 00:00:00+00' + ({}) * INTERVAL '1 second'",
    "mysql": "TIMESTAMP('2025-01-01 00:00:00') + INTERVAL ({}) SECOND",
}
TEXT = {"mysql": "CHAR"}
# What is inserted is known to be right: no checks of foreign keys, and no waiting for the disk.
BEFORE = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF"),
    "duckdb": (),
    "postgresql": ("SET session_replication_role = replica", "SET synchronous_commit = off"),
    "mysql": ("SET foreign_key_checks = 0", "SET unique_checks = 0"),
}
_AFTER = {
    "sqlite": ("ANALYZE",),
    "duckdb": ("ANALYZE", "CHECKPOINT"),
    "postgresql": ("SELECT setval('config_config_id_seq', 200000000)", "VACUUM ANALYZE", "CHECKPOINT"),
    "mysql": ("ANALYZE TABLE trial, trial_param, config, config_param, trial_result",),
}
# Configs get ids that follow those of the filled ones.
_DUCKDB_IDS = "SELECT count(nextval('config_id_seq')) FROM range({})"


@contextlib.contextmanager
def connected(config: dict[str, Any]) -> Iterator[Callable[[str], Any]]:
    """A connection of the driver as the library opens it, given as a function that runs a statement."""
    dialect = check_config(config).dialect
    engine = create_engine(dialect.url(), **dialect.engine_options())
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()

        def execute(statement: str) -> Any:
            cursor.execute(statement)
            return cursor

        yield execute
        cursor.close()
    finally:
        connection.invalidate()  # its settings are no one else's
        engine.dispose()


def fill(config: dict[str, Any], engine: str, exp_id: str, trials: int, due: int) -> None:
    """Fill an entered experiment with trials: the last `due` are PENDING, those before have succeeded."""
    with connected(config) as execute:
        for statement in BEFORE[engine]:
            execute(statement)
        execute("BEGIN")
        for statement in _statements(engine, exp_id, trials, due):
            execute(statement)
        if engine == "duckdb":
            execute(_DUCKDB_IDS.format(_configs(trials)))
        execute("COMMIT")
        for statement in _AFTER[engine]:
            execute(statement)


def _configs(trials: int) -> int:
    return trials // REPEATS if trials > 10_000 else trials


def _statements(engine: str, exp_id: str, trials: int, due: int) -> Iterator[str]:
    configs = _configs(trials)
    repeats = trials // configs
    moment, text = MOMENT[engine], TEXT.get(engine, "VARCHAR")
    yield from numbers(max(trials, configs))
    hashed = f"SELECT n + 1, CAST(n AS {text}) FROM bench_number WHERE n < {configs}"
    yield f"INSERT INTO config (config_id, config_hash) {hashed}"
    for name, value in data.DEFAULTS.items():
        kind = {int: "i", float: "f", bool: "b", str: "s"}[type(value)]
        shown = {"i": f"CAST(n AS {text})", "f": f"concat(CAST(n AS {text}), '.5')"}.get(kind, f"'{value}'")
        if engine == "sqlite":
            shown = shown.replace("concat(", "(").replace(", '.5'", " || '.5'")
        yield (
            "INSERT INTO config_param (config_id, param_id, param_value, value_type) "
            f"SELECT n + 1, '{name}', {shown}, '{kind}' FROM bench_number WHERE n < {configs} ORDER BY n"
        )
    succeeded = f"n < {trials - due}"
    yield (
        "INSERT INTO trial (exp_id, trial_id, config_id, ts_start, ts_end, status, creation_id) "
        f"SELECT '{exp_id}', n + 1, {divided(engine, 'n', repeats)} + 1, {moment.format('n')}, "
        f"CASE WHEN {succeeded} THEN {moment.format('n + 30')} END, "
        f"CASE WHEN {succeeded} THEN 'SUCCEEDED' ELSE 'PENDING' END, '{'0' * 16}' "
        f"FROM bench_number WHERE n < {trials} ORDER BY n"
    )
    yield (
        "INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type) "
        f"SELECT '{exp_id}', n + 1, 'repeat_i', '1', 'i' FROM bench_number WHERE n < {trials} ORDER BY n"
    )
    for name, value in data.metrics(1).items():
        kind = {int: "i", float: "f", str: "s"}[type(value)]
        yield (
            "INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type) "
            f"SELECT '{exp_id}', n + 1, '{name}', '{value}', '{kind}' FROM bench_number WHERE {succeeded} ORDER BY n"
        )
    yield "DROP TABLE bench_number"


def divided(engine: str, what: str, by: int) -> str:
    return f"{what} DIV {by}" if engine == "mysql" else f"{what} // {by}" if engine == "duckdb" else f"{what} / {by}"


def numbers(count: int) -> Iterator[str]:
    """A table of the numbers below `count`."""
    yield "CREATE TABLE bench_digit (n INTEGER NOT NULL)"
    yield f"INSERT INTO bench_digit VALUES {', '.join(f'({n})' for n in range(10))}"
    yield "CREATE TABLE bench_number (n INTEGER NOT NULL, PRIMARY KEY (n))"
    places = len(str(max(count - 1, 1)))
    total = " + ".join(f"{10**place} * d{place}.n" for place in range(places))
    tables = ", ".join(f"bench_digit d{place}" for place in range(places))
    yield f"INSERT INTO bench_number SELECT {total} FROM {tables} WHERE {total} < {count} ORDER BY 1"
    yield "DROP TABLE bench_digit"
