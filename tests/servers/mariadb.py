"""A MariaDB or MySQL server."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path

from sqlalchemy import URL

from servers.base import ADMIN, DatabaseServer, Execute
from servers.binaries import need_program
from servers.process import ServerProcess

# Read at each start, one statement a line. The accounts that come with the system tables have no password, and those
# without a name would be taken for the administrator on the socket.
INIT = """\
DELETE FROM mysql.global_priv WHERE User IN ('', 'root');
FLUSH PRIVILEGES;
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH GRANT OPTION;
"""
# For the system tables and for the server. nosync writes without fsync.
STORAGE = (
    "--loose-innodb-flush-method=nosync",
    "--innodb-log-file-size=32M",
    "--innodb-buffer-pool-size=128M",
    # The kernel may refuse the memory that io_uring locks.
    "--innodb-use-native-aio=0",
)
# A log that is written at each commit, and pages that are written twice, so that a killed server loses nothing.
SETTINGS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--sync-binlog=0",
    "--max-connections=200",
    "--innodb-flush-log-at-trx-commit=2",
    "--performance-schema=OFF",
    # What packages and distributions make of a server, and what they do not: no strict mode, a zone of its own.
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--default-time-zone=+05:45",
    "--sql-mode=",
)
UNKNOWN_THREAD = 1094


class MariadbServer(DatabaseServer):
    """MariaDB, or the MariaDB or MySQL that TRIALSTORE_TEST_MYSQL_URL names."""

    engine = "mysql"
    variable = "TRIALSTORE_TEST_MYSQL_URL"
    module = "pymysql"
    extra = "mysql"
    crash = signal.SIGKILL
    finish = signal.SIGTERM

    @classmethod
    def start(cls) -> DatabaseServer:
        """A private MariaDB whose administrator has every right."""
        install, program = programs()
        process = ServerProcess("maria", ("mysql",), farewell=cls.crash)
        with process.closed_on_error():
            url = URL.create("mariadb+pymysql", ADMIN, secrets.token_hex(8))
            options = prepare(process, url, install)
            return cls._launch(
                process, url, lambda port: [program, "--no-defaults", *options, f"--port={port}", *STORAGE, *SETTINGS]
            )

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
        return f"{'MariaDB' if 'MariaDB' in text else 'MySQL'} {text.partition('-')[0]}"

    @staticmethod
    def _socket(process: ServerProcess) -> Path:
        return process.folder / "sock"

    @classmethod
    def _socket_query(cls, process: ServerProcess) -> dict[str, str]:
        return {"unix_socket": str(cls._socket(process))}


def programs() -> tuple[Path, Path]:
    """What makes a data folder, and the server; their package brings the user too that they run as."""
    return need_program("mariadb-install-db", "mariadb-server"), need_program("mariadbd", "mariadb-server")


def prepare(process: ServerProcess, url: URL, install: Path) -> list[str]:
    """Make a data folder for the administrator that the URL names: the server's options for it."""
    data = f"--datadir={process.folder / 'data'}"
    tables = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    process.run(install, "--no-defaults", data, *tables, *STORAGE)
    init = process.write("init.sql", INIT.format(user=url.username, password=url.password))
    files = [f"--socket={process.folder / 'sock'}", f"--pid-file={process.folder / 'pid'}"]
    return [data, f"--init-file={init}", *files, f"--tmpdir={process.folder}"]


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
