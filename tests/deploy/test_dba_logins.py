"""docs/dba.md over TLS and over the server's socket: commands, config files, and what clients say when it fails."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import pytest

from deploy.dba_page import (
    BLOCK,
    LOGINS,
    PARAMS,
    PASSWORDS,
    SECTIONS,
    UPGRADE,
    Followed,
    attempt,
    environment_of,
    run,
    write_configs,
)
from servers import tls
from servers.base import ADMIN, DatabaseServer
from servers.errors import ServerMissing
from servers.registry import unavailable
from trialstore.contract.helpers import make_experiment
from trialstore.storage import ConnectError, SqlStorage, from_config

PARTS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", SECTIONS[LOGINS], re.DOTALL | re.MULTILINE))
ROWS = re.findall(r"^\| (`.+?) \| ", PARTS["If the login fails"], re.MULTILINE)
NO_FILE, NO_TRUST, OTHER_NAME, NO_TLS, NO_PASSWORD, OTHER_USER, NO_SOCKET = ROWS
OS_USER = pwd.getpwuid(os.geteuid()).pw_name


@dataclass(frozen=True)
class Login:
    """What the page says of logins to a server, and how a client asks."""

    over_tls: str
    over_socket: str
    config: str
    """The config file of the application over the socket."""
    ask: str
    """Log in as the administrator over TCP."""
    ask_by_socket: str
    """Log in over the socket as a user that is not the one of the operating system."""


LOGIN = {
    "PostgreSQL": Login(
        "PostgreSQL over TLS",
        "PostgreSQL by peer",
        "peer.jsonc",
        'export PGSSLMODE=verify-full PGSSLROOTCERT="$DB_CA"\n'
        'psql -h "$DB_HOST" -p "$DB_PORT" -U "$DB_ADMIN" -d postgres -c ""',
        'psql -h "$DB_SOCKET" -p "$DB_PORT" -U stranger -d postgres -c ""',
    ),
    "MariaDB": Login(
        "MariaDB over TLS",
        "MariaDB by unix_socket",
        "socket.jsonc",
        'mariadb --protocol=tcp --ssl-ca="$DB_CA" --ssl-verify-server-cert '
        '-h "$DB_HOST" -P "$DB_PORT" -u "$DB_ADMIN" -e ""',
        'mariadb --socket="$DB_SOCKET" -u stranger -e ""',
    ),
}


@dataclass
class Host:
    """A server with TLS, and the machine of its administrator."""

    followed: Followed
    server: DatabaseServer
    environment: dict[str, str]
    folder: Path
    stranger: Path
    """The certificate of an authority that has not signed the server's."""

    @property
    def login(self) -> Login:
        return LOGIN[self.followed.section]

    def run(self, block: str, **more: str) -> str:
        return run(block, {**self.environment, **more}, self.folder)

    def says(self, command: str, **more: str) -> str:
        """What a client prints that is to be refused."""
        done = attempt(command, {**self.environment, **more}, self.folder)
        assert done.returncode, command
        return done.stderr


def _peers(server: DatabaseServer) -> None:
    server.admin(f'CREATE ROLE "{OS_USER}" SUPERUSER LOGIN')
    rules = server.process.folder / "data" / "pg_hba.conf"
    own = f"local all {ADMIN} scram-sha-256\nlocal all all peer\n"
    rules.write_text(own + rules.read_text(encoding="utf-8"), encoding="utf-8")
    server.restart()


def _unix_socket(server: DatabaseServer) -> None:
    server.admin("CREATE USER stranger@localhost IDENTIFIED VIA unix_socket")


# Users of this host, as packages let in the administrator.
LET_IN = {"PostgreSQL": _peers, "MariaDB": _unix_socket}


@pytest.fixture
def host(served: Host, tmp_path: Path) -> Host:
    """That server for one test, whose options nobody else reads."""
    return replace(served, environment={**served.environment, "HOME": str(tmp_path)})


