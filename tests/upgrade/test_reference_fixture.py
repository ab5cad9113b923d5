"""Databases that mlos_bench wrote, opened in place: every value agrees with what mlos_bench reads."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from trialstore.contract.helpers import bare, query
from trialstore.storage import SqlStorage, Status, TunableGroups
from upgrade.databases import content
from upgrade.reference import EXPECTED, HEAD, MARK, OLD, Reference

TARGETS: dict[str, Any] = {"score": "min", "throughput": "max"}
MAPPING = {"vmSize": "Standard_B4ms", "sched_latency_ns": 2000000, "swap_ratio": 0.5}
GROUPS = {
    "vm": {
        "params": {
            "vmSize": {"type": "categorical", "values": ["Standard_B4ms", "Standard_B2s", "007"], "default": "007"}
        }
    },
    "kernel": {
        "params": {
            "sched_latency_ns": {"type": "int", "range": [0, 10**9], "default": 2000000, "special": [-1]},
            "swap_ratio": {"type": "float", "range": [0, 1], "default": 0.5},
        }
    },
}


def agree(found: Any, expected: Any) -> bool:
    """The file has text, and NaN for what is missing."""
    if expected is None or expected != expected:
        return found is None or found != found
    return str(found) == expected


def pairs(frame: Any) -> dict[str, Any]:
    return dict(zip(frame.iloc[:, 0], frame["value"], strict=True))


def all_agree(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return set(found) == set(expected) and all(agree(found[key], expected[key]) for key in expected)


def moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def start(expected: dict[str, Any], reference: Reference) -> dt.datetime | None:
    """Reference 0.6.2 kept the start of scheduled trials to the second only."""
    found = moment(expected["ts_start"])
    cut = reference is OLD and expected["status"] == "PENDING"
    return found.replace(microsecond=0) if cut and found else found


# Every value that mlos_bench reads


@pytest.mark.engine("sqlite")
def test_both_files_hold_the_same_content_but_for_paths_and_scheduled_times(tmp_path: Path) -> None:
    found = []
    for reference in (HEAD, OLD):
        config = {"drivername": "sqlite", "database": str(tmp_path / reference.name)}
        reference.load(config)
        with bare(config) as storage:
            found.append(content(storage))
    head, old = found
    assert set(head) == set(old)
    for name in set(head) - {"experiment", MARK, "trial"}:
        assert head[name] == old[name]
    pending = 0
    for sound, cut in zip(head["trial"].rows, old["trial"].rows, strict=True):
        pending += sound != cut
        assert [str(value).partition(".")[0] for value in sound] == [str(value).partition(".")[0] for value in cut]
    assert pending == 6


def test_experiments_agree(adopted: SqlStorage) -> None:
    assert list(adopted.experiments) == sorted(EXPECTED)
    for name, data in adopted.experiments.items():
        expected = EXPECTED[name]
        assert data.description == expected["description"]
        assert data.objectives == expected["objectives"]
        assert data.default_tunable_config_id == expected["default_tunable_config_id"]
        assert len(data.tunable_configs) == expected["n_configs"]
        assert list(data.results_df.columns) == expected["columns"]
        assert list(data.trials) == [int(trial_id) for trial_id in expected["trials"]]


def test_git_information_agrees(adopted: SqlStorage) -> None:
    for name, *expected in query(adopted, "SELECT exp_id, root_env_config, git_repo, git_commit FROM experiment"):
        assert list(adopted.experiments[name].root_env_config) == expected


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_trial_agrees(adopted: SqlStorage, reference: Reference, name: str) -> None:
    for trial_id, trial in adopted.experiments[name].trials.items():
        expected = EXPECTED[name]["trials"][str(trial_id)]
        assert (trial.ts_start, trial.ts_end) == (start(expected, reference), moment(expected["ts_end"]))
        assert trial.status.name == expected["status"]
        assert trial.tunable_config_id == trial.tunable_config.tunable_config_id == expected["config_id"]
        assert all_agree(pairs(trial.tunable_config.config_df), expected["config"])
        assert all_agree(pairs(trial.metadata_df), expected["metadata"])
        assert all_agree(pairs(trial.results_df), expected["results"])
        telemetry = [tuple(row) for row in trial.telemetry_df.itertuples(index=False)]
        assert len(telemetry) == len(expected["telemetry"])
        for (ts, metric, value), (wanted_ts, wanted_metric, wanted) in zip(
            telemetry, expected["telemetry"], strict=True
        ):
            assert (ts, metric) == (moment(wanted_ts), wanted_metric)
            assert agree(value, wanted)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_results_df_agrees_with_the_trials(adopted: SqlStorage, reference: Reference, name: str) -> None:
    frame = adopted.experiments[name].results_df
    for row in frame.to_dict("records"):
        expected = EXPECTED[name]["trials"][str(row["trial_id"])]
        assert row["status"] == expected["status"]
        assert row["tunable_config_id"] == expected["config_id"]
        assert row["ts_start"] == start(expected, reference)
        ended = moment(expected["ts_end"])
        assert row["ts_end"] != row["ts_end"] if ended is None else row["ts_end"] == ended
        for prefix, part in (("config.", expected["config"]), ("result.", expected["results"])):
            for column in (column for column in frame.columns if column.startswith(prefix)):
                found, wanted = row[column], part.get(column.removeprefix(prefix))
                if isinstance(wanted, str) and isinstance(found, (int, float)):
                    assert found == float(wanted)
                else:
                    assert agree(found, wanted)


# Reading for the harness


def test_numbers_of_the_reference_are_numbers(adopted: SqlStorage) -> None:
    trial = adopted.experiments["Exp-7-0"].trials[1]
    assert trial.results_dict == {"none": None, "note": "ok", "score": 90.97040631431022, "throughput": 225127}
    assert trial.metadata_dict == {"is_defaults": "True", "location": "westus2", "repeat_i": 1}
    assert trial.tunable_config.config_dict["sched_latency_ns"] == 2000000


@pytest.mark.parametrize("tunables", [MAPPING, TunableGroups(GROUPS)], ids=["mapping", "groups"])
def test_a_stored_value_takes_the_type_of_its_tunable(adopted: SqlStorage, tunables: Any) -> None:
    experiment = adopted.get_experiment_by_id("Exp-7-0", tunables, TARGETS)
    assert experiment is not None
    trial = experiment.get_trial_by_id(3)
    assert trial is not None
    assert trial.tunables["vmSize"] == "007"
    assert trial.tunables["sched_latency_ns"] == 4000
    assert trial.tunables["swap_ratio"] == 0.947709


def test_load_and_pending_trials_know_every_trial(adopted: SqlStorage) -> None:
    experiment = adopted.get_experiment_by_id("Exp-7-0", TunableGroups(GROUPS), TARGETS)
    assert experiment is not None
    by_status: dict[str, list[int]] = {}
    for trial_id, trial in EXPECTED["Exp-7-0"]["trials"].items():
        by_status.setdefault(trial["status"], []).append(int(trial_id))
    ended = sorted(by_status["SUCCEEDED"] + by_status["FAILED"] + by_status["TIMED_OUT"])
    assert experiment.load()[0] == ended
    now = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)
    found = [trial.trial_id for trial in experiment.pending_trials(now, running=True)]
    assert found == sorted(by_status["PENDING"] + by_status["RUNNING"])
    assert experiment.trial_id == max(map(int, EXPECTED["Exp-7-0"]["trials"])) + 1


def test_an_experiment_of_the_reference_goes_on_here(loaded: dict[str, Any]) -> None:
    with (
        SqlStorage(loaded) as storage,
        storage.experiment(
            experiment_id="Exp-7-0",
            trial_id=1,
            root_env_config="nowhere/environment.jsonc",
            description="",
            tunables=TunableGroups(GROUPS),
            opt_targets=TARGETS,
        ) as experiment,
    ):
        trial = experiment.new_trial({"sched_latency_ns": 5, "vmSize": "007"}, config={"repeat_i": 1})
        at = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
        trial.update(Status.RUNNING, at)
        trial.update_telemetry(Status.RUNNING, at, [(at, "cpu", "007")])
        trial.update(Status.SUCCEEDED, at, {"score": 0.5, "throughput": 7, "note": "1e5"})
    with SqlStorage(loaded) as again:
        data = again.experiments["Exp-7-0"]
        assert list(data.trials) == list(range(1, 20))
        stored = data.trials[19]
        assert stored.results_dict == {"note": "1e5", "score": 0.5, "throughput": 7}
        assert stored.tunable_config.config_dict == {"sched_latency_ns": 5, "swap_ratio": 0.5, "vmSize": "007"}
        assert stored.telemetry_df["value"].tolist() == ["007"]
        assert len(data.results_df) == 19
