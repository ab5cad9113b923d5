"""What engines have in common whose databases are reached over a connection to a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool

from .base import Dialect, Option
from .errors import ConfigError

OPTIONS: Mapping[str, Option] = {
    "busy_timeout": Option(30.0, (int, float), least=0, most=86_400),
    "connect_timeout": Option(10, (int,), least=1, most=3600),
    "migration_lock_timeout": Option(None, (int, float), least=0, most=86_400),  # None: as busy_timeout
    "migration_statement_timeout": Option(900.0, (int, float), least=0, most=86_400 * 7),  # 0: none
}
# What a role that may not do something is told, by every server.
ASK_FOR_RIGHTS = "Ask the database's administrator for the right, or to run this."
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
        if self.settings.get("port") is not None and not 0 < self.settings["port"] < 65_536:
            raise ConfigError("config.port is no port number.", "Give one from 1 to 65535, or leave it out.")

    def address(self, **more: Any) -> URL:
        """The URL without the password, which is handed to the driver apart."""
        names = ("username", "host", "port", "database")
        named: dict[str, Any] = {name: self.settings.get(name) or None for name in names}
        return URL.create(f"{self.settings['drivername'].partition('+')[0]}+{self.driver}", **named, **more)

    @property
    def migration_lock_timeout(self) -> float:
        own = self.option("migration_lock_timeout")
        return super().migration_lock_timeout if own is None else float(own)

    def pool_options(self) -> dict[str, Any]:
        """Arguments of `create_engine` for the pool of connections."""
        return {"poolclass": QueuePool, "pool_size": 5, "max_overflow": 20}


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
