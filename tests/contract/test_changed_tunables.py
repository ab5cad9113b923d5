"""Trials whose stored tunables are not those that the experiment is opened with: never run with other values."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pandas as pd
import pytest

from trialstore.contract.helpers import GROUPS, MAPPING, T0, at, dump, finish, groups, make_experiment
from trialstore.storage import SqlStorage, Storage, TrialError, TunableGroups, ValueRejected

pytestmark = pytest.mark.once_per_engine("values and tunables are compared in Python")


def narrowed() -> TunableGroups:
    """The groups with a smaller range of `latency`."""
    changed: dict[str, Any] = copy.deepcopy(GROUPS)
    changed["kernel"]["params"]["latency"]["range"] = [0, 50]
    return TunableGroups(changed)


@pytest.fixture
def waiting(storage: SqlStorage) -> Storage.Experiment:
    """An experiment with two trials that are due: latency 500, then 30."""
    experiment = make_experiment(storage, tunables=groups()).__enter__()
    for latency in (500, 30):
        experiment.new_trial(experiment.tunables.assign({"latency": latency}), ts_start=T0)
    return experiment


def test_a_trial_outside_of_a_narrowed_range_is_left_out_with_a_warning_and_the_others_run(
    storage: SqlStorage, waiting: Storage.Experiment, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = make_experiment(storage, tunables=narrowed())
    with caplog.at_level(logging.WARNING):
        due = list(experiment.pending_trials(at(1), running=False))
    assert [(trial.trial_id, trial.tunables["latency"]) for trial in due] == [(2, 30)]
    assert "Exp:1" in caplog.text
    with pytest.raises(TrialError, match="Exp:1"):
        experiment.get_trial_by_id(1)


def test_a_trial_with_a_tunable_that_is_gone_is_refused_by_name(
    storage: SqlStorage, waiting: Storage.Experiment
) -> None:
    experiment = make_experiment(storage, tunables={"latency": 1, "ratio": 0.5})
    assert list(experiment.pending_trials(at(1), running=False)) == []
    with pytest.raises(TrialError, match="'size'") as caught:
        experiment.get_trial_by_id(2)
    assert caught.value.hint


@pytest.mark.parametrize("given", [{"other": 1}, {**MAPPING, "other": 1}])
def test_tunables_of_another_shape_make_no_trial(
    storage: SqlStorage, waiting: Storage.Experiment, given: dict[str, Any]
) -> None:
    before = dump(storage)
    other = TunableGroups({"g": {"params": {"other": {"type": "int", "range": [0, 9], "default": 1}}}})
    for tunables in (given, other):
        with pytest.raises(ValueRejected, match=r"'other'|'cache'"):
            waiting.new_trial(tunables)
    assert dump(storage) == before


def test_a_source_with_values_that_are_not_admitted_here_is_not_merged(storage: SqlStorage) -> None:
    with make_experiment(storage, "wide", tunables=groups()) as wide:
        finish(wide.new_trial({"latency": 500}))
    with make_experiment(storage, "narrow", tunables=narrowed()) as narrow:
        before = dump(storage)
        with pytest.raises(ValueRejected, match="'latency'"):
            narrow.merge(["wide"])
        assert dump(storage) == before


def test_merge_takes_any_iterable_and_refuses_what_can_be_no_id(storage: SqlStorage) -> None:
    with make_experiment(storage, "source") as source:
        finish(source.new_trial({}))
    with make_experiment(storage) as experiment:
        wrong: list[Any] = [["\ud800"], [7], None]
        for ids in wrong:
            with pytest.raises(ValueRejected, match="experiment_ids"):
                experiment.merge(ids)
        experiment.merge(name for name in ["source"])  # type: ignore[arg-type]
        assert experiment.load()[0] == [1]


def test_metadata_in_memory_is_what_will_be_read_back(experiment: Storage.Experiment) -> None:
    given: dict[str, Any] = {"pair": (1, 2), "list": [1]}
    trial = experiment.new_trial({}, config=given)
    given["list"].append(2)
    trial.config()["list"].append(3)
    again = experiment.get_trial_by_id(trial.trial_id)
    assert again is not None
    assert trial.config() == again.config() == {"pair": [1, 2], "list": [1], "experiment_id": "Exp", "trial_id": 1}


def test_times_of_pandas_are_taken_as_what_they_are(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({})
    naive, aware = pd.Timestamp("2025-03-01 08:00:00.000001"), pd.Timestamp("2025-03-01 10:00", tz="+02:00")
    trial.update_telemetry(trial.status, at(0), [(naive, "naive", 1), (aware, "aware", 1)])
    found = {metric: ts for ts, metric, _ in experiment.load_telemetry(trial.trial_id)}
    assert found == {"naive": naive.to_pydatetime().astimezone(), "aware": aware.to_pydatetime()}
