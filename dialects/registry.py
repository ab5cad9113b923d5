"""Which dialect serves a backend name: the built-in ones and those of other packages (entry points
`trialstore.dialects`)."""

from __future__ import annotations

import importlib
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

from .base import Dialect
from .errors import ConfigError, nearest, shown

ENTRY_POINTS = "trialstore.dialects"

BUILT_IN = {
    "duckdb": "trialstore.dialects.duckdb:DuckDBDialect",
    "mariadb": "trialstore.dialects.mysql:MySQLDialect",
    "mysql": "trialstore.dialects.mysql:MySQLDialect",
    "postgresql": "trialstore.dialects.postgresql:PostgreSQLDialect",
    "sqlite": "trialstore.dialects.sqlite:SQLiteDialect",
}

URL_NAMES = {"postgres": "postgresql"}
"""Other names of backends that programs write into URLs (libpq and many hosted databases)."""

DEFAULT_BACKEND = "sqlite"  # what the command line uses when no database is named: a file needs no server


def known_backends() -> list[str]:
    """Backend names that a drivername may start with, built-in and installed, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def dialect_class(drivername: str) -> type[Dialect]:
    """The dialect for a `drivername` such as "sqlite" or "sqlite+pysqlite".

    Raises ConfigError for an unknown engine, for a driver that is not the supported one, and when the driver is not
    installed.
    """
    backend, _, driver = drivername.partition("+")
    cls = _load(backend)
    if driver and driver != cls.driver:
        raise ConfigError(
            f"Driver {driver!r} of drivername {drivername!r} is not supported.", f"Use '{backend}+{cls.driver}'."
        )
    cls.check_driver()
    return cls


def engine_class(backend: str) -> type[Dialect]:
    """The dialect for a backend name such as "sqlite", whether its driver is installed or not.

    Raises ConfigError for an unknown engine.
    """
    return _load(backend)


def backend_of_file(path: str | Path) -> str:
    """The backend whose file this is by its first bytes, or would be by its name; DEFAULT_BACKEND if neither tells."""
    classes = {name: _load(name) for name in sorted(BUILT_IN)}
    head = b""
    with suppress(OSError), Path(path).open("rb") as file:
        head = file.read(max(start + len(text) for start, text in (cls.file_beginning for cls in classes.values())))
    for name, cls in classes.items():
        start, text = cls.file_beginning
        if text and head[start : start + len(text)] == text:
            return name
    suffix = Path(path).suffix.lower()
    return next((name for name, cls in classes.items() if suffix in cls.file_suffixes), DEFAULT_BACKEND)


def _load(backend: str) -> type[Dialect]:
    if backend in BUILT_IN:
        return _import(BUILT_IN[backend])
    for point in entry_points(group=ENTRY_POINTS, name=backend):
        try:
            cls = point.load()
        except (ImportError, AttributeError) as exc:
            raise ConfigError(f"Entry point {point.value!r} of {ENTRY_POINTS} cannot be loaded: {exc}.") from None
        if not (isinstance(cls, type) and issubclass(cls, Dialect)):
            raise ConfigError(f"Entry point {point.value!r} of {ENTRY_POINTS} is no subclass of Dialect.")
        return cls
    raise ConfigError(f"Unknown database engine {shown(backend)}.", nearest(backend, known_backends()))


def _import(path: str) -> type[Dialect]:
    module, _, name = path.partition(":")
    cls: type[Dialect] = getattr(importlib.import_module(module), name)
    return cls
