"""SQLite through Python's own sqlite3 module.

Several processes of one host may share a file: WAL lets readers go on beside the one writer, BEGIN IMMEDIATE takes
the write lock before anything is read (a deferred transaction that upgrades later fails at once when another one
wrote meanwhile, and no busy timeout helps), and SQLite's own busy handler waits for the lock.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from .base import DriverError, Option, Server, SessionStep, StatementRunner
from .errors import ConfigError, ErrorKind, listed, nearest
from .files import MEMORY, FileDialect
from .sqlite_columns import SQLiteColumns

# What a `file:` URI takes, https://www.sqlite.org/uri.html; the driver's own arguments are options of ours.
QUERY_KEYS = ("uri", "mode", "cache", "immutable", "nolock", "psow", "vfs")
# SQLite takes any other value of the last three for "off", without a word.
_YES = ("1", "true", "yes", "on")
_YES_OR_NO = (*_YES, "0", "false", "no", "off")
_CHOICES: dict[str, tuple[str, ...]] = {
    "uri": ("1", "true"),  # which is how a path with any of these keys is opened anyway
    "mode": ("ro", "rw", "rwc", "memory"),
    "cache": ("shared", "private"),
    **dict.fromkeys(("immutable", "nolock", "psow"), _YES_OR_NO),
}
JOURNAL_MODES = ("wal", "delete", "truncate", "persist")

# Result codes (https://www.sqlite.org/rescode.html); an extended code falls back to its primary one, the lowest byte.
_KINDS = {
    3: ErrorKind.PERMISSION,  # SQLITE_PERM
    5: ErrorKind.BUSY,  # SQLITE_BUSY
    6: ErrorKind.BUSY,  # SQLITE_LOCKED
    8: ErrorKind.PERMISSION,  # SQLITE_READONLY
    11: ErrorKind.CANNOT_CONNECT,  # SQLITE_CORRUPT
    14: ErrorKind.CANNOT_CONNECT,  # SQLITE_CANTOPEN
    15: ErrorKind.BUSY,  # SQLITE_PROTOCOL: processes that open a WAL at the same moment
    18: ErrorKind.BAD_VALUE,  # SQLITE_TOOBIG
    19: ErrorKind.BAD_VALUE,  # SQLITE_CONSTRAINT, other than the ones below
    20: ErrorKind.BAD_VALUE,  # SQLITE_MISMATCH
    23: ErrorKind.PERMISSION,  # SQLITE_AUTH
    26: ErrorKind.CANNOT_CONNECT,  # SQLITE_NOTADB
    787: ErrorKind.MISSING_REFERENCE,  # SQLITE_CONSTRAINT_FOREIGNKEY
    1555: ErrorKind.DUPLICATE,  # SQLITE_CONSTRAINT_PRIMARYKEY
    2067: ErrorKind.DUPLICATE,  # SQLITE_CONSTRAINT_UNIQUE
    2579: ErrorKind.DUPLICATE,  # SQLITE_CONSTRAINT_ROWID
}

# A missing or present object is the plain SQLITE_ERROR, so the message decides; Python 3.10 gives no codes at all.
_MESSAGES = (
    ("no such table", ErrorKind.MISSING_OBJECT),
    ("no such column", ErrorKind.MISSING_OBJECT),
    ("has no column named", ErrorKind.MISSING_OBJECT),
    ("already exists", ErrorKind.OBJECT_EXISTS),
    ("duplicate column name", ErrorKind.OBJECT_EXISTS),
    ("UNIQUE constraint failed", ErrorKind.DUPLICATE),
    ("FOREIGN KEY constraint failed", ErrorKind.MISSING_REFERENCE),
    ("constraint failed", ErrorKind.BAD_VALUE),
    ("is locked", ErrorKind.BUSY),
    ("locking protocol", ErrorKind.BUSY),
    ("readonly database", ErrorKind.PERMISSION),
    ("unable to open", ErrorKind.CANNOT_CONNECT),
    ("not a database", ErrorKind.CANNOT_CONNECT),
    ("malformed", ErrorKind.CANNOT_CONNECT),
    ("too big", ErrorKind.BAD_VALUE),
)


# By primary code; for Python 3.10, the message.
_FULL = "Make room on the disk, or raise the quota, and make the call again: nothing of it was written."
_BROKEN = "Look at the disk, its mount and its quota, and make the call again: nothing of it was written."
_HINTS = {13: _FULL, 10: _BROKEN}  # SQLITE_FULL, SQLITE_IOERR
_MESSAGE_HINTS = {"is full": _FULL, "disk I/O error": _BROKEN}
_NO_WAL = "A network file system cannot do WAL: set 'journal_mode' to 'delete' in the config, and use one host."
_NO_SHARED_MEMORY = (
    "WAL needs locks and shared memory, which are not used, or not there, under {!r} in 'query': leave that out, or "
    "set 'journal_mode' to 'delete' before the file is first written to."
)


class _Float(float):
    """A number that is stored as it is, also where the application has registered an adapter for float: those are
    looked for by the very class, and hold for all connections of the process."""

    __slots__ = ()


class SQLiteDialect(FileDialect):
    """A file, a `file:` URI, or memory (`:memory:` or no database at all)."""

    name = "sqlite"
    columns_class = SQLiteColumns
    driver = "pysqlite"
    driver_module = "sqlite3"
    file_beginning = (0, b"SQLite format 3\0")
    file_suffixes = (".sqlite", ".sqlite3", ".db")
    sql_folders = ("queries", "files/queries", "sqlite/queries")
    migrations_folder = "sqlite/migrations"
    least_versions = {"sqlite": (3, 35)}
    transactional_ddl = True
    stays_read_only = True
    query_keys = QUERY_KEYS
    query_repeats = False
    options = {
        "journal_mode": Option("wal", (str,), JOURNAL_MODES),
        "busy_timeout": Option(30.0, (int, float), least=0, most=86_400),  # SQLite counts milliseconds in 32 bits
    }

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._name = ""  # as it stands in a URI; empty where the database is opened as a mere path
        self._parameters = {key: value for key, value in self.query.items() if key != "uri"}
        if self.is_uri(self.database):
            self._read_uri()
        elif self._parameters:
            self._name = MEMORY if self.database == MEMORY else quote(self.database)
        for key, value in self.query.items() | self._parameters.items():
            choices = _CHOICES.get(key)
            if choices and value not in choices:
                raise ConfigError(f"config.query: {key!r} has an unknown value.", f"Give one of {', '.join(choices)}.")
        if self._name == MEMORY and self._parameters.get("mode", "memory") != "memory":
            raise ConfigError("config.query: 'mode' has no effect in memory.", "Name a file, or leave it out.")
        if self._name:
            query = f"?{urlencode(self._parameters, quote_via=quote)}" if self._parameters else ""
            self.database = f"file:{self._name}{query}"
        if self.in_memory():
            self.path = None

    def is_uri(self, database: str) -> bool:
        return database.startswith("file:")

    def _read_uri(self) -> None:
        """Take a URI apart: SQLite itself passes over what it does not know in it."""
        name, _, query = self.database.removeprefix("file:").partition("#")[0].partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        for key, value in pairs:
            if key not in QUERY_KEYS[1:]:
                raise ConfigError(f"config.database: unknown key {key!r} in the URI.", nearest(key, QUERY_KEYS[1:]))
            if self._parameters.setdefault(key, value) != value:
                raise ConfigError(f"config.database: {key!r} is given twice, with two values.", "Give it once.")
        in_memory = unquote(name) == MEMORY or self._parameters.get("mode") == "memory"
        if not in_memory and not name.startswith("/"):
            name = quote(str(Path(unquote(name)).absolute()))
        self._name = MEMORY if unquote(name) == MEMORY or not name else name  # memory needs no name

    def url(self) -> URL:
        self.check_path()
        return URL.create("sqlite+pysqlite", database=self.database, query={"uri": "true"} if self._name else {})

    def file(self) -> Path:
        return self.path or Path(unquote(urlsplit(self.database).path))

    def in_memory(self) -> bool:
        if self._name:
            return self._name == MEMORY or self._parameters.get("mode") == "memory"
        return super().in_memory()

    def engine_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "poolclass": QueuePool,
            # isolation_level=None: sqlite3 must not open (deferred) transactions of its own before our BEGIN.
            "connect_args": {
                "isolation_level": None,
                "check_same_thread": False,
                "timeout": float(self.option("busy_timeout")),
            },
        }
        if self.in_memory():
            # One connection is the database: other threads wait for it, and it must never be closed for idleness.
            options |= {"pool_size": 1, "max_overflow": 0, "pool_timeout": float(self.option("busy_timeout"))}
        else:
            options |= {"pool_size": 5, "max_overflow": 20}
        return options

    @property
    def _read_only_by(self) -> str | None:
        """The key of `query` that keeps the file from being written to, if there is one."""
        if self._parameters.get("mode") == "ro":
            return "mode"
        return "immutable" if self._parameters.get("immutable") in _YES else None

    @property
    def _without_wal_by(self) -> str | None:
        """The key of `query` that may keep the file from being in WAL mode, if there is one."""
        return "nolock" if self._parameters.get("nolock") in _YES else "vfs" if "vfs" in self._parameters else None

    def streams_whole(self) -> bool:
        # In the other modes a writer must wait until nobody reads.
        return super().streams_whole() or self.option("journal_mode") != "wal"

    def session_steps(self, *, write: bool) -> Sequence[SessionStep]:
        if not write:
            return (SessionStep("session_foreign_keys"), SessionStep("session_synchronous"))
        if self.in_memory() or self._read_only_by:  # the write itself then says why it is refused
            return ()
        # The journal mode is a property of the file, so only a connection that is about to write may set it.
        mode = str(self.option("journal_mode"))
        refusal = _NO_SHARED_MEMORY.format(self._without_wal_by) if self._without_wal_by else _NO_WAL
        return (SessionStep(f"session_journal_{mode}", expect=(mode,), refusal=refusal),)

    def identify(self, connection: Any) -> Server:
        return Server(self.name, sqlite3.sqlite_version_info)

    def classify(self, error: BaseException) -> DriverError:
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        message = str(origin)  # SQLite's messages name tables, columns and files, never values; but the driver's may
        if message.startswith("Could not decode"):
            return DriverError(ErrorKind.BAD_VALUE, type(origin).__name__, "a stored text is not UTF-8")
        code = getattr(origin, "sqlite_errorcode", None)
        name = getattr(origin, "sqlite_errorname", None) or type(origin).__name__
        kind = None if code is None else _KINDS.get(code) or _KINDS.get(code & 0xFF)
        if kind is None:
            kind = next((kind for part, kind in _MESSAGES if part in message), ErrorKind.OTHER)
        hint = "" if code is None else _HINTS.get(code & 0xFF, "")
        hint = hint or next((hint for part, hint in _MESSAGE_HINTS.items() if part in message), "")
        if self._read_only_by and kind is ErrorKind.PERMISSION:
            hint = f"It is opened for reading only, by {self._read_only_by!r} in 'query': leave that out to write."
        elif self._without_wal_by and kind is ErrorKind.CANNOT_CONNECT and "unable to open" in message:
            hint = _NO_SHARED_MEMORY.format(self._without_wal_by)
        return DriverError(kind, name, message, hint)

    @contextmanager
    def begin_migration(self, session: StatementRunner) -> Iterator[None]:
        session.begin(write=True)  # one process at a time holds it, and the kernel frees it with the process
        yield

    def lock_holder(self, session: StatementRunner) -> str | None:
        if self.path is None:
            return None
        pids = _lock_owners([self.path, Path(f"{self.path}-shm"), Path(f"{self.path}-wal")])
        pids.discard(os.getpid())
        return f"process {listed(sorted(pids), str)}" if pids else None

    def encode_ts(self, moment: dt.datetime) -> str:
        return moment.astimezone(dt.timezone.utc).isoformat(" ", "microseconds")[:26]  # without the +00:00

    def encode_float(self, number: float) -> float:
        return _Float(number)

    def decode_ts(self, value: Any) -> dt.datetime:
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.timezone.utc)


def _lock_owners(paths: list[Path]) -> set[int]:
    """Processes with a POSIX write lock on one of the files, from the kernel's lock table where there is one
    (Linux)."""
    inodes = {path.stat().st_ino for path in paths if path.exists()}
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return set()
    owners = set()
    for line in lines:
        words = line.replace("-> ", "").split()
        if len(words) >= 6 and words[3] == "WRITE" and int(words[5].rsplit(":", 1)[1]) in inodes:
            owners.add(int(words[4]))
    return owners
