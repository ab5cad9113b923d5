"""Databases that the reference wrote, opened in place."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trialstore.sql.migrations import load_migrations
from trialstore.storage import SchemaDrift, SchemaError, SchemaTooOld, SqlStorage, Status, StorageError, TunableGroups

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED: dict[str, Any] = json.loads((FIXTURES / "reference-head.expected.json").read_text(encoding="utf-8"))
REVISIONS = {"reference-head.sqlite": ("b61aa446e724", 4), "reference-0.6.2.sqlite": ("f83fb8ae7fc4", 2)}
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
HEAD = len(load_migrations("sqlite/migrations"))


@pytest.fixture(params=REVISIONS)
def fixture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(fixture: str, tmp_path: Path) -> Path:
    """A copy of a database of the reference."""
    return Path(shutil.copyfile(FIXTURES / fixture, tmp_path / "reference.sqlite"))


@pytest.fixture
def storage(file: Path) -> Iterator[SqlStorage]:
    with opened(file) as adopted:
        yield adopted


def opened(file: Path, **more: Any) -> SqlStorage:
    return SqlStorage({"drivername": "sqlite", "database": str(file), **more})


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def rows(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def content(file: Path) -> dict[str, Any]:
    """Columns and rows of every table."""
    with closing(sqlite3.connect(file)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in sorted(names):
            cursor = connection.execute(f"SELECT * FROM {name}")
            found[name] = ([column[0] for column in cursor.description], sorted(cursor.fetchall(), key=repr))
        return found


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


def start(expected: dict[str, Any], fixture: str) -> dt.datetime | None:
    """Reference 0.6.2 kept the start of scheduled trials to the second only."""
    found = moment(expected["ts_start"])
    cut = fixture == "reference-0.6.2.sqlite" and expected["status"] == "PENDING"
    return found.replace(microsecond=0) if cut and found else found


# Every value that the reference reads


def test_both_fixtures_hold_the_same_content_but_for_paths_and_scheduled_times() -> None:
    head, old = (content(FIXTURES / name) for name in REVISIONS)
    assert set(head) == set(old)
    for name in set(head) - {"experiment", "alembic_version", "trial"}:
        assert head[name] == old[name]
    pending = 0
    for sound, cut in zip(head["trial"][1], old["trial"][1], strict=True):
        pending += sound != cut
        assert [str(value).partition(".")[0] for value in sound] == [str(value).partition(".")[0] for value in cut]
    assert pending == 6


def test_experiments_agree(storage: SqlStorage) -> None:
    assert list(storage.experiments) == sorted(EXPECTED)
    for name, data in storage.experiments.items():
        expected = EXPECTED[name]
        assert data.description == expected["description"]
        assert data.objectives == expected["objectives"]
        assert data.default_tunable_config_id == expected["default_tunable_config_id"]
        assert len(data.tunable_configs) == expected["n_configs"]
        assert list(data.results_df.columns) == expected["columns"]
        assert list(data.trials) == [int(trial_id) for trial_id in expected["trials"]]


def test_git_information_agrees(storage: SqlStorage, file: Path, fixture: str) -> None:
    sql = "SELECT exp_id, root_env_config, git_repo, git_commit FROM experiment"
    for name, *expected in rows(FIXTURES / fixture, sql):
        assert list(storage.experiments[name].root_env_config) == expected


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_trial_agrees(storage: SqlStorage, fixture: str, name: str) -> None:
    for trial_id, trial in storage.experiments[name].trials.items():
        expected = EXPECTED[name]["trials"][str(trial_id)]
        assert (trial.ts_start, trial.ts_end) == (start(expected, fixture), moment(expected["ts_end"]))
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
def test_results_df_agrees_with_the_trials(storage: SqlStorage, fixture: str, name: str) -> None:
    frame = storage.experiments[name].results_df
    for row in frame.to_dict("records"):
        expected = EXPECTED[name]["trials"][str(row["trial_id"])]
        assert row["status"] == expected["status"]
        assert row["tunable_config_id"] == expected["config_id"]
        assert row["ts_start"] == start(expected, fixture)
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


def test_numbers_of_the_reference_are_numbers(storage: SqlStorage) -> None:
    trial = storage.experiments["Exp-7-0"].trials[1]
    assert trial.results_dict == {"none": None, "note": "ok", "score": 90.97040631431022, "throughput": 225127}
    assert trial.metadata_dict == {"is_defaults": "True", "location": "westus2", "repeat_i": 1}
    assert trial.tunable_config.config_dict["sched_latency_ns"] == 2000000


@pytest.mark.parametrize("tunables", [MAPPING, TunableGroups(GROUPS)], ids=["mapping", "groups"])
def test_a_stored_value_takes_the_type_of_its_tunable(storage: SqlStorage, tunables: Any) -> None:
    experiment = storage.get_experiment_by_id("Exp-7-0", tunables, TARGETS)
    assert experiment is not None
    trial = experiment.get_trial_by_id(3)
    assert trial is not None
    assert trial.tunables["vmSize"] == "007"
    assert trial.tunables["sched_latency_ns"] == 4000
    assert trial.tunables["swap_ratio"] == 0.947709


def test_load_and_pending_trials_know_every_trial(storage: SqlStorage) -> None:
    experiment = storage.get_experiment_by_id("Exp-7-0", TunableGroups(GROUPS), TARGETS)
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


def test_an_experiment_of_the_reference_goes_on_here(storage: SqlStorage, file: Path) -> None:
    with storage.experiment(
        experiment_id="Exp-7-0",
        trial_id=1,
        root_env_config="nowhere/environment.jsonc",
        description="",
        tunables=TunableGroups(GROUPS),
        opt_targets=TARGETS,
    ) as experiment:
        trial = experiment.new_trial({"sched_latency_ns": 5, "vmSize": "007"}, config={"repeat_i": 1})
        at = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
        trial.update(Status.RUNNING, at)
        trial.update_telemetry(Status.RUNNING, at, [(at, "cpu", "007")])
        trial.update(Status.SUCCEEDED, at, {"score": 0.5, "throughput": 7, "note": "1e5"})
    with opened(file) as again:
        data = again.experiments["Exp-7-0"]
        assert list(data.trials) == list(range(1, 20))
        stored = data.trials[19]
        assert stored.results_dict == {"note": "1e5", "score": 0.5, "throughput": 7}
        assert stored.tunable_config.config_dict == {"sched_latency_ns": 5, "swap_ratio": 0.5, "vmSize": "007"}
        assert stored.telemetry_df["value"].tolist() == ["007"]
        assert len(data.results_df) == 19


# What adoption does to the file


def test_adoption_is_recorded_and_the_mark_of_the_reference_stays(
    storage: SqlStorage, file: Path, fixture: str
) -> None:
    revision, version = REVISIONS[fixture]
    states = [row[0] for row in rows(file, "SELECT state FROM trialstore_schema ORDER BY version")]
    assert states == ["adopted"] * version + ["done"] * (HEAD - version)
    assert rows(file, "SELECT version_num FROM alembic_version") == [(revision,)]


def test_no_row_of_the_reference_is_changed(storage: SqlStorage, file: Path, fixture: str) -> None:
    after = content(file)
    for name, (columns, expected) in content(FIXTURES / fixture).items():
        found_columns, found = after[name]
        kept = [found_columns.index(column) for column in columns]
        assert sorted((tuple(row[place] for place in kept) for row in found), key=repr) == expected


def test_opening_again_changes_nothing(storage: SqlStorage, file: Path) -> None:
    before = content(file)
    with opened(file, schema_policy="verify") as again:
        assert list(again.experiments) == sorted(EXPECTED)
        again.update_schema()
    assert content(file) == before


# Refusals, which leave the file as it is


def refused(file: Path, error: type[SchemaError], *words: str, policies: tuple[str, ...] = ("update",)) -> None:
    before = file.read_bytes()
    for policy in policies:
        with pytest.raises(StorageError) as caught:
            opened(file, schema_policy=policy)
        assert type(caught.value) is error
        assert all(word in caught.value.message for word in words)
        assert caught.value.hint
        assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_other_policies_refuse_it_and_leave_the_file_byte_for_byte(file: Path) -> None:
    refused(file, SchemaTooOld, "mlos_bench", policies=("verify", "create"))


@pytest.mark.parametrize("revision", ["ffffffffffff", ""])
def test_an_unknown_revision_is_refused(file: Path, revision: str) -> None:
    change(file, f"UPDATE alembic_version SET version_num = '{revision}'")
    refused(file, SchemaDrift, "alembic_version", policies=("update", "create", "verify"))


def test_a_mark_without_revision_is_refused(file: Path) -> None:
    change(file, "DELETE FROM alembic_version")
    refused(file, SchemaDrift, "alembic_version")


@pytest.mark.parametrize(
    ("statement", "version"),
    [
        ("ALTER TABLE trial_result RENAME COLUMN metric_value TO metric", "0001"),
        ("ALTER TABLE experiment DROP COLUMN git_repo", "0001"),
        ("DROP TABLE trial_telemetry", "0001"),
        ("ALTER TABLE trial DROP COLUMN trial_runner_id", "0002"),
    ],
)
def test_a_missing_table_or_column_is_refused(file: Path, statement: str, version: str) -> None:
    change(file, statement)
    refused(file, SchemaDrift, version, policies=("update", "create", "verify"))


def test_a_column_that_a_later_revision_added_must_be_there(tmp_path: Path) -> None:
    file = Path(shutil.copyfile(FIXTURES / "reference-0.6.2.sqlite", tmp_path / "reference.sqlite"))
    change(file, "UPDATE alembic_version SET version_num = 'b61aa446e724'")
    refused(file, SchemaDrift, "0003")


def test_a_later_column_without_the_mark_of_its_revision_is_refused(file: Path) -> None:
    change(file, "DROP TABLE alembic_version")
    refused(file, SchemaDrift)


def test_another_application_with_a_mark_of_its_own_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    change(
        file,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('123456789abc')",
        "CREATE TABLE trial (id INTEGER PRIMARY KEY, name TEXT)",
    )
    refused(file, SchemaDrift, policies=("update", "create", "verify"))
