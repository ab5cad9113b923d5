"""Database servers for the tests: named by the environment, started from local binaries, or installed first."""

from __future__ import annotations

from servers.base import DatabaseServer
from servers.errors import ServerBroken, ServerMissing
from servers.registry import obtain, require, stop_all

__all__ = ["DatabaseServer", "ServerBroken", "ServerMissing", "obtain", "require", "stop_all"]
