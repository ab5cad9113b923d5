"""Searching trials: random conditions against a plain evaluation in Python, and what comes back."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialstore.contract.helpers import at, make_experiment, watch
from trialstore.contract.search_model import FIELDS, Condition, Trial, conditions, fill, ordered, written
from trialstore.storage import ExperimentMissing, SqlStorage, Status

EXAMPLES = int(os.environ.get("TRIALSTORE_TEST_SEARCHES", "24"))
"""How many random searches are made on each engine; `tox -e searches` makes 10,000."""


@pytest.fixture
def trials(storage: SqlStorage) -> list[Trial]:
    """Trials that are stored."""
    return fill(storage)


UNCHECKED = [
    *(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
]
"""Conditions are large, and each is searched for in a database."""


def keys(found: list[Any]) -> list[tuple[str, int]]:
    """What trials are known by."""
    return [(trial.experiment_id, trial.trial_id) for trial in found]


@pytest.mark.once_per_engine("what is found depends on the statement alone")
def test_a_random_search_finds_what_python_finds(storage: SqlStorage, trials: list[Trial]) -> None:
    by_key = {trial.key: trial for trial in trials}
    for trial in storage.find_trials():
        by_key[trial.experiment_id, trial.trial_id].values["config_id", ""] = trial.tunable_config_id

    @settings(max_examples=EXAMPLES, suppress_health_check=UNCHECKED, database=None)
    @given(
        condition=conditions,
        order=st.sampled_from([None, *FIELDS, ("config_id", "")]),
        descending=st.booleans(),
        limit=st.sampled_from([None, 1, 5, 1000]),
        offset=st.sampled_from([0, 0, 3]),
    )
    def check(
        condition: Condition, order: tuple[str, str] | None, descending: bool, limit: int | None, offset: int
    ) -> None:
        chosen = [trial for trial in trials if condition.holds(trial)]
        wanted = sorted(trial.key for trial in chosen)
        more: dict[str, Any] = {}
        if order is not None:
            wanted = ordered(chosen, order, descending=descending)
            more = {"order_by": written(order), "descending": descending}
        found = storage.find_trials(condition.text, limit=limit, offset=offset, **more)
        assert keys(found) == wanted[offset : None if limit is None else offset + limit]

    check()


read_alike = pytest.mark.once_per_engine("rows are read as by any other statement")


@read_alike
def test_trials_come_back_as_an_experiment_gives_them(storage: SqlStorage, trials: list[Trial]) -> None:
    assert len(trials) == 42
    data = storage.experiments["two"]
    found = data.find()
    assert [trial.trial_id for trial in found] == list(data.trials)
    for trial in found:
        same = data.trials[trial.trial_id]
        for name in ("experiment_id", "tunable_config_id", "ts_start", "ts_end", "status", "trial_runner_id"):
            assert getattr(trial, name) == getattr(same, name)
        mine, theirs = trial.tunable_config_trial_group, same.tunable_config_trial_group
        assert mine.tunable_config_trial_group_id == theirs.tunable_config_trial_group_id
        assert repr(trial.results_dict) == repr(same.results_dict)


@read_alike
def test_a_frame_has_the_rows_of_results_df_in_order(storage: SqlStorage, trials: list[Trial]) -> None:
    assert trials
    data = storage.experiments["one"]
    whole = data.results_df
    found = data.find_df()
    assert list(found.columns) == ["experiment_id", *whole.columns]
    assert found["experiment_id"].tolist() == ["one"] * len(whole)
    pd.testing.assert_frame_equal(found.drop(columns="experiment_id"), whole)
    latest = data.find_df("status == 'FAILED'", order_by="trial_id", descending=True, limit=2)
    assert latest["trial_id"].tolist() == sorted(whole[whole["status"] == "FAILED"]["trial_id"])[:-3:-1]
    nothing = storage.find_df("trial_id < 0")
    assert nothing.empty
    assert list(nothing.columns)[:2] == ["experiment_id", "trial_id"]


@read_alike
def test_the_best_of_many_are_found_beyond_the_first_look(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={}) as experiment:
        for number, trial in enumerate(experiment.new_trials([{}] * 1100)):
            if number % 110 != 7:
                trial.update(Status.SUCCEEDED, at(10), {"score": float(number), "part": number % 25})
        rare = storage.experiments["Exp"].find("result.score >= 1098", order_by="result.score", limit=2)
        assert [trial.trial_id for trial in rare] == [1099, 1100]
        last = storage.find_trials(order_by="result.score", offset=1089, limit=2)
        assert [trial.trial_id for trial in last] == [1100, 8]  # those without a score come last
        assert [trial.trial_id for trial in storage.find_trials("trial_id == 1100", limit=1)] == [1100]
        statements: list[str] = []
        watch(storage, statements.append)
        some = storage.find_trials("result.part == 3", order_by="result.score", offset=10, limit=20)
        assert [trial.trial_id for trial in some] == [25 * place + 4 for place in range(10, 30)]
        # Of the first 500, 20 fit: the second look is at as many as it should take.
        assert sum("ranked AS (" in sql for sql in statements) == 2
        statements.clear()
        few = storage.find_trials("result.score <= 3", order_by="result.score", limit=10)
        assert [trial.trial_id for trial in few] == [1, 2, 3, 4]
        assert sum("ranked AS (" in sql for sql in statements) == 3  # and where it does not, a third one at all


@read_alike
def test_a_search_is_one_statement_or_two(storage: SqlStorage, trials: list[Trial]) -> None:
    assert trials
    statements: list[str] = []
    watch(storage, statements.append)
    storage.find_trials("result.x < 10 and config.y is None", order_by="result.x")
    assert sum("ranked AS (" in sql for sql in statements) == 1
    storage.find_trials("trial_id < 0", limit=1)
    assert sum("ranked AS (" in sql for sql in statements) == 3


@read_alike
def test_an_experiment_that_is_not_there_is_named(storage: SqlStorage, trials: list[Trial]) -> None:
    assert trials
    with pytest.raises(ExperimentMissing, match="'two'"):
        storage.find_trials(experiment_id="twoo")
    assert storage.find_trials("trial_id < 0", experiment_id="two") == []


@read_alike
def test_large_conditions_are_looked_for(storage: SqlStorage, trials: list[Trial]) -> None:
    several = " or ".join(f"trial_id == {number}" for number in range(2, 500))
    assert len(storage.find_trials(several, experiment_id="one")) == 13
    assert len(storage.find_trials(f"trial_id in {list(range(2, 500))}", experiment_id="one")) == 13
    both = " and ".join(f"(result.a{n} is None or result.b{n} < 1)" for n in range(40))
    assert len(storage.find_trials(both)) == len(trials)


@read_alike
def test_names_and_values_with_quotes_are_data(storage: SqlStorage, trials: list[Trial]) -> None:
    assert len(storage.find_trials("""config["'; DROP TABLE trial; --"] is None""")) == len(trials)
    assert storage.find_trials("""result.x == "'; DROP TABLE trial; --" """) == []
    assert storage.find_trials(experiment_id="one", where="commit == '); DELETE FROM trial; --'") == []
    assert len(storage.find_trials()) == len(trials)
