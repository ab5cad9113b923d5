"""PostgreSQL through psycopg 3, with or without a pooler (PgBouncer) between.

A pooler in transaction mode gives each transaction another server connection, so nothing may be kept in the session
but what the pooler itself carries over (TimeZone among them): timeouts are then set in each transaction, and the driver
must not prepare statements. A pooler is detected by comparing the process id that the server reports with the driver's.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from .base import DriverError, Option, Server, SessionStep, StatementRunner
from .errors import ErrorKind, PermissionDenied, QueryError
from .postgresql_columns import PostgreSQLColumns
from .postgresql_login import check_query, login_arguments
from .postgresql_schema import Candidate, check_name, check_usable, choose
from .postgresql_startup import startup_code
from .server import ASK_FOR_RIGHTS, NO_ANSWER, OPTIONS, SAFE_LOGIN, TOO_MANY, ServerDialect

# SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html; a code that is not here goes by its class,
# the first two characters.
_KINDS = {
    "08": ErrorKind.DISCONNECTED,
    "22": ErrorKind.BAD_VALUE,
    "23": ErrorKind.BAD_VALUE,
    "28": ErrorKind.CANNOT_CONNECT,
    "23503": ErrorKind.MISSING_REFERENCE,
    "23505": ErrorKind.DUPLICATE,
    "25P03": ErrorKind.DISCONNECTED,  # idle_in_transaction_session_timeout
    "25P04": ErrorKind.DISCONNECTED,  # transaction_timeout
    "25006": ErrorKind.PERMISSION,  # read_only_sql_transaction
    "3D000": ErrorKind.CANNOT_CONNECT,  # the database does not exist
    "3F000": ErrorKind.MISSING_OBJECT,
    "40001": ErrorKind.DEADLOCK,  # serialization_failure
    "40P01": ErrorKind.DEADLOCK,
    "42501": ErrorKind.PERMISSION,
    "42701": ErrorKind.OBJECT_EXISTS,
    "42703": ErrorKind.MISSING_OBJECT,
    "42704": ErrorKind.MISSING_OBJECT,
    "42710": ErrorKind.OBJECT_EXISTS,
    "42883": ErrorKind.MISSING_OBJECT,
    "42P01": ErrorKind.MISSING_OBJECT,
    "42P06": ErrorKind.OBJECT_EXISTS,
    "42P07": ErrorKind.OBJECT_EXISTS,
    "42P16": ErrorKind.OBJECT_EXISTS,  # a second primary key
    "53300": ErrorKind.BUSY,  # too_many_connections
    "54000": ErrorKind.BAD_VALUE,  # too large for an index
    "55P03": ErrorKind.BUSY,  # lock_not_available
    "57014": ErrorKind.ENDED,  # query_canceled: a statement_timeout of the server's or role's
    "57P01": ErrorKind.DISCONNECTED,
    "57P02": ErrorKind.DISCONNECTED,
    "57P03": ErrorKind.DISCONNECTED,  # the server is starting up
    "57P05": ErrorKind.DISCONNECTED,  # idle_session_timeout
}

_READ_ONLY = "25006"
_NO_SCHEMA = (
    "Check 'search_path', and that the user has the right USAGE on a schema that it names (and CREATE to make tables)."
)

_HINTS = {
    "3F000": _NO_SCHEMA,
    _READ_ONLY: (
        "If it is a standby, name the primary, or both in 'hosts'. If 'default_transaction_read_only' is on for this "
        "user, the database or the server: turn it off for this user (ALTER ROLE … SET)."
    ),
    "53300": TOO_MANY,
    "57014": "Someone ended the statement, or it ran into 'statement_timeout' (of role, database or server).",
}

# Classes whose messages name objects, users and settings only. Others (22: data, P0: triggers) may show values.
_NAMES_ONLY = ("08", "23", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57")

# Refusals of a connection reach the driver as text without a code.
_FULL = re.compile(r"too many (clients|connections)|connection slots|no more connections allowed")
_RESTARTING = re.compile(
    r"the database system is (starting up|shutting down|in recovery mode|not (yet )?accepting connections)"
)
_AT_CONNECT = (
    ("authentication method requirement", SAFE_LOGIN),
    ("authentication failed", "Check 'username' and 'password'."),
    ("no password supplied", "Set 'password' in the config."),
    ("no encryption", "The server takes this user only with TLS: set 'sslmode' to 'require' or more in 'query'."),
    ("SSL off", "The server takes this user only with TLS: set 'sslmode' to 'require' or more in 'query'."),
    ("server does not support SSL", "Leave 'sslmode' out of 'query', or let the administrator turn TLS on."),
    ("no pg_hba.conf entry", "The server does not let this user in from this host: ask its administrator."),
    ("does not exist", "Create the database (or role) first, or check 'database' and 'username'."),
    ("no such database", "Create the database first, or check 'database'."),
    ("permission denied for database", ASK_FOR_RIGHTS),
    ("role", "Check 'username'."),
    ("refused", "Check 'host' and 'port', and that the server runs."),
    ("No such file", "Check 'host' (the folder of the socket) and 'port', and that the server runs."),
    ("timeout", "Check 'host', 'port' and the network, or raise 'connect_timeout'."),
    ("server closed", "Check that the server runs."),
    ("reset by peer", "Check that the server runs."),
    ("EOF detected", "Check that the server runs."),
    ("unreachable", "Check 'host' and the network."),
    ("No route", "Check 'host' and the network."),
    ("session is", "None of the hosts is the one that may be written to: wait for it, or promote one."),
    ("resolve", "Check 'host'."),
    ("invalid ", "Check 'query'."),
    ("parameter", "Check 'query'."),
)
# Where nobody answered at all; of several hosts, none that may be written to.
_NOBODY_ANSWERS = (
    *(
        "refused",
        "No such file",
        "timeout",
        "server closed",
        "reset by peer",
        "EOF detected",
        "unreachable",
        "No route",
    ),
    *("not ready", "read-only", "session is", "resolve"),
)
# What a server says begins with its severity, in its language, and two blanks; what libpq says does not.
_FROM_SERVER = re.compile(r": \w+:  ")
_UNKNOWN_REFUSAL = "Check 'host', 'port', 'username', 'password' and 'database'."
_REFUSED = re.compile(
    r"connection (failed|to server|timeout|is bad)|failed to resolve|could not translate", re.IGNORECASE
)


DEFAULT_PORT = 5432
# A host that is gone without a word is noticed within a minute, also while a migration may be silent for longer.
_KEEPALIVES = {"keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
_UNACKNOWLEDGED_S = 60.0
_SLICE_MS = 500  # less than deadlock_timeout, unless an administrator has lowered that


class PostgreSQLDialect(ServerDialect):
    """PostgreSQL, and what speaks its protocol and SQL."""

    name = "postgresql"
    columns_class = PostgreSQLColumns
    driver = "psycopg"
    driver_module = "psycopg"
    extra = "postgresql"
    sql_folders = ("queries", "postgresql/queries")
    migrations_folder = "postgresql/migrations"
    least_versions = {"postgresql": (13,)}
    newest_tested = {"postgresql": (18,)}
    transactional_ddl = True
    # The schema of the tables; None: the one that holds them, of those that search_path names.
    options = {**OPTIONS, "schema": Option(None)}
    open_query = ("host", "hostaddr", "port", "service", "passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl")

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._pooled = False
        self._schema: str | None = self.option("schema")
        if self._schema is not None:
            self.check_schema(self._schema)

    @classmethod
    def check_schema(cls, name: str) -> None:
        check_name(name)

    @property
    def schema(self) -> str | None:
        return self._schema

    @property
    def set_up_in_transactions(self) -> bool:
        return self._pooled and not self._pipelines()

    @staticmethod
    def _pipelines() -> bool:
        import psycopg

        return psycopg.Pipeline.is_supported()  # by libpq, since version 14

    def single_steps(self) -> Sequence[SessionStep]:
        pooled = self._pooled and self._pipelines()
        return (self._use_schema("session_schema_once", lock=False),) if pooled else ()

    def run_together(self, connection: Any, runs: Sequence[tuple[Any, str, Any]]) -> None:
        # Without a BEGIN, all that is sent before the answer is asked for is one transaction of the server's.
        with connection.pipeline():
            for cursor, sql, arguments in runs:
                cursor.execute(sql, arguments)

    def url(self) -> URL:
        check_query(self)
        return self.address(query=self.query)

    def engine_options(self) -> dict[str, Any]:
        # autocommit: the driver must not open transactions of its own before our BEGIN.
        arguments = {"autocommit": True, "client_encoding": "utf8", "password": self.settings.get("password")}
        defaults = {"connect_timeout": str(self.option("connect_timeout")), "application_name": "trialstore"}
        defaults |= {**_KEEPALIVES, "tcp_user_timeout": str(round(min(self.read_timeout, _UNACKNOWLEDGED_S) * 1000))}
        if "fallback_application_name" in self.query:
            del defaults["application_name"]
        arguments |= {key: value for key, value in defaults.items() if key not in self.query}
        arguments |= {**self._several_hosts(), **login_arguments(self)}
        # format: parameters by place, which the driver need not look up by name.
        options = {"use_native_hstore": False, "paramstyle": "format"}
        return {**self.pool_options(), **options, "connect_args": arguments}

    def connect(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        import psycopg

        from .psycopg_limits import LimitedConnection

        try:
            connection = LimitedConnection.connect(*arguments, **named)
        except psycopg.OperationalError as exc:
            # The text is in the server's language. English is recognised; otherwise the server is asked for its code.
            if exc.sqlstate is None and _foreign(str(exc)):
                exc.sqlstate = startup_code(named, float(self.option("connect_timeout")))
            raise
        connection.wait_limit = self.read_timeout
        return connection

    def limit_waits(self, connection: Any, seconds: float | None) -> None:
        connection.wait_limit = seconds

    def _several_hosts(self) -> dict[str, str]:
        """For libpq, which goes to the next host itself: the first one that may be written to."""
        if not self.hosts:
            return {}
        hosts, ports = zip(*self.hosts, strict=True)
        listed = {"host": ",".join(hosts), "port": ",".join(str(port or DEFAULT_PORT) for port in ports)}
        return {"target_session_attrs": "read-write", **self.query, **listed}

    def session_steps(self, *, write: bool) -> Iterator[SessionStep]:
        if write:
            return
        yield SessionStep("session_settings", then=self._set_up_driver)
        if self._schema is None:
            yield SessionStep("session_candidates", then=self._choose_schema)
        yield self._use_schema("session_schema_once" if self._pooled else "session_schema", lock=not self._pooled)

    def _choose_schema(self, _connection: Any, found: list[dict[str, Any]] | None) -> None:
        # Kept for all connections: whatever schemas are made later, this database is the one that was opened.
        self._schema = choose([Candidate(**each) for each in found or ()])

    def _use_schema(self, statement: str, *, lock: bool) -> SessionStep:
        params = {"schema": self._schema, **(self._lock_timeout() if lock else {})}
        return SessionStep(statement, params, then=self._check_schema)

    def _check_schema(self, _connection: Any, usable: bool | None) -> None:
        check_usable(self._schema or "", usable)

    def _set_up_driver(self, connection: Any, server_pid: int) -> None:
        # The dumper that is registered last is used. Arrays in binary form are made, and read, in half the time.
        from psycopg.types.array import ListBinaryDumper

        connection.adapters.register_dumper(list, ListBinaryDumper)
        if connection.info.backend_pid != server_pid:
            self._pooled = True
            connection.prepare_threshold = None

    def _lock_timeout(self) -> dict[str, str]:
        return {"milliseconds": str(max(1, round(self.lock_wait * 1000)))}  # 0 would mean: for ever

    def begin_steps(self, *, write: bool) -> Sequence[SessionStep]:
        begin = super().begin_steps(write=write)
        if not self._pooled:
            return begin
        return (*begin, self._use_schema("transaction_settings" if write else "session_schema_once", lock=write))

    def identify(self, connection: Any) -> Server:
        number = connection.info.server_version  # 150004 for 15.4
        return Server(self.name, (number // 10_000, number % 10_000))

    def classify(self, error: BaseException) -> DriverError:
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        code = getattr(origin, "sqlstate", None)
        if code is None:
            return _without_code(error, str(origin))
        kind = _KINDS.get(code) or _KINDS.get(code[:2], ErrorKind.OTHER)
        diag = getattr(origin, "diag", None)
        # A prepared statement whose columns another process has migrated since: a new connection prepares it anew.
        if code == "0A000" and getattr(diag, "source_function", None) == "RevalidateCachedQuery":
            kind = ErrorKind.DISCONNECTED
        if kind is ErrorKind.OTHER and isinstance(error, DBAPIError) and error.connection_invalidated:
            kind = ErrorKind.DISCONNECTED
        if code == "25006" and self.hosts:  # a primary that was turned read-only: another one may take the write
            kind = ErrorKind.DISCONNECTED
        hint = _HINTS.get(code, ASK_FOR_RIGHTS if kind is ErrorKind.PERMISSION else "")
        return DriverError(kind, code, _safe_message(code, diag), hint, _server_text(code, diag))

    @contextmanager
    def begin_migration(self, session: StatementRunner) -> Iterator[None]:
        # 0 would mean: for ever.
        waits = (self.lock_patience(session), self.table_wait(session))
        lock, table = (max(1, round(wait * 1000)) for wait in waits)
        statement = round(self.option("migration_statement_timeout") * 1000)
        session.limit_waits(self.migration_wait)
        try:
            self._wait_for_the_lock(session, lock, statement)
            session.one("migration_timeouts", lock_ms=str(table), statement_ms=str(statement))
            yield
        finally:
            session.limit_waits(self.read_timeout)

    def _wait_for_the_lock(self, session: StatementRunner, lock: int, statement: int) -> None:
        """Begin a transaction that holds it. Whoever waits has a snapshot, for whose end the lock's holder may wait in
        turn, to make an index: the wait is ended and begun again before that is called a deadlock."""
        late = time.monotonic() + lock / 1000
        while True:
            session.begin(write=True)
            session.one("migration_timeouts", lock_ms=str(min(lock, _SLICE_MS)), statement_ms=str(statement))
            # It may have been dropped since the connection was made; then new tables would become temporary ones.
            if self._schema is not None:
                row = session.one("session_schema_once", schema=self._schema)
                self._check_schema(None, row and row.usable)
            try:
                session.scalar("migration_lock")  # of the transaction: freed with it, and so with a killed process
            except QueryError as exc:
                if exc.kind is not ErrorKind.BUSY or time.monotonic() > late:
                    raise
                session.rollback()
            else:
                return

    def check_migration(self, session: StatementRunner) -> None:
        if why := self.login_refusal(session):
            error = PermissionDenied(f"{why}: nothing was changed.", _HINTS[_READ_ONLY], ErrorKind.PERMISSION)
            error.code = _READ_ONLY
            raise error

    def login_refusal(self, session: StatementRunner) -> str:
        # Of several hosts another one may take the change: the server's own refusal leads there.
        return "" if self.hosts else session.scalar("migration_read_only") or ""

    def take_tables(self, session: StatementRunner, tables: Sequence[str], mode: str, *, referring: bool) -> None:
        wait = f"{max(1, round(self.table_wait(session) * 1000))} ms"
        session.one(
            "migration_tables", tables=", ".join(tables), mode=mode, wait=wait, referring="on" if referring else "off"
        )
        session.execute("migration_tables_lock")

    @property
    def runs_outside(self) -> bool:
        # Behind a pooler the next statement may meet another session, which does not hold the lock.
        return not self._pooled

    def keep_migration_lock(self, session: StatementRunner) -> None:
        session.scalar("migration_lock_of_session")

    @contextmanager
    def outside_transactions(self, session: StatementRunner) -> Iterator[None]:
        statement, before = round(self.option("migration_statement_timeout") * 1000), None
        session.limit_waits(self.migration_wait)
        try:
            before = session.scalar("session_statement_timeout")
            # They wait for transactions, beside which everyone else goes on: there is no need to be quick.
            session.one("session_timeouts", lock_ms="0", statement_ms=str(statement))
            yield
        finally:
            session.limit_waits(self.read_timeout)
            with suppress(QueryError):  # a broken connection has freed it
                session.scalar("migration_unlock")
                session.one("session_timeouts", lock_ms=self._lock_timeout()["milliseconds"], statement_ms=before)

    def lock_holder(self, session: StatementRunner) -> str | None:
        session.begin(write=False)
        holder: str | None = session.scalar("migration_lock_holder")
        return holder

    def stream_cursor(self, connection: Any) -> Any:
        return connection.cursor("trialstore_stream")  # a name: it is the server that keeps the rows

    def close_stream(self, cursor: Any) -> None:
        try:
            cursor.close()
        except BaseException:
            with suppress(Exception):
                cursor.close()  # once more: it does not know yet that its connection is broken, and warns if left open
            raise

    def encode_ts(self, moment: dt.datetime) -> dt.datetime:
        return moment

    def decode_ts(self, value: Any) -> dt.datetime:
        moment: dt.datetime = value.astimezone(dt.timezone.utc)
        return moment


def _safe_message(code: str, diag: Any) -> str:
    """The server's message where it can only name objects."""
    if diag is not None and diag.message_primary and code.startswith(_NAMES_ONLY):
        return str(diag.message_primary)
    return "a value does not fit its column" if code.startswith("22") else "the server refused it"


