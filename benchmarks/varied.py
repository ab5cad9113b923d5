# ruff: noqa: S608 - the texts are put together of constants
"""Fills a database with trials whose values differ, in bulk, for what is asked of many trials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trialstore.storage import SqlStorage

from .filling import BEFORE, MOMENT, TEXT, connected, divided, numbers

REPEATS = 10
"""Trials of each config."""
COMMITS = 20
TABLES = (
    *("experiment", "objectives", "config", "config_param", "context", "context_value", "trial", "trial_param"),
    *("trial_attribute", "trial_result", "trial_status", "trial_telemetry"),
)
# That nothing but ANALYZE makes statistics.
_UNANALYZED = {
    "sqlite": (),
    "duckdb": (),
    "postgresql": tuple(f"ALTER TABLE {table} SET (autovacuum_enabled = off)" for table in TABLES),
    "mysql": tuple(f"ALTER TABLE {table} STATS_AUTO_RECALC = 0" for table in TABLES),
}
_ANALYZE = {
    "sqlite": ("ANALYZE",),
    "duckdb": ("ANALYZE",),
    "postgresql": ("VACUUM ANALYZE",),
    "mysql": (f"ANALYZE TABLE {', '.join(TABLES)}",),
}
# Decimal text of a whole number of thousandths.
_THOUSANDTHS = {
    "sqlite": "CAST(({}) / 1000.0 AS TEXT)",
    "duckdb": "CAST(({}) / 1000 AS VARCHAR)",
    "postgresql": "CAST(({}) / CAST(1000 AS DOUBLE PRECISION) AS TEXT)",
    "mysql": "CAST(({}) / 1000e0 AS CHAR)",
}
_PRIME = 100_003


def fill(config: dict[str, Any], engine: str, trials: int, experiments: int = 1, points: int = 0) -> None:
    """Fill an empty database with `experiments` of `trials` each, without statistics.

    One experiment is called bench, several are bench_0 and so on. Of ten trials nine have succeeded, with the metrics
    seconds and cost; each has four tunables, two metadata, a context, and one of ten an attribute. `points` are of the
    telemetry of the second trial of the one experiment.
    """
    with SqlStorage({**config, "schema_policy": "update"}):
        pass
    with connected(config) as execute:
        for statement in (*_UNANALYZED[engine], *BEFORE[engine]):
            execute(statement)
        execute("BEGIN")
        for statement in _statements(engine, trials, experiments, points):
            execute(statement)
        execute("COMMIT")
        if engine == "duckdb":
            execute("CHECKPOINT")


def analyze(config: dict[str, Any], engine: str) -> None:
    """Let the engine make its statistics."""
    with connected(config) as execute:
        for statement in _ANALYZE[engine]:
            cursor = execute(statement)
            if engine == "mysql":
                cursor.fetchall()


def _spread(factor: int, number: str = "n") -> str:
    """A number below 100,003 that looks random."""
    return f"{number} % {_PRIME} * {factor} % {_PRIME}"


def _statements(engine: str, trials: int, experiments: int, points: int) -> Iterator[str]:
    total = trials * experiments
    configs = max(total // REPEATS, 1)
    moment, thousandths, text = MOMENT[engine], _THOUSANDTHS[engine], TEXT.get(engine, "VARCHAR")

    def joined(prefix: str, number: str) -> str:
        shown = f"CAST({number} AS {text})"
        return f"'{prefix}' || {shown}" if engine == "sqlite" else f"concat('{prefix}', {shown})"

    exp_id = "'bench'" if experiments == 1 else joined("bench_", divided(engine, "n", trials))
    trial_id = f"n % {trials} + 1"
    every = f"FROM bench_number WHERE n < {total}"
    succeeded = "n % 10 < 9"
    yield from numbers(max(total, points, COMMITS))
    yield (
        "INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit) "
        f"SELECT {exp_id}, 'filled', 'environment.jsonc', 'repository', '0123456789abcdef' {every} AND n % {trials} = 0"
    )
    yield (
        "INSERT INTO objectives (exp_id, optimization_target, optimization_direction, weight) "
        f"SELECT {exp_id}, 'seconds', 'min', 1 {every} AND n % {trials} = 0"
    )
    own_configs = f"FROM bench_number WHERE n < {configs}"
    yield f"INSERT INTO config (config_id, config_hash) SELECT n + 1, {joined('', 'n')} {own_configs}"
    for name, value, kind in (
        ("level", joined("", "n % 6"), "i"),
        ("mode", joined("mode ", "n % 3"), "s"),
        ("ratio", thousandths.format(_spread(31)), "f"),
        ("size", joined("", "n"), "i"),
    ):
        yield (
            "INSERT INTO config_param (config_id, param_id, param_value, value_type) "
            f"SELECT n + 1, '{name}', {value}, '{kind}' {own_configs} ORDER BY n"
        )
    yield (
        "INSERT INTO context (context_id, context_hash) "
        f"SELECT n + 1, {joined('', 'n')} FROM bench_number WHERE n < {COMMITS}"
    )
    yield (
        "INSERT INTO context_value (context_id, key_id, key_value, value_type) "
        f"SELECT n + 1, 'git_commit', {joined('commit ', 'n')}, 's' FROM bench_number WHERE n < {COMMITS}"
    )
    yield (
        "INSERT INTO trial (exp_id, trial_id, config_id, ts_start, ts_end, status, creation_id, context_id) "
        f"SELECT {exp_id}, {trial_id}, {divided(engine, 'n', REPEATS)} + 1, {moment.format('n')}, "
        f"{moment.format('n + 30')}, CASE WHEN {succeeded} THEN 'SUCCEEDED' ELSE 'FAILED' END, '{'0' * 16}', "
        f"{divided(engine, f'n % {trials} * {COMMITS}', trials)} + 1 {every} ORDER BY n"
    )
    for name, value, kind in (
        ("repeat_i", joined("", f"n % {REPEATS} + 1"), "i"),
        ("host name", joined("", "n % 7"), "s"),
    ):
        yield (
            "INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type) "
            f"SELECT {exp_id}, {trial_id}, '{name}', {value}, '{kind}' {every} ORDER BY n"
        )
    yield (
        "INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type) "
        f"SELECT {exp_id}, {trial_id}, 'bad', 'True', 'b' {every} AND n % 10 = 5 ORDER BY n"
    )
    for name, number, factor in (("seconds", "n", 7919), ("cost", "(n + 777)", 4_726)):
        yield (
            "INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type) "
            f"SELECT {exp_id}, {trial_id}, '{name}', {thousandths.format(_spread(factor, number))}, 'f' "
            f"{every} AND {succeeded} ORDER BY n"
        )
    if points:
        yield (
            "INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type) "
            f"SELECT 'bench', 2, {moment.format('n')}, 'cpu', {thousandths.format(_spread(7919))}, 'f' "
            f"FROM bench_number WHERE n < {points} ORDER BY n"
        )
    yield "DROP TABLE bench_number"
