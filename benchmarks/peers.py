"""Which other libraries can be measured here, on which engine, and where they keep their data."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from trialstore.storage.config.keys import check_config

from .databases import Config, Databases
from .peer import There

NAMES = ("optuna rdb", "optuna journal", "mlos-bench")
_MODULES = {"optuna rdb": "optuna", "optuna journal": "optuna", "mlos-bench": "mlos_bench"}


def missing(pythons: Mapping[str, str], engine: str) -> dict[str, str]:
    """Name → why it is not measured on this engine; nothing where it is."""
    found = {}
    for name in NAMES:
        module = _MODULES[name]
        if engine == "duckdb" and name != "optuna journal":
            found[name] = "does not know DuckDB"
        else:
            found[name] = "" if _has(pythons[module], module) else f"{module} is not installed"
    return found


def _has(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


def url_of(config: Config) -> str:
    """The URL of a database, with the password."""
    url = check_config(config).dialect.url()
    return url.set(password=config.get("password")).render_as_string(hide_password=False)


@contextmanager
def started(
    pythons: Mapping[str, str], databases: Databases, folder: Path, why_not: Mapping[str, str]
) -> Iterator[list[There]]:
    """The libraries that are there, each with an empty database or file."""
    with ExitStack() as stack:
        found = []
        for name in NAMES:
            if why_not[name]:
                continue
            python = pythons[_MODULES[name]]
            if name == "mlos-bench":
                peer = There(name, python, "peer_mlos", json.dumps(databases.create()))
            else:
                kind = name.split()[1]
                where = str(folder / "journal.log") if kind == "journal" else url_of(databases.create())
                peer = There(name, python, "peer_optuna", kind, where)
            stack.callback(peer.close)
            found.append(peer)
        yield found
