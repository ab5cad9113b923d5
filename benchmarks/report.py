"""What was measured, for people: tables, a picture of the ratios, a picture of the throughput."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .measuring import Measured

OURS, FLOOR = "trialstore", "floor"
NONE = "–"


def ratios(title: str, found: Sequence[Measured], peers: Mapping[str, str]) -> Table:
    """A row an operation. `peers`: name → why it was not measured, or nothing."""
    table = Table(title=title)
    table.add_column("operation")
    for name in (OURS, FLOOR, "ratio", "quartiles", "least", "limit", *peers):
        table.add_column(name, justify="right")
    for measured in found:
        ratio, least = measured.ratio(), measured.least()
        if ratio is None or least is None:
            continue
        style = "red" if measured.missed else ""
        table.add_row(
            measured.name,
            *(duration(measured.seconds(side)) for side in (OURS, FLOOR)),
            f"{ratio[0]:.2f}",
            f"{ratio[1]:.2f}–{ratio[2]:.2f}",
            f"{least:.2f}",
            NONE if measured.limit is None else f"{measured.limit}",
            *(duration(measured.seconds(peer)) for peer in peers),
            style=style,
        )
    return table


def flat(title: str, found: Sequence[Measured], sizes: Sequence[int]) -> Table:
    """A row an operation: what it costs at each size, and how many times that at the least size."""
    table = Table(title=title)
    table.add_column("operation")
    for size in sizes:
        table.add_column(f"{size:,} trials", justify="right")
    for size in sizes[1:]:
        table.add_column(f"{size:,} : {sizes[0]:,}", justify="right")
        table.add_column("least", justify="right")
    for measured in found:
        compared = []
        for size in sizes[1:]:
            ratio, least = (each(str(size), str(sizes[0])) for each in (measured.ratio, measured.least))
            compared += [NONE if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f}–{ratio[2]:.2f})"]
            compared += [NONE if least is None else f"{least:.2f}"]
        table.add_row(
            measured.name,
            *(duration(measured.seconds(str(size))) for size in sizes),
            *compared,
        )
    return table


def memory(title: str, found: Sequence[Mapping[str, Any]]) -> Table:
    """A row a call: the most it took and what it kept, in all and for each trial or point."""
    table = Table(title=title)
    for name in ("call", "trials or points", "at most", "kept", "at most, each", "at most : kept"):
        table.add_column(name, justify="left" if name == "call" else "right")
    for row in found:
        if "error" in row:
            table.add_row(row["call"], f"{row['of']:,}", row["error"])
            continue
        most, kept = row["most"], row["kept"]
        share = f"{most / kept:.2f}" if kept > 0 else NONE
        sizes = (f"{most / 1e6:.1f} MB", f"{kept / 1e6:.1f} MB", f"{most / row['of']:,.0f} B")
        table.add_row(row["call"], f"{row['of']:,}", *sizes, share)
    return table


def throughput(title: str, found: Mapping[str, Mapping[str, float]]) -> Table:
    """A row a number of processes, a column a library."""
    table = Table(title=title)
    table.add_column("processes", justify="right")
    for name in found:
        table.add_column(f"{name}, trials/s", justify="right")
    for processes in sorted({int(number) for each in found.values() for number in each}):
        rates = [each.get(str(processes)) for each in found.values()]
        table.add_row(str(processes), *(NONE if rate is None else f"{rate:.1f}" for rate in rates))
    return table


def duration(seconds: float | None) -> str:
    """Seconds in the unit that fits."""
    if seconds is None:
        return NONE
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.0f} µs"


def draw_ratios(file: Path, engines: Mapping[str, Sequence[Measured]]) -> None:
    """Bars of the ratios to the floor with their quartiles, and a mark where each may end."""
    figure = _figure(5 * len(engines), 9)
    axes = figure.subplots(1, len(engines), sharey=True, squeeze=False)[0]
    for axis, (engine, found) in zip(axes, engines.items(), strict=True):
        shown = [(measured, ratio) for measured in found if (ratio := measured.ratio()) is not None]
        for place, (measured, (ratio, low, high)) in enumerate(shown):
            spread = [[max(ratio - low, 0)], [max(high - ratio, 0)]]
            axis.barh(place, ratio, xerr=spread, color="tab:red" if measured.missed else "tab:blue", alpha=0.8)
            if measured.limit is not None:
                axis.plot([measured.limit] * 2, [place - 0.4, place + 0.4], color="black")
        axis.set_yticks(range(len(shown)), [measured.name for measured, _ in shown])
        axis.set_title(engine)
        axis.set_xlabel("times the floor")
        axis.axvline(1, color="0.5", linewidth=0.8)
        axis.grid(visible=True, axis="x", alpha=0.3)
    axes[0].invert_yaxis()
    figure.savefig(file, dpi=110)


def draw_throughput(file: Path, engines: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Trials a second by number of processes, a picture an engine."""
    figure = _figure(5 * len(engines), 4)
    axes = figure.subplots(1, len(engines), squeeze=False)[0]
    for axis, (engine, found) in zip(axes, engines.items(), strict=True):
        for name, rates in found.items():
            numbers = sorted(map(int, rates))
            axis.plot(numbers, [rates[str(number)] for number in numbers], "o-", label=name)
        axis.set_title(engine)
        axis.set_xlabel("processes")
        axis.set_ylabel("trials/s")
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
        axis.legend()
    figure.savefig(file, dpi=110)


def _figure(width: float, height: float) -> Any:
    """A figure that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def console() -> Console:
    """Standard output, wide enough for all columns where it is no terminal."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=200)
