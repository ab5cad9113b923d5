"""Consoles, tables, text forms and errors for the command line. rich is imported when something is printed."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal

import click

from trialstore.dialects.text import clean, clean_lines

from .streams import fitted, terminal_width

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console

# Where no terminal sets a width, nothing may be cut off or folded.
_ENDLESS = 100_000
_GAP = 2
_INDENT = 2
_LEAST_LAST = 20
_NOTHING = "–"
_LARGE = 1e3
_HUGE = 1e15
# Text that is shown in a setting as it is, since nothing else could look like it.
_WORD = re.compile(r"[^\s=\"']+")


def console(*, stderr: bool = False) -> Console:
    """A console on stdout (or stderr) that prints text as it is: no markup, and without a terminal no folding."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return _console(stream, terminal_width(stream) if terminal else _ENDLESS, terminal=terminal)


def _console(stream: IO[str], width: int, *, terminal: bool) -> Console:
    from rich.console import Console

    return Console(
        file=stream, width=width, height=25, force_terminal=terminal, markup=False, highlight=False, emoji=False
    )


def say(text: str, *, err: bool = False) -> None:
    """Print lines as they are: statements and scripts, which are to be copied. What they name is made clean before."""
    click.echo(clean_lines(text), err=err)


def print_sentence(text: str) -> None:
    """Print a sentence, folded between its words on a terminal."""
    if sys.stdout.isatty():
        console().print(clean(text))
    else:
        click.echo(clean(text))


def print_text(out: Console, text: str, style: str | None = None) -> None:
    """Print a sentence or title on a console, clean, and in characters that its encoding has."""
    out.print(fitted(clean(text), out.encoding), style=style)


def print_command(out: Console, words: Sequence[str]) -> None:
    """Print a command to be copied, folded on a terminal in the way that a shell takes."""
    from rich.cells import cell_len

    line, folded = "  " + words[0], []
    for word in words[1:]:
        if out.is_terminal and cell_len(f"{line} {word} \\") > out.width:
            folded.append(f"{line} \\")
            line = "    " + word
        else:
            line += f" {word}"
    for text in (*folded, line):
        out.print(fitted(text, out.encoding), soft_wrap=True)


def shell_word(text: str) -> str:
    """Text as a word for a shell, also where it holds characters that do not print."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{clean(escaped)}'"


def print_json(value: object) -> None:
    """Print JSON in ASCII, which no terminal takes for more than text."""
    click.echo(json_text(value))


def json_text(value: object) -> str:
    """The value as JSON text, in ASCII, of `json_value`."""
    return json.dumps(json_value(value), indent=2, allow_nan=False)


def json_value(value: Any) -> Any:
    """A value as JSON has it: NaN and infinities, which JSON lacks, as the text "NaN", "Infinity", "-Infinity", and
    times as ISO 8601 in UTC."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.timezone.utc).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): json_value(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(one) for one in value]
    return value


def print_table(
    out: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, may_omit_last: bool = False
) -> None:
    """Print a table under a title; numbers are right-aligned, and on a terminal a tuple's values are one per line.

    No line is longer than a terminal is wide, and nothing is cut off in silence: the last column folds. If not even its
    least width is left, it is omitted with a note where the caller allows that and the other columns fit; otherwise the
    rows are printed one below the other, a line a column.
    """
    from rich.cells import cell_len
    from rich.table import Table

    filled = [list(row) for row in rows]
    separator = "\n" if out.is_terminal else ", "
    names = [fitted(clean(name), out.encoding) for name in columns]
    cells = [[_cell(value, separator, out.encoding) for value in row] for row in filled]
    if title:
        print_text(out, title, style="bold")
    widths = [
        max(cell_len(line) for cell in column for line in cell.split("\n"))
        for column in zip(names, *cells, strict=True)
    ]
    others = sum(widths[:-1]) + _GAP * (len(names) - 1)
    left_over = out.width - others
    omit = False
    if out.is_terminal and left_over < min(widths[-1], _LEAST_LAST):
        omit = may_omit_last and others - _GAP <= out.width and len(names) > 1
        if not omit:
            _print_records(out, names, cells)
            return
    elif out.is_terminal:
        widths[-1] = min(widths[-1], left_over)
    count = len(names) - omit
    table = Table(
        box=_box(out) if out.is_terminal else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1 if out.is_terminal else _GAP, 0, 0),
        header_style="bold",
    )
    for number in range(count):
        right = any(_stands_right(row[number]) for row in filled)
        justify: Literal["left", "right"] = "right" if right else "left"
        table.add_column(names[number], justify=justify, overflow="fold", width=widths[number])
    for row in cells:
        table.add_row(*row[:count])
    needed = sum(widths[:count]) + _GAP * count
    # rich itself would squeeze all columns of a table that is too wide for its idea of a file.
    (_console(out.file, needed, terminal=False) if not out.is_terminal and needed > out.width else out).print(table)
    if omit:
        out.print(f"(The terminal is too narrow for the column {names[-1]!r}.)")
    out.print()


