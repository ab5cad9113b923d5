"""Best-so-far curves of the objectives: as a picture, or in the terminal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_BAR_WIDTH = 40
_BESIDE_BAR = len("  trial 1234    0.0001234")


@dataclass(frozen=True)
class Curve:
    """One objective to be minimised: its value by trial id, and which of the trials had the default config."""

    metric: str
    values: Mapping[int, float]
    default_trials: frozenset[int]

    def best_so_far(self) -> list[tuple[int, float]]:
        """For each trial the least value up to it."""
        found: list[tuple[int, float]] = []
        for trial in sorted(self.values):
            value = self.values[trial]
            found.append((trial, min(value, found[-1][1]) if found else value))
        return found

    def records(self) -> list[tuple[int, float]]:
        """The trials that were better than all before them."""
        records: list[tuple[int, float]] = []
        for trial, best in self.best_so_far():
            if not records or best < records[-1][1]:
                records.append((trial, best))
        return records


def can_draw() -> bool:
    """Whether matplotlib, an optional extra, is installed."""
    return find_spec("matplotlib") is not None


def save_plot(file: Path, title: str, curves: list[Curve]) -> None:
    """Draw the curves below each other and write them to `file`, in the format of its suffix. Raises OSError."""
    # Without pyplot there is no choice of a screen: the figure is drawn in memory.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 1 + 3.2 * len(curves)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)  # an id may hold a $
    axes = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for axis, curve in zip(axes, curves, strict=True):
        others = [trial for trial in curve.values if trial not in curve.default_trials]
        defaults = sorted(curve.default_trials.intersection(curve.values))
        best = curve.best_so_far()
        axis.plot(others, [curve.values[trial] for trial in others], "o", color="0.6", label="trial")
        axis.plot(
            defaults, [curve.values[trial] for trial in defaults], "D", color="tab:orange", label="default config"
        )
        axis.step([trial for trial, _ in best], [value for _, value in best], where="post", label="best so far")
        axis.set_ylabel(curve.metric)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
    axes[0].legend(loc="upper right")
    axes[-1].set_xlabel("trial")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # of an id; a box stands there
        figure.savefig(file, dpi=120)


def print_plot(out: Console, curve: Curve) -> None:
    """Draw the trials that set a record as bars."""
    records = curve.records()
    if not records:
        return
    width = max(min(_BAR_WIDTH, out.width - _BESIDE_BAR), 1)
    block, longest = ("█" if out.encoding.lower().startswith("utf") else "#"), records[0][1]
    out.print(f"Best {curve.metric} so far", style="bold")
    for trial, value in records:
        bar = block * max(round(width * value / longest) if longest > 0 else 1, 1)
        out.print(f"  trial {trial:>4}  {bar:<{width}}  {value:.4g}")
    out.print()
