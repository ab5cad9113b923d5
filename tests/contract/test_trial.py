"""New trials, their properties, metadata and runner."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest

from trialstore.contract.helpers import MAPPING, TARGETS, UTC, at, finish, groups, make_experiment
from trialstore.storage import SqlStorage, Status, Storage, TunableGroups

BERLIN_WINTER = dt.timezone(dt.timedelta(hours=1))
KOLKATA = dt.timezone(dt.timedelta(hours=5, minutes=30))


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is New York's."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def again(experiment: Storage.Experiment, trial: Storage.Trial) -> Storage.Trial:
    found = experiment.get_trial_by_id(trial.trial_id)
    assert found is not None
    return found


# New trials


def test_a_new_trial_is_pending(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({"cache": 128}, ts_start=at(5), config={"repeat": 2})
    assert isinstance(trial, Storage.Trial)
    assert (trial.experiment_id, trial.trial_id, trial.trial_runner_id) == ("Exp", 1, None)
    assert trial.status is Status.PENDING
    assert trial.tunables == {**MAPPING, "cache": 128}
    assert trial.opt_targets() == TARGETS
    stored = storage.experiments["Exp"].trials[1]
    assert (stored.status, stored.ts_start, stored.ts_end) == (Status.PENDING, at(5), None)
    assert stored.tunable_config_id == trial.tunable_config_id
    assert stored.trial_runner_id is None
    assert repr(trial) == f"Exp:1:{trial.tunable_config_id}"


def test_a_new_trial_starts_now_unless_it_is_scheduled(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    before = dt.datetime.now(UTC)
    experiment.new_trial({})
    experiment.new_trial({}, ts_start=before + dt.timedelta(days=365))
    now, later = storage.experiments["Exp"].trials.values()
    assert now.ts_start is not None
    assert before <= now.ts_start <= dt.datetime.now(UTC)
    assert later.ts_start == before + dt.timedelta(days=365)
    assert later.status is Status.PENDING


def test_next_trial_id_is_counted_on(experiment: Storage.Experiment) -> None:
    for expected in (1, 2, 3):
        assert experiment.trial_id == expected
        assert experiment.new_trial({}).trial_id == expected
    assert experiment.trial_id == 4


def test_tunables_and_opt_targets_of_a_trial_are_copies(experiment_groups: Storage.Experiment) -> None:
    given = groups().assign({"latency": 7})
    trial = experiment_groups.new_trial(given)
    given["latency"] = 8
    trial.tunables["latency"] = 9
    trial.opt_targets()["other"] = "min"
    assert trial.tunables["latency"] == 7
    assert trial.opt_targets() == TARGETS


def test_tunable_groups_come_back_as_tunable_groups(experiment_groups: Storage.Experiment) -> None:
    chosen = groups().assign({"latency": -1, "ratio": 0.25, "size": "007"})
    trial = again(experiment_groups, experiment_groups.new_trial(chosen))
    assert isinstance(trial.tunables, TunableGroups)
    assert trial.tunables == chosen
    assert trial.tunables.get_param_values() == {"size": "007", "latency": -1, "ratio": 0.25}


def test_a_mapping_is_laid_over_the_experiments_tunable_groups(experiment_groups: Storage.Experiment) -> None:
    trial = experiment_groups.new_trial({"latency": 33})
    assert trial.tunables == groups().assign({"latency": 33})
    assert experiment_groups.tunables == groups()


def test_get_trial_by_id_gives_the_trial_as_it_is_stored(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({"mode": "off"}, config={"repeat": 2, "where": ["a", {"b": None}]})
    trial.set_trial_runner(4)
    trial.update(Status.RUNNING, at(1))
    found = again(experiment, trial)
    assert (found.experiment_id, found.trial_id) == ("Exp", trial.trial_id)
    assert found.tunable_config_id == trial.tunable_config_id
    assert (found.status, found.trial_runner_id) == (Status.RUNNING, 4)
    assert found.tunables == {**MAPPING, "mode": "off"}
    assert found.opt_targets() == TARGETS
    assert found.config() == trial.config()


@pytest.mark.parametrize("trial_id", [0, 2, -1, 2**40, 2**70, True, "1", None])
def test_get_trial_by_id_gives_none_for_an_unknown_one(experiment: Storage.Experiment, trial_id: Any) -> None:
    experiment.new_trial({})
    assert experiment.get_trial_by_id(trial_id) is None


def test_ids_may_be_numpy_integers_as_data_frames_give_them(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    finish(experiment.new_trial({}))
    row = storage.experiments["Exp"].results_df.iloc[0]
    assert experiment.get_trial_by_id(row.trial_id) is not None
    assert experiment.load_tunable_config(row.tunable_config_id) == MAPPING
    assert experiment.load_telemetry(row.trial_id) == []


def test_a_trial_belongs_to_its_experiment_only(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    experiment.new_trial({})
    with make_experiment(storage, "Other") as other:
        assert other.get_trial_by_id(1) is None


def test_load_tunable_config_gives_the_values_of_a_trial(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({"cache": 1})
    assert experiment.load_tunable_config(trial.tunable_config_id) == {**MAPPING, "cache": 1}


def test_an_experiment_without_tunables_has_trials_too(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={}) as experiment:
        trial = finish(experiment.new_trial({}))
        assert again(experiment, trial).tunables == {}
        assert experiment.load_tunable_config(trial.tunable_config_id) == {}
        assert experiment.load() == ([1], [{}], [{"score": 1.5}], [Status.SUCCEEDED])


# Times


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime(1970, 1, 1, tzinfo=UTC),
        dt.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        dt.datetime(2100, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        dt.datetime(2025, 1, 1, 0, 30, 0, 123457, tzinfo=BERLIN_WINTER),
        dt.datetime(2025, 7, 1, 3, 0, 0, 7, tzinfo=KOLKATA),
        dt.datetime(2025, 7, 1, 3, 0, 0, 500000, tzinfo=dt.timezone(-dt.timedelta(hours=11, minutes=15, seconds=7))),
    ],
    ids=str,
)
def test_aware_times_come_back_as_utc_to_the_microsecond(
    storage: SqlStorage, experiment: Storage.Experiment, moment: dt.datetime
) -> None:
    trial = experiment.new_trial({}, ts_start=moment)
    trial.update_telemetry(Status.RUNNING, moment, [(moment, "m", 1)])
    trial.update(Status.FAILED, moment + dt.timedelta(microseconds=1))
    stored = storage.experiments["Exp"].trials[1]
    assert stored.ts_start == moment
    assert stored.ts_end == moment + dt.timedelta(microseconds=1)
    assert experiment.load_telemetry(1) == [(moment, "m", 1)]
    assert all(ts is not None and ts.utcoffset() == dt.timedelta(0) for ts in (stored.ts_start, stored.ts_end))
    assert experiment.load_telemetry(1)[0][0].utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(("month", "offset"), [(1, 5), (7, 4)])
def test_naive_times_are_local_time(
    storage: SqlStorage, experiment: Storage.Experiment, new_york: None, month: int, offset: int
) -> None:
    naive = dt.datetime(2025, month, 15, 12, 0, 0, 42)
    trial = experiment.new_trial({}, ts_start=naive)
    trial.update_telemetry(Status.RUNNING, naive, [(naive, "m", 1)])
    trial.update(Status.FAILED, naive)
    expected = naive.replace(hour=12 + offset, tzinfo=UTC)
    stored = storage.experiments["Exp"].trials[1]
    assert (stored.ts_start, stored.ts_end) == (expected, expected)
    assert experiment.load_telemetry(1)[0][0] == expected
    assert [pending.trial_id for pending in experiment.pending_trials(naive, running=True)] == []


# Metadata


def test_config_holds_metadata_and_ids(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({}, config={"repeat": 2, "nested": {"a": [1, None]}})
    expected: dict[str, Any] = {"repeat": 2, "nested": {"a": [1, None]}, "experiment_id": "Exp", "trial_id": 1}
    assert trial.config() == expected
    assert again(experiment, trial).config() == expected
    trial.set_trial_runner(3)
    assert trial.config() == {**expected, "trial_runner_id": 3}


def test_config_is_overlaid_by_global_config_but_for_the_ids(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({}, config={"repeat": 2, "where": "here"})
    over = {"where": "there", "more": 1, "trial_id": 99, "experiment_id": "x"}
    assert trial.config(over) == {
        "repeat": 2,
        "where": "there",
        "more": 1,
        "trial_id": 1,
        "experiment_id": "Exp",
    }
    assert trial.config()["where"] == "here"


def test_add_new_config_data_adds_metadata(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({}, config={"a": 1})
    trial.add_new_config_data({"b": "2", "c": {"d": [True]}})
    trial.add_new_config_data({})
    expected = {"a": 1, "b": "2", "c": {"d": [True]}}
    assert storage.experiments["Exp"].trials[1].metadata_dict == expected
    assert trial.config() == {**expected, "experiment_id": "Exp", "trial_id": 1}
    assert again(experiment, trial).config() == trial.config()


def test_metadata_does_not_change_with_what_was_handed_in(experiment: Storage.Experiment) -> None:
    given: dict[str, Any] = {"a": [1]}
    trial = experiment.new_trial({}, config=given)
    given["b"] = 2
    assert "b" not in trial.config()


# Runner


def test_a_trial_without_runner_takes_the_first_one(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({})
    assert trial.set_trial_runner(7) == 7
    assert trial.trial_runner_id == 7
    assert again(experiment, trial).trial_runner_id == 7


def test_a_pending_trial_is_handed_over(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({})
    trial.set_trial_runner(7)
    assert trial.set_trial_runner(8) == 8
    assert again(experiment, trial).trial_runner_id == 8


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PENDING])
def test_any_other_trial_keeps_its_runner(experiment: Storage.Experiment, status: Status) -> None:
    trial = experiment.new_trial({})
    trial.set_trial_runner(7)
    trial.update(status, at(1), {"score": 1} if status.is_completed() else None)
    assert trial.set_trial_runner(8) == 7
    assert trial.trial_runner_id == 7
    assert again(experiment, trial).trial_runner_id == 7


def test_a_running_trial_without_runner_takes_one(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({})
    trial.update(Status.RUNNING, at(1))
    assert trial.set_trial_runner(8) == 8


def test_the_database_decides_which_runner_holds_a_trial(experiment: Storage.Experiment) -> None:
    stale = experiment.new_trial({})
    other = again(experiment, stale)
    other.set_trial_runner(1)
    other.update(Status.RUNNING, at(1))
    assert stale.status is Status.PENDING
    assert stale.set_trial_runner(2) == 1
    assert stale.trial_runner_id == 1
