"""Text that came from a user, a server or a database, made fit for a terminal and for a line of a log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

_KEPT = frozenset("\n\t")
_NUMBERS = (bool, int, float, type(None))


def clean(text: str) -> str:
    """The text on one line, with an escape (`\\x1b`, `\\n`, `\\u202e`) for each character that does not print.

    Those are control characters, line separators, characters that change the direction of the text or have no width,
    and halves of surrogate pairs: they could steer a terminal, or make up a line of a log.
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def clean_lines(text: str) -> str:
    """`clean`, for text of several lines: line feeds and tabs stay."""
    if text.isprintable():
        return text
    return "".join(char if char in _KEPT else _printable(char) for char in text)


def _printable(char: str) -> str:
    return char if char.isprintable() else repr(char)[1:-1]


def logger(name: str) -> logging.Logger:
    """The logger of that name, whose records hold clean arguments: no id can begin a line of its own."""
    found = logging.getLogger(name)
    if not any(isinstance(one, _CleanArguments) for one in found.filters):
        found.addFilter(_CleanArguments())
    return found


class _CleanArguments(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the arguments of the record; let it pass."""
        if isinstance(record.args, Mapping):
            record.args = {name: _clean_argument(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(map(_clean_argument, record.args))
        return True


def _clean_argument(value: Any) -> Any:
    return value if isinstance(value, _NUMBERS) else clean(str(value))
