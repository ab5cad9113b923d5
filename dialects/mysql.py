"""MySQL and MariaDB through PyMySQL. Which of the two answers is asked of the server, not of the config.

Neither can roll back DDL, so migrations run statement by statement, each recorded when it is done. The SQL is of the
part that MySQL 8.0.22 and MariaDB 10.11 have in common.
"""

from __future__ import annotations

import functools
import importlib
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from .base import DriverError, Server, SessionStep, StatementRunner
from .errors import Busy, ConfigError, ErrorKind, MigrationError, PermissionDenied, QueryError
from .mysql_login import REFUSED, TLS_KEYS, check_tls, guarded_logins, tls_arguments
from .server import ASK_FOR_RIGHTS, NO_ANSWER, SAFE_LOGIN, TOO_MANY, ServerDialect

QUERY_KEYS = ("unix_socket", *TLS_KEYS)

# Error numbers, https://mariadb.com/docs/server/reference/error-codes and
# https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
_KINDS = {
    ErrorKind.DUPLICATE: (1022, 1062, 1586),
    ErrorKind.MISSING_REFERENCE: (1216, 1217, 1451, 1452),
    ErrorKind.MISSING_OBJECT: (1051, 1054, 1072, 1091, 1146, 1305, 3821),
    ErrorKind.OBJECT_EXISTS: (1050, 1060, 1061, 1068, 1826),
    ErrorKind.PERMISSION: (1044, 1142, 1143, 1227, 1290, 1370, 1792, 1836, 3989),
    ErrorKind.BUSY: (1040, 1203, 1205, 1226, 3572),
    ErrorKind.ENDED: (1317, 1969, 3024),
    ErrorKind.DEADLOCK: (1020, 1213, 1412, 1614, 3101),  # 1412: a table is newer than the snapshot
    ErrorKind.DISCONNECTED: (
        0,
        1047,
        1053,
        1077,
        1080,
        1152,
        1158,
        1159,
        1160,
        1161,
        1180,  # of Galera: the commit met the loss of the majority
        1184,
        1927,
        2006,
        2013,
        2055,
        3032,  # of MySQL: an administrator, or the loss of its group, has set the server offline; 6400 as well
        3100,  # of a group: the node lost the others while it asked them; what it asked for may have been done
        3796,  # of a group, to 3799: the node cannot find out what the others have written
        3797,
        3798,
        3799,
        4031,
        6400,
    ),
    ErrorKind.UNREACHABLE: (2002, 2003),
    ErrorKind.CANNOT_CONNECT: (
        1045,
        1049,
        1129,
        1130,
        1251,
        1275,
        1698,
        1820,
        1862,
        2005,
        2026,
        2059,
        REFUSED,
        3118,
        3159,
        4226,
    ),
    ErrorKind.BAD_VALUE: (1048, 1074, 1118, 1153, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1690, 3819, 4025),
}
_KIND = {number: kind for kind, numbers in _KINDS.items() for number in numbers}
_FOREIGN_KEY_EXISTS = 'errno: 121 "Duplicate key'  # 1005 has many reasons
_TLS = "If the server demands TLS of this user, set 'ssl_ca' (or 'ssl_verify_mode' to 'none') in 'query'."
_OFFLINE = "The server is in offline mode: ask its administrator."
_NO_ROOM = (
    "The table's row format or the server's page size leaves too little room: ALTER TABLE … ROW_FORMAT = DYNAMIC, on a "
    "server whose innodb_page_size is 16 KB or more."
)
_TOO_MANY_VERSIONS = (
    "Columns of the table were added or dropped at once (ALGORITHM = INSTANT) as often as the server allows. Rebuild "
    "it, which takes as much time and space as a copy and lets others read and write meanwhile: ALTER TABLE … FORCE, "
    "ALGORITHM = INPLACE, LOCK = NONE."
)
_STATEMENT_LOG = 1665
_ROW_LOG = "Set 'binlog_format' to ROW (or MIXED) on the server: the library's transactions are READ COMMITTED."
_UNCHANGED = "Nothing was changed."
_LEAST_PAGE = 16384  # as in script.sql
_LARGER_PAGES = (
    "The keys of the tables need pages of 16 KB, which is the default, or more: use another server. The size is chosen "
    "when a server's data folder is made."
)
_AT_ONCE = (
    "Let an administrator set it to another value until the schema is up to date: SET GLOBAL "
    "innodb_instant_alter_column_allowed = add_drop_reorder."
)
_READ_ONLY = (
    "The server takes no writes. Connect to the primary: a replica takes none, nor does a port for reading of a proxy "
    "(ProxySQL, MySQL Router); with 'hosts', name the primary among them."
)
_EXPIRED = (
    "The password has expired: set another one (ALTER USER) with the server's own client, and put it into the config."
)
_HINTS = {
    1045: f"Check 'username' and 'password'. {_TLS}",
    1698: "This user cannot log in with a password: check 'username'.",
    1049: "Create the database first, or check 'database'.",
    1130: "The server does not let this user in from this host: ask its administrator.",
    2002: "Check 'unix_socket' in 'query', and that the server runs.",
    2003: "Check 'host' and 'port' (or 'unix_socket' in 'query'), and that the server runs.",
    2005: "Check 'host'.",
    2013: NO_ANSWER,
    2026: "The server and this client do not agree on TLS: check the 'ssl_…' keys in 'query'.",
    REFUSED: SAFE_LOGIN,
    3159: _TLS,
    4226: _TLS,
    _STATEMENT_LOG: _ROW_LOG,
    1153: "Write less at once, or let the administrator raise 'max_allowed_packet' on the server.",
    1038: "Let the administrator raise 'sort_buffer_size' on the server, or read less at once.",
    **dict.fromkeys((1071, 1118, 1709), _NO_ROOM),
    4092: _TOO_MANY_VERSIONS,
    1317: "Someone ended the statement (KILL QUERY).",
    **dict.fromkeys((1290, 1836), _READ_ONLY),
    3989: "An administrator has set the database to be read: ALTER SCHEMA … READ ONLY = 0.",
    **dict.fromkeys((1820, 1862), _EXPIRED),
    3032: _OFFLINE,
    6400: _OFFLINE,
    3100: "The server lost its group, or takes no transaction of this size (group_replication_transaction_size_limit).",
    **dict.fromkeys((1040, 1203, 1226), TOO_MANY),
}
# Messages of these kinds name tables, columns, users and hosts; those of the others may show values.
_NAMES_ONLY = frozenset(
    {
        ErrorKind.MISSING_OBJECT,
        ErrorKind.OBJECT_EXISTS,
        ErrorKind.PERMISSION,
        ErrorKind.CANNOT_CONNECT,
        ErrorKind.UNREACHABLE,
    }
)
_WORDS = {
    ErrorKind.DISCONNECTED: "the connection to the server was lost",
    ErrorKind.BUSY: "the server made the statement wait too long",
    ErrorKind.ENDED: "it ran into a limit on the time of a statement",
    ErrorKind.DEADLOCK: "the server rolled the transaction back because of a conflict with another one",
    ErrorKind.BAD_VALUE: "a value does not fit its column",
}
_SYNTAX = 1064  # repeats the statement
# Of a message that repeats a value: the names behind it.
_NAMES_BEHIND = re.compile(r"for (?:key|column) .*", re.DOTALL)
_OWN_WORDS = {
    1038: "the server has too little memory for sorting (sort_buffer_size)",
    1071: "a key is too long for the table",
    1118: "a row is too long for the table",
    _STATEMENT_LOG: "its binary log takes no transactions that are READ COMMITTED (binlog_format)",
    1709: "a column of a key is too long for the table",
    4092: "columns of the table were added or dropped at once too often",
    1153: "it is larger than the server takes at once (max_allowed_packet)",
    1317: "the statement was interrupted",
}
_IS_READ_ONLY = "The server is read-only (read_only is on), as replicas are"
_READ_ONLY_SERVER = (1290, 1836)
_REQUIRE_KEY, _INVISIBLE_KEY = "sql_require_primary_key", "sql_generate_invisible_primary_key"
_KEYS = (
    "The server's setting {} is on: it does not take the tables as the first migrations make them, two of which get "
    "their primary keys in a later one. Nothing was changed."
)
_NO_KEYS = (
    "This user may not set that for its own session: let an administrator grant it SESSION_VARIABLES_ADMIN (or SUPER) "
    "until the schema is up to date, or apply it as a user who has it. Every table has a primary key then."
)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# They greet with a version of their own, or one that they were given.
_PROXY = re.compile("router|proxysql|maxscale", re.IGNORECASE)


