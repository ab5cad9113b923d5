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

import servers
from matrix import ENGINES, FILE_MODES, SERVER_MODES
from servers import galera, group, registry
from trialstore.contract.modes import Mode

VARIABLE = "TRIALSTORE_RESULTS"
"""Names the file to write; without it, nothing is written."""
CLUSTERS = (galera.NAME, group.WITH_PRIMARY, group.PRIMARIES)
"""What takes the place of an engine's name in tests on a cluster, all of which are MySQL's or MariaDB's."""
NO_ENGINE = "none"
"""In place of a mode: tests without a database, and what failed outside of all tests."""
_DRIVERS = {"sqlite": "", "duckdb": "duckdb-engine", "postgresql": "psycopg", "mysql": "pymysql"}


def params_of(item: pytest.Item) -> dict[str, Any]:
    """The parameters of a test."""
    return item.callspec.params if hasattr(item, "callspec") else {}


def engine_of(item: pytest.Item) -> str | None:
    """The engine that a test is for, on whichever server, by its parameters or its marker."""
    params = params_of(item)
    if any(isinstance(value, Mode) or _is_cluster(value) for value in params.values()):
        return None
    if params.get("engine") in ENGINES:
        return str(params["engine"])
    marker = item.get_closest_marker("engine")
    return None if marker is None else str(marker.args[0])


def mode_of(item: pytest.Item) -> str | None:
    """The mode that a test is for; the engine's or the server's name where it is for all its modes."""
    params = params_of(item)
    for value in params.values():
        if isinstance(value, Mode):
            return value.name
        if _is_cluster(value):
            return str(value)
    engine = engine_of(item)
    if engine is None or engine in FILE_MODES:
        return engine
    return str(params.get("server_name") or servers.chosen(engine))


def _is_cluster(value: object) -> bool:
    return isinstance(value, str) and value in CLUSTERS  # an array is compared by elements


def engine_of_mode(mode: str) -> str:
    """The engine of a mode."""
    kinds = {mode.name: engine for engine, modes in FILE_MODES.items() for mode in modes}
    kinds |= {mode.name: servers.CHOICES[name].kind.engine for name, modes in SERVER_MODES.items() for mode in modes}
    return kinds.get(mode, "mysql" if mode in CLUSTERS else mode)


def engine_version(mode: str) -> str:
    """Which server, or library, answers in a mode; empty while no server was started."""
    engine = engine_of_mode(mode)
    if engine == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    if engine == "duckdb":
        return f"DuckDB {version('duckdb')}"
    name = mode.replace("pgbouncer", "postgresql")
    kept = registry.version_of(name)
    return f"{kept}, PgBouncer" if kept and mode != name else kept


class Results:
    """A pytest plugin that counts outcomes by mode and writes them when the run ends."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.versions: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: its call, or what went wrong around it."""
        properties = dict(report.user_properties)
        mode = properties.get("mode", NO_ENGINE)
        if report.when != "call" and report.outcome == "passed":
            return
        self.outcomes.setdefault(str(mode), Counter())[report.outcome] += 1
        if properties.get("version"):
            self.versions[str(mode)] = str(properties["version"])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a module that could not be imported, whose tests are in no other report."""
        if report.failed:
            self.outcomes.setdefault(NO_ENGINE, Counter())["failed"] += 1

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the file."""
        found = {
            mode: {"version": self.versions.get(mode, ""), "driver": _driver(mode), **counts}
            for mode, counts in sorted(self.outcomes.items())
        }
        about = {
            "environment": os.environ.get("TOX_ENV_NAME", ""),
            "python": platform.python_version(),
            "exit_code": int(exitstatus),
        }
        file = Path(os.environ[VARIABLE])
        file.parent.mkdir(parents=True, exist_ok=True)
        packages = {name: version(name) for name in ("sqlalchemy", "pandas", "numpy")}
        file.write_text(json.dumps({**about, **packages, "modes": found}), encoding="utf-8")


def _driver(mode: str) -> str:
    if mode == NO_ENGINE:
        return ""
    name = _DRIVERS[engine_of_mode(mode)]
    try:
        return (
            f"{name} {version(name)}"
            if name
            else f"sqlite3 of Python {sys.version_info.major}.{sys.version_info.minor}"
        )
    except PackageNotFoundError:
        return f"{name} (not installed)"
