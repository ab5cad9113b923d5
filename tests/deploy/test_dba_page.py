"""docs/dba.md, followed from the first command to the last on servers of its own, as an administrator would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.base import DatabaseServer
from servers.binaries import search
from servers.errors import ServerMissing
from servers.mariadb import MariadbServer
from servers.postgresql import PostgresqlServer
from servers.registry import unavailable
from trialstore.contract.helpers import make_experiment
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage

PAGE = (Path(__file__).parents[2] / "docs" / "dba.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
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
    ),
]
PASSWORDS = {f"{role}_PASSWORD": f"{role.lower()}-pässwörd" for role in ("OWNER", "APP", "READER")}


@pytest.fixture(
    scope="module",
    params=[pytest.param(each, id=each.section, marks=pytest.mark.engine(each.engine)) for each in FOLLOWED],
)
def followed(request: pytest.FixtureRequest) -> Followed:
    found: Followed = request.param
    return found


@pytest.fixture(scope="module")
def server(followed: Followed) -> Iterator[DatabaseServer]:
    """A server whose roles and databases no other test knows."""
    try:
        found = followed.server.start()
    except ServerMissing as reason:
        unavailable(followed.engine, reason)
    yield found
    found.stop()


@pytest.fixture
def environment(followed: Followed, server: DatabaseServer) -> dict[str, str]:
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


def test_every_command_of_the_page_runs_in_its_order(
    followed: Followed, server: DatabaseServer, environment: dict[str, str], tmp_path: Path
) -> None:
    newest = load_migrations(f"{followed.engine}/migrations")[-1].version
    before, _, upgrade = SECTIONS[followed.section].partition(f"### {UPGRADE}\n")
    (name, config), *others = re.findall(r"```json5\n// (\S+)\n(.*?)```", before, re.DOTALL)
    assert not others
    (tmp_path / name).write_text(config, encoding="utf-8")
    shown = [run(block, environment, tmp_path) for block in BLOCK.findall(before)]
    assert f"version {newest}" in shown[-1]
    app = server.config("trialstore", username="trialstore_app", password=PASSWORDS["APP_PASSWORD"])
    with SqlStorage({**app, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}
    # The upgrade of the page starts at the version before the newest, and the restored backup is of that version.
    assert f"--from {newest - 1} " in upgrade
    run(followed.behind.format(version=newest - 1), environment, tmp_path)
    shown = [run(block, environment, tmp_path) for block in BLOCK.findall(upgrade)]
    assert any("up to date" in text for text in shown[:-1])
    assert f"version {newest - 1} of {newest}" in shown[-1]
    run("trialstore schema apply --config owner.jsonc", environment, tmp_path)
    with SqlStorage({**app, "schema_policy": "verify"}) as storage, make_experiment(storage) as experiment:
        assert experiment.new_trial({}).trial_id == 1


def test_the_other_commands_of_the_page_run(followed: Followed, environment: dict[str, str], tmp_path: Path) -> None:
    own = {each.section for each in FOLLOWED}
    blocks = [block for name, text in SECTIONS.items() if name not in own for block in BLOCK.findall(text)]
    blocks = [block for block in blocks if not block.startswith(followed.others)]
    assert len(blocks) >= 2
    for block in blocks:
        run(block.replace("trialstore -c", "postgres -c"), environment, tmp_path)


def test_what_ends_a_lock_ends_it(followed: Followed, server: DatabaseServer) -> None:
    """The statement of the page, as the administrator runs it."""
    section = SECTIONS["What holds a lock, and how it ends"]
    own_id = {"PostgreSQL": "SELECT pg_backend_pid()", "MariaDB": "SELECT connection_id()"}[followed.section]
    end = {"PostgreSQL": "SELECT pg_terminate_backend(PID);", "MariaDB": "KILL ID;"}[followed.section]
    assert f"`{end}`" in section
    database = server.create_database()
    with suppress(Exception), server.session(database) as other:  # which cannot end its session any more
        other("CREATE TABLE held (number INTEGER)")
        other("BEGIN")
        other("SELECT * FROM held")
        ((number,),) = other(own_id)
        server.admin(re.sub(r"\bP?ID\b", str(number), end.rstrip(";")))
        server.admin("DROP TABLE held", database=database)
    with pytest.raises(Exception, match="held"):
        server.admin("SELECT * FROM held", database=database)
    server.drop_database(database)


def test_every_block_of_the_page_belongs_to_a_test() -> None:
    assert sum(len(BLOCK.findall(text)) for text in SECTIONS.values()) == PAGE.count("```sh")
    assert PAGE.count("```") == 2 * sum(PAGE.count(f"```{kind}\n") for kind in ("sh", "json5", "text"))


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
    page = dict(re.findall(r"^\| (\d) \| ([^:|]+?)(?: \||:)", SECTIONS["When something fails"], re.MULTILINE))
    assert {code: text.strip() for code, text in codes.items()} == {code: text.strip() for code, text in page.items()}