DEFAULT_PORT = 3306
_NEXT_HOST = (ErrorKind.UNREACHABLE, ErrorKind.DISCONNECTED, ErrorKind.BUSY)


class MySQLDialect(ServerDialect):
    """MySQL 8.0.22 or newer, and MariaDB 10.11 or newer."""

    name = "mysql"
    driver = "pymysql"
    driver_module = "pymysql"
    extra = "mysql"
    sql_folders = ("queries", "mysql/queries")
    migrations_folder = "mysql/migrations"
    least_versions = {"mysql": (8, 0, 22), "mariadb": (10, 11)}
    newest_tested = {"mysql": (9, 7), "mariadb": (11, 8)}
    transactional_ddl = False
    query_keys = QUERY_KEYS
    query_repeats = False
    id_length = 255  # two ids and more stand in one key, and four bytes a character are counted

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._place = 0  # of the host that served last
        if self.hosts and "unix_socket" in self.query:
            raise ConfigError(
                "config.hosts cannot be combined with 'unix_socket' in 'query'.", "Give one or the other."
            )
        if "unix_socket" in self.query:
            for key in ("host", "port"):
                if self.settings.get(key) not in (None, "", "localhost"):
                    raise ConfigError(
                        f"config.{key} cannot be combined with 'unix_socket' in 'query'.", "Give one or the other."
                    )
        check_tls(self.query)

    def url(self) -> URL:
        # Of SQLAlchemy's two names, "mariadb" is refused by MySQL, and "mysql" takes whichever server answers.
        return self.address().set(drivername=f"mysql+{self.driver}")

    def engine_options(self) -> dict[str, Any]:
        query = self.query
        arguments: dict[str, Any] = {
            "autocommit": True,  # the server must not open transactions of its own before ours
            "charset": "utf8mb4",
            "client_flag": 0,  # not FOUND_ROWS: a row counts when it was changed, not when it was looked at
            "connect_timeout": self.option("connect_timeout"),
            "read_timeout": self.read_timeout,
            "write_timeout": self.read_timeout,
            # As bytes: the driver would encode text as Latin-1, the server compares UTF-8.
            "password": (self.settings.get("password") or "").encode("utf-8"),
        }
        if "unix_socket" in query:
            arguments["unix_socket"] = query["unix_socket"]
        arguments |= tls_arguments(query)
        arguments["auth_plugin_map"] = guarded_logins(in_clear=self.option("allow_cleartext_password"))
        several = {"creator": functools.partial(self._connect_to_one, arguments)} if self.hosts else {}
        return {**self.pool_options(), "connect_args": arguments, **several}

    def _connect_to_one(self, arguments: dict[str, Any]) -> Any:
        """A connection to the first host that serves, beginning with the one that served last."""
        driver = importlib.import_module(self.driver_module)
        named = {**arguments, "user": self.settings.get("username"), "database": self.settings["database"]}
        first, count = self._place, len(self.hosts)
        for place in (*range(first, count), *range(first)):
            host, port = self.hosts[place]
            try:
                connection = self.connect((), {"host": host, "port": port or DEFAULT_PORT, **named})
            except driver.err.OperationalError as exc:
                if place == (first - 1) % count or _KIND.get(exc.args[0]) not in _NEXT_HOST:
                    raise
                self._leave(place)
            else:
                connection.place = place
                return connection
        raise AssertionError("the last host has served, or refused")

    def connect(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        from .pymysql_limits import LimitedConnection

        return LimitedConnection(*arguments, **named)

    def limit_waits(self, connection: Any, seconds: float | None) -> None:
        connection.limit_waits(seconds)

    def connection_lost(self, connection: Any | None) -> None:
        if self.hosts:
            self._leave(self._place if connection is None else connection.place)

    def _leave(self, place: int) -> None:
        """From now on begin with the host after this one; if several threads lost this host, advance only once."""
        if self._place == place:
            self._place = (place + 1) % len(self.hosts)

    def session_steps(self, *, write: bool) -> Iterator[SessionStep]:
        if write:
            return
        seconds = max(1, round(self.lock_wait))
        yield SessionStep("session_settings", {"time_zone": "+00:00", "lock_wait": seconds})
        yield SessionStep("session_isolation")
        if self.hosts:
            yield SessionStep("session_causal")
            known: list[int] = []
            yield SessionStep("session_group", then=lambda _connection, settings: known.append(settings))
            if any(known):
                yield SessionStep("session_group_causal")

    def begin_steps(self, *, write: bool) -> Sequence[SessionStep]:
        begin = super().begin_steps(write=write)
        return begin if write else (SessionStep("snapshot_next"), *begin)

    def identify(self, connection: Any) -> Server:
        greeting = connection.get_server_info()
        return _server(greeting, proxy=_PROXY.search(greeting) is not None)

    def identify_behind(self, session: StatementRunner) -> Server:
        return _server(session.scalar("server_version"))

    def classify(self, error: BaseException) -> DriverError:
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if (client := _client_error(origin)) is not None:
            return client
        number = origin.args[0] if origin.args and isinstance(origin.args[0], int) else -1
        message = str(origin.args[1]) if len(origin.args) > 1 else ""
        kind = _KIND.get(number, ErrorKind.OTHER)
        if isinstance(getattr(origin, "original_exception", None), ssl.SSLError):  # which the driver calls 2003 as well
            number, kind = 2026, ErrorKind.CANNOT_CONNECT
        if number == 1005 and _FOREIGN_KEY_EXISTS in message:
            kind = ErrorKind.OBJECT_EXISTS
        if isinstance(error, DBAPIError) and error.connection_invalidated and kind is ErrorKind.OTHER:
            kind = ErrorKind.DISCONNECTED
        if number in _READ_ONLY_SERVER and self.hosts:  # another one may take the write
            kind = ErrorKind.DISCONNECTED
        hint = _HINTS.get(number, ASK_FOR_RIGHTS if kind is ErrorKind.PERMISSION else "")
        words = _OWN_WORDS.get(number) or _WORDS.get(kind, f"the server refused it: {kind.value}")
        safe = message if kind in _NAMES_ONLY or number in _READ_ONLY_SERVER else words
        return DriverError(
            kind, f"error {number}", safe, hint, "" if number == _SYNTAX else _server_text(kind, message)
        )

    def new_id(self, cursor: Any) -> int | None:
        return int(cursor.lastrowid) if cursor.rowcount == 1 else None  # MySQL has no RETURNING

    @contextmanager
    def begin_migration(self, session: StatementRunner) -> Iterator[None]:
        # The lock is the connection's: DDL ends the transaction. The server frees it when the connection breaks.
        seconds = max(1, round(self.lock_patience(session)))
        session.limit_waits(self.migration_wait)
        before = session.scalar("migration_statement_limit")
        if session.scalar("migration_lock", seconds=seconds) != 1:
            session.limit_waits(self.read_timeout)
            raise Busy("Another connection holds the migration lock.", "", ErrorKind.BUSY)
        try:
            limit = float(self.option("migration_statement_timeout"))
            session.execute("migration_timeouts", lock_wait=max(1, round(self.table_wait(session))), statement=limit)
            session.begin(write=True)
            yield
        finally:
            session.limit_waits(self.read_timeout)
            with suppress(QueryError):  # a broken connection has freed it
                session.scalar("migration_unlock")
                lock_wait = max(1, round(self.lock_wait))
                session.execute("migration_timeouts", lock_wait=lock_wait, statement=before)

    def check_settings(self, session: StatementRunner) -> None:
        found = session.one("migration_server")
        if found is None:
            return
        if found.statement_log:
            raise MigrationError(f"The server's binlog_format is STATEMENT. {_UNCHANGED}", _ROW_LOG)
        if found.page_size < _LEAST_PAGE:
            kb = f"{found.page_size // 1024} KB"
            raise MigrationError(f"The server's pages (innodb_page_size) have {kb}. {_UNCHANGED}", _LARGER_PAGES)
        if found.never_at_once:
            raise MigrationError(f"The server's innodb_instant_alter_column_allowed is never. {_UNCHANGED}", _AT_ONCE)

    def check_migration(self, session: StatementRunner) -> None:
        self.check_settings(session)
        try:
            session.execute("migration_may_record")
        except PermissionDenied as exc:
            raise exc.with_message(f"{exc.message}. {_UNCHANGED}") from None
        except QueryError as exc:
            if exc.kind is not ErrorKind.MISSING_OBJECT:
                raise

    def login_refusal(self, session: StatementRunner) -> str:
        if session.scalar("migration_read_only"):
            return _IS_READ_ONLY
        rules = str(session.scalar("migration_key_rules"))
        return f"{_KEYS.format(rules)} {_NO_KEYS}" if rules and not session.scalar("migration_key_rules_may") else ""

    def has_unseen_rights(self, session: StatementRunner) -> bool:
        with suppress(QueryError):
            return bool(session.many("schema_public_rights"))
        return False

    @contextmanager
    def migration_settings(self, session: StatementRunner) -> Iterator[None]:
        if session.scalar("migration_read_only"):
            raise MigrationError(f"{_IS_READ_ONLY}.", _READ_ONLY)
        rules = str(session.scalar("migration_key_rules"))
        if not rules:
            yield
            return
        before = {"require_key": int(_REQUIRE_KEY in rules), "invisible_key": int(_INVISIBLE_KEY in rules)}
        try:
            session.execute("migration_key_rules_set", require_key=0, invisible_key=0)
        except PermissionDenied:
            raise MigrationError(_KEYS.format(rules), _NO_KEYS) from None
        try:
            yield
        finally:
            with suppress(QueryError):  # a broken connection does not go back to the pool
                session.execute("migration_key_rules_set", **before)

    def stream_cursor(self, connection: Any) -> Any:
        return connection.cursor(importlib.import_module(f"{self.driver_module}.cursors").SSCursor)

    def close_stream(self, cursor: Any) -> None:
        result = cursor._result  # noqa: SLF001 - where the driver keeps the rows that are still to come
        try:
            cursor.close()  # reads what is left
        except BaseException:
            if result is not None:  # or the driver would try again when the result is collected
                result.unbuffered_active = False
            raise

    def blockers(self, session: StatementRunner, tables: Sequence[str]) -> str:
        session.begin(write=False)
        named, holders = f",{','.join(tables)},", None
        with suppress(QueryError):  # there is no such table, or this user may not read it
            holders = session.scalar("migration_holders_listed", tables=named)
        with suppress(QueryError):
            holders = holders or session.scalar("migration_holders", tables=named)
        if holders:
            return f"are held by {holders}"
        others = session.scalar("migration_blockers")
        return f"may be held by {others}" if others else ""

    def lock_holder(self, session: StatementRunner) -> str | None:
        holder: str | None = session.scalar("migration_lock_holder")
        return holder


def _server(text: str, *, proxy: bool = False) -> Server:
    """The server that calls itself so; of a proxy, which is not the server, the version is not known."""
    # MariaDB puts 5.5.5- before its version, for replicas of old MySQL versions.
    text = text.removeprefix("5.5.5-")
    match = None if proxy else _VERSION.match(text)
    version = tuple(map(int, match.groups())) if match else (0,)
    return Server("mariadb" if "mariadb" in text.lower() else "mysql", version)


def _server_text(kind: ErrorKind, message: str) -> str:
    """The whole message; where it repeats a value, its names alone."""
    if kind not in (ErrorKind.BAD_VALUE, ErrorKind.DUPLICATE):
        return message
    names = _NAMES_BEHIND.search(message)
    return f"{_WORDS.get(kind, 'duplicate key')}, {names[0]}" if names else ""


def _client_error(origin: BaseException) -> DriverError | None:
    """What an error of the socket or of TLS means, which the driver does not wrap; None for the driver's own errors."""
    if isinstance(origin, OSError):  # OpenSSL's errors among them
        message = f"a file that 'query' names for TLS cannot be used: {origin.strerror or origin}"
        return DriverError(
            ErrorKind.CANNOT_CONNECT, type(origin).__name__, message, "Check the 'ssl_…' keys in 'query'."
        )
    if isinstance(origin, RuntimeError):
        message = "the user's way to log in needs TLS, the Unix socket, or the package 'cryptography'"
        return DriverError(ErrorKind.CANNOT_CONNECT, type(origin).__name__, message, "pip install 'pymysql[rsa]'")
    return None
