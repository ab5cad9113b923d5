"""Our classes in mlos_bench: its own by type, its `Status` and its values, on every engine."""

from __future__ import annotations

import datetime as dt
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")

from mlos_bench.environments.status import Status
from mlos_bench.services.config_persistence import ConfigPersistenceService
from mlos_bench.services.local.local_exec import LocalExecService
from mlos_bench.storage import (
    base_experiment_data,
    base_storage,
    base_trial_data,
    base_tunable_config_data,
    base_tunable_config_trial_group_data,
    storage_factory,
)
from mlos_bench.tunables.tunable_groups import TunableGroups

from reference.commands import OURS
from reference.hidden import global_config_of, service_of
from trialstore.storage import AlreadyCompleted, ConfigError, SchemaMissing, TrialError, ValueRejected
from trialstore.storage import Status as CoreStatus
from trialstore.storage.mlos_bench import Experiment, SqlStorage, Trial
from trialstore.storage.mlos_bench.config import accept_in_configs

# What mlos_bench's own code is warned of by newer versions of pandas is not ours to mend.
pytestmark = pytest.mark.filterwarnings(r"default:::mlos_bench\b")
NOW = dt.datetime(2025, 3, 1, 8, 0, 0, 123456, tzinfo=dt.timezone.utc)
LATER = NOW + dt.timedelta(seconds=3)
SECOND = dt.timedelta(seconds=1)
GROUPS = {
    "kernel": {"cost": 1, "params": {"latency": {"type": "int", "range": [0, 1000], "default": 20, "special": [-1]}}},
    "vm": {"cost": 9, "params": {"size": {"type": "categorical", "values": ["small", "007"], "default": "small"}}},
}
TARGETS: dict[str, Any] = {"score": "min"}


def tunables(**values: Any) -> TunableGroups:
    """mlos_bench's tunables, with some values other than their defaults."""
    return TunableGroups(GROUPS).assign(values).reset()


def opened(storage: SqlStorage, **changes: Any) -> Experiment:
    """An experiment that is not entered yet; its configuration is a file that does not exist."""
    known: dict[str, Any] = {
        "experiment_id": "Exp",
        "trial_id": 1,
        "root_env_config": "environment.jsonc",
        "description": "a test",
        "tunables": tunables(),
        "opt_targets": TARGETS,
    }
    return storage.experiment(**{**known, **changes})


@pytest.fixture
def storage(database: dict[str, Any]) -> Any:
    """A storage of ours, on each engine."""
    with SqlStorage(database) as made:
        yield made


def filled(storage: SqlStorage) -> None:
    """Store one trial that succeeded, one that failed, and one that is to run."""
    with opened(storage) as experiment:
        first = experiment.new_trial(tunables(size="007"), config={"repeat_i": 1, "is_defaults": True})
        first.set_trial_runner(3)
        first.update(Status.RUNNING, NOW)
        first.update_telemetry(Status.RUNNING, NOW + SECOND, [(NOW, "cpu", 0.5), (NOW, "state", None)])
        first.update(Status.SUCCEEDED, LATER, {"score": 1, "note": "007", "ok": True, "none": None})
        experiment.new_trial(tunables(latency=30), config={"repeat_i": 2}).update(Status.FAILED, LATER)
        experiment.new_trial(tunables(latency=40), config={"nested": {"a": [1]}})


# Types


