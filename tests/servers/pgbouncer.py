"""PgBouncer in front of the PostgreSQL server, so that each transaction may come to another session."""

from __future__ import annotations

import os
import signal
from typing import Any

from sqlalchemy import URL

from servers.base import DatabaseServer, answers
from servers.binaries import need_program
from servers.process import ServerProcess
from servers.registry import chosen, kept, require_named

# Debian's settings, except for:
# - pool_mode, and pools so small that clients do share sessions;
# - server_idle_timeout, in seconds: with a database per test, idle sessions would use up the server's connections;
# - server_login_retry, in seconds: a server that was restarted is looked for again at once.
SETTINGS = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir = {folder}
auth_type = {auth_type}
auth_file = {users}
admin_users = {user}
pool_mode = transaction
default_pool_size = 5
server_idle_timeout = 5
server_login_retry = 1
"""
CONSOLE = "pgbouncer"


class Bouncer:
    """A private PgBouncer; user and password are those of the server's administrator."""

    def __init__(self, server: DatabaseServer) -> None:
        program = need_program("pgbouncer", "pgbouncer")
        self.server = server
        self._owner = os.getpid()
        self._stopped = False
        self._target = server.config("postgres")
        self.process = ServerProcess("bouncer", ("postgres",), farewell=signal.SIGKILL)
        with self.process.closed_on_error():
            self.process.start_on_free_port(
                lambda port: [program, self.process.write("pgbouncer.ini", self._settings(port))], self._ready
            )

    @property
    def stopped(self) -> bool:
        """Whether it or the server behind it was stopped."""
        return self._stopped or self.server.stopped

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self.process.pid

    def config(self, database: str, **more: Any) -> dict[str, Any]:
        """The administrator's config of a storage in a database, through the bouncer."""
        known = {key: value for key, value in self._target.items() if key in ("drivername", "username", "password")}
        return {**known, "host": "127.0.0.1", "port": self.process.port, "database": database, **more}

    def stop(self) -> None:
        """End the bouncer, not the server."""
        if not self._stopped and os.getpid() == self._owner:
            self._stopped = True
            self.process.close()

    def _settings(self, listen_port: int) -> str:
        target = self._target
        user, password = str(target.get("username", "")), str(target.get("password", ""))
        users = self.process.write("users", f"{_quoted(user)} {_quoted(password)}\n")
        return SETTINGS.format(
            host=target.get("host") or target.get("query", {}).get("host", "127.0.0.1"),
            port=target.get("port") or target.get("query", {}).get("port", 5432),
            listen_port=listen_port,
            folder=self.process.folder,
            # From the password's plain text it proves itself to the server by whatever method that asks for.
            auth_type="scram-sha-256" if password else "trust",
            users=users,
            user=user,
        )

    def _ready(self) -> bool:
        folder, port = self.process.folder, self.process.port
        url = URL.create(**self.config(CONSOLE, query={"host": str(folder), "port": str(port)}))
        return self.process.listens(folder / f".s.PGSQL.{port}") and answers(self.server.module, url)


def require() -> Bouncer:
    """The process's bouncer before its PostgreSQL server; a test without is skipped or fails as for a server."""
    return require_before(chosen("postgresql"))


def require_before(server: str) -> Bouncer:
    """As `require`, before one of the servers that tests can be run on."""
    return kept(f"pgbouncer before {server}", lambda: Bouncer(require_named(server)))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
