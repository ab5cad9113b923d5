"""DuckDB through duckdb-engine: a file that one process at a time may write, or memory.

DuckDB locks its file for the process, and lets transactions of one process fail where they meet in the same rows
instead of waiting. A storage therefore keeps one connection, for which its threads wait; two storages of one process
that meet are retried.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from .base import DriverError, Option, Server, SessionStep, StatementRunner
from .duckdb_columns import DuckDBColumns
from .errors import ConfigError, ErrorKind
from .files import MEMORY, FileDialect

# Settings of DuckDB that concern a local file; the others are the program's, not the user's, to choose.
QUERY_KEYS = ("threads", "memory_limit", "temp_directory", "max_temp_directory_size", "checkpoint_threshold")
# A file that is no DuckDB database must not make it fetch, or load, an extension that can read such files.
_SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}

# DuckDB has no error codes: the class of an exception says its kind, parts of its message the rest.
_KINDS = {
    "TransactionException": ErrorKind.DEADLOCK,
    "ConversionException": ErrorKind.BAD_VALUE,
    "OutOfRangeException": ErrorKind.BAD_VALUE,
    "TypeMismatchException": ErrorKind.BAD_VALUE,
    "InvalidTypeException": ErrorKind.BAD_VALUE,
    "BinderException": ErrorKind.MISSING_OBJECT,
    "ConnectionException": ErrorKind.DISCONNECTED,
    "InterruptException": ErrorKind.BUSY,
    "FatalException": ErrorKind.DISCONNECTED,
    "IOException": ErrorKind.CANNOT_CONNECT,
    "PermissionException": ErrorKind.PERMISSION,
    "SerializationException": ErrorKind.CANNOT_CONNECT,
}
# How the text after "… Error: " begins, where the class says too little. Values stand further on.
_BEGINNINGS = (
    ("ConstraintException", "Violates foreign key", ErrorKind.MISSING_REFERENCE),
    ("ConstraintException", "Duplicate key", ErrorKind.DUPLICATE),
    ("ConstraintException", "PRIMARY KEY or UNIQUE constraint", ErrorKind.DUPLICATE),
    ("ConstraintException", "", ErrorKind.BAD_VALUE),
    ("CatalogException", "Cannot launch in-memory", ErrorKind.CANNOT_CONNECT),
    ("CatalogException", "unrecognized configuration parameter", ErrorKind.CANNOT_CONNECT),
    ("ConnectionException", "Can't open a connection to same database", ErrorKind.CANNOT_CONNECT),
    ("InvalidInputException", "Cannot execute statement of type", ErrorKind.PERMISSION),
    ("Error", "Corrupt database file", ErrorKind.CANNOT_CONNECT),
)
_CATALOG = (("already exists", ErrorKind.OBJECT_EXISTS), ("does not exist", ErrorKind.MISSING_OBJECT))
# Their messages name objects and files; those of the other kinds may show values.
_NAMES_ONLY = (ErrorKind.MISSING_OBJECT, ErrorKind.OBJECT_EXISTS, ErrorKind.PERMISSION, ErrorKind.CANNOT_CONNECT)
_WITH_VALUES = (ErrorKind.BAD_VALUE, ErrorKind.DUPLICATE, ErrorKind.MISSING_REFERENCE)
_OTHER_FORMAT = "Extension "  # that could read it, and is not there
_LOCKED = "Could not set lock"
_HOLDER = re.compile(r"\(PID (\d+)\)")
_ONE_PROCESS = (
    "One process at a time can write a DuckDB file: end the other one, or use SQLite (several processes of one host), "
    "or a server. Several processes may read it, each with 'read_only': true, while none writes."
)
_OTHER_SETTINGS = (
    "This process has the file open with other settings: give all its storages the same 'read_only' and 'query', and "
    "end connections made without this library."
)
_READ_ONLY = "The storage was opened with 'read_only': true; open it without that, in one process, to write."
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class DuckDBDialect(FileDialect):
    """A DuckDB file, or memory (`:memory:` or no database at all)."""

    name = "duckdb"
    columns_class = DuckDBColumns
    driver = "duckdb_engine"
    driver_module = "duckdb_engine"
    file_beginning = (8, b"DUCK")
    file_suffixes = (".duckdb", ".ddb")
    extra = "duckdb"
    sql_folders = ("queries", "files/queries", "duckdb/queries")
    migrations_folder = "duckdb/migrations"
    least_versions = {"duckdb": (1, 4, 1)}
    transactional_ddl = True
    retries_duplicates = True  # keys are looked for among all committed rows, ON CONFLICT goes by the snapshot
    streams_apart = True
    query_keys = QUERY_KEYS
    query_repeats = False
    options = {
        "read_only": Option(False, (bool,)),
        "busy_timeout": Option(30.0, (int, float), least=0, most=86_400),
    }

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        if self.in_memory() and self.option("read_only"):
            raise ConfigError("config.read_only: a database in memory starts empty.", "Name a file.")

    def is_uri(self, database: str) -> bool:
        return database.startswith(MEMORY)  # `:memory:name` is one that the storages of this process can share

    def in_memory(self) -> bool:
        return self.is_uri(self.database)

    def url(self) -> URL:
        self.check_path()
        return URL.create("duckdb", database=self.database, query=self.query)

    def engine_options(self) -> dict[str, Any]:
        return {
            "poolclass": QueuePool,
            "pool_size": 1,
            "max_overflow": 0,
            "pool_timeout": float(self.option("busy_timeout")),
            "connect_args": {"read_only": bool(self.option("read_only")), "config": _SETTINGS},
        }

    def another_connection(self, connection: Any) -> Any:
        return importlib.import_module(self.driver_module).ConnectionWrapper(connection.duplicate())

    def session_steps(self, *, write: bool) -> Iterator[SessionStep]:
        if write:
            return
        different: list[str] = []
        yield SessionStep("session_settings", then=lambda _connection, names: different.extend(names or ()))
        for name in different:
            yield SessionStep(f"session_{name}")

    def begin_steps(self, *, write: bool) -> Sequence[SessionStep]:
        return ()  # duckdb-engine begins transactions

    def identify(self, connection: Any) -> Server:
        import duckdb

        match = _VERSION.match(duckdb.__version__)
        return Server(self.name, tuple(map(int, match.groups())) if match else (0,))

    def classify(self, error: BaseException) -> DriverError:
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        code, message = type(origin).__name__, str(origin)
        kind = _kind(code, message)
        line = (message.splitlines() or [""])[0]
        if kind is ErrorKind.CANNOT_CONNECT and _LOCKED in line:
            holder = _HOLDER.search(line)
            who = f"process {holder[1]}" if holder else "another process"
            return DriverError(kind, code, f"{who} has the file open", _ONE_PROCESS)
        if kind is ErrorKind.CANNOT_CONNECT and _OTHER_FORMAT in line:
            return DriverError(kind, code, "the file is no DuckDB database", "Name another file.")
        safe = line if kind in _NAMES_ONLY else f"the database refused it: {kind.value}"
        return DriverError(kind, code, safe, _hint(kind, code), "" if kind in _WITH_VALUES else line)

    @contextmanager
    def begin_migration(self, session: StatementRunner) -> Iterator[None]:
        session.begin(write=True)  # no other process has the file open; threads of this one meet at commit, and retry
        yield

    def lock_holder(self, session: StatementRunner) -> str | None:
        return None  # another process would have been refused when it opened the file

    def rows_written(self, cursor: Any) -> int:
        # Some versions of the driver do not count: their answer is a row with the number.
        if (count := cursor.rowcount) >= 0:
            return int(count)
        row = cursor.fetchone()
        return int(row[0]) if row else 0


def _kind(code: str, message: str) -> ErrorKind:
    text = message.partition("Error: ")[2] or message
    for exception, beginning, kind in _BEGINNINGS:
        if code == exception and text.startswith(beginning):
            return kind
    if code == "CatalogException":
        line = text.partition("\n")[0]
        return next((kind for part, kind in _CATALOG if part in line), ErrorKind.OTHER)
    return _KINDS.get(code, ErrorKind.OTHER)


def _hint(kind: ErrorKind, code: str) -> str:
    if kind is ErrorKind.PERMISSION:
        return _READ_ONLY
    return _OTHER_SETTINGS if kind is ErrorKind.CANNOT_CONNECT and code == "ConnectionException" else ""