def test_the_classes_are_those_of_mlos_bench(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        trial = experiment.get_trial_by_id(1)
        pending = next(experiment.pending_trials(dt.datetime.now(dt.timezone.utc), running=False))
    data = storage.experiments["Exp"]
    first = data.trials[1]
    objects: list[tuple[Any, type]] = [
        (storage, base_storage.Storage),
        (experiment, base_storage.Storage.Experiment),
        (trial, base_storage.Storage.Trial),
        (pending, base_storage.Storage.Trial),
        (data, base_experiment_data.ExperimentData),
        (first, base_trial_data.TrialData),
        (first.tunable_config, base_tunable_config_data.TunableConfigData),
        (data.tunable_configs[1], base_tunable_config_data.TunableConfigData),
        (first.tunable_config_trial_group, base_tunable_config_trial_group_data.TunableConfigTrialGroupData),
        (data.tunable_config_trial_groups[1], base_tunable_config_trial_group_data.TunableConfigTrialGroupData),
        (first.tunable_config_trial_group.trials[1], base_trial_data.TrialData),
        (data.tunable_configs[1].trials[0], base_trial_data.TrialData),
    ]
    for found, base in objects:
        assert isinstance(found, base)
        assert not inspect.isabstract(type(found))


def test_every_status_is_the_one_of_mlos_bench(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        assert experiment.load()[3] == [Status.SUCCEEDED, Status.FAILED]
        trial = experiment.get_trial_by_id(3)
        assert trial is not None
        assert trial.status is Status.PENDING
        trial.update(Status.RUNNING, NOW)
        assert trial.status is Status.RUNNING
        trial.update(Status.CANCELED, LATER)
        assert trial.status is Status.CANCELED
    data = storage.experiments["Exp"]
    assert [each.status for each in data.trials.values()] == [Status.SUCCEEDED, Status.FAILED, Status.CANCELED]
    assert list(data.results_df["status"]) == ["SUCCEEDED", "FAILED", "CANCELED"]


def test_the_tunables_of_a_trial_are_those_of_mlos_bench_with_its_values(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        trials = [experiment.get_trial_by_id(trial_id) for trial_id in (1, 2)]
        assert [trial.tunables for trial in trials if trial] == [tunables(size="007"), tunables(latency=30)]
        assert not any(trial.tunables.is_updated() for trial in trials if trial)
        experiment.tunables["latency"] = 999
        assert experiment.tunables == tunables()


def test_an_unknown_id_raises_a_key_error_that_names_the_nearest_one(storage: SqlStorage) -> None:
    filled(storage)
    data = storage.experiments["Exp"]
    (first, *_) = data.tunable_configs
    group = data.tunable_config_trial_groups[first]
    calls: list[tuple[Any, str]] = [
        (lambda: storage.experiments["Expp"], "There is no experiment 'Expp'. Hint: Did you mean 'Exp'?"),
        (lambda: data.trials[99], "There is no trial 99 in experiment 'Exp'. Hint: The nearest id is 3."),
        (lambda: data.tunable_configs[first - 1], f"no tunable config {first - 1} in experiment 'Exp'"),
        (lambda: data.tunable_config_trial_groups[first - 1], f"no tunable config {first - 1} in experiment 'Exp'"),
        (lambda: group.trials[2], "There is no trial 2 of this config in experiment 'Exp'. Hint: The nearest id is 1."),
    ]
    for call, words in calls:
        with pytest.raises(KeyError) as caught:
            call()
        assert isinstance(caught.value, TrialError)
        assert words in str(caught.value)
    assert data.trials == dict(data.trials)
    assert 99 not in data.trials


# Values


def test_load_gives_text(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        trial_ids, configs, scores, _ = experiment.load()
        assert trial_ids == [1, 2]
        assert configs == [{"latency": "20", "size": "007"}, {"latency": "30", "size": "small"}]
        assert scores == [{"none": None, "note": "007", "ok": "True", "score": "1"}, None]
        assert experiment.load(last_trial_id=1)[0] == [2]
        assert experiment.load_tunable_config(1) == {"latency": "20", "size": "007"}
        assert experiment.load_telemetry(1) == [(NOW, "cpu", "0.5"), (NOW, "state", None)]


def test_metadata_is_what_was_given_in_a_new_trial_and_text_in_one_that_is_read(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        ids = {"experiment_id": "Exp", "trial_id": 4}
        assert experiment.new_trial(tunables(), config={"repeat_i": 1}).config() == {"repeat_i": 1, **ids}
        found = experiment.get_trial_by_id(1)
        assert found is not None
        known = {"repeat_i": "1", "is_defaults": "True", "experiment_id": "Exp", "trial_id": 1, "trial_runner_id": 3}
        assert found.config() == known
        assert found.config({"repeat_i": 9, "more": 1}) == {**known, "repeat_i": 9, "more": 1}
        due = experiment.pending_trials(dt.datetime.now(dt.timezone.utc), running=False)
        assert json.loads(next(due).config()["nested"]) == {"a": [1]}


def test_frames_hold_text_and_dicts_what_mlos_bench_reads_in_it(storage: SqlStorage) -> None:
    filled(storage)
    trial = storage.experiments["Exp"].trials[1]
    assert dict(trial.results_df.to_numpy().tolist()) == {"none": None, "note": "007", "ok": "True", "score": "1"}
    assert trial.results_dict == {"none": None, "note": 7, "ok": "True", "score": 1}
    assert trial.metadata_df.to_numpy().tolist() == [["is_defaults", "True"], ["repeat_i", "1"]]
    assert trial.metadata_dict == {"is_defaults": "True", "repeat_i": 1}
    assert list(trial.telemetry_df["value"]) == ["0.5", None]
    assert trial.tunable_config.config_df.to_numpy().tolist() == [["latency", "20"], ["size", "007"]]
    assert trial.tunable_config.config_dict == {"latency": 20, "size": 7}
    assert storage.experiments["Exp"].tunable_configs[1].config_dict == {"latency": 20, "size": 7}


def test_the_objects_behind_keep_types_and_have_what_is_only_ours(storage: SqlStorage) -> None:
    filled(storage)
    data = storage.core.experiments["Exp"]
    assert data.trials[1].results_dict == {"none": None, "note": "007", "ok": True, "score": 1}
    with opened(storage) as experiment:
        (claimed,) = experiment.core.claim_trials(7)
        assert (claimed.trial_id, claimed.tunables) == (3, tunables(latency=40))
        assert claimed.status is CoreStatus.READY
        trial = experiment.get_trial_by_id(3)
        assert trial is not None
        assert trial.core.trial_runner_id == trial.trial_runner_id == 7


def test_metrics_of_other_types_are_stored_as_their_text(storage: SqlStorage) -> None:
    """As mlos_bench does: what an environment measured must not be lost for its type."""
    measured = {"score": 1.5, "when": NOW, "hist": [1, 2]}
    with opened(storage) as experiment:
        trial = experiment.new_trial(tunables())
        trial.update_telemetry(Status.RUNNING, NOW, [(NOW, "hist", [3, 4])])
        assert trial.update(Status.SUCCEEDED, LATER, measured) == measured
        assert experiment.load()[2] == [{"hist": "[1, 2]", "score": "1.5", "when": str(NOW)}]
        assert experiment.load_telemetry(1) == [(NOW, "hist", "[3, 4]")]


def test_times_are_aware_utc_to_the_microsecond(storage: SqlStorage) -> None:
    filled(storage)
    trial = storage.experiments["Exp"].trials[1]
    assert (trial.ts_start, trial.ts_end) == (NOW, LATER)
    assert trial.ts_start.utcoffset() == dt.timedelta(0)
    assert list(trial.telemetry_df["ts"]) == [NOW, NOW]


# Behaviour


def test_a_trial_goes_to_one_runner(storage: SqlStorage) -> None:
    filled(storage)
    soon = dt.datetime.now(dt.timezone.utc) + SECOND

    def due(assigned: bool | None, *, running: bool = True) -> list[int]:
        found = experiment.pending_trials(soon, running=running, trial_runner_assigned=assigned)
        return [each.trial_id for each in found]

    with opened(storage) as experiment:
        assert (due(None), due(True), due(False)) == ([3], [], [3])
        trial = experiment.get_trial_by_id(3)
        assert trial is not None
        assert trial.trial_runner_id is None
        assert trial.set_trial_runner(5) == trial.trial_runner_id == 5
        assert (due(True), due(False), due(None, running=False)) == ([3], [], [3])
        trial.update(Status.RUNNING, NOW)
        assert (due(None), due(None, running=False)) == ([3], [])
        assert trial.set_trial_runner(6) == 5
        assert trial.config()["trial_runner_id"] == 5
    assert storage.experiments["Exp"].trials[3].trial_runner_id == 5  # type: ignore[attr-defined]


def test_metadata_is_added_once(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        trial = experiment.get_trial_by_id(3)
        assert trial is not None
        trial.add_new_config_data({"host": "a"})
        assert trial.config()["host"] == "a"
        with pytest.raises(ValueError, match="'host' already"):
            trial.add_new_config_data({"host": "b"})
    assert storage.experiments["Exp"].trials[3].metadata_dict["host"] == "a"


def test_completing_twice_is_refused_as_mlos_bench_does(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        trial = experiment.get_trial_by_id(1)
        assert trial is not None
        with pytest.raises(RuntimeError) as caught:
            trial.update(Status.FAILED, LATER)
        assert isinstance(caught.value, AlreadyCompleted)
        assert experiment.load()[3] == [Status.SUCCEEDED, Status.FAILED]


def test_metadata_that_is_no_json_is_refused(storage: SqlStorage) -> None:
    with opened(storage) as experiment:
        with pytest.raises(ValueError, match="Unexpected type"):
            experiment.new_trial(tunables(), config={"call": print})
        assert experiment.trial_id == 1


def test_what_is_no_status_is_refused(storage: SqlStorage) -> None:
    with opened(storage) as experiment:
        trial = experiment.new_trial(tunables())
        with pytest.raises(ValueRejected, match="status is of type str"):
            trial.update("RUNNING", NOW)  # type: ignore[arg-type]


def test_an_experiment_goes_on_with_the_next_trial(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage) as experiment:
        assert experiment.trial_id == 4
        assert experiment.new_trial(tunables()).trial_id == 4
        assert experiment.trial_id == 5
        assert (experiment.experiment_id, experiment.description) == ("Exp", "a test")
        assert experiment.opt_targets == TARGETS


def test_an_experiment_is_entered_once_and_can_be_left_and_entered_again(storage: SqlStorage) -> None:
    with opened(storage) as experiment, pytest.raises(TrialError, match="entered already"):
        experiment.__enter__()
    with experiment:
        assert experiment.load() == ([], [], [], [])


def test_exceptions_go_on(storage: SqlStorage) -> None:
    with pytest.raises(KeyError, match="mine"), opened(storage):
        raise KeyError("mine")


def test_experiments_are_merged(storage: SqlStorage) -> None:
    filled(storage)
    with opened(storage, experiment_id="Other") as other:
        other.merge(["Exp"])
        assert other.load()[0] == [1, 2]
        assert other.trial_id == 3


def test_weights_order_the_objectives(storage: SqlStorage) -> None:
    targets: dict[str, Any] = {"a": "min", "b": "max"}
    with opened(storage, opt_targets=targets, opt_weights={"a": 0.2, "b": 0.8}):
        pass
    assert list(storage.experiments["Exp"].objectives) == ["b", "a"]


def test_an_experiment_is_found_by_its_id_in_a_pickled_storage(storage: SqlStorage) -> None:
    filled(storage)
    with pickle.loads(pickle.dumps(storage)) as twin:
        found = twin.get_experiment_by_id("Exp", tunables(), TARGETS)
        assert isinstance(found, Experiment)
        assert found.trial_id == 4
        assert found.load()[0] == [1, 2]
        assert twin.get_experiment_by_id("None", tunables(), TARGETS) is None


def test_an_experiment_and_a_trial_can_be_pickled(storage: SqlStorage) -> None:
    with opened(storage) as experiment:
        trial = pickle.loads(pickle.dumps(experiment.new_trial(tunables())))
        twin = pickle.loads(pickle.dumps(experiment))
    try:
        assert isinstance(trial, Trial)
        assert isinstance(twin, Experiment)
        trial.update(Status.SUCCEEDED, LATER, {"score": 1})
        assert twin.load()[0] == [1]
    finally:
        for copy in (trial, twin):
            copy.core.database.dispose()


# Opening


def test_the_service_and_the_globals_are_kept(sqlite: dict[str, Any]) -> None:
    service = LocalExecService(parent=ConfigPersistenceService())
    with SqlStorage({**sqlite, "log_sql": False}, {"some": "global"}, service) as storage:
        assert service_of(storage) is service
        assert global_config_of(storage) == {"some": "global"}
        assert repr(storage) == f"sqlite:{sqlite['database']}"


def test_a_lazy_storage_makes_its_schema_when_it_is_used(sqlite: dict[str, Any]) -> None:
    with SqlStorage({**sqlite, "lazy_schema_create": True}) as storage:
        assert not Path(sqlite["database"]).exists()
        assert storage.experiments == {}
        assert Path(sqlite["database"]).exists()


def test_a_schema_is_made_by_its_own_method_and_never_where_that_is_forbidden(sqlite: dict[str, Any]) -> None:
    with SqlStorage({**sqlite, "lazy_schema_create": True}) as storage:
        storage.update_schema()
    with SqlStorage({**sqlite, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}
    Path(sqlite["database"]).unlink()
    Path(sqlite["database"]).touch()
    with pytest.raises(SchemaMissing, match="trialstore schema apply"):
        SqlStorage({**sqlite, "schema_policy": "verify"})


def test_an_unknown_key_is_named(sqlite: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"config\.databse: unknown key"):
        SqlStorage({**sqlite, "databse": "x"})


def test_the_factory_of_mlos_bench_opens_it(sqlite: dict[str, Any]) -> None:
    accept_in_configs()
    accept_in_configs()  # a second time changes nothing
    made = storage_factory.from_config(json.dumps({"class": OURS, "config": sqlite}), max_trials=9)
    assert isinstance(made, SqlStorage)
    assert global_config_of(made)["max_trials"] == 9
    assert made.experiments == {}
    made.dispose()


# The import


def child(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_storage_package_does_not_load_mlos_bench() -> None:
    done = child("import sys, trialstore.storage; sys.exit('mlos_bench' in sys.modules)")
    assert (done.returncode, done.stderr) == (0, "")
