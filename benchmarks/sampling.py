"""A sample of much telemetry, against what the engine itself needs to count the same points and to find their extremes.

    python -m benchmarks.sampling [ENGINE…] [--points N] [--buckets N] [--rounds N] [--folder DIR]

A trial gets N points of four metrics. `TrialData.telemetry_sample` and a plain statement (count, minimum and maximum by
metric, of the same rows, the text cast to a double) take turns; the least time of each counts. Then the most memory
that Python and Arrow allocate in the call, and in one of `telemetry_arrow`, which reads all points.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from trialstore.storage import SqlStorage

from .databases import ENGINES, Databases, ServerMissing, databases_of
from .filling import connected

_DOUBLE = {"sqlite": "REAL", "postgresql": "DOUBLE PRECISION"}
_POINTS = {
    "sqlite": (
        "WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n + 1 < {points}) "
        "INSERT INTO trial_telemetry "
        "SELECT 'Exp', 1, strftime('%Y-%m-%d %H:%M:%S', 1735689600 + n / 4000, 'unixepoch') "
        "|| printf('.%03d000', n / 4 % 1000), 'metric ' || (n % 4), CAST(n * 0.37 AS TEXT), 'f' FROM k"
    ),
    "duckdb": (
        "INSERT INTO trial_telemetry SELECT 'Exp', 1, TIMESTAMP '2025-01-01' + to_milliseconds(n // 4), "
        "'metric ' || n % 4, CAST(n * 0.37::DOUBLE AS VARCHAR), 'f' FROM range({points}) AS k (n)"
    ),
    "postgresql": (
        "INSERT INTO trial_telemetry SELECT 'Exp', 1, timestamptz '2025-01-01 00:00:00Z' + n / 4 * interval '1 ms', "
        "'metric ' || n % 4, CAST(n * CAST(0.37 AS DOUBLE PRECISION) AS TEXT), 'f' "
        "FROM generate_series(0, {points} - 1) AS n"
    ),
    "mysql": (
        "INSERT INTO trial_telemetry SELECT 'Exp', 1, TIMESTAMP('2025-01-01') + INTERVAL (n DIV 4) * 1000 MICROSECOND, "
        "concat('metric ', n % 4), CAST(n * 0.37e0 AS CHAR), 'f' FROM bench_number"
    ),
}
_AFTER = {"duckdb": "CHECKPOINT", "postgresql": "VACUUM ANALYZE trial_telemetry"}
_PLAIN = (
    "SELECT metric_id, count(*), min(CAST(metric_value AS {double})), max(CAST(metric_value AS {double})) "
    "FROM trial_telemetry WHERE exp_id = 'Exp' AND trial_id = 1 GROUP BY metric_id"
)


def measure(engine: str, databases: Databases, points: int, buckets: int, rounds: int) -> str:
    """A row of the table."""
    config = databases.create()
    with SqlStorage({**config, "schema_policy": "update"}) as storage:
        known: dict[str, Any] = {"root_env_config": "", "description": "", "tunables": {}, "opt_targets": {"m": "min"}}
        with storage.experiment(experiment_id="Exp", trial_id=1, **known) as experiment:
            experiment.new_trial({})
    with connected(config) as execute:
        if engine == "mysql":
            from .filling import numbers

            for statement in numbers(points):
                execute(statement)
        execute("BEGIN")
        execute(_POINTS[engine].format(points=points))
        execute("COMMIT")
        if engine in _AFTER:
            execute(_AFTER[engine])
    plain_sql = _PLAIN.format(double=_DOUBLE.get(engine, "DOUBLE"))
    with SqlStorage(config) as storage:
        data = storage.experiments["Exp"].trials[1]

        def plain() -> None:
            with closing(storage.database.engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute(plain_sql)
                _check(sum(row[1] for row in cursor.fetchall()), points)
                cursor.close()

        def sample() -> None:
            found = data.telemetry_sample(buckets=buckets)
            _check(found["count"].sum(), points)

        times: dict[Callable[[], None], list[float]] = {plain: [], sample: []}
        for _ in range(rounds):
            for call, seconds in times.items():
                begin = time.perf_counter()
                call()
                seconds.append(time.perf_counter() - begin)
        least_plain, least_sample = (min(seconds) for seconds in times.values())
        peaks = [_peak(sample), _peak(data.telemetry_arrow)]
    return (
        f"| {databases.version} | {points:,} | {least_plain:.2f} s | {least_sample:.2f} s | "
        f"{least_sample / least_plain:.1f} | {peaks[0]:.0f} MB | {peaks[1]:.0f} MB |"
    )


def _check(found: int, points: int) -> None:
    if found != points:
        raise SystemExit(f"{found} points instead of {points}")


def _peak(call: Callable[[], Any]) -> float:
    """The most MB that a call allocates, in Python and in Arrow."""
    import pyarrow as pa

    call()
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    kept = call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    arrow = pa.total_allocated_bytes() - before
    del kept
    return (peak + arrow) / 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"of {', '.join(ENGINES)}; all, if none is named")
    parser.add_argument("--points", type=int, default=2_000_000)
    parser.add_argument("--buckets", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where files of databases are made")
    chosen = parser.parse_args(arguments)
    print("| engine | points | count, min, max | sample | ratio | memory | memory, all points |")
    print("|---|---|---|---|---|---|---|")
    for engine in chosen.engines or ENGINES:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            try:
                with databases_of(engine, Path(folder)) as databases:
                    print(measure(engine, databases, chosen.points, chosen.buckets, chosen.rounds), flush=True)
            except ServerMissing as missing:
                print(f"| {engine} | {missing.message} |")


if __name__ == "__main__":
    main()
