"""Fresh databases of an engine, whose servers promise what a user's does: a commit is on disk when it returns."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL

# The private servers that the tests start.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from servers import DatabaseServer, ServerMissing, mariadb
from servers.base import ADMIN
from servers.mysql import MysqlServer
from servers.postgresql import PostgresqlServer
from servers.process import ServerProcess
from servers.unpacked import Release
from trialstore.dialects.registry import BUILT_IN, engine_class

ENGINES = tuple(sorted({engine_class(name).name for name in BUILT_IN}))
Config = dict[str, Any]

__all__ = [
    "ENGINES",
    "PLACES",
    "Config",
    "Databases",
    "FileDatabases",
    "ServerDatabases",
    "ServerMissing",
    "databases_of",
    "engine_of",
]


class DurablePostgresql(PostgresqlServer):
    """The tests' server does without fsync; this one has PostgreSQL's own settings."""

    @classmethod
    def start(cls, release: Release | None = None) -> DatabaseServer:
        """A private server, with what makes commits durable turned on again."""
        server = super().start(release)
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            server.admin(f"ALTER SYSTEM SET {setting} = on")
        server.admin("SELECT pg_reload_conf()")
        return server


class DurableMariadb(mariadb.MariadbServer):
    """The tests' server writes without fsync; this one has MariaDB's own settings."""

    @classmethod
    def start(cls, release: Release | None = None) -> DatabaseServer:
        """A private server with durable commits."""
        install, program = mariadb.programs(release)
        process = ServerProcess("maria", ("mysql",), farewell=cls.crash)
        with process.closed_on_error():
            url = URL.create("mariadb+pymysql", ADMIN, secrets.token_hex(8))
            options = [
                *mariadb.prepare(process, url, install, release),
                *("--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--max-connections=200"),
                *("--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=128M"),
                # The kernel may refuse the memory that io_uring locks.
                "--innodb-use-native-aio=0",
            ]
            return cls._launch(process, url, lambda port: [program, "--no-defaults", *options, f"--port={port}"])


SERVERS: dict[str, type[DatabaseServer]] = {"postgresql": DurablePostgresql, "mysql": DurableMariadb}
MYSQL_ITSELF = "mysql_itself"
"""MySQL, where the engine mysql is measured on MariaDB."""
PLACES = (*ENGINES, MYSQL_ITSELF)
"""What benchmarks that only read can be run on."""


def engine_of(place: str) -> str:
    """The engine of one of PLACES."""
    return "mysql" if place == MYSQL_ITSELF else place


class Databases:
    """Where fresh, empty databases of one engine come from."""

    version = ""

    def create(self) -> Config:
        """The config of a new, empty database."""
        raise NotImplementedError


class FileDatabases(Databases):
    """Files in a folder."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self._folder = folder
        self._numbers = itertools.count()
        if engine == "sqlite":
            import sqlite3

            self.version = f"SQLite {sqlite3.sqlite_version}"
        else:
            import duckdb

            self.version = f"DuckDB {duckdb.__version__}"

    def create(self) -> Config:
        """The config of a file that is not there yet."""
        return {
            "drivername": self.engine,
            "database": str(self._folder / f"bench{next(self._numbers)}.{self.engine}"),
        }


class ServerDatabases(Databases):
    """Databases of one server."""

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self.version = server.version

    def create(self) -> Config:
        """The administrator's config of a new database, over TCP."""
        return self._server.config(self._server.create_database())


@contextlib.contextmanager
def databases_of(engine: str, folder: Path) -> Iterator[Databases]:
    """The databases of one of PLACES; its server, if it has one, ends with the block. Raises ServerMissing."""
    if engine not in SERVERS and engine != MYSQL_ITSELF:
        yield FileDatabases(engine, folder)
        return
    server = (MysqlServer if engine == MYSQL_ITSELF else SERVERS[engine]).obtain()
    try:
        yield ServerDatabases(server)
    finally:
        server.stop()
