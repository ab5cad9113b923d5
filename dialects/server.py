"""What engines have in common whose databases are reached over a connection to a server."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool

from .base import Dialect, Option, StatementRunner
from .errors import ConfigError

OPTIONS: Mapping[str, Option] = {
    "hosts": Option(None, (list, tuple)),  # instead of host and port: "host" or "host:port", the first that serves
    "busy_timeout": Option(30.0, (int, float), least=0, most=86_400),
    "read_timeout": Option(None, (int, float), least=1, most=86_400 * 7),  # None: READ_TIMEOUT_S or more
    "connect_timeout": Option(10, (int,), least=1, most=3600),
    # Send the password itself, on a server's request, even where others may read the connection or pose as the server.
    "allow_cleartext_password": Option(False, (bool,)),
    "migration_lock_timeout": Option(None, (int, float), least=0, most=86_400),  # None: as busy_timeout
    "migration_lock_wait": Option(2.0, (int, float), least=0.1, most=86_400),
    "migration_statement_timeout": Option(900.0, (int, float), least=0, most=86_400 * 7),  # 0: none
}
READ_TIMEOUT_S, ROOM_S = 300.0, 30.0
_HOST = re.compile(r"(?:\[([^\[\],\s]+)\]|([^:,\s\[\]]+))(?::(\d{1,5}))?")
# The hint for a missing right, the same for every server.
ASK_FOR_RIGHTS = "Ask the database's administrator for the right, or to run this."
SAFE_LOGIN = (
    "Demand TLS in 'query' (docs/config.md), or set 'allow_cleartext_password' to true where nobody else can read, or "
    "answer, this connection."
)
NO_ANSWER = "Look at the server and the network; raise 'read_timeout' for a statement that takes so long."
TOO_MANY = "Close connections that are not in use, or ask the administrator to allow more."


class ServerDialect(Dialect):
    """A database on a server, which many processes of many hosts may share."""

    options: ClassVar[Mapping[str, Option]] = OPTIONS

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        if not self.settings.get("database"):
            raise ConfigError("config.database is missing.", "Name the database on the server.")
        for key in ("database", "username", "password", "host"):
            _check_text(key, self.settings.get(key) or "")
        for key, value in self.query.items():
            for text in (key, *([value] if isinstance(value, str) else value)):
                _check_text("query", text)
        if self.settings.get("port") is not None:
            _check_port("port", self.settings["port"])
        self.hosts = self._read_hosts(self.option("hosts"))

    def _read_hosts(self, given: Sequence[Any] | None) -> list[tuple[str, int | None]]:
        """Host and port (None: the engine's own) of each of several hosts; none where the config names one host."""
        if given is None:
            return []
        if self.settings.get("host") or self.settings.get("port") is not None:
            raise ConfigError(
                "config.hosts cannot be combined with 'host' or 'port'.",
                "Give one or the other; ports of several hosts as 'host:port'.",
            )
        if not given:
            raise ConfigError("config.hosts is empty.", "Name at least one host.")
        return [_read_host(each) for each in given]

    def address(self, **more: Any) -> URL:
        """The URL without the password, which is handed to the driver apart."""
        names = ("username", "host", "port", "database")
        named: dict[str, Any] = {name: self.settings.get(name) or None for name in names}
        return URL.create(f"{self.settings['drivername'].partition('+')[0]}+{self.driver}", **named, **more)

    @property
    def migration_lock_timeout(self) -> float:
        own = self.option("migration_lock_timeout")
        return super().migration_lock_timeout if own is None else float(own)

    def table_wait(self, session: StatementRunner) -> float:
        """Longest single wait of a migration for a table, in seconds; other users of the table queue behind it."""
        return min(self.lock_patience(session), float(self.option("migration_lock_wait")))

    def blockers(self, session: StatementRunner, tables: Sequence[str]) -> str:
        session.begin(write=False)
        holders = session.scalar("migration_holders", tables=f",{','.join(tables)},")
        return f"are held by {holders}" if holders else ""

    @property
    def read_timeout(self) -> float:
        """Longest silence of the server, in seconds: unless the config says so, longer than it waits for locks."""
        own = self.option("read_timeout")
        return max(READ_TIMEOUT_S, float(self.option("busy_timeout")) + ROOM_S) if own is None else float(own)

    @property
    def lock_wait(self) -> float:
        """Longest wait of the server for a lock, in seconds: shorter than the client waits for an answer, so that the
        error arrives."""
        return min(float(self.option("busy_timeout")), max(self.read_timeout - 1, self.read_timeout / 2))

    @property
    def migration_wait(self) -> float | None:
        """Longest silence of the server in a migration, in seconds; None where its statements have no limit."""
        statement = float(self.option("migration_statement_timeout"))
        longest = max(statement, self.migration_lock_timeout) + ROOM_S
        return max(longest, self.read_timeout) if statement else None

    def pool_options(self) -> dict[str, Any]:
        """Arguments of `create_engine` for the pool of connections."""
        return {"poolclass": QueuePool, "pool_size": 5, "max_overflow": 20}


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address, or the path of a socket, leads to no other machine."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def _read_host(text: Any) -> tuple[str, int | None]:
    """Of `host`, `host:port`, `[address]` or `[address]:port`."""
    if not isinstance(text, str):
        raise ConfigError(f"config.hosts holds a {type(text).__name__}.", "Give text: 'host' or 'host:port'.")
    _check_text("hosts", text)
    match = _HOST.fullmatch(text)
    if match is None:
        raise ConfigError(
            "config.hosts holds an entry that is not a host.", "Give 'host' or 'host:port', IPv6 in brackets."
        )
    port = None if match[3] is None else int(match[3])
    if port is not None:
        _check_port("hosts", port)
    return match[1] or match[2], port


def _check_port(key: str, port: int) -> None:
    if not 0 < port < 65_536:
        raise ConfigError(f"config.{key} is no port number.", "Give one from 1 to 65535, or leave it out.")


def _check_text(key: str, text: str) -> None:
    """Raise ConfigError, which does not repeat the text, where it cannot be sent to a server."""
    if "\0" in text:
        raise ConfigError(f"config.{key} holds a NUL character.", "No server takes one.")
    try:
        text.encode()
    except UnicodeEncodeError:
        sendable = False
    else:
        sendable = True
    if not sendable:  # raised out here: the other error holds the text
        raise ConfigError(f"config.{key} holds half a character (a lone surrogate).", "Give text that UTF-8 can write.")
