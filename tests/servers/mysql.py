"""A MySQL server: Oracle's, not MariaDB under its name."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL

from servers import mysql_family
from servers.base import ADMIN, DatabaseServer
from servers.binaries import search
from servers.errors import ServerMissing
from servers.mysql_family import MysqlFamilyServer, files
from servers.process import ServerProcess
from servers.unpacked import Release

# Read at each start, one statement a line.
INIT = """\
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH GRANT OPTION;
DROP USER IF EXISTS 'root'@'localhost';
"""
# For the system tables and for the server.
STORAGE = (*mysql_family.STORAGE, "--innodb-redo-log-capacity=64M")
# Binary log, performance schema and collation are MySQL's own, as its users have them.
SETTINGS = (*mysql_family.SETTINGS, "--mysqlx=OFF", "--secure-file-priv=NULL")
NEWEST = Release("unstable", ("mysql-server-core",), "usr/sbin")
"""Where a MySQL comes from on a machine that has none: no stable release of Debian has one."""


class MysqlServer(MysqlFamilyServer):
    """MySQL."""

    name = "mysql"
    variable = "TRIALSTORE_TEST_MYSQL_URL"

    @classmethod
    def start(cls, release: Release | None = None, options: Sequence[str] = ()) -> DatabaseServer:
        """A private MySQL whose administrator has every right; the options are for its data folder, too."""
        program, places = programs(release)
        places = [*places, *options]
        process = ServerProcess("mysql", ("mysql",), farewell=cls.crash)
        with process.closed_on_error():
            url = URL.create("mysql+pymysql", ADMIN, secrets.token_hex(8))
            options = prepare(process, url, program, places)
            return cls._launch(
                process, url, lambda port: [program, "--no-defaults", *options, f"--port={port}", *STORAGE, *SETTINGS]
            )


def programs(release: Release | None = None) -> tuple[Path, list[str]]:
    """The server, and the options that say where its files are."""
    local = search("mysqld")
    if release is None and local is not None and _is_mysql(local):
        return local, []
    try:
        folder = (release or NEWEST).folder()
    except ServerMissing as reason:
        raise ServerMissing(f"program mysqld of MySQL is not found, and its package cannot be had: {reason}") from None
    return folder / NEWEST.programs / "mysqld", [f"--basedir={folder / 'usr'}"]


def prepare(
    process: ServerProcess, url: URL, program: Path, places: list[str], like: Path | None = None, first: str = ""
) -> list[str]:
    """Make a data folder for the administrator that the URL names: the server's options for it. Instead of making one
    anew, another one that no server has used yet can be copied; `first` stands before what makes the administrator."""
    data = [*places, f"--datadir={process.folder / 'data'}"]
    if like is None:
        process.run(program, "--no-defaults", "--initialize-insecure", *data, *STORAGE)
    else:
        process.run("cp", "-r", like, process.folder / "data")
    init = process.write("init.sql", first + INIT.format(user=url.username, password=url.password))
    return [*data, f"--init-file={init}", *files(process)]


def _is_mysql(program: Path) -> bool:
    """Whether it is not MariaDB's, which has that name too."""
    done = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "MariaDB" not in done.stdout
