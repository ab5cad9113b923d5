"""What differs on purpose from mlos_bench's own class: each line of the table in docs/mlos_bench.md, on both."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")

from mlos_bench.environments.status import Status
from mlos_bench.storage.sql.storage import SqlStorage as TheirStorage
from mlos_bench.tunables.tunable_groups import TunableGroups
from sqlalchemy.exc import IntegrityError, OperationalError

from matrix import first_mode
from reference.hidden import close_theirs
from trialstore.contract.helpers import bare, dump, migrate_to
from trialstore.storage import ConfigError, SchemaDrift, SchemaTooOld, TrialError, ValueRejected
from trialstore.storage.mlos_bench import SqlStorage

pytestmark = pytest.mark.filterwarnings(r"default:::(alembic|mlos_bench)\b")

PAGE = (Path(__file__).parents[2] / "docs" / "mlos_bench.md").read_text(encoding="utf-8")
NOW = dt.datetime(2025, 3, 1, 8, 0, 0, 123456, tzinfo=dt.timezone.utc)
GROUPS = {
    "vm": {"cost": 9, "params": {"size": {"type": "categorical", "values": ["small", "007"], "default": "small"}}}
}


class Side:
    """One of the two classes, and experiments of a fresh database of its own."""

    def __init__(self, storage: Any, tree: Path) -> None:
        self.storage = storage
        self.ours = isinstance(storage, SqlStorage)
        self.tunables = TunableGroups(GROUPS)
        self._tree = tree

    def experiment(self, name: str = "Exp", root: Path | None = None) -> Any:
        """An experiment that is not entered yet."""
        return self.storage.experiment(
            experiment_id=name,
            trial_id=1,
            root_env_config=str(root or self._tree / "mock.jsonc"),
            description="both",
            tunables=self.tunables,
            opt_targets={"score": "min"},
        )

    def trial(self, experiment: Any, *, config: Any = None, **values: Any) -> Any:
        """A new trial."""
        return experiment.new_trial(self.tunables.copy().assign(values), config=config)

    def data(self) -> Any:
        """The experiment, for reading."""
        return self.storage.experiments["Exp"]


SQLITE = pytest.mark.engine("sqlite")


@pytest.fixture(params=[pytest.param("theirs", marks=SQLITE), pytest.param("ours", marks=SQLITE)])
def side(request: pytest.FixtureRequest, sqlite: dict[str, Any], shared_tree: Path) -> Any:
    """Each of the two classes."""
    storage: Any = (SqlStorage if request.param == "ours" else TheirStorage)(sqlite)
    yield Side(storage, shared_tree)
    storage.dispose() if request.param == "ours" else close_theirs(storage)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """mlos_bench's class takes what its own checks would not."""
    monkeypatch.setattr("mlos_bench.config.schemas.config_schemas._SKIP_VALIDATION", True)


CHECKED: set[str] = set()


def line(start: str) -> Any:
    """Marks a test as the one of the table's line that starts so."""
    CHECKED.add(start)
    return lambda test: test


def test_every_line_of_the_table_has_a_test() -> None:
    table = PAGE.split("## What differs on purpose")[1].split("\n## ")[0]
    starts = re.findall(r"^\| ([^|\s][^|]*?) \|", table, re.MULTILINE)
    assert set(starts) == CHECKED


@line("several processes on one experiment")
def test_two_that_write_to_one_experiment(side: Side) -> None:
    with side.experiment() as one, side.experiment() as another:
        assert side.trial(one).trial_id == 1
        if side.ours:
            assert side.trial(another).trial_id == 2
        else:
            with pytest.raises(IntegrityError):
                side.trial(another)


@line("`merge`")
def test_merging(side: Side) -> None:
    with side.experiment("Other") as other:
        side.trial(other).update(Status.SUCCEEDED, NOW, {"score": 1})
    with side.experiment() as experiment:
        if side.ours:
            experiment.merge(["Other"])
            assert experiment.load()[2] == [{"score": "1"}]
        else:
            with pytest.raises(NotImplementedError):
                experiment.merge(["Other"])


@line("what a trial runs on")
def test_what_a_trial_runs_on(side: Side, sqlite: dict[str, Any]) -> None:
    with side.experiment() as experiment:
        side.trial(experiment).update(Status.RUNNING, NOW)
    with closing(sqlite3.connect(sqlite["database"])) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert ("context" in tables) is side.ours
        if side.ours:
            assert connection.execute("SELECT context_id FROM trial").fetchall() == [(1,)]


@line("started outside of a git work tree")
def test_no_git(side: Side, tmp_path: Path) -> None:
    root = tmp_path / "environment.jsonc"
    if side.ours:
        with side.experiment(root=root):
            pass
        assert side.data().root_env_config == (str(root), "", "")
    else:
        with pytest.raises(Exception, match="git"):
            side.experiment(root=root)


