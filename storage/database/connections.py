"""The only place that opens connections: whole functions run in one transaction, and are retried on transient
errors."""

from __future__ import annotations

import logging
import random
import threading
import time
import weakref
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool, PoolProxiedConnection, QueuePool

from trialstore.dialects.base import Patience
from trialstore.dialects.errors import (
    Busy,
    CommitUnknown,
    ConfigError,
    ConnectError,
    ErrorKind,
    QueryError,
    ServerUnreachable,
    StorageError,
)
from trialstore.dialects.text import logger
from trialstore.sql.migrator import Migrator
from trialstore.sql.session import Session
from trialstore.sql.statements import Statements, storage_error
from trialstore.storage.config.keys import StorageConfig

from . import forks
from .checkout import Checkout

_LOG = logger(__name__)
_T = TypeVar("_T")

MAX_ATTEMPTS = 100  # more than there is time for, unless the config gives a lot
DUPLICATE_ATTEMPTS = 5
_LOGGING_NAME = "trialstore"
FIRST_WAIT_S = 0.01
LONGEST_WAIT_S = 1.0


class Database:
    """Engine, pool and compiled statements of one storage; made on first use, dropped when pickled or after a fork."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self.dialect = config.dialect
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()  # a stream that is collected may end a session in any place
        self._engine: Engine | None = None
        self._stream_engine: Engine | None = None
        self._statements: Statements | None = None
        self._in_memory: Any = None
        """The driver's connection that is a database in memory."""
        # Weak, so that nothing counts for ever that was lost by interrupts of what cleans up after interrupts.
        self._in_use: weakref.WeakSet[Checkout] = weakref.WeakSet()
        self._unusable = ""
        self._version_checked = False
        self.contexts: dict[tuple[tuple[str, Any], ...], str | None] = {}
        """What trials ran on → its hash, once that is stored; None where it cannot be."""
        self._locked_for_fork = False
        forks.register(self)

    def __getstate__(self) -> dict[str, Any]:
        if self.dialect.in_memory():
            raise ConfigError(
                "A storage in memory cannot be handed to another process: it would find an empty database.",
                "Use a database file, or a server.",
            )
        return {"config": self.config}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.config = state["config"]
        self.dialect = self.config.dialect
        self._reset()

    @cached_property
    def migrator(self) -> Migrator:
        """Plans and applies the migrations of the database's dialect."""
        return Migrator(self.dialect)

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, made on first use."""
        with self._lock:
            return self._open()[0]

    @property
    def statements(self) -> Statements:
        """The statements of the engine, compiled for its driver; made on first use."""
        with self._lock:
            return self._open()[1]

    @property
    def open_sessions(self) -> int:
        """How many sessions are open."""
        return len(self._in_use)

    def _open(self) -> tuple[Engine, Statements]:
        """The engine and its statements; the lock is held."""
        if self._unusable:
            raise ConnectError(self._unusable, "Use a database file, or a server.")
        if forks.is_left_open(self.dialect.url):
            raise ConnectError(
                f"{self.config.label}: this process was forked while a thread of its parent was using the database.",
                "Fork before threads use it, start children by 'spawn', or use a server.",
            )
        if self._engine is None or self._statements is None:
            self._engine = self._create_engine(self.dialect.engine_options())
            if self.dialect.in_memory():
                self._keep_memory(self._engine)
            self._statements = Statements.of(self.dialect, self._engine)
            if self.config.log_sql:
                log = self._engine.logger
                self._statements.watch = lambda sql, _many: log.info(sql)
        return self._engine, self._statements

    def _create_engine(self, options: dict[str, Any]) -> Engine:
        # SQLAlchemy logs result rows at DEBUG: no setting of the application may let them through (echo goes round it).
        logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGING_NAME}").setLevel(logging.WARNING)
        try:
            engine = create_engine(
                self.dialect.url(),
                echo=self.config.log_sql,
                hide_parameters=True,
                logging_name=_LOGGING_NAME,
                pool_reset_on_return=None,  # a session ends its transactions itself
                **options,
            )
            event.listen(engine, "do_connect", lambda _dialect, _record, args, named: self.dialect.connect(args, named))
            return engine
        except (ValueError, TypeError, ArgumentError) as exc:
            if isinstance(exc, StorageError):
                raise
            what = type(exc).__name__
        raise ConfigError(f"{self.config.label}: the driver does not take these settings ({what}).", "Look at 'query'.")

    # --- forks: a child must never use, nor close, a connection of its parent -----------------------------------------

    def before_fork(self) -> None:
        """In the parent: let nobody begin a session, and close idle connections that a child must not even inherit."""
        # Held for moments only; a fork must not hang if something goes wrong with that.
        self._locked_for_fork = self._lock.acquire(timeout=LONGEST_WAIT_S)
        if self.dialect.close_before_fork and not self.dialect.in_memory() and self._engine is not None:
            # Not dispose(): what is in use now must come back to a pool that the next fork looks into.
            idle = [self._engine.raw_connection() for _ in range(_idle(self._engine))]
            for connection in idle:
                connection.invalidate()

    def after_fork_in_parent(self) -> None:
        """In the parent: go on."""
        if self._locked_for_fork:
            self._lock.release()

    def after_fork_in_child(self) -> None:
        """In the child: forget the parent's engine without closing anything; what was open may not be used."""
        engine, streams, busy = self._engine, self._stream_engine, self.open_sessions > 0 or not self._locked_for_fork
        self._reset()
        if engine is not None:
            in_memory = self.dialect.in_memory()
            if in_memory:
                self._unusable = "A storage in memory cannot be used in a forked child."
            in_use = busy and self.dialect.close_before_fork and not in_memory
            forks.keep((engine, streams), str(self.dialect.url()) if in_use else None)

    # --- connections --------------------------------------------------------------------------------------------------

    def session(self, *, for_stream: bool = False, prepared: bool = True) -> Checkout:
        """A context manager that gives a session on a pooled connection, prepared for reading (unless the database has
        yet to be made fit for that); whatever is open at the end is rolled back."""
        return Checkout(self, for_stream=for_stream, prepared=prepared)

    def opened(self, *, for_stream: bool) -> tuple[Engine, Statements]:
        """The engine and its statements; of a stream that may not share its connection, an engine of its own."""
        if self._engine is not None and self._statements is not None and not for_stream:
            return self._engine, self._statements
        with self._lock:
            engine, statements = self._open()
            if not for_stream or not self.dialect.streams_apart:
                return engine, statements
            if self._stream_engine is None:
                self._stream_engine = self._create_stream_engine()
            return self._stream_engine, statements

    def _create_stream_engine(self) -> Engine:
        pool = {"poolclass", "pool_size", "max_overflow", "pool_timeout"}
        options = {key: value for key, value in self.dialect.engine_options().items() if key not in pool}
        engine = self._create_engine({**options, "poolclass": NullPool})
        if self.dialect.in_memory():

            def connect(*_: Any) -> Any:
                return None if self._in_memory is None else self.dialect.another_connection(self._in_memory)

            event.listen(engine, "do_connect", connect)
        return engine

    def began(self, checkout: Checkout) -> None:
        """Count a session, from before it has a connection."""
        with self._lock:
            self._in_use.add(checkout)

    def ended(self, checkout: Checkout) -> None:
        """Count a session no more."""
        self._in_use.discard(checkout)

    def replace_pool(self, engine: Engine) -> None:
        """Begin with an empty pool: what the old one believes to be in use may be lost. A database in memory stays."""
        engine.dispose(close=not self.dialect.in_memory())

    def _keep_memory(self, engine: Engine) -> None:
        """Give a database in memory a connection that nothing closes but `dispose`: a pool closes those that it has
        doubts about."""

        def keep(connection: Any, _record: Any) -> None:
            self._in_memory = connection

        event.listen(engine, "do_connect", lambda *_: self._in_memory)
        event.listen(engine, "connect", keep)
        for close in ("do_close", "do_terminate"):
            setattr(engine.dialect, close, lambda _connection: None)

    def start(self, connection: PoolProxiedConnection, statements: Statements) -> Session:
        """A session on a connection whose server is new enough."""
        session = Session(connection, self.dialect, statements)
        self._check_version(session)
        return session

    def prepare(self, session: Session) -> None:
        """Prepare a session for reading."""
        try:
            session.prepare(write=False)
        except StorageError as exc:
            # This is where a file that is no database is first noticed.
            raise exc.with_message(f"{self.config.label}: {exc.message}") from None

    def _check_version(self, session: Session) -> None:
        if not self._version_checked:
            server = self.dialect.identify(session.driver_connection)
            label = self.config.label
            if server.version < self.dialect.least_versions[server.flavour]:
                server = self.dialect.identify_behind(session) or server
            least_version = self.dialect.least_versions[server.flavour]
            if server.version < least_version:
                least = ".".join(map(str, least_version))
                raise ConnectError(f"{label}: {server} answers.", f"At least version {least} is needed.")
            newest = self.dialect.newest_tested.get(server.flavour)
            if newest is not None and server.version[: len(newest)] > newest:
                tested = ".".join(map(str, newest))
                _LOG.info("%s: %s answers, which is newer than the newest tested version, %s.", label, server, tested)
            self._version_checked = True

    def connect(self, engine: Engine, statements: Statements) -> PoolProxiedConnection:
        """A connection from the pool, made after the last time that one was lost: the older ones may be, too."""
        while True:
            connection = self._from_pool(engine, statements)
            if connection.info.setdefault("trialstore.losses", statements.losses) == statements.losses:
                return connection
            connection.invalidate()

    def _from_pool(self, engine: Engine, statements: Statements) -> PoolProxiedConnection:
        try:
            return engine.raw_connection()
        except statements.driver_error as exc:
            error = self._connect_error(statements.wrapped(exc, None))
        except (DBAPIError, OSError, ValueError, TypeError, RuntimeError) as exc:
            # Drivers let through what a setting does to what lies below them: files, encodings, missing packages.
            error = self._connect_error(exc)
        except PoolTimeoutError:
            error = Busy("No connection became free in time.", "Use fewer threads, or shorter calls.", ErrorKind.BUSY)
        raise error  # out here: a driver's error may hold the password, and must be in no chain

    def _connect_error(self, exc: Exception) -> StorageError:
        cause = storage_error(self.dialect, exc, "")
        message = f"{self.config.label} cannot be opened{self.dialect.without_secrets(cause.message)}"
        if isinstance(cause, (ConnectError, Busy)):
            return cause.with_message(message)
        error: ConnectError
        if isinstance(cause, QueryError) and cause.kind is ErrorKind.DISCONNECTED:  # in the middle of the login
            self.dialect.connection_lost(None)
            error = ServerUnreachable(message, cause.hint or "The server takes no work yet: look at its log.")
        else:
            error = ConnectError(message, cause.hint or "Check the config, 'query' in particular.")
        error.code = cause.code
        return error

    def read(self, function: Callable[[Session], _T]) -> _T:
        """The result of `function`, all its statements in one snapshot."""
        return self._transaction(function, write=False)

    def read_one(self, function: Callable[[Session], _T]) -> _T:
        """The result of `function`, which runs one statement: that is a snapshot by itself, without a transaction."""

        def attempt(session: Session) -> _T:
            if not self.dialect.set_up_in_transactions:
                return function(session)
            session.begin(write=False)
            result = function(session)
            session.end_read()
            return result

        return self.retry(lambda: self._in_session(attempt))

    def _in_session(self, function: Callable[[Session], _T]) -> _T:
        checkout = self.session()
        try:
            with checkout as session:
                return function(session)
        except BaseException:
            checkout.close()  # an interrupt may come on the way into the block or out of it, too
            raise

    def write(self, function: Callable[[Session], _T], *, repeatable: bool = False) -> _T:
        """The result of `function`, all that it wrote committed, or nothing.

        The function runs again from the start when the database undid the transaction for a passing reason, so it
        must not change anything but the database. Raises Busy when that has not helped for as long as the config says.

        When the connection breaks while the commit is on its way, nobody knows what became of it. A function that
        says by `repeatable` that it looks for what it may have written (`Session.in_doubt`), or that writes the same
        however often it runs, is then run again; of any other CommitUnknown is raised.
        """
        return self._transaction(function, write=True, repeatable=repeatable)

    def _transaction(self, function: Callable[[Session], _T], *, write: bool, repeatable: bool = False) -> _T:
        lost: list[CommitUnknown] = []

        def attempt(session: Session) -> _T:
            session.in_doubt = bool(lost)
            if write:
                session.prepare(write=True)
            try:
                session.begin(write=write)
                result = function(session)
            except BaseException:
                session.rollback()
                raise
            try:
                if write:
                    session.commit()
                else:
                    session.end_read()
            except CommitUnknown as exc:
                if not repeatable:
                    raise
                lost.append(exc)
                raise QueryError(exc.message, exc.hint, ErrorKind.DISCONNECTED) from None
            return result

        try:
            return self.retry(lambda: self._in_session(attempt))
        except (QueryError, ConnectError) as exc:
            if not lost:
                raise
            what = exc.message
        raise CommitUnknown(f"{lost[0].message}; then: {what}", lost[0].hint)

    def retry(self, attempt: Callable[[], _T], patience: Patience | None = None) -> _T:
        """The result of `attempt`, run again with growing, jittered waits while the database says it is worth it.

        No new attempt begins `retry_timeout` of the config after the first, since each may itself have waited for
        locks, nor after MAX_ATTEMPTS; or, of a migration, when its patience is at an end.
        """
        most = MAX_ATTEMPTS if patience is None else None
        patience = Patience(self.config.retry_timeout) if patience is None else patience
        number = 0
        while True:
            number += 1
            try:
                return attempt()
            except (QueryError, ServerUnreachable) as exc:
                wait = random.uniform(0.5, 1.0) * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(number, 10))
                if number == most or not self._passing(exc, number) or wait > patience.left:
                    raise
                _LOG.info("Attempt %d: %s; again in %.3f s", number, exc.message, wait)
                time.sleep(wait)

    def _passing(self, error: StorageError, attempts: int) -> bool:
        """Whether it may help to try again."""
        if isinstance(error, QueryError):
            # A duplicate that stays one is the caller's, who need not wait for seconds to hear it.
            may_pass = self.dialect.retries_duplicates and attempts <= DUPLICATE_ATTEMPTS
            return error.kind.retryable or (error.kind is ErrorKind.DUPLICATE and may_pass)
        # A server that never answered is one that was given a wrong address; of several, each gets its chance.
        return self._version_checked or attempts < len(self.dialect.hosts)

    def dispose(self) -> None:
        """Close all pooled connections; the next use opens new ones."""
        with self._lock:
            for engine in (self._engine, self._stream_engine):
                if engine is not None:
                    engine.dispose()
            if self._in_memory is not None:
                self._in_memory.close()
            self._engine = self._stream_engine = self._in_memory = None
            self._statements = None
            self.contexts.clear()


def _idle(engine: Engine) -> int:
    """How many connections wait in the pool."""
    pool = engine.pool
    return pool.checkedin() if isinstance(pool, QueuePool) else 0
