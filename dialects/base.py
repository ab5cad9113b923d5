"""The dialect contract: what the library must know of an engine beyond the text of its SQL.

How to add an engine:

1. Write `sql/<engine>/migrations/NNNN_slug.sql` with the numbers and slugs that the other engines have (a step that the
   engine does not need is a file without statements whose header says why), and `sql/<engine>/queries/` with its
   session statements (`begin_read`, `begin_write`, what a new connection needs, the history table), what describes the
   database (`schema_…`), `explain`, and overrides of those statements of `sql/queries/` that the engine does not
   understand. A statement without a shared one of that name says in a header `own` why it is this engine's. A statement
   `NAME_many` takes binds of NAME as arrays, one element a row, and then serves NAME's bulk calls. `script.sql` and
   `grants.sql` of the same folder hold what `schema script` puts around the migrations and what `schema grants` prints;
   `lint.ini` the engine's dangerous statements and, in its section [syntax], how it quotes and comments. Most
   differences end here.
2. Subclass `Dialect` in a module of its own. Fill in the data first; override a method only where the engine differs in
   something that is not text.
3. `classify` is the part to take most care with: retries, idempotent writes and every error that a user sees depend on
   it. Go by the driver's error codes; use messages only where the engine gives no code.
4. Register the class: in `registry.BUILT_IN`, or from another package through the entry point group
   `trialstore.dialects` (name = backend name of the URL, value = `module:Class`); `sql_folders` then has `queries`, the
   shared folder, first, and then absolute paths of that package.
5. Generate `structure.txt` beside the folder of the migrations with `python -m trialstore.storage.schema.dump
   --structure URL`: `schema verify` and `schema adopt` compare databases with it. Run the contract suite
   (docs/dialects.md), then generate `schema.sql` with the same command without `--structure`.
"""

from __future__ import annotations

import datetime as dt
import importlib
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

from sqlalchemy.engine import URL

from .columns import Columns
from .errors import ConfigError, ErrorKind, nearest


@dataclass(frozen=True)
class Option:
    """A key of the config dict: its default, its accepted types and values, and the least and greatest number."""

    default: Any
    types: tuple[type, ...] = (str,)
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class SessionStep:
    """A statement of the catalogue to run on a connection, and what is done with the first column of its row.

    `expect` is empty where any answer will do; `refusal` is the hint given to the user when the answer is another one.
    `then` gets the driver's connection and the answer, for what only the driver can set.
    """

    statement: str
    params: Mapping[str, Any] = field(default_factory=dict)
    expect: tuple[Any, ...] = ()
    refusal: str = ""
    then: Callable[[Any, Any], None] | None = None


# The words of a text such as "-c name=value", which are masked one by one; not short ones, which any message may have.
_PARTS = re.compile(r"[^\s=\\'\"]+")
_SHORT = 2

_BEGIN_READ, _BEGIN_WRITE = (SessionStep("begin_read"),), (SessionStep("begin_write"),)


@dataclass(frozen=True)
class DriverError:
    """A driver's error without any values: its kind, its code (SQLSTATE or the engine's name for it) and a safe
    message."""

    kind: ErrorKind
    code: str
    message: str
    hint: str = ""
    server_text: str = ""
    """What the server said, in full, where that repeats no stored value: for statements that hold none themselves."""


@dataclass(frozen=True)
class Server:
    """Which program answers: flavour ("sqlite", "postgresql", "mysql", "mariadb", …) and version."""

    flavour: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.flavour} {'.'.join(map(str, self.version))}"


class Patience:
    """How long a call may still wait for locks that others hold, in seconds; anew after each statement that it got
    done."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Something was done: from here on all of the time may be waited again."""
        self._late = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """The seconds that may still be waited."""
        return max(0.0, self._late - time.monotonic())


class StatementRunner(Protocol):
    """What a dialect may ask of a session: a transaction, and statements by what they return."""

    patience: Patience | None
    """How long a migration may still wait for locks; None: for `migration_lock_timeout` each time."""

    def begin(self, *, write: bool) -> None:
        """Open a transaction."""

    def rollback(self) -> None:
        """Undo the transaction."""

    def many(self, name: str, **params: Any) -> Sequence[Any]:
        """All rows that the statement returns, columns as attributes."""

    def one(self, name: str, **params: Any) -> Any | None:
        """The row that the statement returns, columns as attributes, or None."""

    def scalar(self, name: str, **params: Any) -> Any:
        """The first column of the only row, or None."""

    def execute(self, name: str, **params: Any) -> None:
        """Run a statement of which nothing is read."""

    def limit_waits(self, seconds: float | None) -> None:
        """Wait for an answer of the server that many seconds at most, from now on; None: for ever."""


