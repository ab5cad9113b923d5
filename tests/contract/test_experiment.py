"""A storage, and entering, leaving and continuing experiments in it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from trialstore.contract.helpers import GROUPS, MAPPING, TARGETS, at, dump, finish, groups, make_experiment, tables
from trialstore.storage import SqlStorage, Storage, TrialError, TunableGroups
from trialstore.storage.writing.git import GitInfo

GIT = "trialstore.storage.writing.experiment.git_info"

# Storage


def test_storage_shows_backend_and_database_only(config: dict[str, Any], storage: SqlStorage) -> None:
    assert repr(storage) == f"{config['drivername'].partition('+')[0]}:{config.get('database', '')}"


def test_storage_is_a_storage_that_keeps_service_and_global_config(config: dict[str, Any]) -> None:
    service, values = object(), {"a": 1}
    with SqlStorage(config, values, service) as storage:
        assert isinstance(storage, Storage)
        assert storage.service is service
        assert storage.global_config == values


def test_leaving_a_storage_lets_exceptions_through(config: dict[str, Any]) -> None:
    storage = SqlStorage(config)
    with pytest.raises(KeyError, match="mine"), storage:
        raise KeyError("mine")
    assert storage.__enter__() is storage
    assert storage.__exit__(KeyError, KeyError("mine"), None) is False


def test_storage_can_be_used_again_after_dispose(shared_storage: SqlStorage) -> None:
    with make_experiment(shared_storage) as experiment:
        experiment.new_trial({})
    shared_storage.dispose()
    assert list(shared_storage.experiments["Exp"].trials) == [1]


def test_storage_does_not_change_with_the_config_dict_it_was_given(config: dict[str, Any]) -> None:
    given = dict(config)
    with SqlStorage(given) as storage:
        given.clear()
        make_experiment(storage).__enter__()
        assert list(storage.experiments) == ["Exp"]


def test_a_new_storage_has_no_experiments(storage: SqlStorage) -> None:
    assert storage.experiments == {}


def test_the_tables_have_the_names_of_the_reference(storage: SqlStorage) -> None:
    reference = {"experiment", "objectives", "config", "config_param", "trial", "trial_param", "trial_status"}
    assert reference | {"trial_result", "trial_telemetry"} <= set(tables(storage))


def test_experiments_are_ordered_by_id_byte_by_byte(storage: SqlStorage) -> None:
    ids = ["b", "a", "B", "a10", "a2", "é", "Z", "a ", "😀"]
    for experiment_id in ids:
        make_experiment(storage, experiment_id).__enter__()
    assert list(storage.experiments) == sorted(ids)


# Entering


def test_an_experiment_that_is_not_entered_is_not_written(storage: SqlStorage) -> None:
    make_experiment(storage)
    assert storage.experiments == {}


def test_entering_creates_the_experiment(storage: SqlStorage) -> None:
    experiment = make_experiment(storage, opt_targets={"score": "min", "rate": "max"})
    with experiment as entered:
        assert entered is experiment
        stored = storage.experiments["Exp"]
    assert stored.experiment_id == "Exp"
    assert stored.description == "a test"
    assert stored.objectives == {"rate": "max", "score": "min"}


def test_properties_say_what_was_given(experiment: Storage.Experiment) -> None:
    assert isinstance(experiment, Storage.Experiment)
    assert experiment.experiment_id == "Exp"
    assert experiment.trial_id == 1
    assert experiment.description == "a test"
    assert experiment.root_env_config == "nowhere/env.jsonc"
    assert experiment.tunables == MAPPING
    assert experiment.opt_targets == TARGETS
    assert repr(experiment) == "Exp"


def test_tunables_and_opt_targets_are_copies(storage: SqlStorage) -> None:
    given = dict(MAPPING)
    experiment = make_experiment(storage, tunables=given)
    given["cache"] = 1
    experiment.tunables["cache"] = 2
    experiment.opt_targets["other"] = "min"
    assert experiment.tunables == MAPPING
    assert experiment.opt_targets == TARGETS


def test_tunable_groups_are_copied_too(storage: SqlStorage) -> None:
    given = groups()
    experiment = make_experiment(storage, tunables=given)
    given["latency"] = 1
    experiment.tunables["latency"] = 2
    assert isinstance(experiment.tunables, TunableGroups)
    assert experiment.tunables == TunableGroups(GROUPS)


def test_entering_twice_is_an_error(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        before = dump(storage)
        with pytest.raises(TrialError, match="'Exp' is entered already") as caught:
            experiment.__enter__()
        assert caught.value.hint
        assert dump(storage) == before
        experiment.new_trial({})


def test_an_experiment_that_was_left_can_be_entered_again(storage: SqlStorage) -> None:
    experiment = make_experiment(storage)
    with experiment:
        experiment.new_trial({})
    with experiment:
        assert experiment.new_trial({}).trial_id == 2


def test_leaving_an_experiment_lets_exceptions_through(storage: SqlStorage) -> None:
    experiment = make_experiment(storage)
    with pytest.raises(KeyError, match="mine"), experiment:
        raise KeyError("mine")
    assert experiment.__exit__(None, None, None) is False
    assert list(storage.experiments) == ["Exp"]


# Continuing


@pytest.mark.parametrize("first", [0, 1, 17])
def test_trial_ids_begin_where_the_experiment_says(storage: SqlStorage, first: int) -> None:
    with make_experiment(storage, trial_id=first) as experiment:
        assert [experiment.new_trial({}).trial_id for _ in range(3)] == [first, first + 1, first + 2]
        assert experiment.trial_id == first + 3


def test_trial_ids_go_on_after_a_reload(storage: SqlStorage) -> None:
    with make_experiment(storage, trial_id=5) as experiment:
        experiment.new_trial({})
        experiment.new_trial({})
    with make_experiment(storage, trial_id=100) as again:
        assert again.trial_id == 7
        assert again.new_trial({}).trial_id == 7


def test_a_reload_without_trials_begins_where_it_says(storage: SqlStorage) -> None:
    make_experiment(storage, trial_id=5).__enter__()
    with make_experiment(storage, trial_id=9) as again:
        assert again.trial_id == 9
        assert again.new_trial({}).trial_id == 9


def test_a_reload_changes_nothing_that_is_stored(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        finish(experiment.new_trial({}))
    before = dump(storage)
    make_experiment(storage, description="another", root_env_config="elsewhere").__enter__()
    assert dump(storage) == before


def test_other_objectives_on_reload_are_logged_and_the_first_ones_stay(
    storage: SqlStorage, caplog: pytest.LogCaptureFixture
) -> None:
    make_experiment(storage).__enter__()
    make_experiment(storage, opt_targets={"score": "max"}).__enter__()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert storage.experiments["Exp"].objectives == {"score": "min"}


def test_two_objects_of_one_experiment_share_the_trial_ids(storage: SqlStorage) -> None:
    with make_experiment(storage) as one, make_experiment(storage) as two:
        ids = [experiment.new_trial({}).trial_id for experiment in (one, two, two, one, two)]
    assert ids == [1, 2, 3, 4, 5]


def test_experiments_number_their_trials_each_for_itself(storage: SqlStorage) -> None:
    with make_experiment(storage, "one") as one, make_experiment(storage, "two") as two:
        assert [one.new_trial({}).trial_id, two.new_trial({}).trial_id, two.new_trial({}).trial_id] == [1, 1, 2]


# Git


def test_git_information_is_recorded(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GIT, lambda path: GitInfo("https://host/repo.git", "c" * 40, "sub/env.jsonc"))
    with make_experiment(storage) as experiment:
        assert experiment.root_env_config == "sub/env.jsonc"
        assert (experiment.git_repo, experiment.git_commit) == ("https://host/repo.git", "c" * 40)
    assert storage.experiments["Exp"].root_env_config == ("sub/env.jsonc", "https://host/repo.git", "c" * 40)


def test_outside_a_work_tree_the_path_is_kept_as_given(storage: SqlStorage) -> None:
    make_experiment(storage, root_env_config="nowhere/../env.jsonc").__enter__()
    assert storage.experiments["Exp"].root_env_config == ("nowhere/../env.jsonc", "", "")


def test_a_changed_commit_is_logged_and_the_first_one_stays(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GIT, lambda path: GitInfo("repo", "a" * 40, path))
    make_experiment(storage).__enter__()
    make_experiment(storage).__enter__()
    assert caplog.records == []
    monkeypatch.setattr(GIT, lambda path: GitInfo("repo", "b" * 40, path))
    make_experiment(storage).__enter__()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "a" * 40 in caplog.text
    assert "b" * 40 in caplog.text
    assert storage.experiments["Exp"].root_env_config[2] == "a" * 40


# By id


def test_get_experiment_by_id_gives_one_that_can_be_used_without_entering(storage: SqlStorage) -> None:
    with make_experiment(storage, trial_id=3) as experiment:
        first = experiment.new_trial({})
    found = storage.get_experiment_by_id("Exp", MAPPING, TARGETS)
    assert found is not None
    assert (found.experiment_id, found.trial_id, found.description) == ("Exp", 4, "a test")
    assert found.root_env_config == "nowhere/env.jsonc"
    assert found.tunables == MAPPING
    assert found.opt_targets == TARGETS
    again = found.get_trial_by_id(first.trial_id)
    assert again is not None
    finish(again)
    assert found.new_trial({}, ts_start=at(0)).trial_id == 4
    assert found.load()[0] == [3]


@pytest.mark.parametrize("experiment_id", ["exp", "Exp ", "", "unknown", "\ud800", "a\0b", "x" * 5000])
def test_get_experiment_by_id_gives_none_for_an_unknown_one(storage: SqlStorage, experiment_id: str) -> None:
    make_experiment(storage).__enter__()
    before = dump(storage)
    assert storage.get_experiment_by_id(experiment_id, MAPPING, TARGETS) is None
    assert dump(storage) == before
