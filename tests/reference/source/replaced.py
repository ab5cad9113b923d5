"""Our class in place of `mlos_bench.storage.sql.storage.SqlStorage`, each storage in a fresh database of its own.

For mlos_bench's own tests, which name that class and in-memory SQLite. Which databases are made instead stands in the
environment: see `source.py`.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE = "mlos_bench.storage.sql.storage"
WHERE = "TRIALSTORE_MLOS_WHERE"
"""JSON: `config`, that of a database whose server (or folder) gets the others, and `made`, the file of their names."""


def prepare() -> None:
    """Replace the class as soon as its module is imported; nothing where the environment does not ask for it."""
    if WHERE in os.environ:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds that module alone."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's own spec, with a loader that replaces the class."""
        if fullname != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads the module, and puts our class into it."""

    def exec_module(self, module: ModuleType) -> None:
        """As ever, and then the class."""
        super().exec_module(module)
        module.SqlStorage = _our_class()  # type: ignore[attr-defined]


def _our_class() -> type:
    from trialstore.storage import mlos_bench

    class SqlStorage(mlos_bench.SqlStorage):
        """Ours, of which only the config is another."""

        def __init__(self, config: dict[str, Any], global_config: Any = None, service: Any = None) -> None:
            super().__init__(_elsewhere(config), global_config, service)

    # It is found, pickled and compared under the name that it is put in for.
    SqlStorage.__module__, SqlStorage.__qualname__ = MODULE, "SqlStorage"
    return SqlStorage


def _elsewhere(config: dict[str, Any]) -> dict[str, Any]:
    """The config with another database; in-memory SQLite stays where the run is for SQLite."""
    where = json.loads(os.environ[WHERE])
    wanted = dict(where["config"])
    lazy = {"lazy_schema_create": config["lazy_schema_create"]} if "lazy_schema_create" in config else {}
    if wanted["drivername"] == config["drivername"] == "sqlite" and config["database"] == ":memory:":
        wanted["database"] = ":memory:"
    else:
        wanted["database"] = _fresh(wanted, Path(where["made"]))
    return {**wanted, **lazy}


def _fresh(config: dict[str, Any], made: Path) -> str:
    """The name of a new, empty database beside this one."""
    name = f"ts_mlos_{uuid.uuid4().hex[:16]}"
    if "host" not in config:
        return str(Path(config["database"]).with_name(name))
    from sqlalchemy import URL, create_engine, text

    with made.open("a", encoding="ascii") as names:
        names.write(f"{name}\n")
    engine = create_engine(URL.create(**config), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return name
