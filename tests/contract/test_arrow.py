"""Arrow tables: equal to the data frames, typed, exact, without pandas; telemetry in a stream."""

from __future__ import annotations

import datetime as dt
import gc
import json
import math
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import Any

import pandas as pd
import pytest
from sqlalchemy.pool import QueuePool

from trialstore.contract.helpers import UTC, at, execute, finish, make_experiment, refused
from trialstore.sql.session import Session
from trialstore.storage import ErrorKind, QueryError, SqlStorage, Status, Storage, ValueRejected
from trialstore.storage.base_trial_data import TrialData

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install 'trialstore[arrow]')")

TIME = pa.timestamp("us", tz="UTC")
OWN = {
    "trial_id": pa.int64(),
    "ts_start": TIME,
    "ts_end": TIME,
    "tunable_config_id": pa.int64(),
    "tunable_config_trial_group_id": pa.int64(),
    "status": pa.string(),
    "trial_runner_id": pa.int64(),
}
POINT = {"ts": TIME, "metric": pa.string(), "value": pa.float64(), "text": pa.string()}


def types(table: Any) -> dict[str, Any]:
    """The columns of a table in order, name → type."""
    return dict(zip(table.schema.names, table.schema.types, strict=True))


def shown(values: list[Any]) -> list[str]:
    """Values told apart as closely as their texts are: NaN is NaN, 1 is not 1.0."""
    return list(map(repr, values))


def no_nan(values: list[Any]) -> list[Any]:
    """Values with None for all that pandas may show where there is none."""
    return [None if pd.isna(value) else value for value in values]


def table_of(storage: SqlStorage, values: list[Any], *changes: str) -> Any:
    """`results_arrow` of one trial for each value, which is its tunable `v` and its metric `v`; changed before it is
    read by statements for the tables."""
    with make_experiment(storage, "A", tunables={"v": None}, opt_targets={}) as experiment:
        for number, value in enumerate(values):
            experiment.new_trial({"v": value}, config={"n": number}).update(Status.SUCCEEDED, at(1), {"v": value})
    execute(storage, *changes)
    return storage.experiments["A"].results_arrow()


def trial_with(experiment: Storage.Experiment, values: list[Any]) -> Storage.Trial:
    """A trial with one point of telemetry a second."""
    trial = experiment.new_trial({}, ts_start=at(0))
    trial.update_telemetry(Status.RUNNING, at(1), [(at(number), "m", value) for number, value in enumerate(values)])
    return trial


def stored(storage: SqlStorage, trial_id: int = 1) -> TrialData:
    return storage.experiments["Exp"].trials[trial_id]


def connections(storage: SqlStorage) -> int:
    """How many connections are in use."""
    pool, sessions = storage.database.engine.pool, storage.database.open_sessions
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == (0 if storage.database.dialect.streams_apart else sessions)
    return sessions


# --- results ----------------------------------------------------------------------------------------------------------


