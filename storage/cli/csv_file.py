"""Trials as CSV: UTF-8 in a file, and on standard output in its encoding."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trialstore.dialects.errors import StorageError
from trialstore.dialects.text import clean

from .output import say

if TYPE_CHECKING:
    import pandas as pd

_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(trials: pd.DataFrame, file: str, *, plain_text: bool = False) -> None:
    """Write a line a trial under a line of names; '-' is standard output.

    Text that the encoding lacks is written as escapes (`\\u65e5`); a terminal gets escapes for control characters, too.

    Args:
        trials: Columns whose values are written as Python's `str` has them, None and NaN as nothing.
        file: The file, which is replaced.
        plain_text: Whether text that a spreadsheet would take for a formula gets an apostrophe before it.

    Raises:
        StorageError: the file cannot be written.
    """
    if plain_text:
        trials = _with_plain_text(trials)
    buffer = io.StringIO()
    trials.to_csv(buffer, index=False, lineterminator="\n")
    text = buffer.getvalue()
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


def _with_plain_text(trials: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    columns = {
        str(name): pd.Series(list(map(_plain_text, column)), index=column.index, dtype=object)  # ints stay ints
        if column.dtype == object
        else column
        for name, column in trials.items()
    }
    found: pd.DataFrame = pd.DataFrame(columns)
    return found


def _plain_text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUN_BY_SPREADSHEETS) else value
