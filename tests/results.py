"""What a run tested: one file a run, from which `tox` prints a table of engines and versions in the end.

A test's mode travels in its report's user properties, so that it arrives from the processes of pytest-xdist as well.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from matrix import MODES
from servers import registry
from trialstore.contract.modes import Mode

VARIABLE = "TRIALSTORE_RESULTS"
"""Names the file to write; without it, nothing is written."""
_DRIVERS = {"sqlite": "", "duckdb": "duckdb-engine", "postgresql": "psycopg", "mysql": "pymysql"}


def mode_of(item: pytest.Item) -> str | None:
    """The mode that a test is for, by its parameters or its marker; an engine's name where it is for all its modes."""
    params: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    for value in params.values():
        if isinstance(value, Mode):
            return value.name
    if isinstance(params.get("engine"), str) and params["engine"] in MODES:
        return str(params["engine"])
    marker = item.get_closest_marker("engine")
    return None if marker is None else str(marker.args[0])


def engine_version(mode: str) -> str:
    """Which server, or library, answers in a mode; empty while no server was started."""
    engine = next((name for name, modes in MODES.items() if mode == name or mode in [m.name for m in modes]), mode)
    if engine == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    if engine == "duckdb":
        return f"DuckDB {version('duckdb')}"
    kept = registry.version_of(engine)
    return f"{kept}, PgBouncer" if kept and mode == "pgbouncer" else kept


class Results:
    """A pytest plugin that counts outcomes by mode and writes them when the run ends."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.versions: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: its call, or what went wrong around it."""
        properties = dict(report.user_properties)
        mode = properties.get("mode")
        if mode is None or (report.when != "call" and report.outcome == "passed"):
            return
        self.outcomes.setdefault(str(mode), Counter())[report.outcome] += 1
        if properties.get("version"):
            self.versions[str(mode)] = str(properties["version"])

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        found = {
            mode: {"version": self.versions.get(mode, ""), "driver": _driver(mode), **counts}
            for mode, counts in sorted(self.outcomes.items())
        }
        about = {"environment": os.environ.get("TOX_ENV_NAME", ""), "python": platform.python_version()}
        file = Path(os.environ[VARIABLE])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**about, "sqlalchemy": version("sqlalchemy"), "modes": found}), encoding="utf-8")


def _driver(mode: str) -> str:
    engine = next((name for name, modes in MODES.items() if mode == name or mode in [m.name for m in modes]), mode)
    name = _DRIVERS[engine]
    try:
        return (
            f"{name} {version(name)}"
            if name
            else f"sqlite3 of Python {sys.version_info.major}.{sys.version_info.minor}"
        )
    except PackageNotFoundError:
        return f"{name} (not installed)"