def _server_text(code: str, diag: Any) -> str:
    """Message and detail; not where they repeat a value (class 22), nor the detail that holds a key's (class 23)."""
    if diag is None or code.startswith("22"):
        return ""
    parts = [diag.message_primary] if code.startswith("23") else [diag.message_primary, diag.message_detail]
    return ": ".join(filter(None, parts))


def _foreign(message: str) -> bool:
    """Whether the text of a refusal is a server's, and does not say by itself what it means."""
    known = _FULL.search(message) or _RESTARTING.search(message) or any(part in message for part, _ in _AT_CONNECT)
    return not known and _FROM_SERVER.search(message) is not None


def _without_code(error: BaseException, message: str) -> DriverError:
    """An error of the client's side: no connection was made, or it broke."""
    name = type(error).__name__
    if _REFUSED.search(message):
        line = message.strip().splitlines()[0]
        if _FULL.search(message):
            return DriverError(ErrorKind.BUSY, name, line, TOO_MANY)
        if _RESTARTING.search(message):
            return DriverError(ErrorKind.UNREACHABLE, name, line, "Run it again when the server is up.")
        part, hint = next((found for found in _AT_CONNECT if found[0] in message), ("", _UNKNOWN_REFUSAL))
        # A text in an unknown language may tell of a limit on this role's connections. That is worth waiting for, if
        # the same login has succeeded before.
        passing = _foreign(message) or part in _NOBODY_ANSWERS
        return DriverError(ErrorKind.UNREACHABLE if passing else ErrorKind.CANNOT_CONNECT, name, line, hint)
    if (origin := type(getattr(error, "orig", error)).__name__) == "NoAnswer":
        return DriverError(ErrorKind.DISCONNECTED, origin, message, NO_ANSWER)
    if name == "DataError":
        return DriverError(ErrorKind.BAD_VALUE, name, "the driver cannot send a value")
    lost = isinstance(error, DBAPIError) and (
        error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
    )
    if lost:
        return DriverError(ErrorKind.DISCONNECTED, name, "the connection to the server was lost")
    return DriverError(ErrorKind.OTHER, name, "the driver refused it")
