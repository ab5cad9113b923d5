"""What is accepted and still deserves a word in the log: objectives that are no numbers, and experiments that are
entered otherwise than they were begun."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from trialstore.contract.helpers import MAPPING, SECRET, Odd, at, dump, finish, make_experiment, refused
from trialstore.storage import AlreadyCompleted, SqlStorage, Status, Storage, ValueRejected
from trialstore.storage.writing.git import GitInfo

pytestmark = pytest.mark.once_per_engine("what deserves a word is found in values and rows, in Python")

GIT = "trialstore.storage.writing.experiment.git_info"

# --- objectives -------------------------------------------------------------------------------------------------------

NO_NUMBERS = [
    (SECRET, "str"),
    ("1.5", "str"),
    (None, "NoneType"),
    (float("nan"), "float"),
    (float("-inf"), "float"),
    (np.float64("nan"), "float64"),
    (8765432109 * 10**400, "int"),
]


@pytest.mark.parametrize(("value", "kind"), NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_an_objective_that_is_no_finite_number_is_logged_by_its_type(
    experiment: Storage.Experiment, caplog: pytest.LogCaptureFixture, value: Any, kind: str
) -> None:
    trial = finish(experiment.new_trial({}), score=value)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(trial) in record.getMessage()
    assert f"score ({kind})" in record.getMessage()
    for text in (SECRET, "1.5", "None:", "nan", "inf", "8765432109"):
        assert text not in record.getMessage()
    assert experiment.load()[0] == [trial.trial_id]  # it is stored all the same


@pytest.mark.parametrize("value", [0, -1.5, True, 10**30, np.float32(0.5), np.int64(3)], ids=repr)
def test_an_objective_that_is_a_number_is_not_logged(
    experiment: Storage.Experiment, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    finish(experiment.new_trial({}), score=value, other="text", nothing=None)
    assert caplog.records == []


def test_only_the_objectives_that_are_none_are_named(storage: SqlStorage, caplog: pytest.LogCaptureFixture) -> None:
    with make_experiment(storage, opt_targets={"a": "min", "b": "max", "c": "min", "d": "min"}) as experiment:
        trial = experiment.new_trial({})
        trial.update(Status.SUCCEEDED, at(1), {"a": 1, "b": "x", "c": None, "e": "y"})
    missing, unfit = (record.getMessage() for record in caplog.records)
    assert missing.endswith("without its objectives: d")
    assert unfit.endswith(": b (str), c (NoneType)")


def test_what_was_not_written_is_not_logged(experiment: Storage.Experiment, caplog: pytest.LogCaptureFixture) -> None:
    trial = experiment.new_trial({})
    refused(lambda: trial.update(Status.SUCCEEDED, at(1), {"score": "fast", "odd": Odd()}), ValueRejected)
    trial.update(Status.FAILED, at(1), {"score": "fast"})  # which did not succeed
    refused(lambda: trial.update(Status.SUCCEEDED, at(2), {"score": None}), AlreadyCompleted)
    assert caplog.records == []


# --- entering again ---------------------------------------------------------------------------------------------------

FIRST: dict[str, Any] = {
    "opt_targets": {"score": "min", "cost": "max"},
    "opt_weights": {"score": 0.75, "cost": 0.25},
    "description": "first words",
    "root_env_config": "first/env.jsonc",
}
CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"opt_targets": {**FIRST["opt_targets"], "speed": "max"}}, "new objectives speed"),
    ({"opt_targets": {"score": "min"}, "opt_weights": None}, "without the objectives cost"),
    ({"opt_targets": {"score": "max", "cost": "max"}}, "another direction of score"),
    ({"opt_weights": {"score": 0.8125, "cost": 0.25}}, "another weight of score"),
    ({"description": SECRET}, "another description"),
    ({"root_env_config": f"{SECRET}/env.jsonc"}, "another root_env_config"),
    ({"tunables": {**MAPPING, "more": 987654}}, "new tunables, which the last trial does not have more"),
    (
        {"tunables": {"cache": 987654, "ratio": 0.5, "mode": "wal", "fast": True}},
        "without the last trial's tunables extra",
    ),
]


@pytest.fixture
def begun(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch) -> SqlStorage:
    """A storage with an experiment that has a trial."""
    monkeypatch.setattr(GIT, lambda path: GitInfo("https://host/first.git", "a" * 40, path))
    with make_experiment(storage, **FIRST) as experiment:
        finish(experiment.new_trial({}), cost=1)
    return storage


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[words for _change, words in CHANGES])
def test_what_another_run_gives_and_is_not_stored_is_named(
    begun: SqlStorage, caplog: pytest.LogCaptureFixture, change: dict[str, Any], words: str
) -> None:
    before = dump(begun)
    caplog.clear()
    with make_experiment(begun, **{**FIRST, **change}):
        pass
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("Experiment Exp ")
    assert record.getMessage().endswith(f": {words}")
    for value in (SECRET, "first words", "0.75", "0.8125", "987654", "wal"):
        assert value not in caplog.text
    assert dump(begun) == before


def test_all_that_differs_is_in_one_warning(
    begun: SqlStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GIT, lambda path: GitInfo(f"https://{SECRET}@host/second.git", "b" * 40, path))
    changes = {key: value for change, _words in CHANGES[1:6] for key, value in change.items()}
    caplog.clear()
    make_experiment(begun, **{**FIRST, **changes}).__enter__()
    (record,) = caplog.records
    parts = record.getMessage().partition(": ")[2].split("; ")
    assert parts == [
        f"the git commit (begun at {'a' * 40}, now at {'b' * 40})",
        "another git repository",
        "another root_env_config",
        "another description",
        "another direction of score",
        "another weight of score",
    ]
    assert SECRET not in caplog.text


def test_nothing_is_logged_where_nothing_differs(begun: SqlStorage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    for again in (
        {},
        {"trial_id": 9},
        {"opt_weights": None},
        {"description": None},
        {"tunables": {**MAPPING, "cache": 1}},
    ):
        with make_experiment(begun, **{**FIRST, **again}) as experiment:
            assert experiment.get_trial_by_id(1) is not None
    assert begun.get_experiment_by_id("Exp", {}, {}) is not None
    assert caplog.records == []


def test_tunables_of_an_experiment_without_trials_may_change(
    storage: SqlStorage, caplog: pytest.LogCaptureFixture
) -> None:
    make_experiment(storage).__enter__()
    make_experiment(storage, tunables={"other": 1}).__enter__()
    assert caplog.records == []
