"""What the command line shows of an experiment."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trialstore.dialects.text import clean
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from trialstore.storage.reading.overview import Progress

_RESULT = ExperimentData.RESULT_COLUMN_PREFIX


@dataclass(frozen=True)
class ConfigScore:
    """How the succeeded trials of one config did in one metric."""

    config_id: int
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median over the trials."""
        return statistics.median(self.values)


def trials_by_status(counts: Mapping[str, int]) -> tuple[str, ...]:
    """How many trials have each status, as text; at least one entry."""
    return tuple(f"{count} {clean(name)}" for name, count in counts.items()) or ("none",)


def progress_shown(progress: Progress) -> str | None:
    """How many of the trials are completed, as text; None where there are no trials."""
    return f"{progress.completed} of {progress.total}" if progress.total else None


def objectives_shown(objectives: Mapping[str, str]) -> tuple[str, ...]:
    """The objectives with their directions, as text; at least one entry."""
    return tuple(f"{name} ({direction})" for name, direction in objectives.items()) or ("none",)


def scores(results: pd.DataFrame, metric: str) -> dict[int, float]:
    """Trial id → finite value of a metric, of the trials that succeeded and have one."""
    column = f"{_RESULT}{metric}"
    if column not in results:
        return {}
    good = results[results["status"] == Status.SUCCEEDED.name]
    numbers = {int(trial): as_number(value) for trial, value in zip(good["trial_id"], good[column], strict=True)}
    return {trial: value for trial, value in numbers.items() if value is not None and math.isfinite(value)}


def as_number(value: Any) -> float | None:
    """A value as a float, None where it is no number; an int beyond the range of floats is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None


def config_scores(results: pd.DataFrame, metric: str, direction: str) -> list[ConfigScore]:
    """The configs by the median of a metric, best first."""
    config_of = dict(zip(results["trial_id"], results["tunable_config_id"], strict=True))
    by_config: dict[int, list[float]] = {}
    for trial, value in scores(results, metric).items():
        by_config.setdefault(int(config_of[trial]), []).append(value)
    ranked = [ConfigScore(config_id, tuple(values)) for config_id, values in by_config.items()]
    return sorted(ranked, key=lambda score: score.median, reverse=direction == "max")


def improvement(direction: str, default: float, value: float) -> float | None:
    """By how many percent `value` is better than `default` (negative: worse); None where the default is 0."""
    if default == 0:
        return None
    gain = default - value if direction == "min" else value - default
    return gain / abs(default) * 100


def config_values(data: ExperimentData) -> dict[int, dict[str, Any]]:
    """Config id → its values, of their own types; those that it lacks are left out, None and NaN are not."""
    return {config_id: config.config_dict for config_id, config in data.tunable_configs.items()}
