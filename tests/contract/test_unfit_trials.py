"""Trials that cannot be run, or read: they cost one look, are reported once, keep nobody from the others, and can be
listed and canceled."""

from __future__ import annotations

import functools
import logging
from typing import Any

import pytest

from trialstore.contract.helpers import MAPPING, at, dump, execute, finish, make_experiment, recorded, refused
from trialstore.storage import NewTrial, SqlStorage, Status, Storage, TrialError, ValueRejected

pytestmark = pytest.mark.once_per_engine("what cannot be run is found in rows that were read")

UNFIT = 250
CLAIM = ["claim_find", "config_params_of_trials", "trial_params_of_trials", "claim_take", "claim_event"]
"""The statements of a claim that meets no unfit trial."""


def strangers(storage: SqlStorage, count: int = UNFIT) -> Storage.Experiment:
    """An experiment that was made with other tunables than those it is opened with; its first trials are the unfit
    ones, each with a config of its own."""
    with make_experiment(storage, tunables={**MAPPING, "gone": 0}) as before:
        before.new_trials([NewTrial({"gone": number}, at(-100)) for number in range(count)])
    return make_experiment(storage).__enter__()


def test_unfit_trials_cost_one_look(storage: SqlStorage) -> None:
    experiment = strangers(storage)
    fit = experiment.new_trials([NewTrial({"cache": number}, at(0)) for number in range(4)])
    with recorded(storage) as record:
        assert [trial.trial_id for trial in experiment.claim_trials(1)] == [fit[0].trial_id]
    assert len(record.names) <= 40  # and not some for each of them
    for trial in fit[1:]:
        with recorded(storage) as record:
            assert [claimed.trial_id for claimed in experiment.claim_trials(1)] == [trial.trial_id]
        assert record.names == CLAIM
    with recorded(storage) as record:
        assert experiment.claim_trials(1) == []
    assert record.names == ["claim_find"]


def test_unfit_trials_are_reported_once(storage: SqlStorage, caplog: pytest.LogCaptureFixture) -> None:
    experiment = strangers(storage)
    with caplog.at_level(logging.WARNING):
        experiment.claim_trials(1)
    assert 0 < len(caplog.records) < 10
    assert "Exp:1 cannot be run" in caplog.text
    assert "cancel_trials()" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        experiment.claim_trials(1)
        assert list(experiment.pending_trials(at(0), running=True)) == []
    assert caplog.records == []


def test_unfit_trials_are_listed_and_canceled(storage: SqlStorage) -> None:
    experiment = strangers(storage, 3)
    fit = experiment.new_trial({})
    unfit = experiment.unfit_trials()
    assert list(unfit) == [1, 2, 3]
    assert all("'gone'" in reason for reason in unfit.values())
    assert experiment.cancel_trials(unfit) == [1, 2, 3]
    assert experiment.unfit_trials() == {}
    assert experiment.cancel_trials(unfit) == []
    trials = storage.experiments["Exp"].trials
    assert [trial.status for trial in trials.values()] == [Status.CANCELED] * 3 + [Status.PENDING]
    assert all((trials[number].ts_end is not None) for number in unfit)
    assert [trial.trial_id for trial in experiment.claim_trials(1, limit=9)] == [fit.trial_id]


