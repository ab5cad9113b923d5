"""What the contract suite is told of an engine, or of one way to connect to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

Config = dict[str, Any]


@dataclass(frozen=True)
class Mode:
    """One way to store.

    Args:
        name: Shown in the ids of the tests.
        create: The config of a fresh, empty database; the folder is the test's own.
        drop: What to do with that database in the end.
        create_ready: As `create`, for a database whose schema is up to date and that has no other rows; None where
            migrating an empty one is as fast.
        reopens: A second storage of the same process sees the same database.
        many_processes: So does one of another process, at the same time.
        variant: Another mode runs the whole suite on the same engine; this one leaves out what is marked
            `once_per_engine`.
    """

    name: str
    create: Callable[[Path], Config]
    drop: Callable[[Config], None] | None = None
    create_ready: Callable[[Path], Config] | None = None
    reopens: bool = True
    many_processes: bool = True
    variant: bool = False


def needs(metafunc: pytest.Metafunc, name: str) -> bool:
    """Whether a test uses that fixture, and does not name values for it itself."""
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    given = {word.strip() for names in named for word in (names.split(",") if isinstance(names, str) else names)}
    return name in metafunc.fixturenames and name not in given
