"""A connection of PyMySQL's that logs in within the time that it has for connecting."""

from __future__ import annotations

from typing import Any

from pymysql.connections import Connection


class LimitedConnection(Connection):
    """As PyMySQL's, whose time limits for reading and writing hold for the login, too."""

    place: int
    """Of its host, among several."""
    connect_timeout: float
    _read_timeout: float | None
    _write_timeout: float | None

    def connect(self, sock: Any = None) -> None:
        """Connect and log in."""
        limits = self._read_timeout, self._write_timeout
        self._read_timeout = self._write_timeout = self.connect_timeout
        try:
            super().connect(sock)
        finally:
            self._read_timeout, self._write_timeout = limits

    def limit_waits(self, seconds: float | None) -> None:
        """Wait for the server that long at most from now on."""
        self._read_timeout = self._write_timeout = seconds