@line("wrong key in the config")
@pytest.mark.usefixtures("unchecked")
def test_a_wrong_key(side: Side, sqlite: dict[str, Any]) -> None:
    if side.ours:
        with pytest.raises(ConfigError, match=r"config\.databse: unknown key.*Did you mean 'database'"):
            SqlStorage({**sqlite, "databse": "x"})
    else:
        with pytest.raises(TypeError):
            TheirStorage({**sqlite, "databse": "x"})


@line("a server database that is not up to date")
@pytest.mark.engine("postgresql")
def test_a_server_is_not_changed_unasked(tmp_path: Path) -> None:
    mode = first_mode("postgresql")
    config = mode.create(tmp_path)
    migrate_to(config, 4)
    with pytest.raises(SchemaTooOld, match="trialstore schema apply"):
        SqlStorage(config)
    with SqlStorage({**config, "schema_policy": "update"}) as storage:
        assert storage.experiments == {}
    assert mode.drop is not None
    mode.drop(config)


@line("`load_tunable_config` of an unknown id")
def test_an_unknown_config(side: Side) -> None:
    with side.experiment() as experiment:
        if side.ours:
            with pytest.raises(LookupError):
                experiment.load_tunable_config(99)
        else:
            assert experiment.load_tunable_config(99) == {}


