"""`trials_df` and `trials_arrow`: trials with all of their values in one frame."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialstore.contract.helpers import at, dump, execute, finish, make_experiment, query, recorded, same
from trialstore.storage import SqlStorage, Status, Storage
from trialstore.storage.base_experiment_data import ExperimentData

pytestmark = pytest.mark.once_per_engine("a frame is made of rows that were read")

TIMES = ["duration_s", "queued_s"]
MORE = ("metadata.", "attribute.", "context.", *TIMES)
SHARED = settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)


def tables_of(data: ExperimentData, **choice: bool) -> tuple[pd.DataFrame, Any]:
    """The frame and the Arrow table, which have the same columns and rows."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install 'trialstore[arrow]')")
    frame, table = data.trials_df(**choice), data.trials_arrow(**choice)
    assert table.column_names == list(frame.columns)
    assert table.num_rows == len(frame)
    assert table["trial_id"].to_pylist() == frame["trial_id"].tolist()
    return frame, table


def without_nan(values: Any) -> list[Any]:
    """Values with None for all that a frame may show where there is none."""
    return [None if not isinstance(value, (dict, list)) and pd.isna(value) else value for value in values]


@pytest.fixture(autouse=True)
def _only_given_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What trials ran on is what the tests store."""
    monkeypatch.setattr("trialstore.storage.writing.trial.current_context", lambda _database: None)


def put_contexts(storage: SqlStorage, contexts: dict[int, dict[str, tuple[str | None, str | None]]]) -> None:
    """Store contexts, each under the trial that ran in it: name → text and type."""
    for number, values in contexts.items():
        execute(storage, f"INSERT INTO context (context_id, context_hash) VALUES ({number}, 'hash {number}')")
        for name, (text, kind) in values.items():
            texts = ["NULL" if each is None else f"'{each}'" for each in (text, kind)]
            execute(storage, f"INSERT INTO context_value VALUES ({number}, '{name}', {', '.join(texts)})")
        execute(storage, f"UPDATE trial SET context_id = {number} WHERE trial_id = {number}")


@pytest.fixture
def data(storage: SqlStorage, experiment: Storage.Experiment) -> ExperimentData:
    """Four trials: two that ended, one that runs and one that waits; values of each kind, but no context."""
    finish(experiment.new_trial({"cache": 1}, ts_start=at(0), config={"host": "a", "n": 1}), 0.5, seconds=10)
    ended = experiment.new_trial({"cache": 2}, ts_start=at(1), config={"n": 2.5, "nested": {"x": [1]}})
    ended.update(Status.RUNNING, at(2))
    finish(ended, 1.5, seconds=9.25, more="x")
    experiment.new_trial({"cache": 1}, ts_start=at(3)).update(Status.RUNNING, at(4))
    experiment.new_trial({"cache": 1}, ts_start=at(5), config={"host": "b"})
    with make_experiment(storage, "Other") as other:
        finish(other.new_trial({"cache": 1}, config={"host": "other", "foreign": 1}), 99, foreign=1)
    storage.experiments["Other"].set_trial_attributes([1], {"foreign": 1})
    found = storage.experiments["Exp"]
    found.set_trial_attributes([1, 2], {"tag": "baseline"})
    found.set_trial_attributes([4], {"tag": True, "list": [1, "a"]})
    return found


def test_all_values_stand_behind_those_of_results_df(data: ExperimentData) -> None:
    frame, table = tables_of(data)
    results = data.results_df
    own = len(results.columns)
    pd.testing.assert_frame_equal(frame.iloc[:, :own], results)
    assert table.select(list(results.columns)).equals(data.results_arrow())
    more = ["metadata.host", "metadata.n", "metadata.nested", "attribute.list", "attribute.tag", *TIMES]
    assert list(frame.columns[own:]) == more
    assert without_nan(frame["metadata.host"]) == ["a", None, None, "b"]
    assert without_nan(frame["metadata.n"]) == [1, 2.5, None, None]
    assert frame["metadata.n"].dtype == "float64"
    assert without_nan(frame["metadata.nested"]) == [None, {"x": [1]}, None, None]
    assert without_nan(frame["attribute.list"]) == [None, None, None, [1, "a"]]
    assert without_nan(frame["attribute.tag"]) == ["baseline", "baseline", None, True]
    assert table["metadata.n"].to_pylist() == [1, 2.5, None, None]
    assert table["metadata.nested"].to_pylist() == [None, '{"x": [1]}', None, None]
    assert table["attribute.list"].to_pylist() == [None, None, None, '[1, "a"]']
    assert table["attribute.tag"].to_pylist() == ["baseline", "baseline", None, "True"]


def test_the_exact_frame_has_each_value_as_it_was_stored(data: ExperimentData) -> None:
    frame, results = data.trials_df(exact=True), data.exact_results_df
    pd.testing.assert_frame_equal(frame.iloc[:, : len(results.columns)], results)
    assert same(frame["metadata.n"].tolist(), [1, 2.5, None, None])
    assert same(frame["attribute.tag"].tolist(), ["baseline", "baseline", None, True])


def test_metadata_and_attributes_may_be_left_out(data: ExperimentData) -> None:
    for metadata, attributes in itertools.product([True, False], repeat=2):
        frame, _ = tables_of(data, metadata=metadata, attributes=attributes)
        assert any(name.startswith("metadata.") for name in frame.columns) is metadata
        assert any(name.startswith("attribute.") for name in frame.columns) is attributes
        assert list(frame.columns[-2:]) == TIMES


def test_what_trials_ran_on_stands_in_their_rows(storage: SqlStorage, data: ExperimentData) -> None:
    put_contexts(
        storage,
        {
            1: {"host": ("db1", "s"), "cpus": ("8", "i"), "turbo": ("True", "b")},
            2: {"host": ("db2", "s"), "cpus": ("16", "i"), "governor": (None, None)},
        },
    )
    execute(storage, "UPDATE trial SET context_id = 1 WHERE trial_id = 4")
    frame, table = tables_of(data)
    assert [name for name in frame.columns if name.startswith("context.")] == [
        *("context.cpus", "context.governor", "context.host", "context.turbo")
    ]
    assert without_nan(frame["context.cpus"]) == [8, 16, None, 8]
    assert without_nan(frame["context.host"]) == ["db1", "db2", None, "db1"]
    assert without_nan(frame["context.turbo"]) == [True, None, None, True]
    assert frame["context.governor"].isna().all()
    assert table["context.cpus"].to_pylist() == [8, 16, None, 8]
    assert str(table.schema.field("context.cpus").type) == "int64"
    other = storage.experiments["Other"].trials_df()
    assert other["context.host"].tolist() == ["db1"]  # the trial of the same id there


def test_times_are_those_of_the_view(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    for number in range(4):
        experiment.new_trial({}, ts_start=at(number / 7))
    first, second, third = experiment.claim_trials(3, limit=3)
    first.update(Status.RUNNING, at(100_000_000.000001))
    finish(second, seconds=100_000_001)
    third.update(Status.RUNNING, at(100_000_000.5))
    finish(third, seconds=100_000_003.250001)
    finish(experiment.new_trial({}, ts_start=at(5)), seconds=4)  # by a clock that went back
    frame, table = tables_of(storage.experiments["Exp"])
    rows = query(storage, "SELECT duration_s, queued_s FROM v_trial ORDER BY trial_id")
    for number, name in enumerate(TIMES):
        wanted = [None if row[number] is None else pytest.approx(float(row[number]), abs=2e-6) for row in rows]
        assert frame[name].dtype == "float64"
        assert without_nan(frame[name]) == wanted
        assert table[name].to_pylist() == without_nan(frame[name])
    assert frame["duration_s"][2] == 2.750001
    assert frame["duration_s"][4] == -1
    assert without_nan(frame["queued_s"])[0] > 0
    assert without_nan(frame["queued_s"])[3:] == [None, None]


def test_a_trial_may_have_begun_centuries_ago(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    """As on a board whose clock was not set yet."""
    trial = experiment.new_trial({})
    trial.update(Status.RUNNING, dt.datetime(1, 1, 2, 0, 0, 0, 1, tzinfo=dt.timezone.utc))
    finish(trial)
    frame, table = tables_of(storage.experiments["Exp"])
    assert frame["duration_s"][0] > 2000 * 365 * 86_400
    assert table["duration_s"].to_pylist() == [pytest.approx(frame["duration_s"][0], abs=1e-4)]


def test_an_experiment_without_trials_has_a_frame_without_rows(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    data = storage.experiments["Exp"]
    frame, table = tables_of(data)
    assert list(frame.columns) == [*data.results_df.columns, *TIMES]
    assert len(frame) == 0
    assert [str(frame[name].dtype) for name in TIMES] == ["float64", "float64"]
    assert [str(table.schema.field(name).type) for name in TIMES] == ["double", "double"]


@pytest.mark.parametrize("trials", [3, 60])
def test_each_is_one_statement_and_changes_nothing(storage: SqlStorage, trials: int) -> None:
    with make_experiment(storage) as experiment:
        for number in range(trials):
            finish(experiment.new_trial({"cache": number}, config={"n": number}), number)
    data = storage.experiments["Exp"]
    before = dump(storage)
    for call in (data.trials_df, data.trials_arrow):
        with recorded(storage) as record:
            call()
        assert (record.names, record.begins, record.commits) == (["trial_list_with_values"], 0, 0)
    assert dump(storage) == before


def test_values_of_many_trials_stand_in_the_right_rows(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={"a": 0}) as experiment:
        for number in range(60):
            trial = experiment.new_trial({"a": number % 7}, config={"n": number} if number % 3 else {})
            if number % 5:
                trial.set_attributes({f"t{number % 2}": number})
    frame, table = tables_of(storage.experiments["Exp"])
    for name, wanted in {
        "config.a": [number % 7 for number in range(60)],
        "metadata.n": [number if number % 3 else None for number in range(60)],
        "attribute.t1": [number if number % 5 and number % 2 else None for number in range(60)],
    }.items():
        assert without_nan(frame[name]) == table[name].to_pylist() == wanted


def test_values_without_a_type_are_read_as_those_of_results(storage: SqlStorage) -> None:
    texts = ["1", "007", None, "2.5"]
    with make_experiment(storage, tunables={}, opt_targets={}) as experiment:
        for text in texts:
            trial = experiment.new_trial({}, config={"v": text})
            trial.update(Status.SUCCEEDED, at(1), {"v": text})
            trial.set_attributes({"v": text})
    put_contexts(storage, {number: {"v": (text, None)} for number, text in enumerate(texts, start=1)})
    for name in ("trial_param", "trial_result", "trial_attribute"):
        execute(storage, f"UPDATE {name} SET value_type = NULL")
    frame, table = tables_of(storage.experiments["Exp"])
    for part in ("metadata", "attribute", "context"):
        assert without_nan(frame[f"{part}.v"]) == [1, 7, None, 2.5]
        assert table[f"{part}.v"].equals(table["result.v"])


# --- any values -------------------------------------------------------------------------------------------------------

NUMBER = st.integers(-(2**70), 2**70) | st.integers(-(2**53) - 2, 2**53 + 2) | st.floats()
TEXT = st.text(max_size=8) | st.sampled_from(["", "1", "007", "nan", "True", "a\0b", "\ud800", "=1+1", "None"])
PLAIN = st.none() | st.booleans() | NUMBER | TEXT
COLUMN = st.sampled_from(
    [st.booleans(), st.integers(), st.integers(-9, 9), st.floats(), NUMBER, TEXT, PLAIN, st.none(), st.none() | NUMBER]
).flatmap(lambda values: st.lists(st.none() | st.fixed_dictionaries({"v": values}), min_size=1, max_size=5))
"""What each of some trials has under one name, if anything: of one type, or of several."""
NESTED = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
NUMBERS = itertools.count()


def stored(storage: SqlStorage, column: list[dict[str, Any] | None], *, nested: bool) -> ExperimentData:
    """An experiment with a trial for each value, which is its metadata and its attribute, and unless it is nested its
    result."""
    experiment_id = f"E{next(NUMBERS)}"
    with make_experiment(storage, experiment_id, tunables={}, opt_targets={}) as experiment:
        for values in column:
            trial = experiment.new_trial({}, config=values or {})
            trial.update(Status.SUCCEEDED, at(1), None if nested else values)
            trial.set_attributes(values or {})
    return storage.experiments[experiment_id]


def shown(values: list[Any]) -> list[str]:
    """Values told apart as closely as their texts are."""
    return list(map(repr, values))


def test_columns_of_any_values_are_typed_as_those_of_results(storage: SqlStorage) -> None:
    @SHARED
    @given(column=COLUMN)
    def check(column: list[dict[str, Any] | None]) -> None:
        data = stored(storage, column, nested=False)
        frame, table = tables_of(data)
        if not any(column):
            assert [name for name in frame.columns if name.endswith(".v")] == []
            return
        wanted, results = data.results_df["result.v"], data.results_arrow()["result.v"]
        for part in ("metadata", "attribute"):
            found = frame[f"{part}.v"]
            assert found.dtype == wanted.dtype
            assert shown(found.tolist()) == shown(wanted.tolist())
            assert table[f"{part}.v"].type == results.type
            assert shown(table[f"{part}.v"].to_pylist()) == shown(results.to_pylist())

    check()


def test_the_exact_frame_has_any_value_as_it_was_stored(storage: SqlStorage) -> None:
    @SHARED
    @given(column=st.lists(st.none() | st.fixed_dictionaries({"v": NESTED}), min_size=1, max_size=4))
    def check(column: list[dict[str, Any] | None]) -> None:
        frame = stored(storage, column, nested=True).trials_df(exact=True)
        values = [values["v"] if values else None for values in column]
        for part in ("metadata", "attribute"):
            if any(column):
                assert same(frame[f"{part}.v"].tolist(), values)

    check()


def test_numbers_stay_numbers_and_nothing_is_hidden(storage: SqlStorage) -> None:
    @SHARED
    @given(column=COLUMN)
    def check(column: list[dict[str, Any] | None]) -> None:
        frame = stored(storage, column, nested=False).trials_df()
        if not any(column):
            return
        given_values = [values["v"] if values else None for values in column]
        there = [value for value in given_values if value is not None]
        numbers = all(type(value) in (int, float) for value in there)
        for part in ("metadata", "attribute"):
            found = frame[f"{part}.v"]
            if numbers and max(map(_whole, there), default=0) <= 2**53:
                assert pd.api.types.is_numeric_dtype(found)
            for value, before in zip(found.tolist(), given_values, strict=True):
                if before is None or before != before:
                    assert value is None or pd.isna(value)
                else:
                    assert value == before

    check()


def _whole(value: Any) -> int:
    return abs(value) if isinstance(value, int) else 0


def test_nan_is_nan(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    experiment.new_trial({}, config={"v": math.nan})
    experiment.new_trial({}, config={"v": None})
    experiment.new_trial({})
    frame, table = tables_of(storage.experiments["Exp"])
    assert frame["metadata.v"].isna().all()
    assert shown(table["metadata.v"].to_pylist()) == ["nan", "None", "None"]
