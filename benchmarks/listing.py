"""What `trialstore list` reads of many experiments.

    python -m benchmarks.listing [ENGINE…] [--experiments N] [--trials N] [--rounds N] [--folder DIR]

The page of 100 experiments that the command shows, with their best values, first on a database without statistics,
then on one that has been analyzed: the quickest of several calls, since the machine may have much else to do.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from trialstore.storage import SqlStorage
from trialstore.storage.reading.overview import read_overview

from .databases import PLACES, Databases, ServerMissing, databases_of, engine_of
from .search import least
from .varied import analyze, fill

PAGE = 100


def measure(databases: Databases, place: str, experiments: int, trials: int, rounds: int) -> str:
    """A row of the table."""
    config = databases.create()
    engine = engine_of(place)
    fill(config, engine, trials, experiments)
    seconds = []
    for analyzed in (False, True):
        if analyzed:
            analyze(config, engine)
        with SqlStorage(config) as storage:
            page = read_overview(storage.database, limit=PAGE)
            if page.total != experiments or {one.progress.total for one in page.experiments} != {trials}:
                raise SystemExit(f"{page.total} experiments")
            seconds.append(least(functools.partial(read_overview, storage.database, limit=PAGE), rounds))
    return f"| {databases.version} | {experiments * trials:,} | {seconds[0]:.2f} s | {seconds[1]:.2f} s |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listing")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"of {', '.join(PLACES)}; all, if none is named")
    parser.add_argument("--experiments", type=int, default=1_000)
    parser.add_argument("--trials", type=int, default=1_000, help="of each experiment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where files of databases are made")
    chosen = parser.parse_args(arguments)
    print("| engine | trials | without statistics | analyzed |")
    print("|---|---|---|---|")
    for place in chosen.engines or PLACES:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            try:
                with databases_of(place, Path(folder)) as databases:
                    row = measure(databases, place, chosen.experiments, chosen.trials, chosen.rounds)
                    print(row, flush=True)
            except ServerMissing as missing:
                print(f"| {place} | {missing.message} |")


if __name__ == "__main__":
    main()
