"""The five questions of docs/analysis.md, as the page asks them.

    python -m benchmarks.questions [ENGINE…] [--trials N] [--points N] [--rounds N] [--folder DIR]

An experiment gets N trials, and one of them points of telemetry. Each query is asked first without statistics, then
after the database has been analyzed: the quickest of several turns, since the machine may have much else to do.
"""

from __future__ import annotations

import argparse
import functools
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .databases import PLACES, Databases, ServerMissing, databases_of, engine_of
from .filling import connected
from .search import least
from .varied import analyze, fill

PAGE = Path(__file__).resolve().parents[1] / "docs" / "analysis.md"
QUESTIONS = (
    "The best configs, with an interval",
    "A metric over commits",
    "Trials by result and parameter",
    "The Pareto front",
    "Telemetry for Grafana",
)


def query(engine: str, question: str) -> str:
    """The statement of a section of the page for an engine."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {question}\n")[2].partition("\n## ")[0]
    for block in re.findall(r"```sql\n(.*?);\n```", section, re.DOTALL):
        named = re.match(r"-- on (.*)", block)
        if named is None or engine in named[1].lower():
            return str(block)
    raise LookupError(question)


def measure(databases: Databases, place: str, trials: int, points: int, rounds: int) -> Iterator[str]:
    """Rows of the table."""
    config = databases.create()
    engine = engine_of(place)
    fill(config, engine, trials, points=points)
    found: dict[str, list[float]] = {question: [] for question in QUESTIONS}
    for analyzed in (False, True):
        if analyzed:
            analyze(config, engine)
        with connected(config) as execute:

            def ask(statement: str) -> list[Any]:
                return list(execute(statement).fetchall())

            for question in QUESTIONS:
                statement = query(engine, question)
                if not ask(statement):
                    raise SystemExit(f"{question}: no rows")
                found[question].append(least(functools.partial(ask, statement), rounds))
    for question, (before, after) in found.items():
        yield f"| {databases.version} | {question} | {1000 * before:.0f} ms | {1000 * after:.0f} ms |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"of {', '.join(PLACES)}; all, if none is named")
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where files of databases are made")
    chosen = parser.parse_args(arguments)
    print("| engine | question | without statistics | analyzed |")
    print("|---|---|---|---|")
    for place in chosen.engines or PLACES:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            try:
                with databases_of(place, Path(folder)) as databases:
                    for row in measure(databases, place, chosen.trials, chosen.points, chosen.rounds):
                        print(row, flush=True)
            except ServerMissing as missing:
                print(f"| {place} | {missing.message} |")


if __name__ == "__main__":
    main()
