"""The only place that opens connections: whole functions run in one transaction, and again when the database asks for
it."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from trialstore.dialects.errors import Busy, ConfigError, ConnectError, ErrorKind, QueryError, StorageError
from trialstore.sql.session import Session, Statements, storage_error

from .config import StorageConfig

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_ATTEMPTS = 10
RETRY_FOR_S = 60.0
FIRST_WAIT_S = 0.01
LONGEST_WAIT_S = 1.0


class Database:
    """Engine, pool and compiled statements of one storage; made on first use, dropped when pickled or after a fork."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self.dialect = config.dialect
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._statements: Statements | None = None
        self._pid = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        if self.dialect.shares_memory():
            raise ConfigError(
                "A storage in memory cannot be handed to another process: it would find an empty database.",
                "Use a database file, or a server.",
            )
        return {"config": self.config}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.config = state["config"]
        self.dialect = self.config.dialect
        self._reset()

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, made on first use."""
        return self._open()[0]

    def _open(self) -> tuple[Engine, Statements]:
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._lock:
            if self._engine is None or self._statements is None:
                self._engine = create_engine(
                    self.dialect.url(),
                    echo=self.config.log_sql,
                    hide_parameters=True,
                    **self.dialect.engine_options(),
                )
                self._statements = Statements.of(self.dialect, self._engine)
            return self._engine, self._statements

    def _leave_to_parent(self) -> None:
        """In a forked child: forget the parent's connections without closing them under it."""
        if self.dialect.shares_memory():
            raise ConnectError(
                "A storage in memory cannot be used in a forked child.", "Use a database file, or a server."
            )
        if self._engine is not None:
            self._engine.dispose(close=False)
        self._reset()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session on a pooled connection, prepared for reading; whatever is open at the end is rolled back."""
        engine, statements = self._open()
        try:
            connection = engine.connect()
        except DBAPIError as exc:
            raise self._connect_error(exc) from None
        except PoolTimeoutError:
            raise Busy("No connection became free in time.", "", ErrorKind.BUSY) from None
        with connection:
            session = Session(connection, self.dialect, statements)
            session.prepare(write=False)
            yield session

    def _connect_error(self, exc: DBAPIError) -> StorageError:
        error = storage_error(self.dialect, exc, f"{self.config.label} cannot be opened")
        return error if isinstance(error, (ConnectError, Busy)) else ConnectError(error.message, error.hint)

    def read(self, function: Callable[[Session], _T]) -> _T:
        """The result of `function`, all its statements in one snapshot."""
        return self._transaction(function, write=False)

    def write(self, function: Callable[[Session], _T]) -> _T:
        """The result of `function`, all that it wrote committed, or nothing.

        The function runs again from the start when the database undid the transaction for a passing reason, so it
        must not change anything but the database. Raises Busy when that has not helped for a number of attempts.
        """
        return self._transaction(function, write=True)

    def _transaction(self, function: Callable[[Session], _T], *, write: bool) -> _T:
        def attempt() -> _T:
            with self.session() as session:
                if write:
                    session.prepare(write=True)
                try:
                    session.begin(write=write)
                    result = function(session)
                except BaseException:
                    session.rollback()
                    raise
                if write:
                    session.commit()
                else:
                    session.rollback()
                return result

        return self.retry(attempt)

    def retry(self, attempt: Callable[[], _T]) -> _T:
        """The result of `attempt`, run again with growing, jittered waits while the database says it is worth it.

        No new attempt begins after RETRY_FOR_S: where the engine itself waits for locks, few attempts take long enough.
        """
        deadline = time.monotonic() + RETRY_FOR_S
        for number in range(1, MAX_ATTEMPTS):
            try:
                return attempt()
            except QueryError as exc:
                if not exc.kind.retryable or time.monotonic() > deadline:
                    raise
                wait = random.uniform(0.5, 1.0) * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**number)
                _LOG.info("Attempt %d: %s; again in %.3f s", number, exc.message, wait)
                time.sleep(wait)
        return attempt()

    def dispose(self) -> None:
        """Close all pooled connections; the next use opens new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose(close=self._pid == os.getpid())
            self._engine = None
            self._statements = None
