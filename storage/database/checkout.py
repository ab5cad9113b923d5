"""One use of a pooled connection, from before it is taken until it is given back, whatever comes between."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Protocol

from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool, PoolProxiedConnection

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import ConnectError, PermissionDenied, StorageError
from trialstore.sql.session import Session
from trialstore.sql.statements import Statements


class Source(Protocol):
    """Where connections come from."""

    dialect: Dialect

    def opened(self, *, for_stream: bool) -> tuple[Engine, Statements]:
        """The engine and its statements, made when they are first asked for."""

    def connect(self, engine: Engine, statements: Statements) -> PoolProxiedConnection:
        """A connection that may be used. Raises StorageError."""

    def start(self, connection: PoolProxiedConnection, statements: Statements) -> Session:
        """A session on a connection, on which nothing was run yet."""

    def prepare(self, session: Session) -> None:
        """Prepare a session for reading. Raises StorageError."""

    def began(self, checkout: Checkout) -> None:
        """A connection is about to be taken."""

    def ended(self, checkout: Checkout) -> None:
        """The connection was given back."""

    def replace_pool(self, engine: Engine) -> None:
        """Forget what the pool believes to be in use."""


class Checkout:
    """A context manager that gives a session on a pooled connection; whatever is open at the end is rolled back.

    An exception may come between any two steps: an interrupt, or a timer of the application's. Nothing may be left
    locked then, or taken from the pool, also while somebody keeps the traceback with all its frames. So what is taken
    stands here, in an object that is there before anything is taken; `close` may be interrupted, and called again; and
    a connection that was on its way from the pool or to it gets the whole pool replaced, because nobody knows which of
    the two has it.
    """

    _connection: PoolProxiedConnection | None = None
    _moving = False
    """The connection is between the pool and here."""

    def __init__(self, source: Source, *, for_stream: bool = False, prepared: bool = True) -> None:
        self._source = source
        self._for_stream = for_stream
        self._prepared = prepared
        self._engine: Engine | None = None
        self._pool: Pool | None = None
        self._session: Session | None = None

    def __enter__(self) -> Session:
        try:
            self._source.began(self)
            self._engine, statements = self._source.opened(for_stream=self._for_stream)
            self._pool = self._engine.pool
            self._moving = True
            try:
                self._connection = self._source.connect(self._engine, statements)
            except StorageError:
                self._moving = False
                raise
            self._moving = False
            self._session = session = self._source.start(self._connection, statements)
            if self._prepared:
                self._source.prepare(session)
        except BaseException as exc:
            self._end(exc)
            raise
        return session

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> Literal[False]:
        self._end(exc_val)
        return False

    def __del__(self) -> None:
        # Where closing was interrupted more than once, and somebody may wait for what that left.
        if self._connection is not None or self._moving:
            self.close()

    def _end(self, error: BaseException | None) -> None:
        refused = isinstance(error, (ConnectError, PermissionDenied))
        if refused and self._session is not None and self._dialect.stays_read_only and not self._dialect.in_memory():
            self._session.drop()
        self.close()

    @property
    def _dialect(self) -> Dialect:
        return self._source.dialect

    def close(self) -> None:
        """Undo what is open, and give the connection back. Called again, it goes on where it was interrupted."""
        try:
            self._close()
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._engine is not None:
            self._give_back(self._engine)
        self._source.ended(self)

    def _give_back(self, engine: Engine) -> None:
        if self._connection is not None and not self._moving:
            if self._pool is not engine.pool and not self._dialect.in_memory():
                self._connection.invalidate()  # nobody takes it any more from a pool that was replaced
            self._moving = True
            connection, self._connection = self._connection, None
            connection.close()
            self._moving = False
        if self._moving:
            self._connection = None
            self._source.replace_pool(engine)
            self._moving = False
