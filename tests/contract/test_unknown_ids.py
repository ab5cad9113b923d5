"""Ids beyond those that columns hold, ids that are not there, and how much of what is there an error lists."""

from __future__ import annotations

import copy
import functools
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

from trialstore.contract.helpers import GROUPS, MAPPING, at, dump, execute, finish, make_experiment, query, refused
from trialstore.storage import (
    ConfigError,
    ExperimentMissing,
    SqlStorage,
    Status,
    StorageError,
    TrialError,
    TrialMissing,
    TunableGroups,
    UnknownTunable,
    ValueRejected,
)

pytestmark = pytest.mark.once_per_engine("what an error says of an id is made of rows that were read")

LARGEST = 2**31 - 1
MANY = 501
NAMES = [f"name{number:03}" for number in range(MANY)]

# --- the largest trial id ---------------------------------------------------------------------------------------------


def test_the_largest_trial_id_is_found_by_every_call(storage: SqlStorage) -> None:
    with make_experiment(storage, trial_id=LARGEST) as experiment:
        trial = experiment.new_trial({}, ts_start=at(0))
        assert trial.trial_id == LARGEST
        (held,) = experiment.claim_trials(7)
        held.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", 0.5)])
        finish(held)
    again = experiment.get_trial_by_id(LARGEST)
    assert again is not None
    assert again.status is Status.SUCCEEDED
    assert experiment.load() == ([LARGEST], [MAPPING], [{"score": 1.5}], [Status.SUCCEEDED])
    assert len(experiment.load_telemetry(LARGEST)) == 1
    assert storage.experiments["Exp"].trials[LARGEST].results_dict == {"score": 1.5}
    assert list(storage.experiments["Exp"].results_df["trial_id"]) == [LARGEST]


def test_an_experiment_does_not_begin_beyond_the_largest_trial_id(storage: SqlStorage) -> None:
    before = dump(storage)
    refused(lambda: make_experiment(storage, trial_id=LARGEST + 1), ValueRejected, "trial_id")
    assert dump(storage) == before


@pytest.mark.parametrize(("first", "count"), [(LARGEST, 2), (LARGEST - 1, 3)])
def test_no_trial_gets_an_id_beyond_the_largest(storage: SqlStorage, first: int, count: int) -> None:
    with make_experiment(storage, trial_id=first) as experiment:
        before = dump(storage)
        refused(lambda: experiment.new_trials([{}] * count), TrialError, "'Exp'", f"{LARGEST:,}")
        assert dump(storage) == before
        made = experiment.new_trials([{}] * (count - 1))  # as many as there is room for
        assert [trial.trial_id for trial in made] == list(range(first, LARGEST + 1))
        before = dump(storage)
        refused(lambda: experiment.new_trial({}), TrialError, "'Exp'", f"{LARGEST:,}")
        assert dump(storage) == before
    assert sorted(storage.experiments["Exp"].trials) == list(range(first, LARGEST + 1))


def test_merging_gives_no_id_beyond_the_largest(storage: SqlStorage) -> None:
    for name, count in (("one", 1), ("two", 2)):
        with make_experiment(storage, name) as source:
            for score in range(count):
                finish(source.new_trial({}), score=score)
    with make_experiment(storage, trial_id=LARGEST - 1) as experiment:
        before = dump(storage)
        refused(lambda: experiment.merge(["one", "two"]), TrialError, "'Exp'", f"{LARGEST:,}")
        assert dump(storage) == before
        experiment.merge(["two"])
        assert experiment.load()[0] == [LARGEST - 1, LARGEST]
        before = dump(storage)
        refused(lambda: experiment.merge(["one"]), TrialError, "'Exp'", f"{LARGEST:,}")
        experiment.merge(["two"])  # in which nothing is new
        assert dump(storage) == before


# --- ids that are not there -------------------------------------------------------------------------------------------


def missing(call: Callable[[], Any], error: type[StorageError], message: str, hint: str) -> None:
    """What the call raises must be a KeyError too, and say just that, also after a journey between processes."""
    found = refused(call, error, message)
    assert isinstance(found, KeyError)
    assert (found.message, found.hint) == (message, hint)
    assert str(found) == f"{message} Hint: {hint}"
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_an_unknown_experiment_names_the_nearest_one(storage: SqlStorage) -> None:
    missing(
        lambda: storage.experiments["tuning"],
        ExperimentMissing,
        "There is no experiment 'tuning'.",
        "There are none yet.",
    )
    for name in ("tuning-2025", "other"):
        make_experiment(storage, name).__enter__()
    found = storage.experiments
    missing(
        lambda: found["tuning2025"],
        ExperimentMissing,
        "There is no experiment 'tuning2025'.",
        "Did you mean 'tuning-2025'?",
    )
    missing(lambda: found["zzz"], ExperimentMissing, "There is no experiment 'zzz'.", "Known: other, tuning-2025.")
    assert "zzz" not in found
    assert found.get("zzz") is None
    assert found == dict(found)
    missing(
        lambda: copy.copy(found)["zzz"],
        ExperimentMissing,
        "There is no experiment 'zzz'.",
        "Known: other, tuning-2025.",
    )


