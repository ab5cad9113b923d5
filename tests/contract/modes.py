"""The engines that the contract suite runs on, one row each, and how a test gets a fresh database of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Mode:
    """One way to store.

    `make_config` gives the config of a fresh, empty database (the folder is the test's own); `can_share_processes` says
    that a second storage, also one in another process, can open the same database.
    """

    name: str
    make_config: Callable[[Path], dict[str, Any]]
    can_share_processes: bool = True


MODES = (
    Mode("sqlite-file", lambda folder: {"drivername": "sqlite", "database": str(folder / "trials.sqlite")}),
    Mode("sqlite-memory", lambda _folder: {"drivername": "sqlite"}, can_share_processes=False),
)

SHARED_MODES = tuple(mode for mode in MODES if mode.can_share_processes)
PRIVATE_MODES = tuple(mode for mode in MODES if not mode.can_share_processes)
