"""Telemetry drawn: as a picture, or as columns of characters."""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .output import moment, print_text, shown

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

LEAST_COLUMNS = 10
_HEIGHT = 8
_LABEL = 10
_FARTHEST = 1e300
"""The greatest number that matplotlib can make an axis for."""


@dataclass(frozen=True)
class Part:
    """A part of the time: its first and last point, and the least, mean and greatest number."""

    first: dt.datetime
    last: dt.datetime
    least: float
    mean: float
    greatest: float


@dataclass(frozen=True)
class Curve:
    """A metric: how many points it has, and its parts that have numbers."""

    metric: str
    points: int
    values: list[Part]

    @classmethod
    def of(cls, metric: str, rows: pd.DataFrame) -> Curve:
        """The curve of the rows of a sample."""
        numbers = rows[rows["numbers"] > 0]
        columns = (numbers[name] for name in ("ts_first", "ts_last", "min", "mean", "max"))
        values = [
            Part(first.to_pydatetime(warn=False), last.to_pydatetime(warn=False), float(low), float(mean), float(high))
            for first, last, low, mean, high in zip(*columns, strict=True)
        ]
        return cls(metric, int(rows["count"].sum()), values)


def print_curve(out: Console, curve: Curve, columns: int) -> None:
    """Draw a curve as columns from the least to the greatest value of each part."""
    if not curve.values:
        print_text(out, f"{curve.metric}: {curve.points} points, no numbers", style="bold")
        out.print()
        return
    low = min(part.least for part in curve.values)
    high = max(part.greatest for part in curve.values)
    print_text(out, f"{curve.metric}: {curve.points} points, {shown(low)} to {shown(high)}", style="bold")
    cells = _cells(curve, low, high, columns)
    block = "█" if out.encoding.lower().startswith("utf") else "#"
    for row in reversed(range(_HEIGHT)):
        label = shown(high) if row == _HEIGHT - 1 else shown(low) if row == 0 else ""
        line = "".join(block if row in cells[column] else " " for column in range(columns))
        print_text(out, f"{label:>{_LABEL}} |{line}".rstrip())
    first, last = moment(curve.values[0].first), moment(curve.values[-1].last)
    print_text(out, f"{'':>{_LABEL}} +{'-' * columns}")
    print_text(out, f"{'':>{_LABEL}}  {first} to {last} UTC")
    out.print()


def _cells(curve: Curve, low: float, high: float, columns: int) -> list[set[int]]:
    """Column → the rows that are filled, from the lowest, 0."""
    begin, end = curve.values[0].first, curve.values[-1].last
    span = (end - begin).total_seconds()
    # Halves: the range of two doubles may be none.
    range_of_values = high / 2 - low / 2

    def row(value: float) -> int:
        return round((value / 2 - low / 2) / range_of_values * (_HEIGHT - 1)) if range_of_values > 0 else 0

    cells: list[set[int]] = [set() for _ in range(columns)]
    for part in curve.values:
        middle = part.first + (part.last - part.first) / 2
        at = round((middle - begin).total_seconds() / span * (columns - 1)) if span > 0 else 0
        cells[at].update(range(row(part.least), row(part.greatest) + 1))
    return cells


def save_curves(file: Path, title: str, curves: list[Curve]) -> None:
    """Draw the curves below each other and write them to `file`, in the format of its suffix. Raises OSError, and
    ValueError for a format that there is not."""
    # Without pyplot there is no choice of a screen: the figure is drawn in memory.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1 + 2.4 * max(len(curves), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)  # an id may hold a $
    axes = figure.subplots(max(len(curves), 1), 1, sharex=True, squeeze=False)[:, 0]
    for axis, curve in zip(axes, curves, strict=False):
        times = [part.first + (part.last - part.first) / 2 for part in curve.values]
        least, mean, greatest = (
            [max(-_FARTHEST, min(value, _FARTHEST)) for value in values]
            for values in zip(*((part.least, part.mean, part.greatest) for part in curve.values), strict=True)
        )
        axis.fill_between(times, least, greatest, alpha=0.3)
        style = "o-" if len(times) == 1 else "-"
        axis.plot(times, mean, style, linewidth=1)
        axis.set_ylabel(curve.metric, parse_math=False)
        axis.grid(visible=True, alpha=0.3)
    axes[-1].set_xlabel("UTC")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # of a name; a box stands there
        figure.savefig(file, dpi=120)