@pytest.fixture(scope="module", params=PARAMS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A server on which the page was followed up to its first upgrade, by password."""
    followed: Followed = request.param
    folder, other = tmp_path_factory.mktemp("dba"), tmp_path_factory.mktemp("stranger")
    try:
        authority, _ = own = tls.make_authority(folder)
        stranger, _ = tls.make_authority(other)
        server = tls.start(followed.server, *tls.make_signed(folder, own))
        LET_IN[followed.section](server)
    except ServerMissing as reason:
        unavailable(followed.engine, reason)
    socket = server.process.folder if followed.section == "PostgreSQL" else server.process.folder / "sock"
    more = {"DB_CA": str(authority), "DB_SOCKET": str(socket), "OS_USER": OS_USER}
    found = Host(followed, server, {**environment_of(followed, server), **more}, folder, stranger)
    try:
        before, _, _ = SECTIONS[followed.section].partition(f"### {UPGRADE}\n")
        write_configs(before, folder)
        for block in BLOCK.findall(before):
            found.run(block)
        yield found
    finally:
        server.stop()


def test_the_page_is_followed_over_tls(host: Host) -> None:
    part = PARTS[host.login.over_tls]
    assert write_configs(part, host.folder) == ["tls.jsonc"]
    told = re.search(r"`(SHOW [^`]+)` says `(\w+)`", " ".join(part.split()))
    assert told
    assert host.server.admin(told[1])[0][-1] == told[2]
    first, *others, last = BLOCK.findall(part)
    assert re.search(r"\bTLSv1\.[23]$", host.run(first).strip())
    shown = [host.run(block) for block in others]
    assert "up to date" in shown[-1]
    eventually(lambda: host.run(last))
    refusal = attempt(last, host.environment, host.folder).stderr
    told = re.search(r"is refused otherwise \((.+?)\)", part, re.DOTALL)
    assert told
    assert all(text in refusal for text in re.findall(r"`([^`]+)`", told[1]))
    uses(host, "tls.jsonc")
    with pytest.raises(ConnectError):
        uses(replace(host, environment={**host.environment, "DB_CA": str(host.stranger)}), "tls.jsonc")
    # What the first block sets, or what is in the file of options, is enough for the other commands of the page.
    setting = first.splitlines()[0] if first.startswith("export") else ""
    backed_up_and_restored(host, lambda block: f"{setting}\n{block}")
    uses(host, "tls.jsonc")


def test_the_page_is_followed_over_the_socket(host: Host) -> None:
    part = PARTS[host.login.over_socket]
    assert write_configs(part, host.folder) == [host.login.config]
    {"PostgreSQL": by_peer, "MariaDB": by_unix_socket}[host.followed.section](host, *BLOCK.findall(part))
    uses(host, host.login.config)


def by_peer(host: Host, admin: str, roles: str, app: str) -> None:
    unknown = {**dict.fromkeys((*PASSWORDS, "PGPASSWORD"), "wrong"), "DB_ADMIN": OS_USER}
    assert host.run(admin, **unknown) == f"{OS_USER}\n"
    assert host.run(roles, **unknown) == "t\n"
    assert eventually(lambda: host.run(app, **unknown)).startswith("trialstore_app\n")
    assert 'export DB_HOST="$DB_SOCKET"' in PARTS[host.login.over_socket]
    write_configs(SECTIONS[host.followed.section], host.folder)
    backed_up_and_restored(host, DB_HOST=host.environment["DB_SOCKET"], **unknown)


def by_unix_socket(host: Host, admin: str, account: str, app: str) -> None:
    assert host.run(admin) == f"{host.environment['DB_ADMIN']}@%\n"
    host.run(account)
    unknown = {"APP_PASSWORD": "wrong", "MYSQL_PWD": "wrong"}
    assert host.run(app, **unknown).startswith(f"{OS_USER}@localhost\n")
    # An administrator without a password, as packages set it up for root.
    host.server.admin(f"GRANT ALL PRIVILEGES ON *.* TO `{OS_USER}`@localhost WITH GRANT OPTION")
    assert host.run(admin, DB_ADMIN=OS_USER, **unknown) == f"{OS_USER}@localhost\n"
    new, old = re.findall(r"write `([^`]+)` for `([^`]+)`", PARTS[host.login.over_socket])[0]
    backed_up_and_restored(host, lambda block: block.replace(old, new), DB_ADMIN=OS_USER, **unknown)


def test_what_clients_say_without_it_is_on_the_page(host: Host) -> None:
    ask, by_socket = host.login.ask, host.login.ask_by_socket
    host.run(ask)
    seen = {
        NO_FILE: host.says(ask, DB_CA="/no/such/ca.pem"),
        NO_TRUST: host.says(ask, DB_CA=str(host.stranger)),
        OTHER_NAME: host.says(ask, DB_HOST="localhost"),
        NO_PASSWORD: host.says(ask, PGPASSWORD="wrong", MYSQL_PWD="wrong"),
        OTHER_USER: host.says(by_socket),
        NO_SOCKET: host.says(by_socket, DB_SOCKET="/no/such/socket"),
    }
    for row, said in seen.items():
        assert matches(row, said), said


@pytest.fixture
def without_tls(host: Host) -> Iterator[dict[str, str]]:
    """Where a server of the same kind is that has no certificate."""
    other = host.followed.server.start()
    yield environment_of(host.followed, other)
    other.stop()


def test_what_clients_say_of_a_server_without_tls_is_on_the_page(host: Host, without_tls: dict[str, str]) -> None:
    assert matches(NO_TLS, host.says(host.login.ask, **without_tls))


def test_every_block_of_these_logins_belongs_to_a_test() -> None:
    run = [PARTS[name] for login in LOGIN.values() for name in (login.over_tls, login.over_socket)]
    for kind in ("```sh", "```json5"):
        assert sum(part.count(kind) for part in run) == SECTIONS[LOGINS].count(kind)


def matches(row: str, said: str) -> bool:
    """Whether one of the messages in a row of the page, whose names and numbers are left out, is what a client says."""
    texts = re.findall(r"`([^`]+)`", row)
    return any(re.search(".+".join(map(re.escape, text.split("…"))), said) for text in texts)


def backed_up_and_restored(host: Host, change: Callable[[str], str] = str, **more: str) -> None:
    """Follow these parts of the section, and log in as the owner, with other settings or in another spelling."""
    _, _, upgrade = SECTIONS[host.followed.section].partition(f"### {UPGRADE}\n")
    blocks = BLOCK.findall(upgrade)
    backup, restore = blocks[0], blocks[-1]
    (owner,) = (block for block in blocks if "owner.jsonc" in block)
    assert "dump" in backup
    assert "before." in restore
    for block in (backup, restore, owner):
        host.run(change(block), **more)


def uses(host: Host, name: str) -> None:
    """Write a trial as the application that has the config file."""
    with mock.patch.dict(os.environ, host.environment), from_config(str(host.folder / name)) as storage:
        assert isinstance(storage, SqlStorage)
        with make_experiment(storage) as experiment:
            assert experiment.new_trial({}).trial_id


def eventually(attempted: Callable[[], str]) -> str:
    """What succeeds once the server has read its files again."""
    late = time.monotonic() + 60
    while True:
        try:
            return attempted()
        except AssertionError:
            if time.monotonic() > late:
                raise
            time.sleep(0.1)
