"""docs/dba.md, followed from the first command to the last on a server of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.binaries import search
from servers.errors import ServerMissing
from servers.postgresql import PostgresqlServer
from servers.registry import unavailable
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage

pytestmark = pytest.mark.engine("postgresql")
PAGE = (Path(__file__).parents[2] / "docs" / "dba.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
BEHIND = """
dropdb --force trialstore && createdb trialstore && psql -d trialstore -f grants.sql
trialstore schema script --dialect postgresql --to {version} -o old.sql
PGUSER=trialstore_owner PGPASSWORD=$OWNER_PASSWORD psql -d trialstore -f old.sql
"""
PASSWORDS = {f"{role}_PASSWORD": f"{role.lower()}-pässwörd" for role in ("OWNER", "APP", "READER")}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    """A server whose roles and databases no other test knows."""
    try:
        found = PostgresqlServer.start()
    except ServerMissing as reason:
        unavailable("postgresql", reason)
    assert isinstance(found, PostgresqlServer)
    yield found
    found.stop()


@pytest.fixture
def environment(server: PostgresqlServer) -> dict[str, str]:
    """What an administrator has set: where the server is, the passwords, and the programs on PATH."""
    admin = server.config("postgres")
    psql = search("psql")
    assert psql is not None
    folders = [str(Path(sys.executable).parent), str(psql.parent), os.environ["PATH"]]
    connection = {
        "HOST": admin["host"],
        "PORT": admin["port"],
        "USER": admin["username"],
        "PASSWORD": admin["password"],
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
        **{f"PG{name}": str(value) for name, value in connection.items()},
        **PASSWORDS,
        "PATH": os.pathsep.join(folders),
    }


def test_every_command_of_the_page_runs_in_its_order(
    server: PostgresqlServer, environment: dict[str, str], tmp_path: Path
) -> None:
    newest = load_migrations("postgresql/migrations")[-1].version
    (name, config), *others = re.findall(r"```json5\n// (\S+)\n(.*?)```", PAGE, re.DOTALL)
    assert not others
    (tmp_path / name).write_text(config, encoding="utf-8")
    shown = [run(block, environment, tmp_path) for block in BLOCKS[:-1]]
    assert f"version {newest}" in shown[-1]
    # The upgrade of the page starts at the version before the newest.
    assert f"--from {newest - 1} " in BLOCKS[-1]
    run(BEHIND.format(version=newest - 1), environment, tmp_path)
    assert f"version {newest - 1} of {newest}" in run(
        "trialstore schema status --config reader.jsonc || test $? = 3", environment, tmp_path
    )
    assert f"{newest:04d}" in run(BLOCKS[-1], environment, tmp_path)
    app = server.config("trialstore", username="trialstore_app", password=PASSWORDS["APP_PASSWORD"])
    with SqlStorage({**app, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}


def run(block: str, environment: dict[str, str], folder: Path) -> str:
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_page_has_the_exit_codes_of_the_command_line() -> None:
    command = [sys.executable, "-c", "from trialstore.storage.cli import main; main()", "schema", "status", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    codes = dict(re.findall(r"^ +(\d)  ([^:\n]+)", told, re.MULTILINE))
    assert len(codes) == 5
    page = dict(re.findall(r"^\| (\d) \| ([^:|]+?)(?: \||:)", PAGE, re.MULTILINE))
    assert {code: text.strip() for code, text in codes.items()} == {code: text.strip() for code, text in page.items()}