def test_unknown_ids_of_an_experiment_name_the_nearest_one(storage: SqlStorage) -> None:
    with make_experiment(storage, trial_id=5) as experiment:
        data = storage.experiments["Exp"]
        where = "in experiment 'Exp'"
        missing(lambda: data.trials[1], TrialMissing, f"There is no trial 1 {where}.", "There are none yet.")
        for cache in (1, 2, 3):
            experiment.new_trial({"cache": cache})
    wrong: list[tuple[Any, int | None]] = [(99, 7), (1, 5), (-1, None), ("5", None), (None, None)]
    for given, nearest in wrong:
        hint = f"The nearest id is {nearest}." if nearest else "Known: 5, 6, 7."
        missing(
            functools.partial(data.trials.__getitem__, given),
            TrialMissing,
            f"There is no trial {given!r} {where}.",
            hint,
        )
    configs = sorted(data.tunable_configs)
    hint = f"The nearest id is {configs[-1]}."
    message = f"There is no tunable config 99999 {where}."
    missing(lambda: data.tunable_configs[99_999], TrialMissing, message, hint)
    missing(lambda: data.tunable_config_trial_groups[99_999], TrialMissing, message, hint)
    group = data.tunable_config_trial_groups[configs[0]]
    message = f"There is no trial 6 of this config {where}."
    missing(lambda: group.trials[6], TrialMissing, message, "The nearest id is 5.")


# --- errors do not grow with what is there ----------------------------------------------------------------------------


def test_an_unknown_experiment_among_many_lists_few(storage: SqlStorage) -> None:
    known = {"description": None, "root_env_config": "", "git_repo": "", "git_commit": ""}
    storage.database.write(
        lambda tx: [tx.count("experiment_insert", exp_id=name, **known) for name in NAMES], repeatable=True
    )
    assert query(storage, "SELECT count(*) FROM experiment") == [(MANY,)]
    listed_few(lambda: storage.experiments["typo"], ExperimentMissing)


def listed_few(call: Callable[[], Any], error: type[StorageError]) -> None:
    """What the call raises lists 20 names, and says how many more there are."""
    found = refused(call, error)
    assert re.findall(r"name\d{3}", str(found)) == NAMES[:20]
    assert f" and {MANY - 20} more" in str(found)


def test_no_other_error_lists_more(storage: SqlStorage) -> None:
    tunables: dict[str, Any] = dict.fromkeys(NAMES, 1)
    targets: dict[str, Any] = dict.fromkeys(NAMES, "min")
    with (
        make_experiment(storage, "many", tunables=tunables) as many,
        make_experiment(storage, "few", tunables={"x": 1}) as few,
        make_experiment(storage, "objectives", opt_targets=targets) as objectives,
        make_experiment(storage, "none", opt_targets={}) as none,
    ):
        many.new_trial({}).update(Status.SUCCEEDED, at(1), {"score": 1})
        listed_few(lambda: many.new_trial({"typo": 1}), ValueRejected)
        listed_few(lambda: few.merge(["many"]), ValueRejected)
        listed_few(lambda: none.merge(["objectives"]), TrialError)
        listed_few(lambda: objectives.merge(["none"]), TrialError)
        trial = few.new_trial({}, config=dict.fromkeys(NAMES, 1))
        listed_few(lambda: trial.add_new_config_data(dict.fromkeys(NAMES, 2)), ValueRejected)
        execute(storage, "UPDATE trial_param SET param_value = '{', value_type = 'j'")
        listed_few(lambda: few.get_trial_by_id(trial.trial_id), TrialError)
    params = {name: {"type": "int", "range": [0, 9], "default": 1} for name in NAMES}
    one = TunableGroups({"one": {"cost": 1, "params": params}})
    listed_few(lambda: one["typo"], UnknownTunable)
    listed_few(lambda: TunableGroups({n: {"cost": 1, "params": {}} for n in NAMES}).reset(["typo"]), UnknownTunable)
    mode = {"type": "categorical", "values": NAMES, "default": "typo"}
    with pytest.raises(ConfigError, match=f'"name019" and {MANY - 20} more') as caught:
        TunableGroups({"one": {"cost": 1, "params": {"mode": mode}}})
    assert "name020" not in str(caught.value)
    with make_experiment(storage, "groups", tunables=TunableGroups(GROUPS)) as experiment:
        found = refused(lambda: experiment.new_trial(one), ValueRejected)
        assert len(re.findall(r"name\d{3}|latency|ratio|size", str(found))) == 20


def test_no_warning_lists_more(storage: SqlStorage, caplog: pytest.LogCaptureFixture) -> None:
    targets: dict[str, Any] = dict.fromkeys(NAMES, "min")
    with make_experiment(storage, opt_targets=targets) as experiment:
        trial = experiment.new_trial({})
        trial.update(Status.SUCCEEDED, at(1), {})
        experiment.new_trial({}).update(Status.SUCCEEDED, at(1), dict.fromkeys(NAMES, "fast"))
        points = [(at(1), name, value) for name in NAMES for value in (1, 2)]
        experiment.new_trial({}).update_telemetry(Status.RUNNING, at(1), points)
    make_experiment(storage, opt_targets={}).__enter__()
    make_experiment(storage, opt_targets=targets, tunables={**MAPPING, **dict.fromkeys(NAMES, 1)}).__enter__()
    assert len(caplog.records) == 5
    for record in caplog.records:
        assert re.findall(r"name\d{3}", record.getMessage()) == NAMES[:20]
        assert f" and {MANY - 20} more" in record.getMessage()


def test_trials_that_are_left_out_are_not_all_listed(storage: SqlStorage, caplog: pytest.LogCaptureFixture) -> None:
    with make_experiment(storage) as experiment:
        experiment.new_trials([{}] * 60)
    with make_experiment(storage, tunables={"other": 1}) as changed:
        caplog.clear()
        assert changed.claim_trials(7) == []
        (listing,) = [text for record in caplog.records if "more trials of" in (text := record.getMessage())]
    assert "55 more trials of Exp" in listing
    assert listing.endswith(", 25 and 35 more")
    assert len(changed.unfit_trials()) == 60
