"""A wrong config and a wrong experiment: a named error that says what to do, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from trialstore.contract.helpers import SECRET, Odd, dump, make_experiment, refused
from trialstore.storage import ConfigError, SqlStorage, StorageError, ValueRejected

pytestmark = pytest.mark.once_per_engine("what is wrong is refused before a connection is used")

LONG = SECRET * 5000

# The config of a storage: refused before a connection is made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drivernam": "x"}, ["config.drivernam", "unknown"]),
        ({"lazy_schema_creation": True}, ["config.lazy_schema_creation"]),
        ({"passwort": SECRET}, ["config.passwort"]),
        ({"drivername": None}, ["config.drivername", "missing"]),
        ({"drivername": 7}, ["config.drivername", "int"]),
        ({"database": 7}, ["config.database", "int"]),
        ({"port": "5432"}, ["config.port", "str"]),
        ({"port": True}, ["config.port", "bool"]),
        ({"password": 1234}, ["config.password", "int"]),
        ({"query": SECRET}, ["config.query", "str"]),
        ({"query": {"timeout": 7}}, ["config.query"]),
        ({"log_sql": "yes"}, ["config.log_sql", "str"]),
        ({"lazy_schema_create": 1}, ["config.lazy_schema_create", "int"]),
        ({"schema_policy": "upgrade"}, ["config.schema_policy", "upgrade"]),
        ({"schema_policy": True}, ["config.schema_policy", "bool"]),
        ({"busy_timeout": "soon"}, ["config.busy_timeout"]),
        ({"busy_timeout": -1}, ["config.busy_timeout"]),
        ({"drivername": "oracle"}, ["oracle"]),
        ({"drivername": ""}, ["engine"]),
        ({"drivername": "sqlite+aiosqlite"}, ["aiosqlite"]),
        ({"drivername": f"postgresql://user:{SECRET}@host/db"}, ["engine"]),
        ({"drivername": f"sqlite+pysqlite://user:{SECRET}@host/db"}, ["river"]),
    ],
    ids=str,
)
def test_a_wrong_config_is_refused_by_key(config: dict[str, Any], change: dict[str, Any], words: list[str]) -> None:
    refused(lambda: SqlStorage({**config, **change}), ConfigError, *words)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("databse", "database"),
        ("lazy_schema_creation", "lazy_schema_create"),
        ("logsql", "log_sql"),
        ("schema_polcy", "schema_policy"),
    ],
)
def test_a_misspelt_key_names_the_nearest_one(config: dict[str, Any], given: str, meant: str) -> None:
    assert repr(meant) in refused(lambda: SqlStorage({**config, given: "x"}), ConfigError, given).hint


def test_a_misspelt_engine_names_the_nearest_one() -> None:
    assert "'sqlite'" in refused(lambda: SqlStorage({"drivername": "sqllite"}), ConfigError, "sqllite").hint


def test_a_missing_drivername_names_the_key_that_was_meant() -> None:
    assert "'drivernam'" in refused(lambda: SqlStorage({"drivernam": "sqlite"}), ConfigError, "drivername").hint


@pytest.mark.parametrize("given", [None, "sqlite:///x.sqlite", ["sqlite"], 7])
def test_a_config_that_is_no_dict_is_refused(given: Any) -> None:
    refused(lambda: SqlStorage(given), ConfigError, "dict")


# An experiment: refused before it is entered


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"experiment_id": "x" * 513}, ValueRejected, ["experiment_id", "513"]),
        ({"experiment_id": ""}, ValueRejected, ["experiment_id", "empty"]),
        ({"experiment_id": 7}, ValueRejected, ["experiment_id", "int"]),
        ({"experiment_id": "a\0b"}, ValueRejected, ["experiment_id"]),
        ({"experiment_id": "\ud800"}, ValueRejected, ["experiment_id"]),
        ({"trial_id": -1}, ValueRejected, ["trial_id"]),
        ({"trial_id": 2**31}, ValueRejected, ["trial_id"]),
        ({"trial_id": "1"}, ValueRejected, ["trial_id"]),
        ({"trial_id": True}, ValueRejected, ["trial_id"]),
        ({"description": SECRET * 100}, ValueRejected, ["description"]),
        ({"root_env_config": SECRET * 100}, ValueRejected, ["root_env_config"]),
        ({"root_env_config": None}, ValueRejected, ["root_env_config"]),
        ({"opt_targets": {"score": "minimize"}}, ValueRejected, ["'score'", "direction"]),
        ({"opt_targets": {"": "min"}}, ValueRejected, ["Objective"]),
        ({"opt_targets": {"x" * 513: "min"}}, ValueRejected, ["Objective"]),
        ({"opt_targets": ["score"]}, ValueRejected, ["opt_targets"]),
        ({"opt_weights": {"rate": 1.0}}, ValueRejected, ["'rate'"]),
        ({"opt_weights": {"score": "heavy"}}, ValueRejected, ["'score'"]),
        ({"opt_weights": {"score": float("nan")}}, ValueRejected, ["'score'"]),
        ({"tunables": None}, ConfigError, ["NoneType"]),
        ({"tunables": [1]}, ConfigError, ["list"]),
        ({"tunables": {"a": Odd()}}, ValueRejected, ["'a'", "Odd"]),
        ({"tunables": {"a": [1]}}, ValueRejected, ["'a'", "list"]),
        ({"tunables": {7: 1}}, ValueRejected, ["7"]),
        ({"tunables": {"x" * 513: 1}}, ValueRejected, ["Tunable"]),
        ({"tunables": {"a": LONG}}, ValueRejected, ["'a'", "bytes"]),
    ],
    ids=lambda given: ascii(given)[:40],
)
def test_a_wrong_experiment_is_refused(
    storage: SqlStorage, change: dict[str, Any], error: type[StorageError], words: list[str]
) -> None:
    before = dump(storage)
    refused(lambda: make_experiment(storage, **change).__enter__(), error, *words)
    assert dump(storage) == before