def _box(out: Console) -> Box:
    """The line under the header; rich's own replacement for terminals without such lines has others, and is wider."""
    from rich import box

    if out.encoding.startswith("utf"):
        return box.SIMPLE_HEAD
    return box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


def _cell(value: object, separator: str, encoding: str) -> str:
    text = separator.join(map(shown, value)) if isinstance(value, tuple) else shown(value)
    return fitted(text, encoding)


def _print_records(out: Console, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for row in rows:
        for line in _field_lines(out, list(zip(names, row, strict=True)), ""):
            out.print(line, soft_wrap=True)
        out.print()


def print_fields(out: Console, fields: Mapping[str, object], title: str = "") -> None:
    """Print names and values below each other, indented if there is a title."""
    if title:
        out.print(title if fields else f"{title}: none", style="bold")
    pairs = [(fitted(clean(name), out.encoding), fitted(shown(value), out.encoding)) for name, value in fields.items()]
    for line in _field_lines(out, pairs, " " * _INDENT if title else ""):
        out.print(line, soft_wrap=True)
    out.print()


def _field_lines(out: Console, fields: Sequence[tuple[str, str]], indent: str) -> Iterator[str]:
    """Lines of names and values, none longer than the terminal: a value that does not fit beside the names stands below
    its own."""
    from rich.cells import cell_len, set_cell_size

    width = max((cell_len(name) for name, _ in fields), default=0)
    for name, value in fields:
        room = out.width - len(indent) - width - _GAP
        longest = max(map(cell_len, value.split("\n")))
        if longest <= room or (room >= _LEAST_LAST and longest > out.width - len(indent) - _INDENT):
            first, *others = _folded(out, value, room)
            yield f"{indent}{set_cell_size(name, width)}{' ' * _GAP}{first}"
            yield from (" " * (len(indent) + width + _GAP) + line for line in others)
        else:
            yield from (indent + line for line in _folded(out, name, out.width - len(indent)))
            below = indent + " " * _INDENT
            yield from (below + line for line in _folded(out, value, out.width - len(below)))


def _folded(out: Console, text: str, width: int) -> list[str]:
    """The lines of a text, folded between its words where that is possible; at least one line."""
    from rich.cells import cell_len
    from rich.text import Text

    found = []
    for line in text.split("\n"):
        if cell_len(line) <= width:
            found.append(line)
        else:
            found += [part.plain.rstrip() for part in Text(line).wrap(out, width, overflow="fold")]
    return found


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


def settings(values: Mapping[str, Any], default: Mapping[str, Any], same: str = "(default)") -> str:
    """The values of a config that differ from another config, as `name=value`; `same` where none does.

    A value differs if its type does, since such configs are two; None and NaN are values, and a name may be absent.
    """
    differing = [
        f"{clean(name)}={distinct(value)}"
        for name, value in values.items()
        if name not in default or not _equal(value, default[name])
    ]
    differing += [f"{clean(name)}=(absent)" for name in default if name not in values]
    return " ".join(differing) or same


def _equal(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    return one == other or (one != one and other != other)  # NaN differs from itself


def distinct(value: object) -> str:
    """A value as text that stands for no other value: `1` and `'1'`, `None` and `'None'`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return str(value)
    if isinstance(value, str) and (not _WORD.fullmatch(value) or value in _NO_TEXT or _is_number(value)):
        return repr(value)
    return shown(value)


_NO_TEXT = frozenset({"None", "True", "False", "(absent)", "(default)"})


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < _HUGE:
        return str(int(value))
    return f"{value:.1f}" if _LARGE <= abs(value) < _HUGE else f"{value:.4g}"


def _stands_right(value: object) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or str(value).endswith(" %")