def test_results_are_those_of_the_data_frame(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    first = experiment.new_trial({"cache": 1, "mode": "ä"})
    first.set_trial_runner(5)
    finish(first, 0.5, seconds=9, steps=3)
    experiment.new_trial({"cache": 2, "fast": False}, ts_start=at(2))
    finish(experiment.new_trial({"cache": 1, "ratio": 1.5}), math.nan, seconds=9.000001, name="x", steps=4)
    experiment.new_trial({"cache": 1, "mode": "ä"}, ts_start=at(3)).update(Status.RUNNING, at(4))
    data = storage.experiments["Exp"]
    table, frame = data.results_arrow(), data.results_df
    assert table.schema.names == list(frame.columns)
    for name in table.schema.names:
        assert no_nan(table[name].to_pylist()) == no_nan(frame[name].tolist()), name
    assert table["tunable_config_trial_group_id"].to_pylist() == [1, 2, 3, 1]
    assert types(table) == {
        **OWN,
        "config.cache": pa.int64(),
        "config.extra": pa.float64(),
        "config.fast": pa.bool_(),
        "config.mode": pa.string(),
        "config.ratio": pa.float64(),
        "result.name": pa.string(),
        "result.score": pa.float64(),
        "result.steps": pa.int64(),
    }
    assert shown(table["result.score"].to_pylist()) == ["0.5", "None", "nan", "None"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], pa.int64()),
        ([1, None, 3], pa.int64()),
        ([2**63 - 1, -(2**63), None, 2**53 + 1], pa.int64()),
        ([0.5, 0.1 + 0.2, -1e300, 5e-324, -0.0, None], pa.float64()),
        ([math.nan, math.inf, -math.inf, None], pa.float64()),
        ([True, None, False], pa.bool_()),
        (["a", "", None, "ä\U0001f40d", "007", "nan", " "], pa.string()),
        (["a\0b", "a"], pa.string()),
    ],
)
def test_a_column_of_one_type_holds_its_values_exactly(storage: SqlStorage, values: list[Any], kind: Any) -> None:
    table = table_of(storage, values)
    for column in ("config.v", "result.v"):
        assert table.schema.field(column).type == kind
        assert shown(table[column].to_pylist()) == shown(values)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 0.5, 2**53, None], pa.float64(), [1.0, 0.5, 2.0**53, None]),
        ([2**53 + 1, 0.5], pa.string(), ["9007199254740993", "0.5"]),
        ([0.5, -(2**53) - 1], pa.string(), ["0.5", "-9007199254740993"]),
        ([2**63, 1, None], pa.string(), ["9223372036854775808", "1", None]),
        ([1, "1"], pa.string(), ["1", "1"]),
        ([True, 1, None, "x\0", 0.5], pa.string(), ["True", "1", None, "x\0", "0.5"]),
        ([None, None], pa.float64(), [None, None]),
        (["\ud800", "a"], pa.string(), ["\\ud800", "a"]),
    ],
)
def test_a_mixed_column_is_a_double_where_that_is_exact_and_else_text(
    storage: SqlStorage, values: list[Any], kind: Any, expected: list[Any]
) -> None:
    table = table_of(storage, values)
    for column in ("config.v", "result.v"):
        assert table.schema.field(column).type == kind
        assert shown(table[column].to_pylist()) == shown(expected)


@pytest.mark.parametrize(
    ("texts", "kind", "expected"),
    [
        (["1", "007", "-0", None], pa.int64(), [1, 7, 0, None]),
        ([" 1", "1_0", "+5"], pa.int64(), [1, 10, 5]),
        (["1", "2.5", "-1e5", ".5", "1.", "Infinity"], pa.float64(), [1.0, 2.5, -1e5, 0.5, 1.0, math.inf]),
        (["nan", "inf", "-inf"], pa.float64(), [math.nan, math.inf, -math.inf]),
        (["1", "a", " 2"], pa.string(), ["1", "a", " 2"]),
        (["True", "False"], pa.string(), ["True", "False"]),
    ],
)
def test_values_without_a_type_are_numbers_where_they_look_like_one(
    storage: SqlStorage, texts: list[Any], kind: Any, expected: list[Any]
) -> None:
    untyped = [f"UPDATE {table} SET value_type = NULL" for table in ("config_param", "trial_result")]
    table = table_of(storage, texts, *untyped)
    for column in ("config.v", "result.v"):
        assert table.schema.field(column).type == kind
        assert shown(table[column].to_pylist()) == shown(expected)
    if kind != pa.string():
        frame = storage.experiments["A"].results_df
        assert no_nan(frame["result.v"].tolist()) == no_nan(expected)


def test_typed_and_untyped_values_share_a_column(storage: SqlStorage) -> None:
    table = table_of(storage, ["1", 2, 0.5], "UPDATE trial_result SET value_type = NULL WHERE trial_id = 1")
    assert table["result.v"].to_pylist() == [1.0, 2.0, 0.5]
    assert table["config.v"].to_pylist() == ["1", "2", "0.5"]


def test_times_of_results_are_exact_in_any_year(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    moments = [dt.datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC) for year in (1970, 2025, 2100, 9990)]
    for moment in moments:
        experiment.new_trial({}, ts_start=moment)
    table = storage.experiments["Exp"].results_arrow()
    assert table["ts_start"].to_pylist() == moments
    assert table["ts_end"].null_count == 4


