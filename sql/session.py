"""Running catalogue statements on one connection, with the driver's errors told in our terms."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from trialstore.dialects.base import Dialect, SessionStep
from trialstore.dialects.errors import (
    Busy,
    CatalogueError,
    CommitUnknown,
    ConnectError,
    DuplicateKey,
    ErrorKind,
    MissingReference,
    PermissionDenied,
    QueryError,
    ServerUnreachable,
    StorageError,
    ValueRejected,
)

from .catalogue import MANY, Catalogue, Statement, load_catalogue

_T = TypeVar("_T")
_COMMIT = "commit"
CHUNK = 10_000
"""Most rows that are handed over as arrays at once, so that memory stays bounded."""

_ERRORS: dict[ErrorKind, tuple[type[QueryError], str]] = {
    ErrorKind.DUPLICATE: (DuplicateKey, ""),
    ErrorKind.MISSING_REFERENCE: (MissingReference, ""),
    ErrorKind.PERMISSION: (PermissionDenied, "Check the file's mode, or the rights of the database user."),
    ErrorKind.BUSY: (Busy, "Another process is writing; run it again, or raise 'busy_timeout' in the config."),
    ErrorKind.BAD_VALUE: (ValueRejected, ""),
}


def storage_error(dialect: Dialect, error: BaseException, what: str) -> StorageError:
    """Our error for a driver's; `what` names the statement or step. Neither values nor passwords are in it."""
    told = dialect.classify(error)
    message = f"{what}: {told.message} ({told.code})"
    if told.kind is ErrorKind.UNREACHABLE:
        return ServerUnreachable(message, told.hint or "Check the address, and that the server runs.")
    if told.kind is ErrorKind.CANNOT_CONNECT:
        return ConnectError(
            message, told.hint or "Check that the database is there, is one, and may be opened by this user."
        )
    cls, hint = _ERRORS.get(told.kind, (QueryError, ""))
    return cls(message, told.hint or hint, told.kind)


@dataclass(frozen=True)
class _Ready:
    """A statement compiled for the driver: its text with the driver's placeholders and the order of its binds."""

    statement: Statement
    sql: str
    order: tuple[str, ...] | None

    def arguments(self, params: Mapping[str, Any]) -> Any:
        if self.order is None:
            return params
        return tuple([params[name] for name in self.order])


class Statements:
    """The catalogue of one engine, each statement compiled once, when it is first used."""

    def __init__(self, catalogue: Catalogue, engine: Engine) -> None:
        self.catalogue = catalogue
        self._sqla_dialect = engine.dialect
        self._ready: dict[str, _Ready] = {}
        self._plans: dict[str, _Ready] = {}

    @classmethod
    def of(cls, dialect: Dialect, engine: Engine) -> Statements:
        """The statements of a dialect's query folders for the engine's driver."""
        return cls(load_catalogue(dialect.sql_folders), engine)

    def ready(self, name: str) -> _Ready:
        """The compiled statement of that name."""
        found = self._ready.get(name)
        if found is None:
            found = self._ready[name] = self._compiled(self.catalogue[name])
        return found

    def plan(self, name: str) -> _Ready:
        """The compiled statement that asks for the plan of the one of that name."""
        found = self._plans.get(name)
        if found is None:
            found = self._plans[name] = self._compiled(self.catalogue.explained(name))
        return found

    def _compiled(self, statement: Statement) -> _Ready:
        compiled: Compiled = text(statement.sql).compile(dialect=self._sqla_dialect)
        if statement.percent and self._sqla_dialect.paramstyle in ("format", "pyformat"):
            raise CatalogueError(
                f"{statement.source}: {statement.name!r} has a percent sign inside a literal, which "
                "this driver takes for a placeholder.",
                "Bind the value instead.",
            )
        order = getattr(compiled, "positiontup", None)
        return _Ready(statement, str(compiled), None if order is None else tuple(order))


