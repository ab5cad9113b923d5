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
    """Print what the files of a folder say, and remove them; 1 if anything failed, or if there is nothing."""
    shown = Table(title="Engines and versions that were tested")
    for column in ("environment", "engine", "version", "driver", *PACKAGES, *OUTCOMES):
        shown.add_column(column, justify="right" if column in OUTCOMES else "left")
    failed = 0
    files = sorted(folder.glob("*.json"))
    for file in files:
        run = json.loads(file.read_text(encoding="utf-8"))
        for mode, found in run["modes"].items():
            failed += found.get("failed", 0)
            counts = [str(found.get(outcome, 0)) for outcome in OUTCOMES]
            about = (run["environment"], mode, found["version"] or "not there", found["driver"])
            shown.add_row(*about, *(run[name.lower()] for name in PACKAGES), *counts)
        file.unlink()
    Console(width=160).print(shown if files else "No results: run `tox`, or one of its environments first.")
    return int(bool(failed) or not files)


if __name__ == "__main__":
    sys.exit(table(Path(sys.argv[1])))
