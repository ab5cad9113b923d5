"""What the command line and the demo's report compute from results."""

from __future__ import annotations

import io
import math
import statistics
import types
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from trialstore.storage.cli.demo_report import print_report, rank_configs
from trialstore.storage.cli.output import settings
from trialstore.storage.cli.summary import (
    config_scores,
    config_values,
    improvement,
    scores,
)

if TYPE_CHECKING:
    from trialstore.storage.base_experiment_data import ExperimentData

durations = st.floats(0.001, 1000)


def frame(*rows: tuple[int, int, str, float | None], metric: str = "elapsed_s") -> pd.DataFrame:
    """Results of trials `(trial_id, config_id, status, metric)`, each a minute long."""
    start = pd.to_datetime([f"2026-01-01 10:{trial:02}:00Z" for trial, *_ in rows])
    return pd.DataFrame(
        {
            "trial_id": [trial for trial, *_ in rows],
            "ts_start": start,
            "ts_end": start + pd.Timedelta(minutes=1),
            "tunable_config_id": [config for _, config, *_ in rows],
            "status": [status for *_, status, _ in rows],
            "config.page_size": [config * 1024 for _, config, *_ in rows],
            f"result.{metric}": [value for *_, value in rows],
        }
    )


def test_only_succeeded_trials_with_a_finite_number_count() -> None:
    results = frame(
        (1, 1, "SUCCEEDED", 3.0),
        (2, 1, "SUCCEEDED", math.nan),
        (3, 2, "FAILED", 1.0),
        (4, 2, "SUCCEEDED", math.inf),
        (5, 2, "SUCCEEDED", 2.0),
    )
    assert scores(results, "elapsed_s") == {1: 3.0, 5: 2.0}
    assert scores(results, "no such metric") == {}


@given(st.lists(st.tuples(st.integers(1, 4), durations), min_size=1, max_size=30))
def test_configs_are_ranked_by_the_median_over_their_trials(pairs: list[tuple[int, float]]) -> None:
    results = frame(
        *((trial, config, "SUCCEEDED", value) for trial, (config, value) in enumerate(pairs, start=1)),
    )
    ranked = config_scores(results, "elapsed_s", "min")
    by_config = {config: [value for other, value in pairs if other == config] for config, _ in pairs}
    assert {score.config_id: score.median for score in ranked} == {
        config: pytest.approx(statistics.median(values)) for config, values in by_config.items()
    }
    assert [score.median for score in ranked] == sorted(score.median for score in ranked)
    assert [score.median for score in config_scores(results, "elapsed_s", "max")] == sorted(
        (score.median for score in ranked), reverse=True
    )


@pytest.mark.parametrize(
    ("direction", "default", "value", "expected"),
    [("min", 2.0, 1.0, 50.0), ("min", 2.0, 3.0, -50.0), ("max", 2.0, 3.0, 50.0), ("max", -2.0, -1.0, 50.0)],
)
def test_improvement_is_positive_where_a_value_is_better(
    direction: str, default: float, value: float, expected: float
) -> None:
    assert improvement(direction, default, value) == pytest.approx(expected)


def test_there_is_no_improvement_in_percent_over_nothing() -> None:
    assert improvement("min", 0.0, 1.0) is None


def test_configs_lack_the_values_that_only_others_have() -> None:
    results = frame((1, 1, "SUCCEEDED", 1.0), (2, 2, "SUCCEEDED", 1.0))
    results["config.extra"] = [None, "on"]
    data = cast("ExperimentData", SimpleData(results))
    assert config_values(data) == {1: {"page_size": 1024}, 2: {"page_size": 2048, "extra": "on"}}


def test_a_value_that_is_none_or_nan_is_one_that_a_config_has() -> None:
    configs = {1: types.SimpleNamespace(config_dict={"a": None}), 2: types.SimpleNamespace(config_dict={"a": math.nan})}
    found = config_values(cast("ExperimentData", types.SimpleNamespace(tunable_configs=configs)))
    assert found[1] == {"a": None}
    assert math.isnan(found[2]["a"])


@pytest.mark.parametrize(
    ("values", "default", "told"),
    [
        ({"a": None}, {"a": None}, "(default)"),
        ({"a": math.nan}, {"a": float("nan")}, "(default)"),
        ({"a": None}, {"a": math.nan}, "a=None"),
        ({"a": math.nan}, {"a": None}, "a=nan"),
        ({"a": None}, {"a": 1}, "a=None"),
        ({"a": None}, {}, "a=None"),
        ({}, {"a": None}, "a=(absent)"),
        ({"a": "None"}, {"a": None}, "a='None'"),
        ({"a": "(default)"}, {"a": 1}, "a='(default)'"),
        ({"a": True}, {"a": 1}, "a=True"),
        ({"a": "1"}, {"a": 1}, "a='1'"),
    ],
)
def test_settings_tell_every_value_that_differs(values: dict[str, Any], default: dict[str, Any], told: str) -> None:
    assert settings(values, default) == told


def test_the_report_ranks_by_the_weighted_cost_against_the_default() -> None:
    results = frame(
        (1, 1, "SUCCEEDED", 2.0), (2, 2, "SUCCEEDED", 1.0), (3, 3, "SUCCEEDED", 1.1), (4, 4, "FAILED", None)
    )
    results["result.p95_query_ms"] = [1.0, 5.0, 1.0, None]
    ranked = rank_configs(results, default_id=1)
    assert [entry.config_id for entry in ranked] == [3, 1, 2]
    assert ranked[1].cost == pytest.approx(1)
    assert rank_configs(results, default_id=4) == []


def test_the_report_warns_of_a_best_config_that_risks_the_database_and_names_the_best_other() -> None:
    results = frame(
        (1, 1, "SUCCEEDED", 4.0), (2, 2, "SUCCEEDED", 1.0), (3, 3, "SUCCEEDED", 2.0), (4, 4, "SUCCEEDED", 3.0)
    )
    results["result.p95_query_ms"] = 1.0
    results["config.synchronous"] = ["full", "off", "normal", "full"]
    results["config.journal_mode"] = ["delete", "wal", "memory", "wal"]
    stream = io.StringIO()
    print_report(Console(file=stream, width=500), cast("ExperimentData", SimpleData(results)))
    note = next(line for line in stream.getvalue().splitlines() if line.startswith("Note:"))
    assert "synchronous=off" in note
    assert "rank 3" in note
    assert "page_size=4096" in note


def test_without_results_of_the_default_there_is_nothing_to_compare() -> None:
    stream = io.StringIO()
    print_report(Console(file=stream, width=500), cast("ExperimentData", SimpleData(frame((1, 1, "FAILED", None)))))
    assert "no results yet" in stream.getvalue()


class SimpleData:
    """As much of an experiment's data as the report reads."""

    default_tunable_config_id = 1

    def __init__(self, results: pd.DataFrame) -> None:
        self.results_df = results
        self.tunable_configs = {
            int(row["tunable_config_id"]): types.SimpleNamespace(
                config_dict={
                    name.removeprefix("config."): value
                    for name, value in row.items()
                    if name.startswith("config.") and value == value and value is not None
                }
            )
            for row in results.to_dict("records")
        }
