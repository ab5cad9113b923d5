"""Telemetry by choice: some metrics, trials and a span of time, whole or as a sample that the engine computes."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialstore.contract.helpers import T0, UTC, at, execute, make_experiment, recorded
from trialstore.storage import SqlStorage, Status, Storage
from trialstore.storage.base_trial_data import TrialData

once = pytest.mark.once_per_engine("which points are chosen does not depend on the connection")
SHARED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
Point = tuple[dt.datetime, str, Any]
COLUMNS = ["metric", "ts_first", "ts_last", "count", "numbers", "min", "mean", "max"]


def sent(trial: Storage.Trial, points: Iterable[Point]) -> Storage.Trial:
    trial.update_telemetry(Status.RUNNING, T0, list(points))
    return trial


@pytest.fixture
def data(storage: SqlStorage, experiment: Storage.Experiment) -> TrialData:
    """A trial with a point of each of two metrics every second, for ten seconds, and some odd ones."""
    points: list[Point] = [(at(second), metric, second) for second in range(10) for metric in ("cpu", 'odd "\\é')]
    points += [(at(3), "mixed", value) for value in ("x",)] + [(at(5), "mixed", math.inf), (at(4.5), "mixed", 2.5)]
    sent(experiment.new_trial({}), points)
    sent(experiment.new_trial({}), [(at(100), "cpu", 7)])
    return storage.experiments["Exp"].trials[1]


def rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.itertuples(index=False)]


def test_without_a_choice_all_points_are_returned_as_telemetry_df_has_them(data: TrialData) -> None:
    pd.testing.assert_frame_equal(data.telemetry(), data.telemetry_df)
    assert len(data.telemetry_df) == 23


def test_metrics_are_chosen_by_name(data: TrialData) -> None:
    found = data.telemetry(["cpu", 'odd "\\é', "missing"])
    assert set(found["metric"]) == {"cpu", 'odd "\\é'}
    assert len(found) == 20
    assert data.telemetry(["missing"]).empty
    assert data.telemetry([]).empty
    assert list(data.telemetry([]).columns) == ["ts", "metric", "value"]
    assert list(data.telemetry({"mixed"})["value"]) == ["x", 2.5, math.inf]


def test_times_are_chosen_from_since_on_and_before_until(data: TrialData) -> None:
    assert list(data.telemetry(["cpu"], at(3), at(6))["value"]) == [3, 4, 5]
    assert list(data.telemetry(["cpu"], since=at(8))["value"]) == [8, 9]
    assert list(data.telemetry(["cpu"], until=at(1))["value"]) == [0]
    assert list(data.telemetry(["cpu"], at(3), at(3) + dt.timedelta(microseconds=1))["value"]) == [3]
    assert data.telemetry(["cpu"], at(3), at(3)).empty
    assert data.telemetry(["cpu"], at(6), at(3)).empty
    extreme = dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, tzinfo=UTC)
    assert len(data.telemetry(None, *extreme)) == 23
    naive = at(8).astimezone().replace(tzinfo=None)
    assert list(data.telemetry(["cpu"], since=naive)["value"]) == [8, 9]


def test_several_trials_come_with_their_ids(storage: SqlStorage, data: TrialData) -> None:
    found = storage.experiments["Exp"]
    frame = found.telemetry(metrics=["cpu"], since=at(8))
    assert rows(frame[["trial_id", "value"]]) == [(1, 8), (1, 9), (2, 7)]
    assert rows(found.telemetry([2, 99])[["trial_id", "value"]]) == [(2, 7)]
    assert list(found.telemetry([]).columns) == ["trial_id", "ts", "metric", "value"]
    assert len(found.telemetry()) == 24


def test_arrow_tables_hold_the_same_points(storage: SqlStorage, data: TrialData) -> None:
    pytest.importorskip("pyarrow")
    found = storage.experiments["Exp"]
    assert data.telemetry_arrow(["cpu"], at(3), at(6))["value"].to_pylist() == [3, 4, 5]
    assert data.telemetry_arrow(["cpu"]).schema == data.telemetry_arrow().schema
    assert found.telemetry_arrow([1, 2], ["cpu"], at(9)).to_pydict() == {
        "trial_id": [1, 2],
        "ts": [at(9), at(100)],
        "metric": ["cpu", "cpu"],
        "value": [9.0, 7.0],
        "text": [None, None],
    }
    assert found.telemetry_arrow().num_rows == 24
    table = found.telemetry_sample_arrow(metrics=["cpu", "mixed"], buckets=2)
    frame = found.telemetry_sample(metrics=["cpu", "mixed"], buckets=2)
    assert table.column_names == list(frame.columns) == ["trial_id", *COLUMNS]
    pd.testing.assert_frame_equal(table.to_pandas(), frame, check_dtype=False)
    assert data.telemetry_sample_arrow(buckets=2).column_names == COLUMNS
    assert data.telemetry_sample_arrow([]).num_rows == 0
    assert data.telemetry_sample_arrow([]).schema == data.telemetry_sample_arrow().schema


def test_a_sample_tells_first_last_least_mean_and_greatest_of_each_part(data: TrialData) -> None:
    found = data.telemetry_sample(["cpu"], buckets=3)
    assert list(found.columns) == COLUMNS
    ends = [(row[1], row[2]) for row in rows(found)]
    assert ends in ([(at(0), at(3)), (at(4), at(6)), (at(7), at(9))], [(at(0), at(2)), (at(3), at(5)), (at(6), at(9))])
    for row in rows(found):
        inside = [second for second in range(10) if row[1] <= at(second) <= row[2]]
        assert row[3:] == (len(inside), len(inside), min(inside), statistics.mean(inside), max(inside))
    assert rows(data.telemetry_sample(["cpu"], at(2), at(5), buckets=1)) == [("cpu", at(2), at(4), 3, 3, 2.0, 3.0, 4.0)]


def test_what_is_no_finite_number_is_counted_only(data: TrialData, storage: SqlStorage) -> None:
    (mixed,) = rows(data.telemetry_sample(["mixed"], buckets=1))
    assert mixed == ("mixed", at(3), at(5), 3, 1, 2.5, 2.5, 2.5)
    texts = ["3", "nan", "abc", "1e5", "True", ""]
    values = [*texts, True, None, math.nan, -math.inf, math.inf, 10**400, "9" * 400]
    trial = sent(make_experiment(storage).__enter__().new_trial({}), [(at(n), "m", v) for n, v in enumerate(values)])
    read = storage.experiments["Exp"].trials[trial.trial_id]
    (row,) = rows(read.telemetry_sample(buckets=1))
    assert row[:5] == ("m", at(0), at(len(values) - 1), len(values), 0)
    assert all(math.isnan(value) for value in row[5:])


def test_values_without_a_type_are_numbers_where_they_look_like_one(storage: SqlStorage) -> None:
    numbers: list[Any] = [3, -0.25, 1e-05, 1.5e16, 0, 12345678901234567890]
    others = ["abc", "nan", "inf", "-inf", "None", "True", "1.2.3", "", "5 MB", "1e", "-", "0x1"]
    with make_experiment(storage) as experiment:
        points = [(at(number), "m", str(value)) for number, value in enumerate([*numbers, *others])]
        trial = sent(experiment.new_trial({}), points)
    execute(storage, "UPDATE trial_telemetry SET value_type = NULL")
    (row,) = rows(storage.experiments["Exp"].trials[trial.trial_id].telemetry_sample(buckets=1))
    assert row[3:5] == (len(numbers) + len(others), len(numbers))
    assert (row[5], row[7]) == (-0.25, 12345678901234567890.0)


def test_each_call_is_one_statement(storage: SqlStorage, data: TrialData) -> None:
    found = storage.experiments["Exp"]
    with recorded(storage) as record:
        data.telemetry(["cpu"])
        data.telemetry_sample(["cpu"])
        found.telemetry([1, 2])
        found.telemetry_sample([1, 2])
    assert record.names == ["telemetry_chosen", "telemetry_sample"] * 2


def test_the_greatest_numbers_do_not_overflow(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    values = [1.7e308, 1.7e308, 1.6e308, -1.7e308]
    sent(experiment.new_trial({}), [(at(number), "m", value) for number, value in enumerate(values)])
    (row,) = rows(storage.experiments["Exp"].trials[1].telemetry_sample(buckets=1))
    assert row[4:] == (4, -1.7e308, pytest.approx(statistics.fmean([v / 8 for v in values]) * 8), 1.7e308)


def test_of_several_trials_each_has_parts_of_its_own_time(storage: SqlStorage, data: TrialData) -> None:
    found = storage.experiments["Exp"].telemetry_sample([1, 2, 50], ["cpu"], buckets=10)
    assert list(found["trial_id"]) == [1] * 10 + [2]
    assert list(found["max"]) == [*range(10), 7]
    assert storage.experiments["Exp"].telemetry_sample([]).empty


values = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(-1e300, 1e300, allow_subnormal=False),
    st.floats(0, 1),
    st.sampled_from(["3", "text", None, True, math.nan, math.inf, -math.inf]),
)
seconds = st.integers(0, 3_000_000).map(lambda us: at(us / 1e6)) | st.integers(0, 40).map(at)
points = st.lists(st.tuples(seconds, st.sampled_from("ab"), values), unique_by=lambda point: point[:2], max_size=30)


@once
@SHARED
@given(sent_points=points, buckets=st.integers(1, 12), since=st.none() | seconds, until=st.none() | seconds)
def test_no_point_and_no_extreme_is_lost(
    shared_storage: SqlStorage,
    sent_points: list[Point],
    buckets: int,
    since: dt.datetime | None,
    until: dt.datetime | None,
) -> None:
    with make_experiment(shared_storage, "Any") as experiment:
        trial = sent(experiment.new_trial({}), sent_points)
    sample = shared_storage.experiments["Any"].telemetry_sample([trial.trial_id], ["a"], since, until, buckets)
    inside = [p for p in sent_points if (since is None or p[0] >= since) and (until is None or p[0] < until)]
    chosen = [(ts, value) for ts, metric, value in inside if metric == "a"]
    assert list(sample["ts_first"]) == sorted(sample["ts_first"])
    assert len(sample) <= buckets
    width = (max((p[0] for p in inside), default=T0) - min((p[0] for p in inside), default=T0)) / buckets
    rows: Any = sample.itertuples(index=False)
    for row in rows:
        part = [value for ts, value in chosen if row.ts_first <= ts <= row.ts_last]
        chosen = [(ts, value) for ts, value in chosen if not row.ts_first <= ts <= row.ts_last]
        numbers = [float(value) for value in part if type(value) in (int, float) and math.isfinite(value)]
        assert (row.count, row.numbers) == (len(part), len(numbers))
        assert row.ts_last - row.ts_first <= width + dt.timedelta(microseconds=2)
        if numbers:  # SQLite reads a text as a double to the last digit but one
            scale = max(map(abs, numbers))
            assert row.min == pytest.approx(min(numbers), rel=1e-14)
            assert row.max == pytest.approx(max(numbers), rel=1e-14)
            assert row.mean == pytest.approx(
                math.fsum(n / len(numbers) for n in numbers), rel=1e-9, abs=max(1e-12 * scale, 1e-280)
            )
        else:
            assert all(math.isnan(value) for value in (row.min, row.mean, row.max))
    assert chosen == []
