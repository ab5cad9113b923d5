"""Merging experiments: completed trials of others, copied under new ids with all that belongs to them."""

from __future__ import annotations

from typing import Any

import pytest

from trialstore.contract.helpers import MAPPING, at, dump, finish, groups, make_experiment, query, status_events
from trialstore.storage import ExperimentMissing, SqlStorage, Status, Storage, StorageError, ValueRejected


@pytest.fixture
def source(storage: SqlStorage) -> Storage.Experiment:
    """Trial n has the status with number n; the completed ones are 4 to 7."""
    with make_experiment(storage, "Source", description="where trials come from") as experiment:
        for status in list(Status)[1:]:
            trial = experiment.new_trial({"cache": status.value}, ts_start=at(0), config={"n": [status.value]})
            trial.set_trial_runner(status.value)
            trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", status.value), (at(2), "cpu", "x")])
            if not status.is_pending():
                trial.update(status, at(3), {"score": status.value / 2} if status.is_completed() else None)
    return experiment


def everything(storage: SqlStorage, experiment: Storage.Experiment, trial_id: int) -> Any:
    """All that is stored of a trial, but for its id."""
    trial = storage.experiments[experiment.experiment_id].trials[trial_id]
    written = experiment.get_trial_by_id(trial_id)
    assert written is not None
    return (
        (trial.tunable_config_id, trial.trial_runner_id, trial.ts_start, trial.ts_end, trial.status),
        (trial.results_dict, trial.metadata_dict, written.tunables),
        (experiment.load_telemetry(trial_id), status_events(storage, written)),
    )


def test_completed_trials_are_copied_under_new_ids_with_all_that_belongs_to_them(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment
) -> None:
    finish(experiment.new_trial({}))
    experiment.merge(["Source"])
    assert list(storage.experiments["Exp"].trials) == [1, 2, 3, 4, 5]
    for new, old in zip((2, 3, 4, 5), (4, 5, 6, 7), strict=True):
        assert everything(storage, experiment, new) == everything(storage, source, old)


def test_the_source_stays_as_it_is(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment
) -> None:
    before = [everything(storage, source, trial_id) for trial_id in range(1, 8)]
    experiment.merge(["Source"])
    assert [everything(storage, source, trial_id) for trial_id in range(1, 8)] == before
    assert storage.experiments["Source"].description == "where trials come from"


def test_lineage_is_kept(storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment) -> None:
    experiment.merge(["Source"])
    rows = query(
        storage, "SELECT exp_id, trial_id, source_exp_id, source_trial_id FROM trial_lineage ORDER BY trial_id"
    )
    assert rows == [("Exp", new, "Source", old) for new, old in zip((1, 2, 3, 4), (4, 5, 6, 7), strict=True)]


def test_ids_go_on_after_a_merge(experiment: Storage.Experiment, source: Storage.Experiment) -> None:
    experiment.merge(["Source"])
    assert experiment.trial_id == 5
    assert experiment.new_trial({}).trial_id == 5


def test_merging_into_an_empty_experiment_begins_with_its_first_id(
    storage: SqlStorage, source: Storage.Experiment
) -> None:
    with make_experiment(storage, "Fresh", trial_id=100) as fresh:
        fresh.merge(["Source"])
    assert list(storage.experiments["Fresh"].trials) == [100, 101, 102, 103]


def test_merging_again_adds_only_what_is_new(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment
) -> None:
    experiment.merge(["Source"])
    before = dump(storage)
    experiment.merge(["Source"])
    assert dump(storage) == before
    assert experiment.trial_id == 5
    first = source.get_trial_by_id(1)
    assert first is not None
    finish(first)
    experiment.merge(["Source"])
    assert everything(storage, experiment, 5) == everything(storage, source, 1)
    assert list(storage.experiments["Exp"].trials) == [1, 2, 3, 4, 5]


