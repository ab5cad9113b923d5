"""Consoles, tables, text forms and errors for the command line. rich is imported when something is printed."""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal

import click

from trialstore.dialects.errors import StorageError

if TYPE_CHECKING:
    from rich.console import Console

# Where no terminal sets a width, nothing may be cut off or folded.
_ENDLESS = 100_000
_GAP = 2
_LEAST_LAST = 20
_NOTHING = "–"
_LARGE = 1e3
_HUGE = 1e15


def console(*, stderr: bool = False) -> Console:
    """A console on stdout (or stderr) that prints text as it is: no markup, and without a terminal no folding."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return _console(stream, None if terminal else _ENDLESS, terminal=terminal)


def _console(stream: IO[str], width: int | None, *, terminal: bool) -> Console:
    from rich.console import Console

    return Console(file=stream, width=width, force_terminal=terminal, markup=False, highlight=False, emoji=False)


def show_error(error: StorageError) -> None:
    """Print an error and what to do about it."""
    click.echo(f"Error: {error.message}", err=True)
    if error.hint:
        click.echo(f"Hint: {error.hint}", err=True)


def print_table(
    out: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, may_omit_last: bool = False
) -> None:
    """Print a table under a title; numbers stand right, and a tuple's values below each other on a terminal.

    On a terminal that is too narrow the last column folds. If not even its least width is left, it is omitted with a
    note where the caller allows that, and otherwise the terminal wraps the lines: nothing is cut off in silence.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    filled = [list(row) for row in rows]
    separator = "\n" if out.is_terminal else ", "
    cells = [[_cell(value, separator) for value in row] for row in filled]
    widths = [
        max(cell_len(line) for cell in column for line in cell.split("\n"))
        for column in zip(columns, *cells, strict=True)
    ]
    left_over = out.width - sum(widths[:-1]) - _GAP * (len(columns) - 1)
    omit = may_omit_last and left_over < min(widths[-1], _LEAST_LAST)
    widths[-1] = min(widths[-1], max(left_over, _LEAST_LAST))
    count = len(columns) - omit
    if title:
        out.print(title, style="bold", soft_wrap=True)
    table = Table(
        box=box.SIMPLE_HEAD if out.is_terminal else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1 if out.is_terminal else _GAP, 0, 0),
        header_style="bold",
    )
    for number in range(count):
        right = any(_stands_right(row[number]) for row in filled)
        justify: Literal["left", "right"] = "right" if right else "left"
        table.add_column(columns[number], justify=justify, overflow="fold", width=widths[number])
    for row in cells:
        table.add_row(*row[:count])
    needed = sum(widths[:count]) + _GAP * count
    # rich itself would squeeze all columns of a table that is too wide.
    (_console(out.file, needed, terminal=out.is_terminal) if needed > out.width else out).print(table)
    if omit:
        out.print(f"(The terminal is too narrow for the column {columns[-1]!r}.)", soft_wrap=True)
    out.print()


def _cell(value: object, separator: str) -> str:
    return separator.join(map(shown, value)) if isinstance(value, tuple) else shown(value)


def print_fields(out: Console, fields: Mapping[str, object], title: str = "") -> None:
    """Print names and values below each other, indented if there is a title."""
    indent = ""
    if title:
        out.print(title if fields else f"{title}: none", style="bold")
        indent = "  "
    width = max((len(clean(name)) for name in fields), default=0)
    for name, value in fields.items():
        out.print(f"{indent}{clean(name):<{width}}  {shown(value)}", soft_wrap=True)
    out.print()


def shown(value: object) -> str:
    """A value as text for people: numbers to 4 digits, times in UTC, nothing as a dash, no control characters."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _NOTHING
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dt.datetime):
        return moment(value)
    return clean(str(value))


def moment(value: dt.datetime | None, *, seconds: bool = True) -> str:
    """A time in UTC to the second or minute, or a dash."""
    if value is None or value != value:  # pandas' NaT is no None, and differs from itself
        return _NOTHING
    return value.astimezone(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def percent(value: float | None) -> str:
    """A share in percent with its sign, or a dash."""
    return _NOTHING if value is None or math.isnan(value) else f"{value:+.1f} %"


def settings(values: Mapping[str, Any], default: Mapping[str, Any]) -> str:
    """The values of a config that differ from the default config, as `name=value`."""
    differing = [f"{name}={shown(value)}" for name, value in values.items() if value != default.get(name)]
    return " ".join(differing) or "(default)"


def clean(text: str) -> str:
    """Text without characters that would steer a terminal, each replaced by its escape."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < _HUGE:
        return str(int(value))
    return f"{value:.1f}" if _LARGE <= abs(value) < _HUGE else f"{value:.4g}"


def _stands_right(value: object) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or str(value).endswith(" %")
