"""A MariaDB server."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL

from servers import hostile, mysql_family
from servers.base import ADMIN, DatabaseServer
from servers.binaries import need_program
from servers.mysql_family import MysqlFamilyServer, files
from servers.process import ServerProcess
from servers.unpacked import Release

# Read at each start, one statement a line. The accounts that come with the system tables have no password, and those
# without a name would be taken for the administrator on the socket.
INIT = """\
DELETE FROM mysql.global_priv WHERE User IN ('', 'root');
FLUSH PRIVILEGES;
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH GRANT OPTION;
"""
STORAGE = (*mysql_family.STORAGE, "--innodb-log-file-size=32M")
SETTINGS = (
    *mysql_family.SETTINGS,
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
)


class MariadbServer(MysqlFamilyServer):
    """MariaDB."""

    name = "mariadb"
    variable = "TRIALSTORE_TEST_MARIADB_URL"

    @classmethod
    def start(cls, release: Release | None = None, options: Sequence[str] = ()) -> DatabaseServer:
        """A private MariaDB whose administrator has every right; the options are for its data folder, too."""
        install, program = programs(release)
        process = ServerProcess("maria", ("mysql",), farewell=cls.crash)
        with process.closed_on_error():
            url = URL.create("mariadb+pymysql", ADMIN, secrets.token_hex(8))
            options = [*prepare(process, url, install, release, options), *options]
            return cls._launch(
                process, url, lambda port: [program, "--no-defaults", *options, f"--port={port}", *STORAGE, *SETTINGS]
            )


def programs(release: Release | None = None) -> tuple[Path, Path]:
    """What makes a data folder, and the server; their package brings the user too that they run as."""
    if release is not None:
        return release.folder() / "usr/bin/mariadb-install-db", release.program("mariadbd")
    return need_program("mariadb-install-db", "mariadb-server"), need_program("mariadbd", "mariadb-server")


def prepare(
    process: ServerProcess, url: URL, install: Path, release: Release | None = None, more: Sequence[str] = ()
) -> list[str]:
    """Make a data folder for the administrator that the URL names: the server's options for it, to which more come."""
    data = [f"--datadir={process.folder / 'data'}"]
    if release is not None:
        data.append(f"--basedir={release.folder() / 'usr'}")
    tables = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    process.run(install, "--no-defaults", *data, *tables, *more, *STORAGE)
    statements = INIT.format(user=url.username, password=url.password)
    if hostile.wanted():
        settings = {name: value for name, value in hostile.MARIADB.items() if name not in hostile.NOT_FOR_TESTS}
        statements += "".join(f"SET GLOBAL {name} = {value};\n" for name, value in settings.items())
    init = process.write("init.sql", statements)
    return [*data, f"--init-file={init}", *files(process)]
