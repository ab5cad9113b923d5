"""The queries of docs/analysis.md, as the page has them, on every engine."""

from __future__ import annotations

import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from trialstore.contract.helpers import at, make_experiment, query
from trialstore.contract.modes import Config
from trialstore.storage import SqlStorage, Status

PAGE = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
# level, seconds, cost
RUNS = ((1, 2.0, 1.0), (1, 3.0, 5.0), (3, 1.25, 4.0), (3, 1.0, 6.0), (4, 1.4, 3.0), (4, 9.0, "none"))


def asked(storage: SqlStorage, section: str) -> list[tuple[Any, ...]]:
    """Rows of the section's query for the engine."""
    engine = storage.database.dialect.name
    for block in re.findall(r"```sql\n(.*?);\n```", SECTIONS[section], re.DOTALL):
        named = re.match(r"-- on (.*)", block)
        if named is None or engine in named[1].lower():
            return query(storage, block)
    raise LookupError(section)


@pytest.fixture
def filled(empty: Config) -> Any:
    """A storage with the runs."""
    with SqlStorage({**empty, "schema_policy": "update"}) as storage:
        tunables = {"level": 1, "mode": "a"}
        with make_experiment(storage, "bench", tunables=tunables, opt_targets={"seconds": "min"}) as experiment:
            for number, (level, seconds, cost) in enumerate(RUNS):
                trial = experiment.new_trial({"level": level})
                trial.update(Status.RUNNING, at(number))
                trial.update_telemetry(Status.RUNNING, at(number), [(at(1), "cpu", 0.5), (at(2), "state", "idle")])
                trial.update(Status.SUCCEEDED, at(10 + number), {"seconds": seconds, "cost": cost})
        yield storage


def test_every_query_is_run_here() -> None:
    assert len(re.findall("```sql", PAGE)) == 8
    assert len(SECTIONS) == 8


def test_the_best_configs_come_with_an_interval(filled: SqlStorage) -> None:
    rows = asked(filled, "The best configs, with an interval")
    means = [(2, (1.25, 1.0)), (1, (2.0, 3.0)), (3, (1.4, 9.0))]
    for (config_id, runs, mean, half), (number, values) in zip(rows, means, strict=True):
        assert (config_id, runs, float(mean)) == (number, 2, pytest.approx(statistics.mean(values)))
        assert float(half) == pytest.approx(1.96 * statistics.stdev(values) / 2**0.5)


def test_a_metric_is_followed_over_commits(filled: SqlStorage) -> None:
    ((_, _, runs, mean),) = asked(filled, "A metric over commits")
    assert (runs, float(mean)) == (6, pytest.approx(17.65 / 6))


def test_trials_are_found_by_result_and_parameter(filled: SqlStorage) -> None:
    assert asked(filled, "Trials by result and parameter") == [(4, 1.0, 3.0), (3, 1.25, 3.0), (5, 1.4, 4.0)]


def test_the_front_is_what_no_trial_betters(filled: SqlStorage) -> None:
    assert asked(filled, "The Pareto front") == [(4, 1.0, 6.0), (3, 1.25, 4.0), (5, 1.4, 3.0), (1, 2.0, 1.0)]


def test_telemetry_is_that_of_the_slowest_trial_and_in_order_of_time(filled: SqlStorage) -> None:
    slowest = asked(filled, "Telemetry of the slowest trial")
    assert [row[1:] for row in slowest] == [("cpu", 0.5), ("state", None)]
    assert [row[1:] for row in asked(filled, "Telemetry for Grafana")] == [("cpu", 0.5)]


@pytest.mark.parametrize("engine", [pytest.param("duckdb", marks=pytest.mark.engine("duckdb"))])
def test_metrics_become_columns(filled: SqlStorage) -> None:
    rows = asked(filled, "A column for each metric")
    assert rows[0] == (1, 1.0, 2.0)
    assert rows[-1] == (6, None, 9.0)
