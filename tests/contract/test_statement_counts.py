"""How many statements and transactions each call costs, whatever the number of trials or points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trialstore.contract.helpers import Record, at, dump, finish, make_experiment, recorded, start_elsewhere
from trialstore.storage import SqlStorage, Status, Storage
from trialstore.storage.base_experiment_data import ExperimentData


def filled(storage: SqlStorage, trials: int) -> Storage.Experiment:
    """An experiment with that many trials, half of them due, each with a config of its own."""
    with make_experiment(storage) as experiment:
        for number in range(trials):
            trial = experiment.new_trial({"cache": number}, ts_start=at(0), config={"n": number})
            if number % 2:
                finish(trial, number)
    return experiment


def consume(storage: SqlStorage, experiment: Storage.Experiment, data: ExperimentData, call: str) -> int:
    """Do the call, look at all that it gives, and say how much that was."""
    if call == "load":
        return len(experiment.load()[0])
    if call == "pending_trials":
        return len([trial.config() for trial in experiment.pending_trials(at(1), running=True)])
    if call == "experiments":
        return len(list(storage.experiments))
    if call == "results_df":
        return len(data.results_df)
    if call == "trials_df":
        return len(data.trials_df())
    if call == "trials":
        return len([repr(trial) for trial in data.trials.values()])
    if call == "tunable_configs":
        return len([config.config_dict for config in data.tunable_configs.values()])
    return len([repr(group) for group in data.tunable_config_trial_groups.values()])


READS = {
    "load": 3,
    "pending_trials": 3,
    "results_df": 3,
    "trials_df": 1,
    "trials": 1,
    "tunable_configs": 1,
    "tunable_config_trial_groups": 1,
    "experiments": 1,
}


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("trials", [3, 60])
def test_a_reading_call_runs_the_same_statements_for_any_number_of_trials(
    storage: SqlStorage, call: str, trials: int
) -> None:
    experiment = filled(storage, trials)
    data = storage.experiments["Exp"]
    expected = {"load": trials // 2, "pending_trials": trials - trials // 2, "experiments": 1}.get(call, trials)
    with recorded(storage) as record:
        assert consume(storage, experiment, data, call) == expected
    assert len(record.names) == READS[call]
    transactions = 1 if READS[call] > 1 else 0  # one statement is a snapshot by itself
    assert (record.begins, record.commits, record.unknown, record.many) == (transactions, transactions, [], [])


@pytest.mark.parametrize(("count", "expected"), [(1, 3), (40, 3)])
def test_results_of_a_trial_group_are_three_statements(storage: SqlStorage, count: int, expected: int) -> None:
    with make_experiment(storage) as experiment:
        for _ in range(count):
            finish(experiment.new_trial({}))
    (group,) = storage.experiments["Exp"].tunable_config_trial_groups.values()
    with recorded(storage) as record:
        assert len(group.results_df) == count
    assert len(record.names) == expected


def test_one_trial_and_one_experiment_are_found_with_few_statements(storage: SqlStorage) -> None:
    experiment = filled(storage, 3)
    with recorded(storage) as record:
        experiment.get_trial_by_id(2)
    assert (len(record.names), record.begins, record.commits) == (3, 1, 1)
    with recorded(storage) as record:
        storage.get_experiment_by_id("Exp", {}, {})
    assert (len(record.names), record.begins, record.commits) == (2, 1, 1)


def one_transaction(storage: SqlStorage, call: Callable[[], Any]) -> Record:
    """Record a call that must write in exactly one transaction."""
    before = dump(storage)
    with recorded(storage) as record:
        call()
    assert (record.begins, record.commits) == (1, 1)
    assert (record.unknown, record.settings) == ([], [])
    assert dump(storage) != before
    return record


@pytest.fixture
def trial(experiment: Storage.Experiment) -> Storage.Trial:
    return experiment.new_trial({}, ts_start=at(0), config={"n": 1})


@pytest.mark.parametrize("metrics", [1, 100])
def test_completing_is_one_transaction_of_three_statements(
    storage: SqlStorage, trial: Storage.Trial, metrics: int
) -> None:
    values = {"score": 1.0, **{f"m{number}": number for number in range(metrics)}}
    record = one_transaction(storage, lambda: trial.update(Status.SUCCEEDED, at(1), values))
    assert record.names == ["trial_finish", "trial_status_put", "result_insert"]


def test_starting_is_one_transaction_of_two_statements(storage: SqlStorage, trial: Storage.Trial) -> None:
    start_elsewhere(storage)
    record = one_transaction(storage, lambda: trial.update(Status.RUNNING, at(1)))
    assert record.names == ["trial_start", "trial_status_put"]


def test_what_trials_run_on_is_stored_before_the_first_one_that_starts(
    storage: SqlStorage, trial: Storage.Trial
) -> None:
    with recorded(storage) as record:
        trial.update(Status.RUNNING, at(1))
    stored = ["context_find", "context_insert", "context_value_insert"]
    assert record.names == [*stored, "trial_start", "trial_status_put"]
    assert (record.begins, record.commits, record.unknown) == (2, 2, [])


def test_contexts_cost_nothing_where_they_are_switched_off(config: dict[str, Any]) -> None:
    with SqlStorage({**config, "context": False}) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({})
        record = one_transaction(storage, lambda: trial.update(Status.RUNNING, at(1)))
    assert record.names == ["trial_start_without_context", "trial_status_put"]


@pytest.mark.parametrize("points", [1, 10_000])
def test_telemetry_is_one_transaction_of_three_statements(
    storage: SqlStorage, trial: Storage.Trial, points: int
) -> None:
    sent = [(at(number), "cpu", number / 7) for number in range(points)]
    record = one_transaction(storage, lambda: trial.update_telemetry(Status.RUNNING, at(1), sent))
    assert record.names == ["trial_hold", "trial_status_add", "telemetry_insert"]
    if points > 1:
        assert record.many == ["telemetry_insert"]


def test_setting_the_runner_is_one_transaction_of_two_statements(storage: SqlStorage, trial: Storage.Trial) -> None:
    record = one_transaction(storage, lambda: trial.set_trial_runner(3))
    assert record.names == ["trial_hold", "trial_set_runner"]


def test_adding_metadata_is_one_transaction(storage: SqlStorage, trial: Storage.Trial) -> None:
    added = {f"key{number}": number for number in range(50)}
    record = one_transaction(storage, lambda: trial.add_new_config_data(added))
    assert record.names == ["trial_hold", "trial_params", "trial_param_insert"]


def test_a_new_trial_is_one_transaction(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    experiment.new_trial({})
    metadata = {f"key{number}": number for number in range(50)}
    fresh = one_transaction(storage, lambda: experiment.new_trial({"cache": 1}, config=metadata))
    known = one_transaction(storage, lambda: experiment.new_trial({"cache": 1}))
    assert len(fresh.names) == 7
    assert len(known.names) == 4


def test_entering_a_new_experiment_is_one_writing_transaction(storage: SqlStorage) -> None:
    make_experiment(storage, "Other").__enter__()
    with recorded(storage) as record:
        make_experiment(storage).__enter__()
    assert record.commits == 2  # one of the look whether it is there
    assert record.names == ["experiment_get", "experiment_insert", "objective_insert"]


def test_entering_a_known_experiment_only_reads(storage: SqlStorage) -> None:
    make_experiment(storage).__enter__()
    with recorded(storage) as record:
        make_experiment(storage).__enter__()
    assert (record.names, record.begins, record.commits) == (
        ["experiment_get", "trial_last_id", "objective_list"],
        1,
        1,
    )


@pytest.mark.parametrize("trials", [4, 40])
def test_merging_is_one_transaction_and_as_many_statements_for_any_number_of_trials(
    storage: SqlStorage, trials: int
) -> None:
    filled(storage, trials)
    with make_experiment(storage, "Other") as other:
        record = one_transaction(storage, lambda: other.merge(["Exp"]))
        assert len(record.names) == 14
        assert len(other.load()[0]) == trials // 2


def test_a_call_that_is_refused_commits_nothing(storage: SqlStorage, trial: Storage.Trial) -> None:
    finish(trial)
    with recorded(storage) as record, pytest.raises(RuntimeError):
        finish(trial)
    assert (record.begins, record.commits) == (1, 0)


@pytest.mark.parametrize("policy", ["update", "create", "verify"])
def test_opening_an_up_to_date_storage_is_one_select(
    shared_storage: SqlStorage, shared_config: dict[str, Any], policy: str
) -> None:
    with SqlStorage({**shared_config, "schema_policy": policy, "lazy_schema_create": True}) as second:
        with recorded(second) as record:
            make_experiment(second)
        assert record.names == ["history_list"]
        assert (record.begins, record.unknown, record.many) == (1, [], [])
        with recorded(second) as record:
            assert second.experiments == {}
        assert record.names == ["experiment_list"]
