"""Around os.fork: a child must never use, nor close, a connection of its parent."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, Protocol


class Forkable(Protocol):
    """An object that is notified around os.fork()."""

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...

    def after_fork_in_child(self) -> None: ...


_REGISTERED: weakref.WeakSet[Any] = weakref.WeakSet()
_held: list[Forkable] = []
# In a child: the engines that belong to its parent, kept so that no garbage collection closes their connections.
_of_parent: list[Any] = []
# In a child: databases that the parent was using when it was forked, which this process can then not open.
_left_open: set[str] = set()


def register(database: Forkable) -> None:
    """Call the methods of the database around every fork, until it is garbage-collected."""
    _REGISTERED.add(database)


def keep(engines: Any, in_use: str | None) -> None:
    """Keep the parent's engines as they are; `in_use` is the URL of a database that this child may not open."""
    _of_parent.append(engines)
    if in_use is not None:
        _left_open.add(in_use)


def is_left_open(url: Callable[[], object]) -> bool:
    """Whether the parent was using the database of that URL when it forked; `url` is called only if that can be."""
    return bool(_left_open) and str(url()) in _left_open


def _before() -> None:
    for database in list(_REGISTERED):
        database.before_fork()
        _held.append(database)


def _after_in_parent() -> None:
    while _held:
        _held.pop().after_fork_in_parent()


def _after_in_child() -> None:
    while _held:
        _held.pop().after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
