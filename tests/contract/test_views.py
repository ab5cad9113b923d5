"""The views for analysts: the same columns everywhere, and numbers that no stored text can break."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from trialstore.contract.helpers import add_results, at, execute, finish, make_experiment, query
from trialstore.storage import SqlStorage, Status

once = pytest.mark.once_per_engine("the database computes the views, however it is reached")

COLUMNS = {
    "v_experiment": (
        "exp_id description root_env_config git_repo git_commit objectives trials pending ready running succeeded"
        " failed timed_out canceled ts_first ts_last"
    ),
    "v_trial": (
        "exp_id trial_id config_id group_id runner_id status ts_start ts_end duration_s queued_s git_commit context_id"
    ),
    "v_config": "config_id name text number type",
    "v_param": "exp_id trial_id kind name text number type",
    "v_result": "exp_id trial_id config_id status metric text number type direction",
    "v_telemetry": "exp_id trial_id ts metric text number type",
    "v_status": "exp_id trial_id ts status",
    "v_attribute": "exp_id trial_id name text number type",
    "v_context": "context_id name text number type",
}
FINITE = (0.0, -1.5, 1e-05, 123456.789, 1e22, 5e-324, sys.float_info.max, -sys.float_info.max, 1e308)
# Texts without a type, as mlos_bench leaves them, and what they are as numbers.
UNTYPED = {
    "12": 12.0, "-7.25": -7.25, "1e5": 1e5, "1E-3": 1e-3, " 8 ": 8.0, "+3": 3.0, ".5": 0.5, "5.": 5.0, "1e-400": 0.0,
    "1e999": None, "-1e999": None, "9" * 309: None, "1" * 309: float("1" * 309), "1" * 401: None, "123456e305": None,
    "12abc": None, "abc": None, "": None, " ": None, "nan": None, "inf": None, "-Infinity": None, "True": None,
    "1e": None, "e5": None, ".": None, "0x10": None, "1,5": None, "1 2": None, "--1": None, "12\n13": None,
    "x" * 60_000: None, "1" * 60_000: None, "1 " * 30_000: None, "１２": None, "'; DROP TABLE trial": None,
}  # fmt: skip


def rows_of(storage: SqlStorage, select: str) -> list[tuple[Any, ...]]:
    """Rows, each value of which that is a time as the library reads it."""
    decode = storage.database.dialect.decode_ts
    with storage.database.engine.connect() as connection:
        result = connection.exec_driver_sql(select)
        times = [name.startswith("ts") for name in result.keys()]  # noqa: SIM118 - it is no dict
        return [
            tuple(
                decode(value) if time and value is not None else value for time, value in zip(times, row, strict=True)
            )
            for row in result
        ]


def about(expected: float | None) -> Any:
    """Nearly that number: SQLite may be wrong in the last digit."""
    return expected if expected is None else pytest.approx(expected, rel=1e-15, abs=0)


@once
@pytest.mark.parametrize("view", COLUMNS)
def test_each_view_has_the_same_columns_in_the_same_order(storage: SqlStorage, view: str) -> None:
    with storage.database.engine.connect() as connection:
        assert " ".join(connection.exec_driver_sql(f"SELECT * FROM {view}").keys()) == COLUMNS[view]


@once
def test_the_number_of_a_result_is_its_value_where_that_is_one(storage: SqlStorage) -> None:
    numbers = {f"f{place}": value for place, value in enumerate(FINITE)} | {"int": 7, "big": 2**63, "wide": 10**300}
    others: dict[str, Any] = {"nan": math.nan, "inf": math.inf, "ninf": -math.inf, "text": "12", "bool": True}
    others |= {"none": None, "escaped": "1\0", "huge": 10**400}
    with make_experiment(storage) as experiment:
        finish(experiment.new_trial({"cache": 1}), **numbers, **others)
    found = {row[0]: row[1:] for row in query(storage, "SELECT metric, number, type FROM v_result")}
    assert {name: found[name][0] for name in numbers} == {name: about(float(value)) for name, value in numbers.items()}
    assert {name: found[name][0] for name in others} == dict.fromkeys(others)
    types = {"f0": "float", "int": "int", "nan": "float", "text": "str", "bool": "bool", "none": None, "escaped": "str"}
    assert {name: found[name][1] for name in types} == types
    assert all(type(row[0]) in (float, type(None)) for row in found.values())


@once
def test_untyped_text_is_a_number_where_it_looks_like_one(storage: SqlStorage) -> None:
    names = {f"n{place}": text for place, text in enumerate(UNTYPED)}
    with make_experiment(storage) as experiment:
        trial = finish(experiment.new_trial({"cache": 1}))
    known = {"exp_id": "Exp", "trial_id": trial.trial_id}
    rows = [{**known, "metric_id": name, "metric_value": text, "value_type": None} for name, text in names.items()]
    storage.database.write(lambda tx: add_results(tx, rows))
    found = dict(query(storage, "SELECT metric, number FROM v_result WHERE metric <> 'score'"))
    assert {names[name]: number for name, number in found.items()} == {
        text: about(number) for text, number in UNTYPED.items()
    }


@once
def test_a_text_that_lies_about_its_type_breaks_no_aggregate(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        for score in (1, 2.5, math.nan, math.inf, "slow", None, True):
            finish(experiment.new_trial({"cache": 1}), score)
    execute(storage, "UPDATE trial_result SET metric_value = '12abc', value_type = 'f' WHERE trial_id = 1")
    ((count, mean, low, high),) = query(
        storage, "SELECT count(number), avg(number), min(number), max(number) FROM v_result WHERE metric = 'score'"
    )
    assert (count, mean, low, high) == (1, 2.5, 2.5, 2.5)


@once
def test_results_know_their_config_the_status_and_the_direction(storage: SqlStorage) -> None:
    with make_experiment(storage, opt_targets={"score": "max"}) as experiment:
        trial = finish(experiment.new_trial({"cache": 1}), 3, 10, other=4)
        experiment.new_trial({"cache": 2}).update(Status.FAILED, at(20), {"score": 5})
    select = "SELECT exp_id, trial_id, config_id, status, metric, number, direction FROM v_result ORDER BY 2, 5"
    assert query(storage, select) == [
        ("Exp", 1, trial.tunable_config_id, "SUCCEEDED", "other", 4, None),
        ("Exp", 1, trial.tunable_config_id, "SUCCEEDED", "score", 3, "max"),
        ("Exp", 2, trial.tunable_config_id + 1, "FAILED", "score", 5, "max"),
    ]


@once
def test_an_experiment_has_its_objectives_counts_and_times(storage: SqlStorage) -> None:
    with make_experiment(storage, "empty"):
        pass
    with make_experiment(storage, "full", opt_targets={"b": "max", "a": "min"}) as experiment:
        ends = [Status.SUCCEEDED, Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELED]
        for seconds, status in enumerate(ends):
            trial = experiment.new_trial({"cache": seconds}, ts_start=at(0))
            trial.update(Status.RUNNING, at(10 + seconds))
            trial.update(status, at(20 + seconds), {"a": 1, "b": 2} if status is Status.SUCCEEDED else None)
        experiment.new_trial({"cache": 1}).update(Status.RUNNING, at(30))
        experiment.new_trial({"cache": 1}).update(Status.READY, at(40))
        experiment.new_trial({"cache": 1}, ts_start=at(-5))
    counts = "trials, succeeded, failed, timed_out, canceled, running, ready, pending"
    select = f"SELECT exp_id, objectives, {counts}, ts_first, ts_last FROM v_experiment ORDER BY exp_id"
    assert rows_of(storage, select) == [
        ("empty", "score min", 0, 0, 0, 0, 0, 0, 0, 0, None, None),
        ("full", "a min, b max", 8, 2, 1, 1, 1, 1, 1, 1, at(10), at(30)),
    ]


@once
def test_a_trial_has_its_times_its_group_and_its_runner(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        first = experiment.new_trial({"cache": 1}, ts_start=at(0))
        first.update(Status.READY, at(1.25))
        first.update(Status.RUNNING, at(61.5))
        first.update(Status.SUCCEEDED, at(86_400 + 61.500001), {"score": 1})
        finish(experiment.new_trial({"cache": 1}, ts_start=at(0)), 1, 5)
        experiment.new_trial({"cache": 2}, ts_start=at(7)).set_trial_runner(3)
    select = (
        "SELECT trial_id, group_id, runner_id, status, duration_s, queued_s, ts_start, ts_end FROM v_trial ORDER BY 1"
    )
    assert rows_of(storage, select) == [
        (1, 1, None, "SUCCEEDED", pytest.approx(86_400.000001, abs=1e-9), 60.25, at(61.5), at(86_400 + 61.500001)),
        (2, 1, None, "SUCCEEDED", 5, None, at(0), at(5)),
        (3, 3, 3, "PENDING", None, None, at(7), None),
    ]
    assert query(storage, "SELECT status FROM v_status WHERE trial_id = 1 ORDER BY ts") == [
        ("READY",), ("RUNNING",), ("SUCCEEDED",)
    ]  # fmt: skip


@once
def test_the_commit_is_that_of_the_context_or_else_that_of_the_experiment(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        for _ in range(2):
            finish(experiment.new_trial({"cache": 1}))
    execute(
        storage,
        "UPDATE experiment SET git_commit = 'older'",
        "INSERT INTO context (context_id, context_hash) VALUES (7, 'x')",
        "INSERT INTO context_value (context_id, key_id, key_value, value_type) VALUES (7, 'git_commit', 'newer', 's')",
        "INSERT INTO context_value (context_id, key_id, key_value, value_type) VALUES (7, 'cpus', '8', 'i')",
        "UPDATE trial SET context_id = 7 WHERE trial_id = 2",
    )
    select = "SELECT trial_id, git_commit, context_id FROM v_trial ORDER BY trial_id"
    assert query(storage, select) == [(1, "older", None), (2, "newer", 7)]
    assert query(storage, "SELECT * FROM v_context ORDER BY name") == [
        (7, "cpus", "8", 8.0, "int"), (7, "git_commit", "newer", None, "str")
    ]  # fmt: skip


@once
def test_parameters_are_tunables_and_metadata_and_configs_the_tunables(storage: SqlStorage) -> None:
    tunables: dict[str, Any] = {"level": 3, "mode": "fast"}
    with make_experiment(storage, tunables=tunables) as experiment:
        trial = experiment.new_trial(tunables, config={"host": "a", "repeat": 1.5, "list": [1]})
    select = "SELECT kind, name, text, number, type FROM v_param WHERE exp_id = 'Exp' AND trial_id = 1 ORDER BY 1, 2"
    assert query(storage, select) == [
        ("metadata", "host", "a", None, "str"),
        ("metadata", "list", "[1]", None, "json"),
        ("metadata", "repeat", "1.5", 1.5, "float"),
        ("tunable", "level", "3", 3.0, "int"),
        ("tunable", "mode", "fast", None, "str"),
    ]
    assert query(storage, f"SELECT * FROM v_config WHERE config_id = {trial.tunable_config_id} ORDER BY name") == [
        (trial.tunable_config_id, "level", "3", 3.0, "int"),
        (trial.tunable_config_id, "mode", "fast", None, "str"),
    ]


@once
def test_attributes_of_experiments_have_no_trial(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        experiment.new_trial({"cache": 1})
    execute(
        storage,
        "INSERT INTO experiment_attribute (exp_id, attribute_id, attribute_value, value_type)"
        " VALUES ('Exp', 'note', 'why', 's')",
        "INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type)"
        " VALUES ('Exp', 1, 'rank', '2', 'i')",
    )
    assert query(storage, "SELECT * FROM v_attribute ORDER BY name") == [
        ("Exp", None, "note", "why", None, "str"), ("Exp", 1, "rank", "2", 2.0, "int")
    ]  # fmt: skip


@once
def test_telemetry_comes_with_its_time(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        trial = experiment.new_trial({"cache": 1})
        trial.update_telemetry(Status.RUNNING, at(0), [(at(1), "cpu", 0.5), (at(2), "state", "idle")])
    assert rows_of(storage, "SELECT * FROM v_telemetry ORDER BY ts") == [
        ("Exp", 1, at(1), "cpu", "0.5", 0.5, "float"), ("Exp", 1, at(2), "state", "idle", None, "str")
    ]  # fmt: skip
