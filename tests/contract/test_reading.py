"""Reading what is stored: experiments, trials, configs, and trials that share a config; and what optimizers load."""

from __future__ import annotations

from typing import Any

import pytest

from trialstore.contract.helpers import MAPPING, at, dump, finish, groups, make_experiment, recorded
from trialstore.storage import SqlStorage, Status, Storage, TrialMissing
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.base_trial_data import TrialData
from trialstore.storage.base_tunable_config_data import TunableConfigData
from trialstore.storage.base_tunable_config_trial_group_data import TunableConfigTrialGroupData


@pytest.fixture
def filled(storage: SqlStorage) -> ExperimentData:
    """Five trials with two configs: 1 and 4 share one, 2, 3 and 5 the other."""
    with make_experiment(storage, opt_targets={"score": "min", "rate": "max"}) as experiment:
        for number, cache in enumerate((1, 2, 2, 1, 2), start=1):
            experiment.new_trial({"cache": cache}, ts_start=at(number), config={"repeat": number})
        statuses = (Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELED)
        for number, status in enumerate(statuses, start=1):
            trial = experiment.get_trial_by_id(number)
            assert trial is not None
            trial.set_trial_runner(10 + number)
            trial.update(status, at(10 + number), {"score": number / 2, "rate": number})
    return storage.experiments["Exp"]


# Experiments


def test_experiment_data_says_what_is_stored(filled: ExperimentData) -> None:
    assert isinstance(filled, ExperimentData)
    assert filled.experiment_id == "Exp"
    assert filled.description == "a test"
    assert filled.root_env_config == ("nowhere/env.jsonc", "", "")
    assert repr(filled) == "Experiment :: Exp: 'a test'"
    assert (ExperimentData.RESULT_COLUMN_PREFIX, ExperimentData.CONFIG_COLUMN_PREFIX) == ("result.", "config.")


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (None, ["a", "b", "c", "d"]),
        ({"c": 0.7, "a": 0.1, "d": 0.1, "b": 0.1}, ["c", "a", "b", "d"]),
        ({"d": 2, "b": 0.5}, ["d", "b", "a", "c"]),
        ({"b": -1.0, "c": 0}, ["c", "b", "a", "d"]),
    ],
)
def test_objectives_are_ordered_by_weight_then_name(storage: SqlStorage, weights: Any, expected: list[str]) -> None:
    targets = {"d": "min", "b": "max", "a": "min", "c": "max"}
    make_experiment(storage, opt_targets=targets, opt_weights=weights).__enter__()
    objectives = storage.experiments["Exp"].objectives
    assert list(objectives) == expected
    assert objectives == targets


def test_an_experiment_may_have_no_objectives(storage: SqlStorage) -> None:
    make_experiment(storage, opt_targets={}).__enter__()
    assert storage.experiments["Exp"].objectives == {}


def test_trials_are_ordered_by_id(filled: ExperimentData) -> None:
    assert list(filled.trials) == [1, 2, 3, 4, 5]
    assert all(isinstance(trial, TrialData) for trial in filled.trials.values())


def test_tunable_configs_are_those_that_trials_used(storage: SqlStorage, filled: ExperimentData) -> None:
    with make_experiment(storage, "Other") as other:
        other.new_trial({"cache": 3})
    configs = filled.tunable_configs
    assert list(configs) == sorted({trial.tunable_config_id for trial in filled.trials.values()})
    assert [config.config_dict for config in configs.values()] == [{**MAPPING, "cache": 1}, {**MAPPING, "cache": 2}]
    assert all(isinstance(config, TunableConfigData) for config in configs.values())


def test_a_config_has_its_trials_of_all_experiments(storage: SqlStorage, filled: ExperimentData) -> None:
    with make_experiment(storage, "Before") as before, make_experiment(storage, "Later") as later:
        before.new_trial({"cache": 3})
        finish(later.new_trial({"cache": 2}), 9)
        before.new_trial({"cache": 2})
    config = filled.trials[2].tunable_config
    with recorded(storage) as record:
        found = config.trials
    assert record.names == ["trial_list_of_config_anywhere"]
    keys = [(trial.experiment_id, trial.trial_id) for trial in found]
    assert keys == [("Before", 2), ("Exp", 2), ("Exp", 3), ("Exp", 5), ("Later", 1)]
    assert {trial.tunable_config_id for trial in found} == {config.tunable_config_id}
    groups = [trial.tunable_config_trial_group for trial in found]
    assert [group.tunable_config_trial_group_id for group in groups] == [2, 2, 2, 2, 1]
    assert found[1] == filled.trials[2]
    assert [trial.status for trial in found[:2]] == [Status.PENDING, Status.FAILED]
    assert found[4].results_dict == {"score": 9}
    searched = storage.find_trials(f"config_id == {config.tunable_config_id}")
    assert sorted((trial.experiment_id, trial.trial_id) for trial in searched) == keys


