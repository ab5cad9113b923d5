"""The demo's last word: the best configs against the default, read back from the storage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trialstore.dialects.text import clean
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.demo.plot import Curve, can_draw, print_plot, save_plot
from trialstore.storage.demo.search import WEIGHTS, cost
from trialstore.storage.demo.settings import DEFAULTS

from .output import percent, print_table, print_text, settings
from .summary import ConfigScore, config_scores, config_values, improvement, scores

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

_BEST = 5
_TITLE_ROOM = 60
# Such a config is fast because it does not wait for the disk.
_UNSAFE = {"journal_mode": ("memory",), "synchronous": ("off",)}


@dataclass(frozen=True)
class Ranked:
    """A config with its scores by objective, and its cost relative to the default's (1)."""

    config_id: int
    scores: dict[str, ConfigScore]
    cost: float


def rank_configs(results: pd.DataFrame, default_id: int | None) -> list[Ranked]:
    """The configs that have all objectives, least cost first; empty while the default has none to compare with."""
    by_metric = {metric: {s.config_id: s for s in config_scores(results, metric, "min")} for metric in WEIGHTS}
    complete = set.intersection(*(set(found) for found in by_metric.values()))
    if default_id not in complete:
        return []
    medians = {key: {metric: found[key].median for metric, found in by_metric.items()} for key in complete}
    ranked = [
        Ranked(
            key, {metric: found[key] for metric, found in by_metric.items()}, cost(medians[key], medians[default_id])
        )
        for key in complete
    ]
    return sorted(ranked, key=lambda entry: (entry.cost, entry.config_id))


def print_report(out: Console, data: ExperimentData) -> None:
    """Print the table of the best configs and of the default."""
    results = data.results_df
    default_id = data.default_tunable_config_id
    ranked = rank_configs(results, default_id)
    if not ranked:
        out.print("The default config has no results yet to compare others with.\n")
        return
    default = next(entry for entry in ranked if entry.config_id == default_id)
    values = config_values(data)
    chosen = [entry for entry in ranked[:_BEST] if entry is not default] + [default]
    rows = [
        (
            ranked.index(entry) + 1,
            min(len(score.values) for score in entry.scores.values()),
            *(
                cell
                for metric, score in entry.scores.items()
                for cell in (
                    score.median,
                    percent(improvement("min", default.scores[metric].median, score.median)),
                )
            ),
            settings(values[entry.config_id], values[default.config_id]),
        )
        for entry in chosen
    ]
    columns = ["rank", "trials"]
    for metric in WEIGHTS:
        columns += [metric, "better"]
    out.print()
    title = f"The best of {len(ranked)} configs against the default: medians, and settings where they differ"
    print_table(out, title, (*columns, "settings"), rows)
    _print_warning(out, [values[entry.config_id] for entry in ranked], values[default.config_id])


def _print_warning(out: Console, ranked: list[dict[str, Any]], default: dict[str, Any]) -> None:
    unsafe = _unsafe(ranked[0])
    if not unsafe:
        return
    risk = "a crash or power cut can damage its database"
    rank, safe = next((rank, config) for rank, config in enumerate([*ranked, default], start=1) if not _unsafe(config))
    out.print(
        f"Note: with {' and '.join(unsafe)}, as the best config has it, {risk}. "
        f"The best config without that risk is rank {rank}: {settings(safe, default)}\n"
    )


def _unsafe(config: dict[str, Any]) -> list[str]:
    return [f"{name}={config[name]}" for name, risky in _UNSAFE.items() if config.get(name) in risky]


def _short(text: str) -> str:
    """Text that has room in the title of a plot."""
    shown = clean(text)
    return shown if len(shown) <= _TITLE_ROOM else f"{shown[:_TITLE_ROOM]}…"


def draw(out: Console, data: ExperimentData, file: Path | None) -> Path | None:
    """Draw the best-so-far curves into `file`, or in the terminal without one; the file that was written, if any."""
    results = data.results_df
    is_default = results["tunable_config_id"] == data.default_tunable_config_id
    default_trials = frozenset(int(trial) for trial in results[is_default]["trial_id"])
    curves = [Curve(metric, scores(results, metric), default_trials) for metric in WEIGHTS]
    if not any(curve.values for curve in curves):
        return None
    if file is not None and can_draw():
        try:
            save_plot(file, f"{_short(data.experiment_id)}: {len(DEFAULTS)} settings, {len(results)} trials", curves)
        except OSError as exc:
            print_text(out, f"The plot cannot be written to {file}: {exc.strerror or exc}.")
        else:
            return file
    for curve in curves:
        print_plot(out, curve)
    return None
