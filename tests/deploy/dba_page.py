"""docs/dba.md as the tests follow it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.base import DatabaseServer
from servers.binaries import search
from servers.errors import ServerMissing
from servers.mariadb import MariadbServer
from servers.postgresql import PostgresqlServer
from servers.registry import unavailable

PAGE = (Path(__file__).parents[2] / "docs" / "dba.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
LOGINS = "Logins over TLS and over the socket"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
UPGRADE = "Back up, and upgrade"


@dataclass(frozen=True)
class Followed:
    """A section of the page that is followed, and what it is followed with."""

    section: str
    engine: str
    server: type[DatabaseServer]
    client: str
    others: str
    """The client of the other section."""
    behind: str
    """What makes a database of an older version, which the section upgrades."""
    prints: tuple[str, ...]
    """What the page says that commands of the section print."""


FOLLOWED = [
    Followed(
        "PostgreSQL",
        "postgresql",
        PostgresqlServer,
        "psql",
        "mariadb",
        """
dropdb -h "$DB_HOST" -p "$DB_PORT" -U "$DB_ADMIN" --force trialstore
createdb -h "$DB_HOST" -p "$DB_PORT" -U "$DB_ADMIN" trialstore
psql -h "$DB_HOST" -p "$DB_PORT" -U "$DB_ADMIN" -d trialstore -f grants.sql
trialstore schema script --dialect postgresql --to {version} -o old.sql
PGPASSWORD=$OWNER_PASSWORD psql -h "$DB_HOST" -p "$DB_PORT" -U trialstore_owner -d trialstore -f old.sql
psql -h "$DB_HOST" -p "$DB_PORT" -U "$DB_ADMIN" -d trialstore -f grants.sql
""",
        ("CREATE ROLE", "COMMIT", "as the migrations say", "There are no experiments yet", "up to date"),
    ),
    Followed(
        "MariaDB",
        "mysql",
        MariadbServer,
        "mariadb",
        "psql",
        """
mariadb -h "$DB_HOST" -P "$DB_PORT" -u "$DB_ADMIN" -e 'DROP DATABASE trialstore; CREATE DATABASE trialstore'
trialstore schema script --dialect mysql --to {version} -o old.sql
MYSQL_PWD=$OWNER_PASSWORD mariadb --comments -h "$DB_HOST" -P "$DB_PORT" -u trialstore_owner trialstore < old.sql
""",
        ("locked", "freed", "as the migrations say", "There are no experiments yet", "Dump completed", "up to date"),
    ),
]
PASSWORDS = {f"{role}_PASSWORD": f"{role.lower()}-pässwörd" for role in ("OWNER", "APP", "READER")}
# Each on the server that its section is for.
PARAMS = [
    pytest.param(FOLLOWED[0], id="PostgreSQL", marks=pytest.mark.engine("postgresql")),
    pytest.param(FOLLOWED[1], id="MariaDB", marks=[pytest.mark.engine("mysql"), pytest.mark.server("mariadb")]),
]


def environment_of(followed: Followed, server: DatabaseServer) -> dict[str, str]:
    """What an administrator has set: where the server is, the passwords, and the programs on PATH."""
    admin = server.config("postgres")
    client = search(followed.client)
    if client is None:
        unavailable(followed.engine, ServerMissing(f"there is no {followed.client}"))
    folders = [str(Path(sys.executable).parent), str(client.parent), os.environ["PATH"]]
    foreign = ("PG", "MYSQL", "MARIADB")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        "DB_HOST": admin["host"],
        "DB_PORT": str(admin["port"]),
        "DB_ADMIN": admin["username"],
        **dict.fromkeys(("PGPASSWORD", "MYSQL_PWD"), admin["password"]),
        **PASSWORDS,
        "PATH": os.pathsep.join(folders),
    }


def write_configs(text: str, folder: Path) -> list[str]:
    """Make the config files that a part of the page shows; their names."""
    found = re.findall(r"```json5\n// (\S+)\n(.*?)```", text, re.DOTALL)
    for name, config in found:
        (folder / name).write_text(config, encoding="utf-8")
    return [name for name, _ in found]


def run(block: str, environment: dict[str, str], folder: Path) -> str:
    """What a block of commands prints; it must succeed."""
    done = attempt(block, environment, folder)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def attempt(block: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block of commands as it stands."""
    command = ["bash", "-euo", "pipefail", "-c", block]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
