"""Prints what the environments of `tox` tested, from a folder with a file of each run: `results_table.py FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

PACKAGES = ("SQLAlchemy", "pandas", "NumPy", "Python")
OUTCOMES = ("passed", "failed", "skipped")


def table(folder: Path) -> int:
    """Print what the files of a folder say, and remove them; 1 if anything failed, or if there is nothing.

    Tests without an engine have a row too, and so has a run that failed although none of its tests did.
    """
    shown = Table(title="Engines and versions that were tested")
    for column in ("environment", "engine", "version", "driver", *PACKAGES, *OUTCOMES):
        shown.add_column(column, justify="right" if column in OUTCOMES else "left")
    failed = 0
    files = sorted(folder.glob("*.json"))
    for file in files:
        run = json.loads(file.read_text(encoding="utf-8"))
        for mode, found in run["modes"].items():
            counts = [str(found.get(outcome, 0)) for outcome in OUTCOMES]
            version = found["version"] or ("" if mode == "none" else "not there")
            packages = [run[name.lower()] for name in PACKAGES]
            shown.add_row(run["environment"], mode, version, found["driver"], *packages, *counts)
        here = sum(found.get("failed", 0) for found in run["modes"].values())
        if run["exit_code"] and not here:
            why = f"pytest ended with exit code {run['exit_code']}"
            shown.add_row(run["environment"], "none", why, *[""] * (1 + len(PACKAGES)), "0", "1", "0")
        failed += here or run["exit_code"]
        file.unlink()
    Console(width=160).print(shown if files else "No results: run `tox`, or one of its environments first.")
    return int(bool(failed) or not files)


if __name__ == "__main__":
    sys.exit(table(Path(sys.argv[1])))
