"""A PostgreSQL server."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path

from sqlalchemy import URL

from servers import hostile
from servers.base import ADMIN, DatabaseServer
from servers.binaries import need_program
from servers.errors import ServerBroken
from servers.process import ServerProcess
from servers.unpacked import Release

# Languages' orders come first: text that is compared by the database's collation must not sort by byte.
LOCALES = (
    ("--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"),
    ("--locale=en_US.UTF-8",),
    ("--locale=C.UTF-8",),
    ("--no-locale",),
)
# synchronous_commit stays on: without fsync it costs nothing, and what is committed outlives a killed server.
# Shared memory in the data folder: what a killed server leaves behind goes with it.
SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 128MB
dynamic_shared_memory_type = mmap
fsync = off
full_page_writes = off
timezone = 'Asia/Kathmandu'
lc_messages = 'C'
"""


class PostgresqlServer(DatabaseServer):
    """PostgreSQL, or what TRIALSTORE_TEST_POSTGRESQL_URL names and speaks its protocol."""

    engine = name = "postgresql"
    variable = "TRIALSTORE_TEST_POSTGRESQL_URL"
    module = "psycopg"
    extra = "postgresql"
    crash = signal.SIGQUIT
    finish = signal.SIGINT

    @classmethod
    def start(cls, release: Release | None = None) -> DatabaseServer:
        """A private server whose administrator is its superuser."""
        initdb = need_program("initdb", "postgresql") if release is None else release.program("initdb")
        binaries = initdb.parent
        german = hostile.german_locale() if hostile.wanted() else None
        # Beside its own locales the server finds this one.
        locales = {} if german is None else {"LOCPATH": f"{german}:/usr/lib/locale"}
        process = ServerProcess("pg", ("postgres",), cls.crash, **locales)
        with process.closed_on_error():
            url = URL.create(cls.drivername_for(""), ADMIN, secrets.token_hex(8), database="postgres")
            data = _init(process, binaries, str(url.password))
            return cls._launch(
                process, url, lambda port: [binaries / "postgres", "-D", data, "-k", process.folder, "-p", str(port)]
            )

    @classmethod
    def drivername_for(cls, version: str) -> str:
        """The one driver that the library supports."""
        return "postgresql+psycopg"

    def create_database(self, *, template: str | None = None) -> str:
        """The name of a new database, empty or a copy of another one that nobody is connected to."""
        name = self._new_name()
        self.admin(f"CREATE DATABASE {_quoted(name)} TEMPLATE {_quoted(template or 'template0')} ENCODING 'UTF8'")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database although somebody is connected to it; one that is gone already is fine."""
        self.admin(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
        self._databases.discard(name)

    def _ask_version(self) -> str:
        return "PostgreSQL " + str(self.admin("SHOW server_version")[0][0]).split()[0]

    @staticmethod
    def _socket(process: ServerProcess) -> Path:
        return process.folder / f".s.PGSQL.{process.port}"

    @classmethod
    def _socket_query(cls, process: ServerProcess) -> dict[str, str]:
        return {"host": str(process.folder), "port": str(process.port)}


def _init(process: ServerProcess, binaries: Path, password: str) -> Path:
    """Make the data folder, in the first of the locales that this server and this machine know."""
    data = process.folder / "data"
    options = ["--no-sync", "--encoding=UTF8", "--auth=scram-sha-256", f"--username={ADMIN}"]
    options.append(f"--pwfile={process.write('password', password)}")
    for locale in LOCALES:
        try:
            process.run(binaries / "initdb", "-D", data, *options, *locale)
        except ServerBroken:
            if locale is LOCALES[-1]:
                raise
        else:
            break
    with (data / "postgresql.conf").open("a", encoding="ascii") as conf:
        conf.write(SETTINGS)
        if hostile.wanted():
            conf.writelines(f"{name} = '{value}'\n" for name, value in hostile.POSTGRESQL.items())
            if hostile.german_locale() is not None:
                conf.write(f"lc_messages = '{hostile.GERMAN}'\n")
    return data


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