def test_tunable_config_trial_groups_hold_the_trials_of_each_config(filled: ExperimentData) -> None:
    found = filled.tunable_config_trial_groups
    assert list(found) == list(filled.tunable_configs)
    assert [list(group.trials) for group in found.values()] == [[1, 4], [2, 3, 5]]
    assert [group.tunable_config_trial_group_id for group in found.values()] == [1, 2]


def test_an_empty_experiment_reads_as_empty(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    data = storage.experiments["Exp"]
    assert (data.trials, data.tunable_configs, data.tunable_config_trial_groups) == ({}, {}, {})
    assert data.default_tunable_config_id is None
    assert experiment.load() == ([], [], [], [])


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([None, None], 0),
        ([None, True], 1),
        ([False, True, True], 1),
        ([False, False], 0),
        (["False", "True"], 1),
        ([None, 0, True], 2),
    ],
)
def test_default_config_is_the_first_trials_that_is_marked_so(
    storage: SqlStorage, experiment: Storage.Experiment, marks: list[Any], expected: int
) -> None:
    trials = [
        experiment.new_trial({"cache": number}, config={} if mark is None else {"is_defaults": mark})
        for number, mark in enumerate(marks)
    ]
    assert storage.experiments["Exp"].default_tunable_config_id == trials[expected].tunable_config_id


def test_reading_sees_what_was_written_since(storage: SqlStorage, filled: ExperimentData) -> None:
    trial = filled.trials[5]
    assert trial.results_dict == {}
    experiment = storage.get_experiment_by_id("Exp", MAPPING, {"score": "min", "rate": "max"})
    assert experiment is not None
    running = experiment.get_trial_by_id(5)
    assert running is not None
    finish(running, rate=1)
    assert trial.results_dict == {"rate": 1, "score": 1.5}
    assert filled.trials[5].status is Status.SUCCEEDED


# Trials


def test_trial_data_says_what_is_stored(filled: ExperimentData) -> None:
    trial = filled.trials[3]
    assert (trial.experiment_id, trial.trial_id, trial.trial_runner_id) == ("Exp", 3, 13)
    assert (trial.ts_start, trial.ts_end, trial.status) == (at(3), at(13), Status.TIMED_OUT)
    assert trial.tunable_config_id == filled.trials[2].tunable_config_id
    assert trial.tunable_config.config_dict == {**MAPPING, "cache": 2}
    assert trial.results_dict == {"rate": 3, "score": 1.5}
    assert trial.metadata_dict == {"repeat": 3}
    assert repr(trial) == f"Trial :: Exp:3 cid:{trial.tunable_config_id} rid:13 TIMED_OUT"
    assert repr(filled.trials[5]) == f"Trial :: Exp:5 cid:{trial.tunable_config_id} rid:None PENDING"


def test_trial_frames_have_two_columns(filled: ExperimentData) -> None:
    trial = filled.trials[3]
    assert list(trial.results_df.columns) == ["metric", "value"]
    assert trial.results_df.to_numpy().tolist() == [["rate", 3], ["score", 1.5]]
    assert list(trial.metadata_df.columns) == ["parameter", "value"]
    assert trial.metadata_df.to_numpy().tolist() == [["repeat", 3]]
    assert len(filled.trials[5].results_df) == 0
    assert list(filled.trials[5].results_df.columns) == ["metric", "value"]


def test_trials_are_equal_by_experiment_and_id(storage: SqlStorage, filled: ExperimentData) -> None:
    with make_experiment(storage, "Other") as other:
        other.new_trial({})
    first = filled.trials[1]
    assert first == storage.experiments["Exp"].trials[1]
    assert first != filled.trials[4]
    assert first != storage.experiments["Other"].trials[1]
    assert first != "Exp:1"
    assert len({first, filled.trials[1]}) == 1


def test_a_trial_knows_its_trial_group(filled: ExperimentData) -> None:
    group = filled.trials[5].tunable_config_trial_group
    assert isinstance(group, TunableConfigTrialGroupData)
    assert group.tunable_config_trial_group_id == 2
    assert list(group.trials) == [2, 3, 5]
    assert group == filled.tunable_config_trial_groups[group.tunable_config_id]
    assert group != filled.trials[1].tunable_config_trial_group


def test_the_trial_group_of_a_config_is_counted_in_each_experiment(storage: SqlStorage, filled: ExperimentData) -> None:
    with make_experiment(storage, "Other", trial_id=7) as other:
        shared = other.new_trial({"cache": 2})
    group = storage.experiments["Other"].tunable_config_trial_groups[shared.tunable_config_id]
    assert (group.experiment_id, group.tunable_config_id) == ("Other", shared.tunable_config_id)
    assert group.tunable_config_trial_group_id == 7
    assert list(group.trials) == [7]
    assert group.tunable_config.config_dict == {**MAPPING, "cache": 2}
    assert filled.tunable_config_trial_groups[shared.tunable_config_id].tunable_config_trial_group_id == 2


