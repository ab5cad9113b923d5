"""Fills a database in bulk, by what each engine does fastest: INSERT … SELECT from a table of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from trialstore.storage import SqlStorage

SIZES = (22_000, 18_000, 15_000, 12_000, 10_000, 8_000, 6_000, 5_000, 3_000, 1_000)
"""Trials of each experiment."""
TRIALS = sum(SIZES)
REPEATS = 10
"""Trials of each config."""
CONTEXTS = 200
"""What the trials ran on."""
DUE = 40
"""Trials of each experiment that are not completed, the last ones."""

LARGE = (
    *("config", "config_param", "trial", "trial_param", "trial_status", "trial_result", "trial_telemetry"),
    *("trial_lineage", "trial_attribute"),
)
"""Tables with thousands of rows."""

# How an engine says: that many seconds after the beginning of 2025, in UTC.
_MOMENT = {
    "sqlite": "datetime(1735689600 + {}, 'unixepoch') || '.000000'",
    "duckdb": "TIMESTAMP '2025-01-01 00:00:00' + to_seconds({})",
    "postgresql": "TIMESTAMPTZ '2025-01-01 00:00:00+00' + ({}) * INTERVAL '1 second'",
    "mysql": "TIMESTAMP('2025-01-01 00:00:00') + INTERVAL ({}) SECOND",
}
# Marks of calls from first to last, so that one that is looked for is not outside of what a column holds.
_MARK = f"CASE WHEN n.n % 2 = 0 THEN '{'0' * 16}' ELSE '{'f' * 16}' END"
# What is inserted is known to be right: no checks of foreign keys, and no waiting for the disk.
_BEFORE = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF"),
    "duckdb": (),
    "postgresql": ("SET session_replication_role = replica", "SET synchronous_commit = off"),
    "mysql": ("SET foreign_key_checks = 0", "SET unique_checks = 0"),
}
_ANALYZE = {
    "sqlite": ("ANALYZE",),
    "duckdb": ("ANALYZE",),
    "postgresql": ("VACUUM ANALYZE",),
    "mysql": (f"ANALYZE TABLE experiment, objectives, {', '.join(LARGE)}",),
}


def fill(storage: SqlStorage) -> None:
    """Fill an empty database that has an up-to-date schema."""
    engine = storage.database.dialect.name
    with closing(storage.database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for statement in _BEFORE[engine]:
            cursor.execute(statement)
        cursor.execute("BEGIN")
        for statement in _statements(_MOMENT[engine]):
            cursor.execute(statement)
        cursor.execute("COMMIT")
        cursor.close()
        connection.invalidate()  # its settings are no one else's


def analyze(storage: SqlStorage) -> None:
    """Let the engine gather its statistics."""
    with closing(storage.database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for statement in _ANALYZE[storage.database.dialect.name]:
            cursor.execute(statement)
        cursor.close()


def _statements(moment: str) -> Iterator[str]:
    yield "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"  # as in an adopted database
    yield from _numbers()
    started, ended = moment.format("s.first + n.n"), moment.format("s.first + n.n + 30")
    yield """
        INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit)
        SELECT exp_id, 'a filled one', 'environment.jsonc', 'repository', '0123456789abcdef' FROM plan_size
        """
    yield """
        INSERT INTO objectives (exp_id, optimization_target, optimization_direction, weight)
        SELECT exp_id, 'latency', 'min', 1 FROM plan_size
        """
    yield f"INSERT INTO config (config_id, config_hash) SELECT n + 1, n FROM plan_number WHERE n < {TRIALS // REPEATS}"
    yield f"""
        INSERT INTO config_param (config_id, param_id, param_value, value_type)
        SELECT c.n + 1, p.name, c.n * p.n, 'i'
        FROM plan_number c INNER JOIN plan_name p ON p.n < 4
        WHERE c.n < {TRIALS // REPEATS}
        ORDER BY c.n, p.n
        """
    yield f"INSERT INTO context (context_id, context_hash) SELECT n + 1, n FROM plan_number WHERE n < {CONTEXTS}"
    yield f"""
        INSERT INTO context_value (context_id, key_id, key_value, value_type)
        SELECT c.n + 1, k.name, c.n, 'i'
        FROM plan_number c INNER JOIN plan_name k ON k.n < 15
        WHERE c.n < {CONTEXTS}
        ORDER BY c.n, k.n
        """
    yield f"""
        INSERT INTO trial (
            exp_id, trial_id, config_id, ts_start, ts_end, status, trial_runner_id, lease_ends, lease_fence,
            creation_id, claim_id, context_id
        )
        SELECT
            s.exp_id, n.n + 1, (s.first + n.n - n.n % {REPEATS}) / {REPEATS} + 1, {started},
            CASE WHEN n.n < s.size - {DUE} THEN {ended} END,
            CASE
                WHEN n.n >= s.size - {DUE} + 4 THEN 'PENDING'
                WHEN n.n >= s.size - {DUE} THEN 'RUNNING'
                WHEN n.n % 50 = 0 THEN 'FAILED'
                WHEN n.n % 97 = 0 THEN 'CANCELED'
                ELSE 'SUCCEEDED'
            END,
            CASE WHEN n.n % 2 = 0 THEN n.n % 8 END,
            CASE WHEN n.n >= s.size - {DUE} AND n.n < s.size - {DUE} + 4 THEN {ended} END, n.n % 3,
            {_MARK}, {_MARK}, n.n % {CONTEXTS} + 1
        FROM plan_size s INNER JOIN plan_number n ON n.n < s.size
        ORDER BY s.exp_id, n.n
        """
    for table, columns, values in (
        (
            "trial_param",
            "param_id, param_value, value_type",
            "CASE k.n WHEN 0 THEN 'is_defaults' ELSE k.name END, CASE n.n WHEN 0 THEN 'True' ELSE 'False' END, 'b'",
        ),
        ("trial_result", "metric_id, metric_value, value_type", "k.name, n.n + k.n, 'i'"),
        (
            "trial_status",
            "ts, status",
            f"{moment.format('s.first + n.n + k.n')}, CASE k.n WHEN 0 THEN 'PENDING' ELSE 'RUNNING' END",
        ),
    ):
        yield f"""
            INSERT INTO {table} (exp_id, trial_id, {columns})
            SELECT s.exp_id, n.n + 1, {values}
            FROM plan_size s
            INNER JOIN plan_number n ON n.n < s.size - {DUE}
            INNER JOIN plan_name k ON k.n < 2
            ORDER BY s.exp_id, n.n, k.n
            """
    yield f"""
        INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
        SELECT s.exp_id, n.n + 1, {moment.format("s.first + n.n + k.n")}, k.name, k.n, 'i'
        FROM plan_size s
        INNER JOIN plan_number n ON n.n < s.size AND n.n % 10 = 0
        INNER JOIN plan_name k ON k.n < 20
        ORDER BY s.exp_id, n.n, k.n
        """
    yield """
        INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id)
        SELECT s.exp_id, n.n + 1, 'elsewhere', n.n + 1
        FROM plan_size s INNER JOIN plan_number n ON n.n < s.size AND n.n % 10 = 0
        ORDER BY s.exp_id, n.n
        """
    yield """
        INSERT INTO experiment_attribute (exp_id, attribute_id, attribute_value, value_type)
        SELECT s.exp_id, k.name, k.n, 'i' FROM plan_size s INNER JOIN plan_name k ON k.n < 2
        """
    yield """
        INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type)
        SELECT s.exp_id, n.n + 1, k.name, k.n, 'i'
        FROM plan_size s
        INNER JOIN plan_number n ON n.n < s.size AND n.n % 10 = 0
        INNER JOIN plan_name k ON k.n < 2
        ORDER BY s.exp_id, n.n, k.n
        """
    for table in ("plan_number", "plan_name", "plan_size"):
        yield f"DROP TABLE {table}"


def _numbers() -> Iterator[str]:
    """Tables to select from: the numbers below 100,000, some names, and the sizes of the experiments."""
    yield "CREATE TABLE plan_digit (n INTEGER NOT NULL)"
    yield f"INSERT INTO plan_digit VALUES {', '.join(f'({n})' for n in range(10))}"
    yield "CREATE TABLE plan_number (n INTEGER NOT NULL, PRIMARY KEY (n))"
    yield """
        INSERT INTO plan_number
        SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n
        FROM plan_digit a, plan_digit b, plan_digit c, plan_digit d, plan_digit e
        ORDER BY 1
        """
    yield "DROP TABLE plan_digit"
    yield "CREATE TABLE plan_name (n INTEGER NOT NULL, name VARCHAR(100) NOT NULL)"
    yield f"INSERT INTO plan_name VALUES {', '.join(f'({n}, {chr(39)}name_{n}{chr(39)})' for n in range(20))}"
    yield "CREATE TABLE plan_size (exp_id VARCHAR(100) NOT NULL, first INTEGER NOT NULL, size INTEGER NOT NULL)"
    rows = [f"('experiment_{number}', {sum(SIZES[:number])}, {size})" for number, size in enumerate(SIZES)]
    yield f"INSERT INTO plan_size VALUES {', '.join(rows)}"