def test_only_pending_trials_that_nobody_holds_are_canceled(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        trials = [experiment.new_trial({}, at(number)) for number in range(4)]
        experiment.claim_trials(1)
        trials[1].update(Status.RUNNING, at(9))
        finish(trials[2])
        before = dump(storage)
        assert experiment.cancel_trials([1, 2, 3, 99]) == []
        assert dump(storage) == before
        assert experiment.cancel_trials([4, 1, 4]) == [4]
        wrong: tuple[Any, ...] = ("1", 1, [1, "x"], [True], [-1])
        for bad in wrong:
            refused(functools.partial(experiment.cancel_trials, bad), ValueRejected)


POISON = {
    "config text": "UPDATE config_param SET param_value = 'x' WHERE config_id = {config} AND param_id = 'cache'",
    "config type": "UPDATE config_param SET value_type = '?' WHERE config_id = {config} AND param_id = 'cache'",
    "config bool": "UPDATE config_param SET param_value = 'yes' WHERE config_id = {config} AND param_id = 'fast'",
    "metadata JSON": "UPDATE trial_param SET param_value = '[' WHERE trial_id = {trial} AND param_id = 'list'",
    "metadata type": "UPDATE trial_param SET value_type = '?' WHERE trial_id = {trial} AND param_id = 'list'",
    "metadata escape": "UPDATE trial_param SET value_type = 'e', param_value = '{slash}' WHERE trial_id = {trial}",
}


@pytest.mark.parametrize("what", POISON)
def test_a_trial_that_cannot_be_read_is_passed_over(
    storage: SqlStorage, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    with make_experiment(storage) as experiment:
        bad = experiment.new_trial({"cache": 1}, at(0), {"list": [1]})
        good = experiment.new_trial({"cache": 2}, at(1), {"list": [2]})
        words = {"config": bad.tunable_config_id, "trial": bad.trial_id, "slash": "\\\\" if is_mysql(storage) else "\\"}
        execute(storage, POISON[what].format(**words))
        assert [trial.trial_id for trial in experiment.pending_trials(at(9), running=False)] == [good.trial_id]
        assert list(experiment.unfit_trials()) == [bad.trial_id]
        refused(lambda: experiment.get_trial_by_id(bad.trial_id), TrialError, "cannot be run")
        (held,) = experiment.claim_trials(1, limit=9)
        assert held.config()["list"] == [2]
        assert len([record for record in caplog.records if "Exp:1 cannot be run" in record.getMessage()]) == 1
        data = storage.experiments["Exp"]
        assert len(data.results_df) == len(data.trials) == 2
        assert data.trials[1].metadata_dict.keys() == {"list"}
        assert data.trials[1].tunable_config.config_dict.keys() == MAPPING.keys()
        assert experiment.cancel_trials([bad.trial_id]) == [bad.trial_id]


def is_mysql(storage: SqlStorage) -> bool:
    """Whether a backslash in a literal has to be doubled."""
    return storage.database.dialect.name in ("mysql", "mariadb")


LATE = {
    "sqlite": ["'long ago'", "'20000-01-01 00:00:00.000000'", "5"],
    "postgresql": ["'infinity'", "'20000-01-01 00:00:00+00'"],
    "duckdb": ["TIMESTAMP '20000-01-01 00:00:00'", "TIMESTAMP 'infinity'"],
}


def test_a_trial_whose_times_cannot_be_read_is_shown_without_them(storage: SqlStorage) -> None:
    """MySQL has no such times."""
    with make_experiment(storage) as experiment:
        for number in range(2):
            finish(experiment.new_trial({"cache": number}), number)
        waiting = experiment.new_trial({})
        for late in LATE.get(storage.database.dialect.name, []):
            execute(storage, f"UPDATE trial SET ts_end = {late} WHERE trial_id = 1")
            execute(storage, f"UPDATE trial SET ts_start = {late} WHERE trial_id = 1")
            data = storage.experiments["Exp"]
            assert list(data.results_df["trial_id"]) == [1, 2, 3]
            assert [trial.ts_start is None for trial in data.trials.values()] == [True, False, False]
            assert experiment.load()[0] == [1, 2]
            (group,) = [each for each in data.tunable_config_trial_groups.values() if 1 in each.trials]
            assert len(group.results_df) == 1
        assert [trial.trial_id for trial in experiment.claim_trials(1)] == [waiting.trial_id]


@pytest.mark.parametrize("change", ["value_type = '?'", "metric_value = 'x'"])
def test_a_result_that_cannot_be_read_costs_its_trial_alone(storage: SqlStorage, change: str) -> None:
    with make_experiment(storage) as experiment:
        for number in range(3):
            finish(experiment.new_trial({"cache": number}), number + 0.5)
        execute(storage, f"UPDATE trial_result SET {change} WHERE trial_id = 2")
        ids, configs, scores, status = experiment.load()
        assert (ids, scores, len(configs), len(status)) == ([1, 3], [{"score": 0.5}, {"score": 2.5}], 2, 2)
        data = storage.experiments["Exp"]
        shown: list[Any] = list(data.results_df["result.score"])
        assert (shown[0], str(shown[1]), shown[2]) == (0.5, data.trials[2].results_dict["score"], 2.5)
        with make_experiment(storage, "Other") as other:
            other.merge(["Exp"])
            assert other.load()[0] == [1, 3]
