"""What the tests can do with a database server, whichever it is and wherever it comes from."""

from __future__ import annotations

import abc
import contextlib
import importlib
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import URL, make_url

from servers.binaries import need_module
from servers.errors import ServerBroken
from servers.process import Command, ServerProcess
from servers.unpacked import Release

Execute = Callable[..., list[tuple[Any, ...]]]
ADMIN = "trialstore_admin"


class DatabaseServer(abc.ABC):
    """A database server and its administrator, who may create databases and users."""

    engine: ClassVar[str]
    # What servers of this kind are called; several kinds may serve one engine.
    name: ClassVar[str]
    # The environment variable that names a server to use instead of a private one.
    variable: ClassVar[str]
    # The module of the driver, and the extra of the library that installs it.
    module: ClassVar[str]
    extra: ClassVar[str]
    # Signals that end a server at once, as if it had crashed, and in good order.
    crash: ClassVar[signal.Signals]
    finish: ClassVar[signal.Signals]

    def __init__(self, url: URL, process: ServerProcess | None = None) -> None:
        self._owner = os.getpid()
        self.url = url
        self._process = process
        self._databases: set[str] = set()
        self.stopped = False
        try:
            self.version = self._ask_version()
        except importlib.import_module(self.module).Error as error:
            where = f"the server of {self.variable}" if process is None else "the private server"
            raise ServerBroken(f"{where} ({self.url!r}) does not answer: {error}") from error

    @classmethod
    def obtain(cls, release: Release | None = None) -> DatabaseServer:
        """The server that the environment names, unless a release is wanted, or else a private one that starts now."""
        need_module(cls.module, cls.extra)
        named = os.environ.get(cls.variable)
        if named and release is None:
            return cls(make_url(named).set(drivername=cls.drivername_for("")))
        return cls.start(release)

    @classmethod
    @abc.abstractmethod
    def start(cls, release: Release | None = None) -> DatabaseServer:
        """A private server of the machine's own programs or a release's, whose settings differ from those that the
        library makes, so that it must make them."""

    @classmethod
    @abc.abstractmethod
    def drivername_for(cls, version: str) -> str:
        """The driver name in URLs, for a server of that version."""

    @abc.abstractmethod
    def create_database(self, *, template: str | None = None) -> str:
        """The name of a new database, empty or (on PostgreSQL) a copy of another one that nobody is connected to."""

    @abc.abstractmethod
    def drop_database(self, name: str) -> None:
        """Drop a database although somebody is connected to it; one that is gone already is fine."""

    @abc.abstractmethod
    def _ask_version(self) -> str: ...

    @staticmethod
    @abc.abstractmethod
    def _socket(process: ServerProcess) -> Path: ...

    @classmethod
    @abc.abstractmethod
    def _socket_query(cls, process: ServerProcess) -> dict[str, str]: ...

    @classmethod
    def _launch(cls, process: ServerProcess, url: URL, command: Callable[[int], Command]) -> DatabaseServer:
        """Start a process with the command for a port, and give it to a new object."""

        def ready() -> bool:
            # Over the socket in the server's own folder: whoever else has the port cannot answer there.
            query = cls._socket_query(process)
            return process.listens(cls._socket(process)) and answers(cls.module, url.set(query=query))

        process.start_on_free_port(command, ready)
        return cls(url.set(host="127.0.0.1", port=process.port), process)

    @property
    def private(self) -> bool:
        """Whether the server is ours alone, so that tests may kill it."""
        return self._process is not None

    @property
    def process(self) -> ServerProcess:
        """The process of a private server."""
        if self._process is None:
            raise ServerBroken(f"the server of {self.variable} is not ours to control")
        return self._process

    @property
    def pid(self) -> int | None:
        """The process id of a private server, which a restart changes."""
        return self._process.pid if self._process is not None else None

    def config(self, database: str, **more: Any) -> dict[str, Any]:
        """The administrator's config of a storage in a database, over TCP."""
        url = self.url.set(drivername=self.drivername_for(self.version), database=database)
        query = {"query": dict(url.query)} if url.query else {}
        return {"drivername": url.drivername, **url.translate_connect_args(), **query, **more}

    def socket_config(self, database: str, **more: Any) -> dict[str, Any] | None:
        """As `config`, over the Unix socket; None where the server is not private."""
        if not self.private:
            return None
        config = self.config(database, query=self._socket_query(self.process))
        return {**{key: value for key, value in config.items() if key not in ("host", "port")}, **more}

    def admin(self, sql: str, *params: Any, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, outside of a transaction, and return its rows."""
        with self.session(database) as execute:
            return execute(sql, *params)

    @contextlib.contextmanager
    def session(self, database: str | None = None) -> Iterator[Execute]:
        """A connection of the administrator, given as a function that runs a statement and returns its rows."""
        url = self.url if database is None else self.url.set(database=database)
        with connected(self.module, url) as execute:
            yield execute

    def kill(self) -> None:
        """Kill the server process, as the system does when memory runs out; `restart` brings it back."""
        self.process.end(signal.SIGKILL)

    def restart(self, *, immediate: bool = True) -> None:
        """End the server (`immediate`: as a crash does) if it runs, and start it with the same port and data."""
        self.process.end(self.crash if immediate else self.finish)
        self.process.restart()

    def stop(self) -> None:
        """End a private server and remove its folder; of another server, drop the databases that were created here."""
        if self.stopped or os.getpid() != self._owner:
            return
        self.stopped = True
        if self._process is not None:
            self._process.close()
            return
        for name in sorted(self._databases):
            self.drop_database(name)

    def _new_name(self) -> str:
        name = f"ts_test_{uuid.uuid4().hex[:16]}"
        self._databases.add(name)
        return name


@contextlib.contextmanager
def connected(module: str, url: URL) -> Iterator[Execute]:
    """A connection that commits each statement, given as a function that runs one and returns its rows."""
    arguments, options = url.get_dialect()().create_connect_args(url)
    options.update(autocommit=True, connect_timeout=10)
    with contextlib.closing(importlib.import_module(module).connect(*arguments, **options)) as connection:

        def execute(sql: str, *params: Any) -> list[tuple[Any, ...]]:
            with contextlib.closing(connection.cursor()) as cursor:
                # Without parameters a percent sign is just that.
                cursor.execute(sql, params or None)
                return list(cursor.fetchall()) if cursor.description else []

        if module == "pymysql":
            execute("SET SESSION autocommit = 1")  # the driver believes MySQL's greeting, in which it is always on
        yield execute


def answers(module: str, url: URL) -> bool:
    """Whether a server can be connected to."""
    try:
        with connected(module, url):
            return True
    except importlib.import_module(module).OperationalError:
        return False
