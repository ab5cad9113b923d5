"""The engines' own command-line clients, which an administrator runs scripts with."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.binaries import need_program, search
from servers.errors import ServerMissing
from servers.registry import unavailable

# Engine → the names of its client; that of the flavour is preferred.
CLIENTS = {"sqlite": ("sqlite3",), "duckdb": ("duckdb",), "postgresql": ("psql",), "mysql": ("mariadb", "mysql")}
# Debian's packages of them.
PACKAGES = {"sqlite": "sqlite3", "postgresql": "postgresql-client", "mysql": "mariadb-client"}
# A duckdb that is installed with its Python package brings no client, and one of another version may not read the
# package's files. The package runs the same text.
WITH_PACKAGE = "duckdb"
PACKAGE = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute(sys.stdin.read())"


@dataclass(frozen=True)
class Done:
    """How a client ended: its exit code, and what it said about errors."""

    code: int
    errors: str


def apply_script(engine: str, config: dict[str, Any], text: str) -> Done:
    """Run a script with the engine's client as its header says, on the database of a config."""
    names = sorted(CLIENTS[engine], key=lambda name: not config["drivername"].startswith(name))
    program = next((path for name in names if (path := search(name)) is not None), None)
    if engine == WITH_PACKAGE and not _is_of_the_package(program):
        return _by_package(config, text)
    if program is None:
        try:
            program = need_program(names[0], PACKAGES[engine])
        except ServerMissing as reason:
            unavailable(engine, reason)
    words, environment = _command(engine, config)
    done = subprocess.run(
        [program, *words],
        input=text,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stderr)


def _command(engine: str, config: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """A client's arguments, and what it takes from the environment so that no other user sees it."""
    if engine == "sqlite":
        return [config["database"]], {}
    if engine == "duckdb":
        return ["-bail", config["database"]], {}
    host, port, user = config["host"], str(config["port"]), config["username"]
    if engine == "postgresql":
        given = {"host": host, "port": port, "user": user, "dbname": config["database"]}
        place = " ".join(f"{key}={_of_connection(value)}" for key, value in given.items())
        return ["--no-psqlrc", "--quiet", "--file=-", place], {"PGPASSWORD": config["password"]}
    words = ["--no-defaults", "--comments", f"--host={host}", f"--port={port}", f"--user={user}", config["database"]]
    return words, {"MYSQL_PWD": config["password"]}


def _of_connection(value: str) -> str:
    """A value in libpq's quotes."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


def _is_of_the_package(program: Path | None) -> bool:
    if program is None:
        return False
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return told.startswith(f"v{importlib.metadata.version(WITH_PACKAGE)} ")


def _by_package(config: dict[str, Any], text: str) -> Done:
    words = [sys.executable, "-c", PACKAGE, config["database"]]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stderr)
