"""What MariaDB and MySQL servers have in common."""

from __future__ import annotations

import signal
from pathlib import Path

from servers.base import DatabaseServer, Execute
from servers.errors import ServerBroken
from servers.process import ServerProcess

# For the system tables and for the server. nosync writes without fsync.
STORAGE = (
    "--loose-innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=128M",
    # The kernel may refuse the memory that io_uring locks.
    "--innodb-use-native-aio=0",
)
# A log that is written at each commit, and pages that are written twice, so that a killed server loses nothing.
SETTINGS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--sync-binlog=0",
    "--max-connections=200",
    "--innodb-flush-log-at-trx-commit=2",
    # What packages and distributions make of a server, and what they do not: no strict mode, a zone of its own.
    "--default-time-zone=+05:45",
    "--sql-mode=",
)
UNKNOWN_THREAD = 1094


class MysqlFamilyServer(DatabaseServer):
    """A server that speaks MySQL's protocol."""

    engine = "mysql"
    module = "pymysql"
    extra = "mysql"
    crash = signal.SIGKILL
    finish = signal.SIGTERM

    @classmethod
    def drivername_for(cls, version: str) -> str:
        """The one driver that the library supports, under the flavour's name."""
        return "mariadb+pymysql" if version.startswith("MariaDB") else "mysql+pymysql"

    def create_database(self, *, template: str | None = None) -> str:
        """The name of a new, empty database with the server's own charset and collation."""
        if template is not None:
            raise NotImplementedError("MySQL and MariaDB do not copy databases")
        name = self._new_name()
        self.admin(f"CREATE DATABASE {_quoted(name)}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database although somebody is connected to it; one that is gone already is fine."""
        with self.session() as execute:
            # The drop would wait for the locks of transactions that were left open.
            for (thread,) in execute("SELECT id FROM information_schema.processlist WHERE db = %s", name):
                _kill(execute, thread)
            execute("SET SESSION lock_wait_timeout = 60")
            execute(f"DROP DATABASE IF EXISTS {_quoted(name)}")
        self._databases.discard(name)

    def _ask_version(self) -> str:
        text = str(self.admin("SELECT version()")[0][0])
        flavour = "MariaDB" if "MariaDB" in text else "MySQL"
        if flavour.lower() != self.name:
            raise ServerBroken(f"the server of {self.variable} is {flavour} ({text})")
        return f"{flavour} {text.partition('-')[0]}"

    @staticmethod
    def _socket(process: ServerProcess) -> Path:
        return process.folder / "sock"

    @classmethod
    def _socket_query(cls, process: ServerProcess) -> dict[str, str]:
        return {"unix_socket": str(cls._socket(process))}


def files(process: ServerProcess) -> list[str]:
    """The options that name what a server writes beside its data."""
    return [f"--socket={process.folder / 'sock'}", f"--pid-file={process.folder / 'pid'}", f"--tmpdir={process.folder}"]


def _kill(execute: Execute, thread: int) -> None:
    """End a connection, unless it ended by itself meanwhile."""
    import pymysql  # type: ignore[import-untyped,unused-ignore]

    try:
        execute(f"KILL {thread:d}")
    except pymysql.OperationalError as error:
        if error.args[0] != UNKNOWN_THREAD:
            raise


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