def test_merging_nothing_changes_nothing(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    make_experiment(storage, "Empty").__enter__()
    before = dump(storage)
    experiment.merge([])
    experiment.merge(["Empty"])
    assert dump(storage) == before
    assert experiment.trial_id == 1


def test_several_sources_come_in_the_order_given_each_once(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    for number, name in enumerate(("B", "A")):
        with make_experiment(storage, name) as other:
            finish(other.new_trial({"cache": number}), number)
    experiment.merge(["B", "A", "B"])
    assert [scores and scores["score"] for scores in experiment.load()[2]] == [0, 1]


def test_a_trial_enters_once_however_many_ways_it_comes(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    with make_experiment(storage, "A") as a, make_experiment(storage, "B") as b:
        finish(a.new_trial({}), 1)
        finish(b.new_trial({}), 2)
        b.merge(["A"])
        a.merge(["B"])
        experiment.merge(["A", "B"])
        a.merge(["B", "Exp"])
        b.merge(["A", "Exp"])
    for merged in (a, b, experiment):
        assert sorted(scores["score"] for scores in merged.load()[2] if scores) == [1, 2]


def test_merged_trials_share_the_config_of_their_source(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment
) -> None:
    experiment.merge(["Source"])
    ours, theirs = storage.experiments["Exp"], storage.experiments["Source"]
    assert set(ours.tunable_configs) <= set(theirs.tunable_configs)
    assert ours.tunable_config_trial_groups[ours.trials[1].tunable_config_id].tunable_config_trial_group_id == 1


def test_a_tunable_that_the_source_lacks_takes_our_value(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    with make_experiment(storage, "Small", tunables={"cache": 1}) as small:
        finish(small.new_trial({"cache": 5}))
    experiment.merge(["Small"])
    trial = experiment.get_trial_by_id(1)
    assert trial is not None
    assert trial.tunables == {**MAPPING, "cache": 5}
    assert trial.tunable_config_id == experiment.new_trial({"cache": 5}).tunable_config_id


def test_a_tunable_that_the_source_lacks_takes_our_default(storage: SqlStorage) -> None:
    with make_experiment(storage, "Small", tunables={"latency": 1}) as small:
        finish(small.new_trial({"latency": 2}))
    with make_experiment(storage, tunables=groups().assign({"ratio": 0.75})) as experiment:
        experiment.merge(["Small"])
        trial = experiment.get_trial_by_id(1)
    assert trial is not None
    assert trial.tunables.get_param_values() == {"size": "small", "latency": 2, "ratio": 0.5}


def refused(
    storage: SqlStorage, experiment: Storage.Experiment, ids: Any, error: type[StorageError], *words: str
) -> None:
    before = dump(storage)
    with pytest.raises(error) as caught:
        experiment.merge(ids)
    assert all(word in str(caught.value) for word in words)
    assert caught.value.hint
    assert dump(storage) == before
    assert experiment.trial_id == 1


def test_an_unknown_source_is_refused_and_the_others_are_not_merged(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment
) -> None:
    refused(storage, experiment, ["Source", "Missing"], ExperimentMissing, "'Missing'")


def test_itself_is_refused(storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment) -> None:
    refused(storage, experiment, ["Source", "Exp"], StorageError, "'Exp'")


def test_a_text_instead_of_a_list_is_refused(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment
) -> None:
    refused(storage, experiment, "Source", ValueRejected, "list")


@pytest.mark.parametrize("targets", [{"score": "max"}, {"other": "min"}, {"score": "min", "other": "min"}, {}])
def test_other_objectives_are_refused(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment, targets: Any
) -> None:
    with make_experiment(storage, "Odd", opt_targets=targets) as odd:
        odd.new_trial({}).update(Status.FAILED, at(1))
    refused(storage, experiment, ["Source", "Odd"], StorageError, "'Odd'", "objectives")


def test_a_tunable_unknown_here_is_refused_by_name(
    storage: SqlStorage, experiment: Storage.Experiment, source: Storage.Experiment
) -> None:
    with make_experiment(storage, "Odd", tunables={"cache": 1, "surplus": 2}) as odd:
        finish(odd.new_trial({}))
    refused(storage, experiment, ["Source", "Odd"], ValueRejected, "'Odd'", "'surplus'")


def test_an_experiment_that_was_never_entered_cannot_be_merged_into(
    storage: SqlStorage, source: Storage.Experiment
) -> None:
    refused(storage, make_experiment(storage, "Never"), ["Source"], ExperimentMissing, "'Never'")
