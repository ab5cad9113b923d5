"""Trials as CSV: UTF-8 in a file, and on standard output in its encoding."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trialstore.dialects.errors import StorageError
from trialstore.dialects.text import clean

from .output import json_value, say

if TYPE_CHECKING:
    import pandas as pd

_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")
_NUL = "\0"
_PRIVATE_USE = (0xE000, 0x110000)
"""Characters that stand for nothing by themselves, and those behind them."""


def write_csv(trials: pd.DataFrame, file: str, *, plain_text: bool = False) -> None:
    """Write a line a trial under a line of names; '-' is standard output.

    Text that the encoding lacks is written as escapes (`\\u65e5`); a terminal gets escapes for control characters, too.

    Args:
        trials: Columns whose values are written as Python's `str` has them, dicts and lists as JSON, None and NaN as
            nothing.
        file: The file, which is replaced.
        plain_text: Whether text that a spreadsheet would take for a formula gets an apostrophe before it.

    Raises:
        StorageError: the file cannot be written.
    """
    trials = _mapped(trials, _with_nested_as_json)
    if plain_text:
        trials = _mapped(trials, _plain_text)
    text = _csv(trials)
    if file == "-":
        _print(text)
        return
    try:
        with Path(file).open("w", encoding="utf-8", errors="backslashreplace") as out:
            out.write(text)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise StorageError(f"{file!r} cannot be written: {reason}.", "Choose another file.") from None
    say(f"Wrote {len(trials)} trials to {clean(file)}.", err=True)


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    if sys.stdout.isatty():
        text = "".join(f"{clean(line)}\n" for line in text.rstrip("\n").split("\n"))
    # Not the plain forms of the other commands: this is data, and '–' stays another text than '-'.
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _csv(trials: pd.DataFrame) -> str:
    """The text of the file. Python 3.10 cannot write a NUL character as CSV: another one, which nothing has, stands in
    for it until all is written."""
    texts = [value for column in _object_columns(trials) for value in column if isinstance(value, str)]
    stand_in = ""
    if any(_NUL in text for text in texts):
        taken = set().union(*texts)
        stand_in = next(char for char in map(chr, range(*_PRIVATE_USE)) if char not in taken)
        trials = _mapped(trials, lambda value: value.replace(_NUL, stand_in) if isinstance(value, str) else value)
    lines = _Lines()
    trials.to_csv(lines, index=False, lineterminator=_Lines.ENDS)
    text = lines.getvalue()
    return text.replace(stand_in, _NUL) if stand_in else text


class _Lines(io.StringIO):
    """Lines of CSV, with a line feed at the end of each. Before Python 3.13 `csv` quotes a carriage return in a text,
    which readers take for the end of a line, only if lines end with one."""

    ENDS = "\r\n"

    def write(self, line: str) -> int:
        """Add a line, as `csv` does with each."""
        return super().write(line.removesuffix(self.ENDS) + "\n")


def _object_columns(trials: pd.DataFrame) -> list[pd.Series[Any]]:
    return [column for _, column in trials.items() if column.dtype == object]


def _mapped(trials: pd.DataFrame, function: Callable[[Any], Any]) -> pd.DataFrame:
    """The frame with the function's values in the columns of objects, which stay such columns: ints stay ints."""
    import pandas as pd

    columns = {
        str(name): pd.Series(list(map(function, column)), index=column.index, dtype=object)
        if column.dtype == object
        else column
        for name, column in trials.items()
    }
    found: pd.DataFrame = pd.DataFrame(columns)
    return found


def _with_nested_as_json(value: Any) -> Any:
    return json.dumps(json_value(value), ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _plain_text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUN_BY_SPREADSHEETS) else value
