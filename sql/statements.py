"""The statements of one engine, compiled for its driver; what SQLAlchemy knows of it, and its errors as
StorageErrors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.exc import DBAPIError

from trialstore.dialects.base import Dialect, DriverError
from trialstore.dialects.errors import (
    Busy,
    CatalogueError,
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

from .catalogue import Catalogue, Statement, load_catalogue

Watch = Callable[[str, bool], None]
"""Called with the text of each statement that is run, and whether it is run for many rows. `commit`, `rollback`, and
`begin` where no statement begins a transaction, stand for what the driver does."""


_ERRORS: dict[ErrorKind, tuple[type[QueryError], str]] = {
    ErrorKind.DUPLICATE: (DuplicateKey, ""),
    ErrorKind.MISSING_REFERENCE: (MissingReference, ""),
    ErrorKind.PERMISSION: (PermissionDenied, "Check the file's mode, or the rights of the database user."),
    ErrorKind.BUSY: (Busy, "Another process is writing; run it again, or raise 'busy_timeout' in the config."),
    ErrorKind.ENDED: (Busy, "Run it again, or raise the limit on the time of a statement."),
    ErrorKind.BAD_VALUE: (ValueRejected, ""),
}


def storage_error(dialect: Dialect, error: BaseException, what: str, *, in_full: bool = False) -> StorageError:
    """Our error for a driver's; `what` names the statement or step. Neither values nor passwords are in it.

    With `in_full`, for a statement that holds no values, it has all that the server said of names.
    """
    found = dialect.classify(error)
    text = (in_full and found.server_text) or found.message
    made = _storage_error(found, f"{what}: {text} ({found.code})")
    made.code = found.code
    return made


def _storage_error(found: DriverError, message: str) -> StorageError:
    if found.kind is ErrorKind.UNREACHABLE:
        return ServerUnreachable(message, found.hint or "Check the address, and that the server runs.")
    if found.kind is ErrorKind.CANNOT_CONNECT:
        return ConnectError(
            message, found.hint or "Check that the database exists, is a database, and may be opened by this user."
        )
    cls, hint = _ERRORS.get(found.kind, (QueryError, ""))
    return cls(message, found.hint or hint, found.kind)


class Ready:
    """A statement compiled for the driver: its text with the driver's placeholders and the order of its binds."""

    __slots__ = ("_row_class", "arguments", "name", "order", "sql")

    def __init__(self, name: str, sql: str, order: tuple[str, ...] | None) -> None:
        self.name, self.sql, self.order = name, sql, order
        self.arguments = _arguments(order)
        """What the driver gets for values by name."""
        self._row_class: Callable[[Iterable[Any]], Any] | None = None

    def row_class(self, cursor: Any) -> Callable[[Iterable[Any]], Any]:
        """What makes rows with the columns as attributes out of those that the cursor has."""
        if self._row_class is None:
            self._row_class = row_class(tuple([column[0] for column in cursor.description]))
        return self._row_class


def _arguments(order: tuple[str, ...] | None) -> Callable[[Mapping[str, Any]], Any]:
    if order is None:
        return lambda params: params
    if not order:
        return lambda _params: ()
    if len(order) == 1:
        return lambda params: (params[order[0]],)
    return itemgetter(*order)


@functools.cache
def row_class(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """A class of tuples whose columns are attributes; `_fields` are their names."""
    columns = {name: property(itemgetter(place)) for place, name in enumerate(names)}
    return type("Row", (tuple,), {"__slots__": (), "_fields": names, **columns})


class Statements:
    """The catalogue of one engine, each statement compiled once, when it is first used."""

    def __init__(self, catalogue: Catalogue, engine: Engine) -> None:
        self.catalogue = catalogue
        self.driver = engine.dialect
        """SQLAlchemy's dialect, which knows how the driver begins, commits and undoes transactions."""
        self.driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        """The base of the driver's errors."""
        self.watch: Watch | None = None
        self.losses = 0
        """How many connections were lost: those that are older than the last loss may be broken, too."""
        self._ready: dict[str, Ready] = {}
        self._plans: dict[str, Ready] = {}

    @classmethod
    def of(cls, dialect: Dialect, engine: Engine) -> Statements:
        """The statements of a dialect's query folders for the engine's driver."""
        return cls(load_catalogue(dialect.sql_folders), engine)

    def ready(self, name: str) -> Ready:
        """The compiled statement of that name."""
        found = self._ready.get(name)
        if found is None:
            found = self._ready[name] = self.compile(self.catalogue[name])
        return found

    def plan(self, name: str) -> Ready:
        """The compiled statement that asks for the plan of the one of that name."""
        found = self._plans.get(name)
        if found is None:
            found = self._plans[name] = self.compile(self.catalogue.explained(name))
        return found

    def compile(self, statement: Statement) -> Ready:
        """A statement, compiled for the driver."""
        compiled: Compiled = text(statement.sql).compile(dialect=self.driver)
        if statement.percent and self.driver.paramstyle in ("format", "pyformat"):
            raise CatalogueError(
                f"{statement.source}: {statement.name!r} has a percent sign inside a literal, which "
                "this driver takes for a placeholder.",
                "Bind the value instead.",
            )
        order = getattr(compiled, "positiontup", None)
        return Ready(statement.name, str(compiled), None if order is None else tuple(order))

    def notify(self, sql: str, *, many: bool = False) -> None:
        """Call `watch`, if it is set, with a statement that is about to run."""
        if self.watch is not None:
            self.watch(sql, many)

    def wrapped(self, error: BaseException, connection: Any) -> DBAPIError:
        """A driver's error, with SQLAlchemy's opinion whether it has broken the connection."""
        if isinstance(error, DBAPIError):
            return error
        broken = self.driver.is_disconnect(error, connection, None)  # type: ignore[arg-type]
        return DBAPIError(None, None, error, hide_parameters=True, connection_invalidated=broken)