class Dialect(ABC):
    """One engine, bound to the settings of one storage (the URL keys and the engine's own options, already
    type-checked)."""

    name: ClassVar[str]
    """Folder below sql/, and the name used on the command line."""
    driver: ClassVar[str]
    """SQLAlchemy's name of the one driver that is supported (the part after the `+`)."""
    driver_module: ClassVar[str]
    """The module that must import for the driver to be there."""
    extra: ClassVar[str | None] = None
    """The extra of this package that installs the driver; None when Python itself brings it."""
    sql_folders: ClassVar[tuple[str | Path, ...]]
    """Query folders searched in order, later ones override; relative ones are below sql/."""
    migrations_folder: ClassVar[str | Path]
    """Folder of the migrations, relative to sql/ or absolute."""
    least_versions: ClassVar[Mapping[str, tuple[int, ...]]]
    """Flavour of the server → the oldest version of it that the SQL files are written for."""
    newest_tested: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    """Flavour of the server → the newest version of it that is tested; newer ones are used, with a line in the log."""
    transactional_ddl: ClassVar[bool]
    """DDL can be rolled back, so a migration and its history row commit together."""
    retries_duplicates: ClassVar[bool] = False
    """A duplicate key is worth a retry. The engine refuses a key that another transaction has just written, even if the
    statement says what to do with duplicates (ON CONFLICT); run again, the transaction sees that key and succeeds."""
    id_length: ClassVar[int] = 512
    """Length of the id columns, in characters."""
    stays_read_only: ClassVar[bool] = False
    """A connection that was opened while the database could not be written stays read-only, even when it can be written
    again; such a connection is then closed instead of reused."""
    in_process: ClassVar[bool] = False
    """The database runs in this process: after an interrupt no answer can still arrive, and a rollback frees
    everything."""
    streams_apart: ClassVar[bool] = False
    """The threads of a storage share one connection. A stream therefore needs one of its own, since other calls may
    be made while it is read."""
    close_before_fork: ClassVar[bool] = False
    """A forked child must not inherit open connections, not even unused ones."""
    columns_class: ClassVar[type[Columns]] = Columns
    """A subclass if the driver returns rows by columns, or times that NumPy or Arrow reads faster than Python does."""
    default_policy: ClassVar[str] = "create"
    """`schema_policy` where the config names none."""
    options: ClassVar[Mapping[str, Option]] = {}
    """Keys of the config dict that this engine has beside those that all have; `busy_timeout`, how long a call waits
    for others, in seconds, must be one."""
    query_keys: ClassVar[tuple[str, ...] | None] = None
    """Keys that `query` may have; None where `url` finds that out from the driver."""
    query_repeats: ClassVar[bool] = True
    """A key of `query` may be given several times."""
    file_beginning: ClassVar[tuple[int, bytes]] = (0, b"")
    """By what its files are known: these bytes after that many others. Empty for an engine without files."""
    file_suffixes: ClassVar[tuple[str, ...]] = ()
    """How the names of its files end as a rule, with the dot, in small letters."""
    open_query: ClassVar[tuple[str, ...]] = ()
    """Keys of `query` whose values are addresses and names of files, which an error may show."""

    hosts: Sequence[Any] = ()
    """Where the settings name several hosts of one database: these."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        if self.query_keys is not None:
            self.check_query(self.query_keys)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @cached_property
    def columns(self) -> Columns:
        """How rows become columns of data frames and Arrow."""
        return self.columns_class(self)

    @property
    def plain_times(self) -> bool:
        """Whether the driver returns times as naive datetimes in UTC."""
        return type(self).decode_ts is Dialect.decode_ts

    @property
    def query(self) -> dict[str, Any]:
        """What the URL has after its question mark."""
        return dict(self.settings.get("query") or {})

    def check_query(self, known: Sequence[str]) -> None:
        """Raise ConfigError, which repeats no value, for a key of `query` that is not known, or is given too often."""
        for key, value in self.query.items():
            if key not in known:
                raise ConfigError(f"config.query: unknown key {key!r}.", nearest(key, known))
            if not isinstance(value, str) and not self.query_repeats:
                raise ConfigError(f"config.query: {key!r} is given {len(value)} times.", "Give it once.")

    def without_secrets(self, text: str) -> str:
        """What a driver or server said of the settings, without what is in `query`: it may hold a password anywhere."""
        texts = [self.settings.get("password") or ""]
        for key, value in self.query.items():
            if key not in self.open_query:
                texts += [value] if isinstance(value, str) else value
        parts = {part for each in texts for part in (each, *_PARTS.findall(each)) if len(part) > _SHORT}
        for part in sorted(parts, key=len, reverse=True):
            text = text.replace(part, "***")
        return text

    @classmethod
    def check_driver(cls) -> None:
        """Raise ConfigError that names the extra to install when the driver cannot be imported."""
        try:
            importlib.import_module(cls.driver_module)
        except ImportError as exc:
            what = f"trialstore[{cls.extra}]" if cls.extra else cls.driver_module
            raise ConfigError(
                f"The driver {cls.driver_module!r} for {cls.name} cannot be imported ({exc.msg}).",
                f"pip install '{what}'",
            ) from None

    def option(self, key: str) -> Any:
        """The setting of one of `options`, or its default."""
        value = self.settings.get(key)
        return self.options[key].default if value is None else value

    @property
    def schema(self) -> str | None:
        """The schema of the database that holds the tables; None where the engine has no schemas, or the schema is not
        known before there is a connection."""
        return None

    @classmethod  # noqa: B027 - asked of engines with schemas only
    def check_schema(cls, name: str) -> None:
        """Raise ConfigError for what cannot be the name of a schema for tables."""

    @property
    def set_up_in_transactions(self) -> bool:
        """What a statement depends on is set in each transaction, since sessions are shared with others; so each
        statement needs one."""
        return False

    def single_steps(self) -> Sequence[SessionStep]:
        """Steps that go to the server together with a statement outside of a transaction, for which alone they hold;
        their answers are not looked at."""
        return ()

    def run_together(self, connection: Any, runs: Sequence[tuple[Any, str, Any]]) -> None:
        """Run statements, each a driver's cursor, a text and its arguments, in one round trip and one transaction.
        Asked of engines alone that have `single_steps`."""
        raise NotImplementedError

    @property
    def migration_lock_timeout(self) -> float:
        """Longest wait of a migration for a lock, in seconds: its own, and those that others hold on tables."""
        return float(self.option("busy_timeout"))

    def lock_patience(self, session: StatementRunner) -> float:
        """Longest wait of this session for a lock of a migration, from now on, in seconds."""
        longest = self.migration_lock_timeout
        return longest if session.patience is None else min(longest, session.patience.left)

    @abstractmethod
    def url(self) -> URL:
        """The URL to connect to. Raises ConfigError where the settings cannot name a database (a folder, for
        instance)."""

    def check_exists(self) -> None:  # noqa: B027 - only an engine of files has something to do here
        """Raise ConnectError when connecting would create a database that does not exist."""

    @abstractmethod
    def engine_options(self) -> dict[str, Any]:
        """Arguments of `sqlalchemy.create_engine` beside the URL: pool class and size, connect_args."""

    def connect(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """A new connection of the driver's, with the arguments that SQLAlchemy has for it; None where the driver's own
        way to connect will do."""
        return None

    def limit_waits(self, connection: Any, seconds: float | None) -> None:  # noqa: B027
        """Let a connection of the driver's wait for an answer that long at most; None: for ever."""

    def connection_lost(self, connection: Any | None) -> None:  # noqa: B027 - only of several hosts is there another
        """Note that a connection was lost. If the settings name several hosts, the next connection must not begin with
        this one's host (None: the one that was tried last, whose connection broke after the login). Several threads may
        report the same host at the same time."""

    @abstractmethod
    def session_steps(self, *, write: bool) -> Iterable[SessionStep]:
        """Steps to run once on each new connection (`write=False`), and once more before its first write
        (`write=True`). In a generator, a step may depend on the answers to those before it, which have run by then.

        The first kind must not change the database. They see to UTC, strictness, durability and timeouts.
        """

    def begin_steps(self, *, write: bool) -> Sequence[SessionStep]:
        """Steps that open a transaction: a snapshot for reading, or one that may write. Empty if the SQLAlchemy
        dialect of the driver opens it by itself."""
        return _BEGIN_WRITE if write else _BEGIN_READ

    @abstractmethod
    def identify(self, connection: Any) -> Server:
        """Flavour and version of the server at the other end of the driver's connection, without a statement where the
        driver knows them already."""

    def identify_behind(self, session: StatementRunner) -> Server | None:
        """The server itself, by a statement, where what `identify` found is not new enough but may be what a proxy in
        front of the server says of itself; None where there are no such proxies."""
        return None

    @abstractmethod
    def classify(self, error: BaseException) -> DriverError:
        """What a driver's exception means. The message must be safe to show: no bound value, no password."""

    @abstractmethod
    def begin_migration(self, session: StatementRunner) -> AbstractContextManager[None]:
        """Take the migration lock and begin a write transaction; the caller commits it or rolls it back.

        The lock must shut out other processes and hosts, vanish when its holder is killed, and be waited for no longer
        than `lock_patience`; then Busy is raised. Where DDL cannot be rolled back, the context is entered
        again inside itself, and the lock is released when the outermost one is left.
        """

    def take_tables(  # noqa: B027 - where one statement cannot hold a table and wait for another, there is no need
        self, session: StatementRunner, tables: Sequence[str], mode: str, *, referring: bool
    ) -> None:
        """In a transaction of `begin_migration`, lock all of the tables or none of them, so that nobody who holds one
        and wants another meets a deadlock; with `referring`, also others' tables whose foreign keys refer to them.

        Raises QueryError where that cannot be done within `migration_lock_wait`; the transaction cannot go on then.
        """

    @property
    def runs_outside(self) -> bool:
        """Statements of a migration can run outside of a transaction while the migration lock is held."""
        return False

    def keep_migration_lock(self, session: StatementRunner) -> None:
        """Where `runs_outside`, at the end of a transaction of `begin_migration`: keep its lock beyond it."""
        raise NotImplementedError

    def outside_transactions(self, session: StatementRunner) -> AbstractContextManager[None]:
        """Entered with the lock kept, and left by freeing it: statements run outside of transactions meanwhile."""
        raise NotImplementedError

    def check_migration(self, session: StatementRunner) -> None:  # noqa: B027 - of most engines, nothing is to be said
        """Called under the migration lock before anything is written, where something is to be.

        Raises the errors of `check_settings`, and PermissionDenied where the server is read-only.
        """

    def check_settings(self, session: StatementRunner) -> None:  # noqa: B027 - as check_migration
        """Raise MigrationError where the server is set up so that it would refuse a migration half-way, whoever runs
        it. By SELECTs alone."""

    def login_refusal(self, session: StatementRunner) -> str:
        """Why the server would refuse migrations of this login, or here, although they are not wrong: it is read-only,
        or wants a right. By SELECTs alone, in words for people; empty if it would not."""
        return ""

    def has_unseen_rights(self, session: StatementRunner) -> bool:
        """Whether this login may have rights that the statement `schema_rights` does not see."""
        return False

    def migration_settings(self, session: StatementRunner) -> AbstractContextManager[None]:
        """Entered under the migration lock, before anything is written, where DDL cannot be rolled back: the server's
        settings that are in the way of migrations are set otherwise for the session, and set back in the end.

        Raises MigrationError where this user, or any session, cannot do that, and on a server that is only read.
        """
        return nullcontext()

    @abstractmethod
    def lock_holder(self, session: StatementRunner) -> str | None:
        """Who holds the migration lock, in words for an error message; None if that cannot be found out. May leave a
        transaction open."""

    def blockers(self, session: StatementRunner, tables: Sequence[str]) -> str:
        """By whom tables of those names are held, or may be, in words for people ("are held by …"); empty if that
        cannot be found out. Leaves a transaction open."""
        return ""

    def in_memory(self) -> bool:
        """Whether the database lives in this process's memory, so that no other process can open it."""
        return False

    def streams_whole(self) -> bool:
        """Whether a stream must have been read to its end before another call can be made: its rows are then kept in a
        temporary file."""
        return self.in_memory() and not self.streams_apart

    def another_connection(self, connection: Any) -> Any:
        """A new connection to the in-memory database that the driver's connection has open. Called only for engines
        with `streams_apart`."""
        raise NotImplementedError

    def rows_written(self, cursor: Any) -> int:
        """How many rows the last statement of the driver's cursor has written: inserted, deleted, or changed. Rows set
        to the values they have may or may not count; never rely on it."""
        count: int = cursor.rowcount
        return count

    def new_id(self, cursor: Any) -> int | None:
        """The id that the database gave to the row that the last statement of the driver's cursor, which returns `id`,
        has inserted; None where it has inserted none."""
        row = cursor.fetchone()
        return None if row is None else int(row[0])

    def encode_ts(self, moment: dt.datetime) -> Any:
        """The bind value of an aware time, exact to 1 µs; of columns that hold UTC without saying so, unless
        overridden."""
        return moment.astimezone(dt.timezone.utc).replace(tzinfo=None)

    def encode_float(self, number: float) -> float:
        """The bind value of a number."""
        return number

    def decode_ts(self, value: Any) -> dt.datetime:
        """The aware UTC time that a column holds, exact to 1 µs."""
        moment: dt.datetime = value.replace(tzinfo=dt.timezone.utc)
        return moment

    def read_ts(self, value: Any) -> dt.datetime | None:
        """The time that a column holds; None for NULL, and for what another program stored and is no time: one such
        row must not keep all others from being read."""
        with suppress(ValueError, TypeError, AttributeError, OverflowError):
            return None if value is None else self.decode_ts(value)
        return None

    def stream_cursor(self, connection: Any) -> Any:
        """A cursor of the driver's that gets the rows of a statement from the server while they are read. Overridden
        where the driver's usual cursor gets them all at once."""
        return connection.cursor()

    def close_stream(self, cursor: Any) -> None:
        """Close such a cursor, so that the connection is fit for the next statement."""
        cursor.close()
