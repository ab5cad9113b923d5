"""`results_df` of an experiment and of a trial group."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trialstore.contract.helpers import UTC, at, finish, make_experiment
from trialstore.storage import SqlStorage, Status, Storage

pytestmark = pytest.mark.once_per_engine("a frame is made of rows that were read")

OWN = [
    "trial_id",
    "ts_start",
    "ts_end",
    "tunable_config_id",
    "tunable_config_trial_group_id",
    "status",
    "trial_runner_id",
]


def frame_of(storage: SqlStorage, values: list[dict[str, Any]]) -> pd.DataFrame:
    """One trial for each dict, which holds both its tunables and its metrics."""
    names = {name for row in values for name in row}
    with make_experiment(storage, "F", tunables=dict.fromkeys(sorted(names)), opt_targets={}) as experiment:
        for row in values:
            experiment.new_trial(row).update(Status.SUCCEEDED, at(1), row)
    return storage.experiments["F"].results_df


def test_columns_are_the_trials_own_then_config_then_result_sorted_by_name(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={"b": 1, "a": 2, "B": 3}) as experiment:
        finish(experiment.new_trial({}), z=1, Z=2)
        finish(experiment.new_trial({}), y=1)
    frame = storage.experiments["Exp"].results_df
    assert list(frame.columns) == [
        *OWN,
        *["config.B", "config.a", "config.b"],
        *["result.Z", "result.score", "result.y", "result.z"],
    ]


def test_there_is_one_row_for_each_trial_whatever_its_status(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    done = experiment.new_trial({"cache": 1}, ts_start=at(1))
    done.set_trial_runner(5)
    finish(done, 0.5, seconds=9)
    waiting = experiment.new_trial({"cache": 2}, ts_start=at(2))
    experiment.new_trial({"cache": 1}, ts_start=at(3)).update(Status.RUNNING, at(4))
    frame = storage.experiments["Exp"].results_df
    first, second = done.tunable_config_id, waiting.tunable_config_id  # a server may leave ids out
    assert frame["trial_id"].tolist() == [1, 2, 3]
    assert frame["ts_start"].tolist() == [at(1), at(2), at(4)]
    assert frame["ts_end"].tolist()[0] == at(9)
    assert frame["ts_end"].isna().tolist() == [False, True, True]
    assert frame["tunable_config_id"].tolist() == [first, second, first]
    assert frame["tunable_config_trial_group_id"].tolist() == [1, 2, 1]
    assert frame["status"].tolist() == ["SUCCEEDED", "PENDING", "RUNNING"]
    assert frame["trial_runner_id"].isna().tolist() == [False, True, True]
    assert frame["trial_runner_id"][0] == 5
    assert frame["config.cache"].tolist() == [1, 2, 1]
    assert frame["result.score"].isna().tolist() == [False, True, True]


def test_times_are_utc_to_the_microsecond_in_any_year(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    moments = [dt.datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC) for year in (1970, 2025, 2100, 9990)]
    for moment in moments:
        experiment.new_trial({}, ts_start=moment)
    frame = storage.experiments["Exp"].results_df
    assert [moment.to_pydatetime() for moment in frame["ts_start"]] == moments
    assert all(moment.utcoffset() == dt.timedelta(0) for moment in frame["ts_start"])


def test_an_experiment_without_trials_has_a_frame_without_rows(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    frame = storage.experiments["Exp"].results_df
    assert list(frame.columns) == OWN
    assert len(frame) == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([0.5, 2, -1e300], [0.5, 2, -1e300]),
        ([1, None, 3], [1, math.nan, 3]),
        ([0.5, math.nan, math.inf], [0.5, math.nan, math.inf]),
        ([2**53 + 1, 2**62, -(2**63) + 1], [2**53 + 1, 2**62, -(2**63) + 1]),
        ([2**53 + 1, None], [2**53 + 1, math.nan]),
    ],
)
def test_a_column_is_numeric_where_every_value_is(storage: SqlStorage, values: list[Any], expected: list[Any]) -> None:
    frame = frame_of(storage, [{"v": value} for value in values])
    for column in ("config.v", "result.v"):
        assert pd.api.types.is_numeric_dtype(frame[column])
        for found, wanted in zip(frame[column], expected, strict=True):
            assert (pd.isna(found) and math.isnan(wanted)) or found == wanted


def test_a_trial_without_a_metric_leaves_the_column_numeric(storage: SqlStorage) -> None:
    frame = frame_of(storage, [{"a": 1, "b": 2}, {"a": 3}])
    assert pd.api.types.is_numeric_dtype(frame["result.b"])
    assert frame["result.b"].isna().tolist() == [False, True]
    assert frame["result.a"].tolist() == [1, 3]


@pytest.mark.parametrize("odd", [None, math.nan, math.inf, -math.inf, np.float32("nan"), np.float64(2), "missing"])
def test_an_objective_that_one_trial_has_no_finite_number_for_stays_numeric(storage: SqlStorage, odd: Any) -> None:
    with make_experiment(storage) as experiment:
        finish(experiment.new_trial({}), 0.5)
        trial = experiment.new_trial({})
        trial.update(Status.SUCCEEDED, at(2), {} if odd == "missing" else {"score": odd})
    column = storage.experiments["Exp"].results_df["result.score"]
    assert column.dtype == "float64"
    assert column.min() == (odd if odd == -math.inf else 0.5)


def test_text_among_the_values_of_an_objective_is_not_hidden_and_can_be_left_out(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        for score in (2.5, "fast", 1, None):
            finish(experiment.new_trial({}), score)
    column = storage.experiments["Exp"].results_df["result.score"]
    assert column.tolist() == [2.5, "fast", 1, None]
    numbers = pd.to_numeric(column, errors="coerce")
    assert numbers.isna().tolist() == [False, True, False, True]
    assert numbers.min() == 1


@pytest.mark.parametrize("values", [["007", "1"], [1, "1"], ["a", None], [True, 1], [0.5, False], [1, "x", None, 2.5]])
def test_any_other_column_holds_the_values_as_they_are(storage: SqlStorage, values: list[Any]) -> None:
    frame = frame_of(storage, [{"v": value} for value in values])
    for column in ("config.v", "result.v"):
        found = [None if pd.isna(value) else value for value in frame[column]]
        assert found == values
        assert [type(value) for value in found] == [type(value) for value in values]


def test_true_and_false_are_booleans(storage: SqlStorage) -> None:
    frame = frame_of(storage, [{"v": True}, {"v": False}])
    assert frame["config.v"].tolist() == [True, False]
    assert frame["result.v"].dtype == bool


def test_a_trial_group_has_the_rows_of_its_trials(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    for number, cache in enumerate((1, 2, 1, 1)):
        finish(experiment.new_trial({"cache": cache}, ts_start=at(number)), number)
    with make_experiment(storage, "Other") as other:
        finish(other.new_trial({"cache": 1}), 99)
    data = storage.experiments["Exp"]
    whole = data.results_df
    for config_id, rows in whole.groupby("tunable_config_id"):
        part = data.tunable_config_trial_groups[int(str(config_id))].results_df
        assert list(part.columns) == list(whole.columns)
        assert part["trial_id"].tolist() == rows["trial_id"].tolist()
        assert part["result.score"].tolist() == rows["result.score"].tolist()
        assert part["config.cache"].tolist() == rows["config.cache"].tolist()
        assert part["tunable_config_trial_group_id"].tolist() == rows["tunable_config_trial_group_id"].tolist()
