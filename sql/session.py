"""Running catalogue statements on one connection, with the driver's errors translated to StorageError.

SQLAlchemy makes the connections, keeps the pool and knows how each driver begins, commits and loses a connection. The
statements go to the driver's own cursor: on the way through SQLAlchemy each takes three times as long, where the
database itself is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from trialstore.dialects.base import Dialect, Patience, SessionStep
from trialstore.dialects.errors import (
    CommitUnknown,
    ConnectError,
    ErrorKind,
    QueryError,
)

from .catalogue import MANY, Catalogue
from .statements import Ready, Statements, storage_error

_T = TypeVar("_T")
_COMMIT = "commit"
# Statements on the schema and its history, which hold nothing that users have stored: errors have all that the server
# says.
_WITHOUT_VALUES = ("history_", "schema_", "migration_")
CHUNK = 10_000
"""Most rows that are handed over as arrays at once, so that memory stays bounded."""


class Session:
    """One connection that runs statements by name, inside transactions that its owner begins and ends."""

    def __init__(self, connection: PoolProxiedConnection, dialect: Dialect, statements: Statements) -> None:
        self.dialect = dialect
        self.in_doubt = False
        """An earlier attempt at this transaction was sent to be committed and got no answer: its changes may be
        stored."""
        self.patience: Patience | None = None
        """How long a migration may still wait for locks; None: as long as the config says, each time."""
        self._pooled = connection
        self.driver_connection: Any = connection.dbapi_connection
        """The driver's own connection; None when it was lost."""
        self._in_transaction = False
        self.statements = statements
        """What this session can run."""
        self._sqlalchemy = statements.driver
        self._cursor: Any = self._guarded("connect", connection.cursor)
        self._more_cursors: list[Any] = []

    @property
    def catalogue(self) -> Catalogue:
        """The statements that this session can run."""
        return self.statements.catalogue

    # --- transactions -------------------------------------------------------------------------------------------------

    def prepare(self, *, write: bool) -> None:
        """Run the dialect's steps for a new connection, once per connection and kind."""
        key = "trialstore.write" if write else "trialstore.read"
        info = self._pooled.info
        if key not in info:
            for step in self.dialect.session_steps(write=write):
                if not self._in_transaction:
                    self._in_transaction = True
                    # A statement on some drivers.
                    self._guarded("begin", self._sqlalchemy.do_begin, self.driver_connection)
                self._step(step)
            try:
                if self._in_transaction:
                    self.commit()
            except CommitUnknown as exc:  # of settings: nothing is in doubt
                raise QueryError(exc.message, "", ErrorKind.DISCONNECTED) from None
            info[key] = True

    def limit_waits(self, seconds: float | None) -> None:
        """Wait for an answer that long at most, from now on; where the database is on a server."""
        if self.driver_connection is not None:
            self.dialect.limit_waits(self.driver_connection, seconds)

    def begin(self, *, write: bool) -> None:
        """Open a transaction: a snapshot for reading, or one that may write."""
        self._in_transaction = True
        self._guarded("begin", self._sqlalchemy.do_begin, self.driver_connection)
        steps = self.dialect.begin_steps(write=write)
        if not steps:
            self.statements.notify("begin")
        for step in steps:
            self._step(step)

    def commit(self) -> None:
        """Commit; an error says that the transaction is undone, or (lost connection) that its fate is not known."""
        self.statements.notify(_COMMIT)
        self._guarded(_COMMIT, self._sqlalchemy.do_commit, self.driver_connection)
        self._in_transaction = False

    def rollback(self) -> None:
        """Undo the transaction; a connection too broken for that is undone by the server."""
        self.statements.notify("rollback")
        self._end(self._sqlalchemy.do_rollback)

    def end_read(self) -> None:
        """End a transaction that has read what it was to read. By COMMIT: after a ROLLBACK some drivers prepare all
        their statements anew."""
        self.statements.notify(_COMMIT)
        self._end(self._sqlalchemy.do_commit)

    def _end(self, end: Callable[[Any], None]) -> None:
        if self.driver_connection is not None:
            try:
                end(self.driver_connection)
            except self.statements.driver_error:
                self.drop()
            except BaseException:
                self._drop_interrupted()
                raise
        self._in_transaction = False

    def close(self) -> None:
        """Undo what is still open, so that the pool gets back an idle connection."""
        # Rows that nobody fetched keep a snapshot open, also beyond the transaction, as long as the cursor lives.
        for cursor in (*self._more_cursors, self._cursor):
            if self.driver_connection is not None:
                self._close_quietly(cursor)
        if self._in_transaction:
            self.rollback()

    def _close_quietly(self, rows: Any) -> None:
        """Close a cursor, or a stream of rows, that nobody reads on; a connection that cannot do that is dropped."""
        try:
            rows.close()
        except self.statements.driver_error:  # of a broken connection: reported already, or irrelevant
            self.drop()
        except BaseException:  # an interrupt, or what a driver says that has lost its place in an answer
            was_lost = self.driver_connection is None
            self._drop_interrupted()
            if not was_lost:
                raise

    def drop(self) -> None:
        """Close this connection for good, instead of giving it back to the pool."""
        if self.driver_connection is not None:
            if self.dialect.in_process:
                self._free()
            self.driver_connection = self._cursor = None
            self._pooled.invalidate()

    def _free(self) -> None:
        """Let go of what the connection has locked: closing it does not, as long as a cursor of it lives, and that may
        be long, in the traceback of an error."""
        driver, failures = self.driver_connection, (DBAPIError, self.statements.driver_error)
        for cursor in (*self._more_cursors, self._cursor):
            with suppress(*failures):
                cursor.close()
        with suppress(*failures):
            self._sqlalchemy.do_rollback(driver)

    def _drop_interrupted(self) -> None:
        """After an interrupt, or a timer of the application's: the rest of an answer may still be on its way. Where the
        database is in this process there is no such way, and a rollback frees everything."""
        if not self.dialect.in_process:
            self.drop()

    def _step(self, step: SessionStep) -> None:
        cursor = self._run(self.statements.ready(step.statement), step.params)
        if step.expect or step.then:
            row = self._guarded(step.statement, cursor.fetchone)
            answer = None if row is None else row[0]
            if step.expect and answer not in step.expect:
                raise ConnectError(f"{step.statement}: the database answered {answer!r}.", step.refusal)
            if step.then:
                step.then(self.driver_connection, answer)

    def _guarded(self, what: str, call: Callable[..., _T], *arguments: Any) -> _T:
        """The result of a call of the driver; its error becomes ours, and is in no chain: its parameters are values."""
        try:
            return call(*arguments)
        except BaseException as exc:  # noqa: BLE001 - raised below, as it is or translated
            error = self._translated(exc, what)
        raise error

    def _translated(self, exc: BaseException, what: str, *, in_full: bool = False) -> BaseException:
        """What to raise for an exception out of the driver; a connection that cannot be used any more is dropped."""
        if self.driver_connection is None:
            lost = QueryError(f"{what}: the connection was lost", "", ErrorKind.DISCONNECTED)
            return lost if isinstance(exc, Exception) else exc
        if not isinstance(exc, (self.statements.driver_error, DBAPIError)):
            self._drop_interrupted()
            return exc
        error = storage_error(self.dialect, self.statements.wrapped(exc, self.driver_connection), what, in_full=in_full)
        if isinstance(error, QueryError) and error.kind is ErrorKind.DISCONNECTED:
            connection = self.driver_connection
            self.drop()
            self.statements.losses += 1
            self.dialect.connection_lost(connection)
            if what == _COMMIT:
                return CommitUnknown(error.message, "Look whether the change is there before it is made again.")
        return error

    # --- statements ---------------------------------------------------------------------------------------------------

    def one(self, name: str, **params: Any) -> Any | None:
        """The row that the statement returns, columns as attributes, or None."""
        ready = self.statements.ready(name)
        cursor = self._run(ready, params)
        row = self._guarded(name, cursor.fetchone)
        return None if row is None else ready.row_class(cursor)(row)

    def many(self, name: str, **params: Any) -> Sequence[Any]:
        """All rows that the statement returns, columns as attributes."""
        return self._rows(self.statements.ready(name), params)

    def tuples(self, name: str, **params: Any) -> Sequence[tuple[Any, ...]]:
        """All rows that the statement returns, as the driver makes them: for many, which are taken apart at once."""
        return self._guarded(name, self._run(self.statements.ready(name), params).fetchall)

    def chunks(
        self, name: str, params: Mapping[str, Any], size: int = CHUNK
    ) -> Generator[Sequence[tuple[Any, ...]], None, None]:
        """The rows that the statement returns, as tuples, at most `size` of them at once."""
        cursor = self._run(self.statements.ready(name), params, self._new_cursor(name))
        while rows := self._guarded(name, cursor.fetchmany, size):
            yield rows

    def column_chunks(self, name: str, params: Mapping[str, Any]) -> Generator[Sequence[Sequence[Any]], None, None]:
        """The columns of the rows that the statement returns, some thousand rows at once; see
        `Columns.chunks`."""
        cursor = self._run(self.statements.ready(name), params, self._new_cursor(name))
        chunks = self.dialect.columns.chunks(cursor, CHUNK)
        while (columns := self._guarded(name, next, chunks, None)) is not None:
            yield columns

    def _new_cursor(self, name: str) -> Any:
        # A lambda, since there may be no connection any more.
        cursor = self._guarded(name, lambda: self.driver_connection.cursor())  # noqa: PLW0108
        self._more_cursors.append(cursor)
        return cursor

    def record_batches(
        self, name: str, params: Mapping[str, Any], schema: Any, size: int | None = None
    ) -> Generator[Any, None, None]:
        """The rows that the statement returns as Arrow record batches; see `Columns.record_batches`."""
        ready = self.statements.ready(name)
        self.statements.notify(ready.sql)
        batches = self.dialect.columns.record_batches(
            self.driver_connection, ready.sql, ready.arguments(params), schema, size
        )
        try:
            while (batch := self._guarded(name, next, batches, None)) is not None:
                yield batch
        finally:
            self._close_quietly(batches)

    def scalar(self, name: str, **params: Any) -> Any:
        """The first column of the only row, or None."""
        row = self._guarded(name, self._run(self.statements.ready(name), params).fetchone)
        return None if row is None else row[0]

    def count(self, name: str, **params: Any) -> int:
        """The number of rows that the statement inserted, deleted or changed. Rows that are set to the values they have
        may or may not count; never rely on it."""
        return self._written(name, self._run(self.statements.ready(name), params))

    def execute(self, name: str, **params: Any) -> None:
        """Run a statement that returns no rows, and whose number of changed rows nobody needs."""
        self._run(self.statements.ready(name), params)

    def new_id(self, name: str, **params: Any) -> int | None:
        """The id that the database gave to the row that the statement inserted; None where it inserted none."""
        return self._guarded(name, self.dialect.new_id, self._run(self.statements.ready(name), params))

    def bulk(self, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], **same: Any) -> int:
        """Run a statement for many rows, tuples of `columns`, which have `same` in common; the number of rows that it
        wrote. No rows, no statement.

        Where the engine has a statement `NAME_many`, the columns are its arrays; else the rows go to the driver's
        executemany.
        """
        if not rows:
            return 0
        if len(rows) == 1:
            return self.count(name, **same, **dict(zip(columns, rows[0], strict=True)))
        if name + MANY in self.catalogue:
            return sum(
                self._arrays(name + MANY, columns, rows[at : at + CHUNK], same) for at in range(0, len(rows), CHUNK)
            )
        ready, names, first = self.statements.ready(name), (*same, *columns), tuple(same.values())
        arguments: list[Any] = [first + row for row in rows]
        if ready.order is None:
            arguments = [dict(zip(names, row, strict=True)) for row in arguments]
        elif ready.order != names:
            arguments = list(map(itemgetter(*map(names.index, ready.order)), arguments))
        self.statements.notify(ready.sql, many=True)
        self._guarded(name, lambda: self._cursor.executemany(ready.sql, arguments))
        return self._written(name, self._cursor)

    def _arrays(
        self, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], same: Mapping[str, Any]
    ) -> int:
        params: dict[str, Any] = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
        arrays = self.catalogue[name].arrays
        params.update({key: [value] * len(rows) if key in arrays else value for key, value in same.items()})
        return self._written(name, self._run(self.statements.ready(name), params))

    def _written(self, name: str, cursor: Any) -> int:
        return self._guarded(name, self.dialect.rows_written, cursor)

    def explain(self, name: str, **params: Any) -> Sequence[Any]:
        """The engine's plan for a statement, which is not run: rows in the engine's own form, columns as attributes.

        Raises CatalogueError for a statement that engines have no plan for.
        """
        return self._rows(self.statements.plan(name), params)

    def run_migration(self, sql: str, what: str) -> None:
        """Run one statement of a migration file as it stands. It holds no values: errors have all that the server
        says."""
        self.statements.notify(sql)
        try:
            self._cursor.execute(sql)
        except BaseException as exc:  # noqa: BLE001 - raised below, as it is or translated
            error = self._translated(exc, what, in_full=True)
        else:
            return
        raise error

    def _run_with(self, steps: Sequence[SessionStep], last: tuple[Any, str, Any]) -> None:
        runs = []
        for step in steps:
            ready = self.statements.ready(step.statement)
            self.statements.notify(ready.sql)
            runs.append((self.driver_connection.cursor(), ready.sql, ready.arguments(step.params)))
        self.dialect.run_together(self.driver_connection, [*runs, last])

    def _rows(self, ready: Ready, params: Mapping[str, Any]) -> list[Any]:
        cursor = self._run(ready, params)
        rows = self._guarded(ready.name, cursor.fetchall)
        return list(map(ready.row_class(cursor), rows))

    def _run(self, ready: Ready, params: Mapping[str, Any], cursor: Any = None) -> Any:
        """Run a statement; the cursor that has its rows until the next one is run."""
        self.statements.notify(ready.sql)
        cursor, arguments = cursor or self._cursor, ready.arguments(params)
        try:
            if self._in_transaction or not (steps := self.dialect.single_steps()):
                cursor.execute(ready.sql, arguments)
            else:
                self._run_with(steps, (cursor, ready.sql, arguments))
        except BaseException as exc:  # noqa: BLE001 - raised below, as it is or translated
            error = self._translated(exc, ready.name, in_full=ready.name.startswith(_WITHOUT_VALUES))
        else:
            return cursor
        raise error