@line("SUCCEEDED without any metrics")
def test_no_metrics(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    with side.experiment() as experiment:
        trial = side.trial(experiment)
        if side.ours:
            with caplog.at_level(logging.WARNING, "trialstore"):
                trial.update(Status.SUCCEEDED, NOW)
            assert "succeeded without its objectives: score" in caplog.text
            assert experiment.load()[2] == [{}]
        else:
            with pytest.raises(AssertionError):
                trial.update(Status.SUCCEEDED, NOW)


@line("the same telemetry points again")
def test_telemetry_twice(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    points = [(NOW, "cpu", 0.5), (NOW, "memory", 7)]
    logger = logging.getLogger("mlos_bench.storage.sql.trial")
    logger.disabled = False  # the migrations of mlos_bench silence it
    with side.experiment() as experiment:
        trial = side.trial(experiment)
        trial.update_telemetry(Status.RUNNING, NOW, points)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            trial.update_telemetry(Status.RUNNING, NOW + dt.timedelta(seconds=1), points)
        assert len(caplog.records) == (0 if side.ours else len(points))
        assert experiment.load_telemetry(1) == [(NOW, "cpu", "0.5"), (NOW, "memory", "7")]


@line("start of a new trial")
def test_the_start(side: Side) -> None:
    with side.experiment() as experiment:
        experiment.new_trial(side.tunables, ts_start=NOW)
    assert side.data().trials[1].ts_start == (NOW if side.ours else NOW.replace(microsecond=0))


@line("entering an entered experiment")
def test_entering_twice(side: Side) -> None:
    with side.experiment() as experiment, pytest.raises(TrialError if side.ours else AssertionError):
        experiment.__enter__()


@line("`Experiment.tunables`")
def test_changing_the_tunables(side: Side) -> None:
    with side.experiment() as experiment:
        experiment.tunables["size"] = "007"
        assert experiment.tunables["size"] == ("small" if side.ours else "007")


@line("nested metadata (dict, list)")
def test_nested_metadata(side: Side) -> None:
    nested = {"a": [True, None, "x"]}
    with side.experiment() as experiment:
        side.trial(experiment, config={"nested": nested})
    text = side.data().trials[1].metadata_dict["nested"]
    assert text == (json.dumps(nested) if side.ours else str(nested))


@line("a value longer than 255 bytes")
def test_a_long_value(side: Side) -> None:
    """On SQLite, mlos_bench's class keeps anything."""
    with side.experiment() as experiment:
        side.trial(experiment).update(Status.SUCCEEDED, NOW, {"score": 1, "log": "x" * 65_535})
        trial, metrics = side.trial(experiment), {"score": 1, "log": "x" * 65_536}
        if side.ours:
            with pytest.raises(ValueRejected, match=r"'log'.*65,536 bytes"):
                trial.update(Status.SUCCEEDED, NOW, metrics)
        else:
            trial.update(Status.SUCCEEDED, NOW, metrics)
        assert len(experiment.load()[0]) == (1 if side.ours else 2)
        assert len(experiment.load()[2][0]["log"]) == 65_535


def mixed(side: Side) -> pd.DataFrame:
    """The results of two trials, with text of which some looks like a number, and without a value here and there."""
    with side.experiment() as experiment:
        side.trial(experiment, size="007").update(Status.SUCCEEDED, NOW, {"score": 1, "note": None})
        side.trial(experiment).update(Status.SUCCEEDED, NOW, {"score": 2.5, "note": "fine"})
    frame: pd.DataFrame = side.data().results_df
    return frame


@line("`results_df`: a column where only some values look like numbers")
def test_a_mixed_column(side: Side) -> None:
    frame = mixed(side)
    assert list(frame["config.size"]) == (["007", "small"] if side.ours else [7.0, "small"])
    assert list(frame["result.score"]) == [1, 2.5]


@line("`results_df`: columns")
def test_the_columns(side: Side) -> None:
    first = ["trial_id", "ts_start", "ts_end", "tunable_config_id", "tunable_config_trial_group_id", "status"]
    assert list(mixed(side).columns) == [
        *first,
        *(["trial_runner_id"] if side.ours else []),
        *("config.size", "result.note", "result.score"),
    ]


@line("frames: type of text columns")
def test_text_columns(side: Side) -> None:
    mixed(side)
    with_none, without = (side.data().trials[number].results_df["value"] for number in (1, 2))
    newer = int(pd.__version__.split(".")[0]) >= 3 and not side.ours
    assert [with_none.dtype, without.dtype] == (["str", "str"] if newer else [object, object])
    assert pd.isna(with_none[0])
    assert (with_none[0] is None) == (not newer)


# What the page says of mlos_bench 0.6.2 on servers


@pytest.mark.usefixtures("unchecked")
@pytest.mark.engine("postgresql")
def test_its_databases_on_postgresql_are_refused_and_left_alone(tmp_path: Path) -> None:
    mode = first_mode("postgresql")
    config = {**mode.create(tmp_path), "drivername": "postgresql+psycopg"}
    close_theirs(TheirStorage(config))
    with bare(config) as storage:
        before = dump(storage)
    with pytest.raises(SchemaDrift, match="time"):
        SqlStorage({**config, "schema_policy": "update"})
    with bare(config) as storage:
        assert dump(storage) == before
    assert mode.drop is not None
    mode.drop(config)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.engine("mysql")
def test_it_cannot_make_its_tables_on_mariadb(tmp_path: Path) -> None:
    mode = first_mode("mysql")
    config = mode.create(tmp_path)
    made = TheirStorage({**config, "drivername": "mariadb+pymysql", "lazy_schema_create": True})
    with pytest.raises(OperationalError, match="key was too long"):
        made.update_schema()
    close_theirs(made)
    assert mode.drop is not None
    mode.drop(config)


# Alike


def test_values_are_text_in_both(side: Side) -> None:
    with side.experiment() as experiment:
        side.trial(experiment, size="007", config={"repeat_i": 1}).update(
            Status.SUCCEEDED, NOW, {"score": 1, "when": NOW, "hist": [1, 2], "ok": True}
        )
        experiment.new_trial(side.tunables, config={"repeat_i": 2})
        text = {"score": "1", "when": str(NOW), "hist": "[1, 2]", "ok": "True"}
        assert experiment.load()[1:3] == ([{"size": "007"}], [text])
        assert experiment.load_tunable_config(1) == {"size": "007"}
        (due,) = experiment.pending_trials(dt.datetime.now(dt.timezone.utc), running=False)
        assert due.config()["repeat_i"] == "2"
    trial = side.data().trials[1]
    assert dict(trial.results_df.to_numpy().tolist()) == text
    assert trial.results_dict == {**text, "score": 1}
    assert trial.metadata_dict == {"repeat_i": 1}
    assert trial.tunable_config.config_dict == {"size": 7}


def test_the_frame_of_an_experiment_is_of_text_and_numbers_in_both(side: Side) -> None:
    with side.experiment() as experiment:
        side.trial(experiment).update(Status.SUCCEEDED, NOW, {"score": "7", "ok": True})
    data = side.data()
    for frame in (data.results_df, data.tunable_config_trial_groups[1].results_df):
        assert frame[["status", "config.size", "result.ok", "result.score"]].to_numpy().tolist() == [
            ["SUCCEEDED", "small", "True", 7]
        ]


def test_the_default_config_is_the_one_that_the_metadata_says_in_both(side: Side) -> None:
    with side.experiment() as experiment:
        side.trial(experiment, size="007", config={"is_defaults": False})
        assert side.data().default_tunable_config_id == 1
        side.trial(experiment, config={"is_defaults": True})
        assert side.data().default_tunable_config_id == 2


def test_a_trial_is_completed_once_in_both(side: Side) -> None:
    with side.experiment() as experiment:
        trial = side.trial(experiment)
        trial.update(Status.FAILED, NOW)
        with pytest.raises(RuntimeError):
            trial.update(Status.SUCCEEDED, NOW + dt.timedelta(seconds=1), {"score": 1})
        assert experiment.load()[3] == [Status.FAILED]