def test_an_experiment_without_trials_has_tables_without_rows(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    data = storage.experiments["Exp"]
    assert types(data.results_arrow()) == OWN
    assert types(data.telemetry_arrow()) == {"trial_id": pa.int64(), **POINT}
    assert data.results_arrow().num_rows == data.telemetry_arrow().num_rows == 0


def test_experiments_without_tunables_and_metrics_have_the_trials_own_columns(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={}) as experiment:
        experiment.new_trial({})
    table = storage.experiments["Exp"].results_arrow()
    assert types(table) == OWN
    assert table.num_rows == 1


def test_results_of_many_trials_stand_in_the_right_rows(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={"a": 0}) as experiment:
        trials = experiment.new_trials([{"a": number % 7} for number in range(60)])
        for number, trial in enumerate(trials):
            if number % 3:
                finish(trial, number / 4, **{f"m{number % 5}": number})
    with make_experiment(storage, "Other", tunables={"a": 0}) as other:
        finish(other.new_trial({"a": 3}), 99)
    table = storage.experiments["Exp"].results_arrow()
    assert table["config.a"].to_pylist() == [number % 7 for number in range(60)]
    assert table["result.score"].to_pylist() == [number / 4 if number % 3 else None for number in range(60)]
    wanted = [number if number % 3 and number % 5 == 2 else None for number in range(60)]
    assert table["result.m2"].to_pylist() == wanted


# --- telemetry --------------------------------------------------------------------------------------------------------

VALUES = [1, 2.5, None, True, "x", "ä", "a\0", 2**53, 2**53 + 1, -(2**70), math.nan, -math.inf, "1", 10**400]


def told(value: Any) -> tuple[float | None, str | None]:
    """The columns `value` and `text` of a value."""
    if value is None or isinstance(value, (bool, str)):
        return None, None if value is None else str(value)
    if abs(value) <= 2**53 or isinstance(value, float):
        return float(value), None
    return float(str(value)), str(value)


def test_telemetry_has_numbers_and_texts(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial_with(experiment, VALUES)
    table = stored(storage).telemetry_arrow()
    assert types(table) == POINT
    assert table["ts"].to_pylist() == [at(number) for number in range(len(VALUES))]
    assert set(table["metric"].to_pylist()) == {"m"}
    pairs = list(zip(table["value"].to_pylist(), table["text"].to_pylist(), strict=True))
    assert shown(pairs) == shown([told(value) for value in VALUES])


def test_telemetry_without_types_is_read_as_load_telemetry_reads_it(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    trial_with(experiment, ["1", "2.5", " 7", "1_0", "x", "nan", "True", "007", str(2**60), None, ""])
    execute(storage, "UPDATE trial_telemetry SET value_type = NULL")
    table = stored(storage).telemetry_arrow()
    pairs = list(zip(table["value"].to_pylist(), table["text"].to_pylist(), strict=True))
    assert shown(pairs) == shown([told(value) for _, _, value in experiment.load_telemetry(1)])


def test_telemetry_is_ordered_and_exact_as_in_the_frame(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({})
    points = [(at(number / 1_000_000), name, number) for number in range(40, 0, -1) for name in ("b", "a", "B")]
    trial.update_telemetry(Status.RUNNING, at(1), points)
    table, frame = stored(storage).telemetry_arrow(), stored(storage).telemetry_df
    assert table["ts"].to_pylist() == [moment.to_pydatetime() for moment in frame["ts"]]
    assert table["metric"].to_pylist() == frame["metric"].tolist()
    assert table["value"].to_pylist() == frame["value"].tolist()


def test_telemetry_of_an_experiment_is_that_of_its_trials(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    for values in ([3, "x"], [], [0.5]):
        trial_with(experiment, values)
    with make_experiment(storage, "Other") as other:
        trial_with(other, [99])
    table = storage.experiments["Exp"].telemetry_arrow()
    assert types(table) == {"trial_id": pa.int64(), **POINT}
    assert table["trial_id"].to_pylist() == [1, 1, 3]
    assert table.select(list(POINT)).filter(pa.array([True, True, False])) == stored(storage, 1).telemetry_arrow()


# --- the stream -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "rows"), [(4, [4, 4, 2]), (10, [10]), (1, [1] * 10), (5, [5, 5]), (99, [10])])
def test_batches_are_the_table_in_pieces(
    storage: SqlStorage, experiment: Storage.Experiment, size: int, rows: list[int]
) -> None:
    trial_with(experiment, [1, "x", None, 2.5, True, *range(5)])
    batches = list(stored(storage).telemetry_batches(size))
    assert [batch.num_rows for batch in batches] == rows
    assert pa.Table.from_batches(batches) == stored(storage).telemetry_arrow()
    assert [batch.num_rows for batch in stored(storage).telemetry_batches()] == [10]


def test_a_trial_without_telemetry_has_no_batch(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial_with(experiment, [])
    assert list(stored(storage).telemetry_batches()) == []
    assert types(stored(storage).telemetry_arrow()) == POINT
    assert connections(storage) == 0


def test_a_connection_is_in_use_while_batches_are_taken(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial_with(experiment, list(range(10)))
    batches = stored(storage).telemetry_batches(4)
    assert connections(storage) == 0
    next(batches)
    assert connections(storage) == (0 if storage.database.dialect.streams_whole() else 1)
    assert [batch.num_rows for batch in batches] == [4, 2]
    assert connections(storage) == 0


def test_other_calls_are_made_while_batches_are_taken(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    """By the thread that takes them, of which some engines have one connection; the stream shows what it began with."""
    trial = trial_with(experiment, list(range(5000)))
    values: list[Any] = []
    for number, batch in enumerate(stored(storage).telemetry_batches(1000)):
        values += batch["value"].to_pylist()
        experiment.new_trial({"cache": number})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(5000 + number), "m", "later")])
        assert len(storage.experiments["Exp"].trials) == number + 2
        assert next(stored(storage).telemetry_batches(10)).num_rows == 10
    assert values == list(range(5000))
    assert stored(storage).telemetry_arrow().num_rows == 5005
    assert connections(storage) == 0


def leave_by_error(batches: Generator[Any, None, None]) -> None:
    with suppress(KeyError), closing(batches):
        for _ in batches:
            raise KeyError


@pytest.mark.parametrize("leave", [lambda batches: batches.close(), leave_by_error, lambda batches: None])
def test_leaving_a_stream_gives_the_connection_back(
    storage: SqlStorage, experiment: Storage.Experiment, leave: Callable[[Any], None]
) -> None:
    trial_with(experiment, list(range(5000)))
    batches = stored(storage).telemetry_batches(10)
    leave(batches)
    del batches
    gc.collect()
    assert connections(storage) == 0
    batches = stored(storage).telemetry_batches(10)
    next(batches)
    leave(batches)
    del batches
    gc.collect()
    assert connections(storage) == 0
    trial = finish(experiment.new_trial({}))
    assert stored(storage, trial.trial_id).status is Status.SUCCEEDED


def test_a_stream_shows_what_was_there_when_it_began(shared_storage: SqlStorage, shared_config: dict[str, Any]) -> None:
    with make_experiment(shared_storage) as experiment:
        trial = trial_with(experiment, list(range(3000)))
    batches = stored(shared_storage).telemetry_batches(1000)
    assert next(batches)["value"].to_pylist() == list(range(1000))
    with SqlStorage(shared_config) as other, make_experiment(other) as again:
        late = again.get_trial_by_id(trial.trial_id)
        assert late is not None
        late.update_telemetry(Status.RUNNING, at(9999), [(at(9999), "m", 1)])
    assert [batch.num_rows for batch in batches] == [1000, 1000]
    assert stored(shared_storage).telemetry_arrow().num_rows == 3001


def test_a_passing_error_is_retried_until_the_first_batch(
    storage: SqlStorage, experiment: Storage.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial_with(experiment, list(range(10)))
    trial, begin, calls = stored(storage), Session.begin, []

    def busy_at_first(session: Session, *, write: bool) -> None:
        calls.append(write)
        if len(calls) < 3:
            raise QueryError("busy", "", ErrorKind.BUSY)
        begin(session, write=write)

    monkeypatch.setattr(Session, "begin", busy_at_first)
    assert [batch.num_rows for batch in trial.telemetry_batches(5)] == [5, 5]
    assert calls == [False] * 3


def test_an_error_after_the_first_batch_ends_the_stream(
    storage: SqlStorage, experiment: Storage.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial_with(experiment, list(range(10)))
    trial, read, calls = stored(storage), Session.record_batches, []

    def lost(*args: Any) -> Generator[Any, None, None]:
        calls.append(args)
        yield next(read(*args))
        raise QueryError("lost", "", ErrorKind.DISCONNECTED)

    monkeypatch.setattr(Session, "record_batches", lost)
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", 2)
    batches = trial.telemetry_batches(5)
    whole = storage.database.dialect.streams_whole()  # nothing was handed out then, and all can be read again
    assert whole or next(batches).num_rows == 5
    with pytest.raises(QueryError, match="lost"):
        next(batches)
    assert whole or len(calls) == 1
    assert connections(storage) == 0


@pytest.mark.parametrize("size", [0, -1, True, 2.5, "10", None])
def test_what_is_no_size_is_refused_at_once(storage: SqlStorage, experiment: Storage.Experiment, size: Any) -> None:
    trial_with(experiment, [1])
    refused(lambda: stored(storage).telemetry_batches(size), ValueRejected, "batch_size")


def test_a_stream_holds_a_small_part_of_what_it_reads(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    count, size = 100_000, 1000
    trial = experiment.new_trial({})
    for begin in range(0, count, 25_000):
        numbers = range(begin, begin + 25_000)
        trial.update_telemetry(Status.RUNNING, at(begin), [(at(number), "m", number + 0.5) for number in numbers])
    data = stored(storage)

    with closing(data.telemetry_batches(size)) as batches:
        next(batches)  # what is imported at the first one stays
    in_arrow = [pa.total_allocated_bytes()]
    rows = 0
    tracemalloc.start()
    try:
        for batch in data.telemetry_batches(size):
            rows += batch.num_rows
            in_arrow.append(pa.total_allocated_bytes())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == count
    assert peak < count * 10  # a point of load_telemetry has 150 bytes
    table = data.telemetry_arrow()
    assert table.num_rows == count
    assert (max(in_arrow) - in_arrow[0]) * 10 < table.nbytes


# --- pyarrow and pandas -----------------------------------------------------------------------------------------------

CHILD = """
import json, sys


class NoPandas:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, NoPandas())
from trialstore.storage import SqlStorage

with SqlStorage(json.loads(sys.argv[1])) as storage:
    data = storage.experiments["Exp"]
    assert "pyarrow" not in sys.modules
    tables = data.results_arrow(), data.telemetry_arrow(), data.trials[1].telemetry_arrow()
    print([table.num_rows for table in tables], sum(batch.num_rows for batch in data.trials[1].telemetry_batches(2)))
assert "pandas" not in sys.modules
"""
WITHOUT = """
import json, sys

sys.modules["pyarrow"] = None
from trialstore.storage import ConfigError, SqlStorage

with SqlStorage(json.loads(sys.argv[1])) as storage:
    data = storage.experiments["Exp"]
    trial = data.trials[1]
    for call in (data.results_arrow, data.telemetry_arrow, trial.telemetry_arrow, trial.telemetry_batches):
        try:
            call()
        except ConfigError as error:
            print(error.hint)
"""


def run_child(config: dict[str, Any], code: str) -> str:
    """What a script prints that opens that database."""
    command = [sys.executable, "-c", code, json.dumps(config)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout


def test_nothing_takes_a_detour_through_pandas(shared_storage: SqlStorage, shared_config: dict[str, Any]) -> None:
    with make_experiment(shared_storage) as experiment:
        trial_with(experiment, [1, "x", None, True, 2**60])
        finish(experiment.new_trial({"mode": "\0"}), seconds=1)
    execute(shared_storage, "UPDATE trial_result SET value_type = NULL")
    shared_storage.dispose()
    assert run_child(shared_config, CHILD) == "[2, 5, 5] 5\n"


def test_without_pyarrow_the_error_says_what_to_install(
    shared_storage: SqlStorage, shared_config: dict[str, Any]
) -> None:
    with make_experiment(shared_storage) as experiment:
        trial_with(experiment, [1])
    shared_storage.dispose()
    assert run_child(shared_config, WITHOUT) == "pip install 'trialstore[arrow]'\n" * 4
