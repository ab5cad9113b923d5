"""Searches among many trials of an experiment.

    python -m benchmarks.search [ENGINE…] [--trials N] [--rounds N] [--folder DIR]

An experiment gets N trials: nine of ten have succeeded with two results, each has four tunables, two metadata and a
context, one of ten an attribute. Each search is for the best 20, first on a database without statistics, then on one
that has been analyzed: the quickest of several calls, since the machine may have much else to do.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from trialstore.storage import SqlStorage

from .databases import PLACES, Databases, ServerMissing, databases_of, engine_of
from .varied import analyze, fill

ENOUGH = 20.0
"""Seconds after which a slow call is not repeated."""
BEST = {"order_by": "result.seconds", "limit": 20}
ISSUE = (
    'status == "SUCCEEDED" and result.seconds < 50 and (config.level >= 3 or metadata["host name"] in ["1", "2"]) '
    "and not attribute.bad"
)
SEARCHES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "nothing, by a result": (None, BEST),
    "status, result, config": ('status == "SUCCEEDED" and result.seconds < 50 and config.level >= 3', BEST),
    "config": ("config.level >= 3", BEST),
    "metadata in a list": ('metadata["host name"] in ["1", "2", "3"]', BEST),
    "or, not": ('not (config.level < 3 or metadata["host name"] == "1")', BEST),
    "and, or, in, not": (ISSUE, BEST),
    "the same, greatest first": (ISSUE, {**BEST, "descending": True}),
    "a commit, by a result": ('context.git_commit == "commit 7"', BEST),
    "a few, by a result": ('config.size < 100 and metadata.repeat_i == 7 and status == "SUCCEEDED"', BEST),
    "by a tunable": ("result.seconds < 50", {**BEST, "order_by": "config.level"}),
    "by time": ("result.seconds < 50", {**BEST, "order_by": "ts_start", "descending": True}),
    "without an order": ("result.seconds < 50 and config.level >= 3", {"limit": 20}),
}
"""What is searched for, and how. Those of the greatest and of a few do not find 20 among the first in the order."""


def measure(databases: Databases, place: str, trials: int, rounds: int) -> Iterator[str]:
    """Rows of the table."""
    config = databases.create()
    engine = engine_of(place)
    fill(config, engine, trials)
    found: dict[str, list[float]] = {name: [] for name in SEARCHES}
    for analyzed in (False, True):
        if analyzed:
            analyze(config, engine)
        with SqlStorage(config) as storage:
            for name, (where, how) in SEARCHES.items():
                search = functools.partial(storage.find_trials, where, experiment_id="bench", **how)
                found[name].append(least(search, rounds))
    for name, (before, after) in found.items():
        yield f"| {databases.version} | {name} | {1000 * before:.0f} ms | {1000 * after:.0f} ms |"


def least(call: Callable[[], Any], rounds: int) -> float:
    """Seconds of the quickest call: what is left where the machine has much else to do."""
    seconds: list[float] = []
    while len(seconds) < rounds and sum(seconds) < ENOUGH:
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"of {', '.join(PLACES)}; all, if none is named")
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where files of databases are made")
    chosen = parser.parse_args(arguments)
    print("| engine | search | without statistics | analyzed |")
    print("|---|---|---|---|")
    for place in chosen.engines or PLACES:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            try:
                with databases_of(place, Path(folder)) as databases:
                    for row in measure(databases, place, chosen.trials, chosen.rounds):
                        print(row, flush=True)
            except ServerMissing as missing:
                print(f"| {place} | {missing.message} |")


if __name__ == "__main__":
    main()