class Session:
    """One connection that runs statements by name, inside transactions that its owner begins and ends."""

    def __init__(self, connection: Connection, dialect: Dialect, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements
        self.dialect = dialect
        self.in_doubt = False
        """An earlier run of this transaction was sent to be committed, and the answer was lost: it may be there."""

    @property
    def catalogue(self) -> Catalogue:
        """The statements that this session can run."""
        return self._statements.catalogue

    # --- transactions -------------------------------------------------------------------------------------------------

    def prepare(self, *, write: bool) -> None:
        """Run the dialect's steps for a new connection, once per connection and kind."""
        key = "trialstore.write" if write else "trialstore.read"
        info = self._connection.info
        if key not in info:
            for step in self.dialect.session_steps(write=write):
                self._step(step)
            try:
                self.commit()
            except CommitUnknown as exc:  # of settings: nothing is in doubt
                raise QueryError(exc.message, "", ErrorKind.DISCONNECTED) from None
            info[key] = True

    def begin(self, *, write: bool) -> None:
        """Open a transaction: a snapshot for reading, or one that may write."""
        for step in self.dialect.begin_steps(write=write):
            self._step(step)

    def commit(self) -> None:
        """Commit; an error says that the transaction is undone, or (lost connection) that its fate is not known."""
        self._guarded(_COMMIT, self._connection.commit)

    def rollback(self) -> None:
        """Undo the transaction; a connection too broken for that is undone by the server."""
        try:
            self._connection.rollback()
        except DBAPIError:
            self._connection.invalidate()

    def end_read(self) -> None:
        """End a transaction that has read what it was to read. By COMMIT: after a ROLLBACK some drivers prepare all
        their statements anew."""
        try:
            self._connection.commit()
        except DBAPIError:
            self._connection.invalidate()

    def close(self) -> None:
        """Undo what is still open, so that the pool gets back an idle connection."""
        if self._connection.in_transaction():
            self.rollback()

    def _step(self, step: SessionStep) -> None:
        result = self._execute(step.statement, step.params)
        if step.expect or step.then:
            row = self._guarded(step.statement, result.fetchone)
            answer = None if row is None else row[0]
            if step.expect and answer not in step.expect:
                raise ConnectError(f"{step.statement}: the database answered {answer!r}.", step.refusal)
            if step.then:
                step.then(self._connection.connection.dbapi_connection, answer)
        result.close()

    def _guarded(self, what: str, call: Callable[[], _T]) -> _T:
        """The result of a call of the driver; its error becomes ours, and is in no chain: its parameters are values."""
        try:
            return call()
        except DBAPIError as exc:
            error = storage_error(self.dialect, exc, what)
        except PendingRollbackError:
            error = QueryError(f"{what}: the connection was lost", "", ErrorKind.DISCONNECTED)
        if isinstance(error, QueryError) and error.kind is ErrorKind.DISCONNECTED:
            # SQLAlchemy does not know all the ways in which a connection can end: nobody gets this one again.
            self._connection.invalidate()
            self.dialect.connection_lost()
            if what == _COMMIT:
                error = CommitUnknown(error.message, "Look whether the change is there before it is made again.")
        raise error

    # --- statements ---------------------------------------------------------------------------------------------------

    def one(self, name: str, **params: Any) -> Any | None:
        """The row that the statement returns, columns as attributes, or None."""
        return self._guarded(name, self._execute(name, params).fetchone)

    def many(self, name: str, **params: Any) -> Sequence[Any]:
        """All rows that the statement returns, columns as attributes."""
        return self._guarded(name, self._execute(name, params).fetchall)

    def chunks(self, name: str, params: Mapping[str, Any], size: int = CHUNK) -> Generator[Sequence[Any], None, None]:
        """The rows that the statement returns, columns as attributes, at most `size` of them at once."""
        result = self._execute(name, params)
        while rows := self._guarded(name, lambda: result.fetchmany(size)):
            yield rows

    def record_batches(
        self, name: str, params: Mapping[str, Any], schema: Any, size: int | None = None
    ) -> Generator[Any, None, None]:
        """The rows that the statement returns as Arrow record batches; see `Dialect.record_batches`."""
        ready = self._statements.ready(name)
        batches = self.dialect.record_batches(self._connection, ready.sql, ready.arguments(params), schema, size)
        try:
            while (batch := self._guarded(name, lambda: next(batches, None))) is not None:
                yield batch
        finally:
            batches.close()

    def scalar(self, name: str, **params: Any) -> Any:
        """The first column of the only row, or None."""
        row = self.one(name, **params)
        return None if row is None else row[0]

    def count(self, name: str, **params: Any) -> int:
        """The number of rows that the statement inserted, deleted or changed. A row that was set to what it was before
        counts on some engines only."""
        return self._written(name, self._execute(name, params))

    def run(self, name: str, **params: Any) -> None:
        """Run a statement that returns nothing."""
        self._execute(name, params).close()

    def bulk(self, name: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement for many rows; the number of rows that it wrote. No rows, no statement.

        Where the engine has a statement `NAME_many`, the rows are its arrays; else they go to the driver's executemany.
        """
        if not rows:
            return 0
        if len(rows) == 1:
            return self.count(name, **rows[0])
        columns = self.catalogue[name].params
        return self.bulk_tuples(name, columns, [tuple([row[column] for column in columns]) for row in rows])

    def bulk_tuples(self, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], **same: Any) -> int:
        """As `bulk`, for rows that are tuples of `columns` and have `same` in common: made ready faster."""
        if not rows:
            return 0
        if name + MANY in self.catalogue:
            return sum(
                self._arrays(name + MANY, columns, rows[at : at + CHUNK], same) for at in range(0, len(rows), CHUNK)
            )
        ready, names, first = self._statements.ready(name), (*same, *columns), tuple(same.values())
        arguments: list[Any] = [first + row for row in rows]
        if ready.order is None:
            arguments = [dict(zip(names, row, strict=True)) for row in arguments]
        elif ready.order != names:
            arguments = list(map(itemgetter(*map(names.index, ready.order)), arguments))
        result = self._guarded(name, lambda: self._connection.exec_driver_sql(ready.sql, arguments))
        return self._written(name, result)

    def _arrays(
        self, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], same: Mapping[str, Any]
    ) -> int:
        arrays = {key: [value] * len(rows) for key, value in same.items()}
        arrays.update(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
        return self._written(name, self._execute(name, arrays))

    def _written(self, name: str, result: CursorResult[Any]) -> int:
        return self._guarded(name, lambda: self.dialect.rows_written(result))

    def explain(self, name: str, **params: Any) -> Sequence[Any]:
        """The engine's plan for a statement, which is not run: rows in the engine's own form, columns as attributes.

        Raises CatalogueError for a statement that engines have no plan for.
        """
        return self._guarded(name, self._run(self._statements.plan(name), params).fetchall)

    def run_migration(self, sql: str, what: str) -> None:
        """Run one statement of a migration file as it stands."""
        self._guarded(what, lambda: self._connection.exec_driver_sql(sql).close())

    def _execute(self, name: str, params: Mapping[str, Any]) -> CursorResult[Any]:
        return self._run(self._statements.ready(name), params)

    def _run(self, ready: _Ready, params: Mapping[str, Any]) -> CursorResult[Any]:
        arguments = ready.arguments(params) if params else None
        return self._guarded(ready.statement.name, lambda: self._connection.exec_driver_sql(ready.sql, arguments))
