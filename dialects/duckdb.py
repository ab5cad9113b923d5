"""DuckDB through duckdb-engine: a file that one process at a time may write, or memory.

DuckDB locks its file for the process, and lets transactions of one process fail where they meet in the same rows
instead of waiting. A storage therefore keeps one connection, for which its threads wait; two storages of one process
that meet are retried.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from .base import DriverError, Option, Server, SessionStep, StatementRunner
from .errors import ErrorKind
from .files import FileDialect

# DuckDB has no error codes: its exceptions tell the kind, parts of their messages the rest.
_KINDS = {
    "TransactionException": ErrorKind.DEADLOCK,
    "ConversionException": ErrorKind.BAD_VALUE,
    "OutOfRangeException": ErrorKind.BAD_VALUE,
    "TypeMismatchException": ErrorKind.BAD_VALUE,
    "InvalidTypeException": ErrorKind.BAD_VALUE,
    "BinderException": ErrorKind.MISSING_OBJECT,
    "ConnectionException": ErrorKind.DISCONNECTED,
    "FatalException": ErrorKind.DISCONNECTED,
    "IOException": ErrorKind.CANNOT_CONNECT,
    "PermissionException": ErrorKind.PERMISSION,
    "SerializationException": ErrorKind.CANNOT_CONNECT,
}
_MESSAGES = (
    ("foreign key constraint", ErrorKind.MISSING_REFERENCE),
    ("uplicate key", ErrorKind.DUPLICATE),
    ("NOT NULL constraint", ErrorKind.BAD_VALUE),
    ("already exists", ErrorKind.OBJECT_EXISTS),
    ("does not exist", ErrorKind.MISSING_OBJECT),
    ("read-only mode", ErrorKind.PERMISSION),
    ("different configuration", ErrorKind.CANNOT_CONNECT),
    ("write-write conflict", ErrorKind.DEADLOCK),
)
# Their messages name objects and files; those of the other kinds may show values.
_NAMES_ONLY = (ErrorKind.MISSING_OBJECT, ErrorKind.OBJECT_EXISTS, ErrorKind.PERMISSION, ErrorKind.CANNOT_CONNECT)
_LOCKED = "Could not set lock"
_ONE_PROCESS = (
    "One process at a time can write a DuckDB file: end the other one, or use SQLite (several processes of one host), "
    "or a server. Several processes may read it, each with 'read_only': true, while none writes."
)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class DuckDBDialect(FileDialect):
    """A DuckDB file, or memory (`:memory:` or no database at all)."""

    name = "duckdb"
    backends = ("duckdb",)
    driver = "duckdb_engine"
    driver_module = "duckdb_engine"
    extra = "duckdb"
    sql_folders = ("queries", "duckdb/queries")
    migrations_folder = "duckdb/migrations"
    least_versions = {"duckdb": (1, 4)}
    transactional_ddl = True
    many_processes = False
    options = {
        "read_only": Option(False, (bool,)),
        "busy_timeout": Option(30.0, (int, float), least=0, most=86_400),
    }

    def url(self) -> URL:
        self.check_path()
        return URL.create("duckdb", database=self.database, query=dict(self.settings.get("query") or {}))

    def engine_options(self) -> dict[str, Any]:
        return {
            "poolclass": QueuePool,
            "pool_size": 1,
            "max_overflow": 0,
            "pool_timeout": float(self.option("busy_timeout")),
            "connect_args": {"read_only": bool(self.option("read_only"))},
        }

    def session_steps(self, *, write: bool) -> Sequence[SessionStep]:
        return ()

    def begin_steps(self, *, write: bool) -> Sequence[SessionStep]:
        return ()  # duckdb-engine begins a transaction before each first statement

    def identify(self, connection: Connection) -> Server:
        import duckdb

        match = _VERSION.match(duckdb.__version__)
        return Server(self.name, tuple(map(int, match.groups())) if match else (0,))

    def classify(self, error: BaseException) -> DriverError:
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        code, message = type(origin).__name__, str(origin)
        kind = _KINDS.get(code) or next((kind for part, kind in _MESSAGES if part in message), ErrorKind.OTHER)
        safe = message.splitlines()[0] if kind in _NAMES_ONLY else f"the database refused it: {kind.value}"
        return DriverError(kind, code, safe, _ONE_PROCESS if _LOCKED in message else "")

    @contextmanager
    def migration(self, session: StatementRunner) -> Iterator[None]:
        session.begin(write=True)  # no other process has the file open; threads of this one meet at commit, and retry
        yield

    def lock_holder(self, session: StatementRunner) -> str | None:
        return None  # another process would have been refused when it opened the file

    def encode_ts(self, moment: dt.datetime) -> dt.datetime:
        return moment.astimezone(dt.timezone.utc).replace(tzinfo=None)

    def decode_ts(self, value: Any) -> dt.datetime:
        moment: dt.datetime = value.replace(tzinfo=dt.timezone.utc)
        return moment
