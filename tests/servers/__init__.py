"""Database servers for the tests: named by the environment, started from local binaries, or installed first."""

from __future__ import annotations

from servers.base import DatabaseServer
from servers.errors import ServerBroken, ServerMissing
from servers.registry import CHOICES, DEFAULT, choose, chosen, obtain, require, require_named, stop_all

__all__ = [
    "CHOICES",
    "DEFAULT",
    "DatabaseServer",
    "ServerBroken",
    "ServerMissing",
    "choose",
    "chosen",
    "obtain",
    "require",
    "require_named",
    "stop_all",
]