# Configs


def test_config_data_says_what_is_stored(filled: ExperimentData) -> None:
    config = filled.trials[1].tunable_config
    assert config.tunable_config_id == filled.trials[1].tunable_config_id
    assert list(config.config_df.columns) == ["parameter", "value"]
    shown = dict(zip(config.config_df["parameter"], config.config_df["value"], strict=True))
    assert shown == config.config_dict == {**MAPPING, "cache": 1}
    assert list(config.config_df["parameter"]) == sorted(MAPPING)
    assert config == filled.tunable_configs[config.tunable_config_id]
    assert config != filled.trials[2].tunable_config


# What an optimizer loads


def test_load_gives_the_trials_that_ended_by_themselves(storage: SqlStorage, filled: ExperimentData) -> None:
    experiment = storage.get_experiment_by_id("Exp", MAPPING, {"score": "min", "rate": "max"})
    assert experiment is not None
    ids, configs, scores, statuses = experiment.load()
    assert ids == [1, 2, 3]
    assert configs == [{**MAPPING, "cache": cache} for cache in (1, 2, 2)]
    assert scores == [{"rate": 1, "score": 0.5}, None, None]
    assert statuses == [Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT]


@pytest.mark.parametrize(("last", "expected"), [(-1, [1, 2, 3]), (0, [1, 2, 3]), (1, [2, 3]), (3, []), (99, [])])
def test_load_gives_what_came_after_the_last_trial_known(
    storage: SqlStorage, filled: ExperimentData, last: int, expected: list[int]
) -> None:
    experiment = storage.get_experiment_by_id("Exp", MAPPING, {"score": "min", "rate": "max"})
    assert experiment is not None
    loaded = experiment.load(last)
    assert loaded[0] == expected
    assert [len(part) for part in loaded] == [len(expected)] * 4


def test_load_gives_an_empty_score_for_success_without_metrics(experiment: Storage.Experiment) -> None:
    experiment.new_trial({}).update(Status.SUCCEEDED, at(1))
    assert experiment.load()[2] == [{}]


def test_load_gives_plain_dicts_for_tunable_groups_too(experiment_groups: Storage.Experiment) -> None:
    finish(experiment_groups.new_trial({"size": "007", "latency": -1}))
    assert experiment_groups.load()[1] == [{**groups().get_param_values(), "size": "007", "latency": -1}]


@pytest.mark.parametrize("config_id", [0, -1, 99, 2**70, "1"])
def test_load_tunable_config_refuses_an_unknown_id(experiment: Storage.Experiment, config_id: Any) -> None:
    with pytest.raises(TrialMissing) as caught:
        experiment.load_tunable_config(config_id)
    assert isinstance(caught.value, LookupError)
    assert caught.value.hint


@pytest.mark.parametrize("trial_id", [2**70, -(2**70)])
def test_load_and_load_telemetry_of_ids_beyond_any_column_are_empty(
    experiment: Storage.Experiment, trial_id: int
) -> None:
    finish(experiment.new_trial({}))
    assert experiment.load_telemetry(trial_id) == []
    assert experiment.load(trial_id)[0] == ([] if trial_id > 0 else [1])


def test_status_events_are_told_in_order_with_those_of_telemetry(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    trial = experiment.new_trial({}, ts_start=at(1))
    data = storage.experiments["Exp"].trials[trial.trial_id]
    assert data.status_events == []  # it is PENDING since it was made, which is no change
    trial.update(Status.RUNNING, at(2))
    trial.update_telemetry(Status.RUNNING, at(3.000001), [])
    trial.update(Status.FAILED, at(4))
    events = [(at(2), Status.RUNNING), (at(3.000001), Status.RUNNING), (at(4), Status.FAILED)]
    assert data.status_events == events
    frame = data.status_df
    assert list(frame.columns) == ["ts", "status"]
    assert str(frame["ts"].dtype) == "datetime64[us, UTC]"
    assert list(zip(frame["ts"], frame["status"], strict=True)) == [(ts, one.name) for ts, one in events]


def test_reading_changes_nothing(storage: SqlStorage, filled: ExperimentData) -> None:
    before = dump(storage)
    for trial in filled.trials.values():
        assert len(trial.results_df) == len(trial.results_dict)
        assert len(trial.telemetry_df) == 0
        assert len(trial.metadata_df) == 1
        assert len(trial.status_df) == len(trial.status_events)
    for group in filled.tunable_config_trial_groups.values():
        assert len(group.results_df) == len(group.trials)
    assert len(filled.results_df) == 5
    assert filled.default_tunable_config_id is not None
    assert dump(storage) == before
