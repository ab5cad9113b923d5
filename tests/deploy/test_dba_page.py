"""docs/dba.md, followed from the first command to the last on servers of its own, as an administrator would."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.dba_page import (
    BLOCK,
    FOLLOWED,
    LOGINS,
    PAGE,
    PARAMS,
    PASSWORDS,
    SECTIONS,
    UPGRADE,
    Followed,
    environment_of,
    run,
    write_configs,
)
from servers.base import DatabaseServer
from servers.errors import ServerMissing
from servers.registry import unavailable
from trialstore.contract.helpers import make_experiment
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage


@pytest.fixture(scope="module", params=PARAMS)
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
    return environment_of(followed, server)


def test_every_command_of_the_page_runs_in_its_order(
    followed: Followed, server: DatabaseServer, environment: dict[str, str], tmp_path: Path
) -> None:
    newest = load_migrations(f"{followed.engine}/migrations")[-1].version
    before, _, upgrade = SECTIONS[followed.section].partition(f"### {UPGRADE}\n")
    assert write_configs(before, tmp_path) == ["reader.jsonc"]
    shown = [run(block, environment, tmp_path) for block in BLOCK.findall(before)]
    assert f"version {newest}" in shown[-1]
    app = server.config("trialstore", username="trialstore_app", password=PASSWORDS["APP_PASSWORD"])
    with SqlStorage({**app, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}
    # The upgrade of the page starts at the version before the newest, and the restored backup is of that version.
    assert f"--from {newest - 1} " in upgrade
    run(followed.behind.format(version=newest - 1), environment, tmp_path)
    words, printed = " ".join(PAGE.split()), "".join(shown)
    shown = [run(block, environment, tmp_path) for block in BLOCK.findall(upgrade)]
    printed += "".join(shown)
    assert [text for text in followed.prints if text not in printed or f"`{text}`" not in words] == []
    assert any("up to date" in text for text in shown[:-1])
    assert f"version {newest - 1} of {newest}" in shown[-1]
    run("trialstore schema apply --config owner.jsonc", environment, tmp_path)
    with SqlStorage({**app, "schema_policy": "verify"}) as storage, make_experiment(storage) as experiment:
        assert experiment.new_trial({}).trial_id == 1


def test_the_other_commands_of_the_page_run(followed: Followed, environment: dict[str, str], tmp_path: Path) -> None:
    own = {*(each.section for each in FOLLOWED), LOGINS}  # LOGINS: test_dba_logins.py
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


def test_the_page_has_the_exit_codes_of_the_command_line() -> None:
    command = [sys.executable, "-c", "from trialstore.storage.cli import main; main()", "schema", "status", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    codes = dict(re.findall(r"^ +(\d)  ([^:\n]+)", told, re.MULTILINE))
    assert len(codes) == 5
    page = dict(re.findall(r"^\| (\d) \| ([^:|]+?)(?: \||:)", SECTIONS["When something fails"], re.MULTILINE))
    assert {code: text.strip() for code, text in codes.items()} == {code: text.strip() for code, text in page.items()}
