"""A database that mlos_bench wrote, read by its own class and by ours: the same, but for what differs on purpose."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")

import pandas as pd
from mlos_bench.storage.sql.storage import SqlStorage as TheirStorage
from mlos_bench.tunables.tunable_groups import TunableGroups

from reference.hidden import close_theirs
from trialstore.storage.mlos_bench import SqlStorage
from upgrade.reference import FIXTURES

pytestmark = [pytest.mark.filterwarnings(r"default:::(alembic|mlos_bench)\b"), pytest.mark.engine("sqlite")]

OURS_ONLY = ["trial_runner_id"]
"""Columns of the later interface."""


@pytest.fixture
def both(tmp_path: Path) -> Any:
    """The same database, opened by mlos_bench's class and, adopted, by ours."""
    files = [tmp_path / name for name in ("theirs.sqlite", "ours.sqlite")]
    for file in files:
        shutil.copyfile(FIXTURES / "reference-0.6.2.sqlite", file)
    configs = [{"drivername": "sqlite", "database": str(file)} for file in files]
    reference, ours = TheirStorage(configs[0]), SqlStorage(configs[1])
    yield reference, ours
    close_theirs(reference)
    ours.dispose()


def plain(frame: pd.DataFrame) -> list[list[Any]]:
    """The values row by row, None where there is none."""
    rows = frame.astype(object).to_numpy().tolist()
    return [[None if pd.isna(value) else value for value in row] for row in rows]


def kind(column: Any) -> str:
    """How a column is typed: newer versions of pandas have a type of their own for text."""
    return "text" if column.dtype in (object, "str") else str(column.dtype)


def trials_of_both(both: Any) -> list[tuple[Any, Any]]:
    theirs, ours = (storage.experiments for storage in both)
    assert list(theirs) == list(ours) != []
    found = []
    for name in theirs:
        assert list(theirs[name].trials) == list(ours[name].trials)
        found += [(trial, ours[name].trials[number]) for number, trial in theirs[name].trials.items()]
    return found


def test_experiments_read_the_same(both: Any) -> None:
    theirs, ours = (storage.experiments for storage in both)
    assert list(theirs) == list(ours) != []
    for name, data in theirs.items():
        twin = ours[name]
        assert (repr(data), data.root_env_config) == (repr(twin), twin.root_env_config)
        assert list(data.objectives.items()) == list(twin.objectives.items())
        assert data.default_tunable_config_id == twin.default_tunable_config_id
        assert {number: each.config_dict for number, each in data.tunable_configs.items()} == {
            number: each.config_dict for number, each in twin.tunable_configs.items()
        }
        groups, twins = data.tunable_config_trial_groups, twin.tunable_config_trial_groups
        assert list(groups) == list(twins)
        for number, group in groups.items():
            assert group.tunable_config_trial_group_id == twins[number].tunable_config_trial_group_id
            assert list(group.trials) == list(twins[number].trials)


def test_trials_read_the_same(both: Any) -> None:
    pairs = trials_of_both(both)
    assert len(pairs) > 20
    for trial, twin in pairs:
        assert (trial.experiment_id, trial.trial_id, trial.tunable_config_id, trial.status, repr(trial)) == (
            twin.experiment_id,
            twin.trial_id,
            twin.tunable_config_id,
            twin.status,
            repr(twin),
        )
        assert (trial.ts_start, trial.ts_end, str(trial.ts_start.tzinfo)) == (
            twin.ts_start,
            twin.ts_end,
            str(twin.ts_start.tzinfo),
        )


@pytest.mark.parametrize("name", ["results_df", "metadata_df", "telemetry_df"])
def test_frames_of_trials_read_the_same(both: Any, name: str) -> None:
    rows = 0
    for trial, twin in trials_of_both(both):
        frame, ours = getattr(trial, name), getattr(twin, name)
        assert list(frame.columns) == list(ours.columns)
        assert plain(frame) == plain(ours)
        rows += len(frame)
        if len(frame):
            assert [kind(frame[column]) for column in frame] == [kind(ours[column]) for column in ours]
    assert rows


@pytest.mark.parametrize("name", ["results_dict", "metadata_dict"])
def test_dicts_of_trials_read_the_same(both: Any, name: str) -> None:
    def items(values: dict[str, Any]) -> list[tuple[Any, ...]]:
        missing = {key for key, value in values.items() if pd.isna(value)}
        return [(key, None) if key in missing else (key, type(value), value) for key, value in values.items()]

    pairs = [(getattr(trial, name), getattr(twin, name)) for trial, twin in trials_of_both(both)]
    assert any(values for values, _ in pairs)
    for values, ours in pairs:
        assert items(values) == items(ours)


def test_the_frame_of_an_experiment_reads_the_same(both: Any) -> None:
    """But for text: a column in which not every value is a number stays text, so that "007" is not the number 7."""
    theirs, ours = (storage.experiments for storage in both)
    kept = 0
    for name, data in theirs.items():
        frame, twin = data.results_df, ours[name].results_df
        assert [column for column in twin.columns if column not in OURS_ONLY] == list(frame.columns)
        for column in frame:
            expected, found = plain(frame[[column]]), plain(twin[[column]])
            if any(isinstance(value, str) for (value,) in found):
                assert kind(twin[column]) == "text"
                expected = [[None if value is None else str(value)] for (value,) in expected]
                kept += sum(was != now for (was,), (now,) in zip(expected, found, strict=True))
                found = [[_read(now) if was != now else now] for (was,), (now,) in zip(expected, found, strict=True)]
            elif expected != [[None]] * len(expected):
                assert kind(twin[column]) == kind(frame[column])
            assert found == expected, column
        for number, group in data.tunable_config_trial_groups.items():
            expected_ids = list(group.results_df["trial_id"])
            assert list(ours[name].tunable_config_trial_groups[number].results_df["trial_id"]) == expected_ids
    assert kept


def _read(text: str) -> str:
    """What mlos_bench makes of text that looks like a number."""
    return str(float(text))


def test_what_an_optimizer_loads_is_the_same(both: Any, shared_tree: Path) -> None:
    theirs, ours = both
    loaded = []
    for storage in both:
        experiment = storage.experiment(
            experiment_id=next(iter(theirs.experiments)),
            trial_id=1,
            root_env_config=str(shared_tree / "mock.jsonc"),
            description="read again",
            tunables=TunableGroups(),
            opt_targets={"score": "min"},
        )
        with experiment:
            trial_ids, configs, scores, status = experiment.load()
            telemetry = [experiment.load_telemetry(trial_id) for trial_id in trial_ids]
            config = experiment.load_tunable_config(1)
            loaded.append((experiment.trial_id, trial_ids, configs, scores, status, telemetry, config))
            if storage is ours:
                with pytest.raises(LookupError):
                    experiment.load_tunable_config(12345)
            else:
                assert experiment.load_tunable_config(12345) == {}
    assert loaded[0] == loaded[1]
    assert len(loaded[0][1]) > 5
