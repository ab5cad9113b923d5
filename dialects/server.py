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
}
# What a role that may not do something is told, by every server.
ASK_FOR_RIGHTS = "Ask the database's administrator for the right, or to run this."


class ServerDialect(Dialect):
    """A database on a server, which many processes of many hosts may share."""

    many_processes: ClassVar[bool] = True
    options: ClassVar[Mapping[str, Option]] = OPTIONS

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        if not self.settings.get("database"):
            raise ConfigError("config.database is missing.", "Name the database on the server.")
        for key in ("database", "username", "password", "host"):
            if "\0" in (self.settings.get(key) or ""):
                raise ConfigError(f"config.{key} holds a NUL character.", "No server takes one.")
        if not 0 < (self.settings.get("port") or 1) < 65_536:
            raise ConfigError("config.port is no port number.", "Give one from 1 to 65535, or leave it out.")

    def address(self, **more: Any) -> URL:
        """The URL without the password, which is handed to the driver apart."""
        names = ("username", "host", "port", "database")
        return URL.create(
            f"{self.settings['drivername'].partition('+')[0]}+{self.driver}",
            **{name: self.settings.get(name) or None for name in names},
            **more,
        )

    def pool_options(self) -> dict[str, Any]:
        """Arguments of `create_engine` for the pool of connections."""
        return {"poolclass": QueuePool, "pool_size": 5, "max_overflow": 20}
