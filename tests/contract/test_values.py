"""Values: what goes in comes back equal and of the same type, everywhere; configs are told apart by value and type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialstore.contract.helpers import at, groups, make_experiment, query, same
from trialstore.storage import SqlStorage, Status, Storage, TunableGroups

once = pytest.mark.once_per_engine("each kind of value has a test of its own, in every mode")

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
LOOKS_LIKE = st.sampled_from(
    [
        "007",
        "7",
        "1e5",
        "-0",
        "+1",
        "0x10",
        "1_000",
        " 1",
        "1 ",
        "nan",
        "inf",
        "True",
        "False",
        "None",
        "null",
        "",
        "[1]",
    ]
)
HUGE = 10**4000 - 1
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-HUGE, HUGE)
    | st.floats(allow_nan=True, allow_infinity=True)
    | ANY_TEXT
    | LOOKS_LIKE
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
SHARED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])

TRICKY: list[Any] = [
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    2**64 + 1,
    HUGE,
    -HUGE,
    0.0,
    -0.0,
    0.1,
    5e-324,
    1.7976931348623157e308,
    1e16,
    1.0,
    math.nan,
    math.inf,
    -math.inf,
    True,
    False,
    None,
    "",
    " ",
    "007",
    "1.0",
    "nan",
    "True",
    "None",
    "a\0b",
    "\0",
    "line\r\nline\ttab",
    "'; DROP TABLE trial; --",
    ":name %s %(x)s ? {x} $1 \\",
    "ünïcode",
    "e\u0301",
    "😀",
    "\ud83d",
    "\udc00x\ud800",
    "\ud83d\ude00",  # two halves, which are not the one character that they would make together
    "\ufeffbom",
    "\U0010ffff",
]


def everywhere(storage: SqlStorage, experiment: Storage.Experiment, value: Any) -> dict[str, Any]:
    """Store a value as tunable, metadata, telemetry and metric, and read each back by every way there is."""
    trial = experiment.new_trial({"extra": value}, config={"value": value})
    trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "value", value)])
    trial.update(Status.SUCCEEDED, at(2), {"score": 1, "value": value})
    found = experiment.get_trial_by_id(trial.trial_id)
    assert found is not None
    stored = storage.experiments[experiment.experiment_id].trials[trial.trial_id]
    _, configs, scores, _ = experiment.load(trial.trial_id - 1)
    assert scores[0] is not None
    return {
        "tunable, load": configs[0]["extra"],
        "tunable, new trial": trial.tunables["extra"],
        "tunable, get_trial_by_id": found.tunables["extra"],
        "tunable, load_tunable_config": experiment.load_tunable_config(trial.tunable_config_id)["extra"],
        "tunable, config_dict": stored.tunable_config.config_dict["extra"],
        "metadata, config": found.config()["value"],
        "metadata, metadata_dict": stored.metadata_dict["value"],
        "metadata, metadata_df": stored.metadata_df["value"][0],
        "metric, load": scores[0]["value"],
        "metric, results_dict": stored.results_dict["value"],
        "telemetry, load_telemetry": experiment.load_telemetry(trial.trial_id)[0][2],
        "telemetry, telemetry_df": stored.telemetry_df["value"][0],
    }


def differing(found: dict[str, Any], expected: Any) -> list[str]:
    return [way for way, value in found.items() if not same(value, expected)]


@pytest.mark.parametrize("value", TRICKY, ids=lambda value: ascii(value)[:20])
def test_a_tricky_value_comes_back_equal_and_typed(
    storage: SqlStorage, experiment: Storage.Experiment, value: Any
) -> None:
    assert differing(everywhere(storage, experiment, value), value) == []


@once
@given(value=SCALARS)
@SHARED
def test_any_value_comes_back_equal_and_typed(storage: SqlStorage, value: Any) -> None:
    with make_experiment(storage) as experiment:
        assert differing(everywhere(storage, experiment, value), value) == []


@once
@given(value=NESTED)
@SHARED
def test_any_nested_metadata_comes_back_equal_and_typed(storage: SqlStorage, value: Any) -> None:
    with make_experiment(storage) as experiment:
        trial = experiment.new_trial({}, config={"value": value})
        trial.add_new_config_data({"added": value})
        found = experiment.get_trial_by_id(trial.trial_id)
    assert found is not None
    assert same(found.config()["value"], value)
    assert same(found.config()["added"], value)


@once
@given(
    names=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), max_size=5)
)
@SHARED
def test_any_name_comes_back_as_it_is(storage: SqlStorage, names: list[str]) -> None:
    values = {name: number for number, name in enumerate(names)}
    with make_experiment(storage, "Names" + "".join(names)[:100], tunables=values) as experiment:
        trial = experiment.new_trial({}, config=values)
        trial.update(Status.SUCCEEDED, at(1), values)
        stored = storage.experiments[experiment.experiment_id].trials[trial.trial_id]
    assert stored.tunable_config.config_dict == values
    assert stored.metadata_dict == values
    assert stored.results_dict == values


@pytest.mark.parametrize(
    "scalar",
    [
        np.int8(-7),
        np.int64(2**62),
        np.uint64(2**64 - 1),
        np.float16(0.1),
        np.float32(0.1),
        np.float64(0.1),
        np.float64("nan"),
        np.bool_(True),
        np.str_("007"),
    ],
    ids=lambda scalar: scalar.dtype.name,
)
def test_numpy_scalars_count_as_their_python_value(
    storage: SqlStorage, experiment: Storage.Experiment, scalar: Any
) -> None:
    assert differing(everywhere(storage, experiment, scalar), scalar.item()) == []


def test_numpy_scalars_inside_nested_metadata_count_too(experiment: Storage.Experiment) -> None:
    trial = experiment.new_trial({}, config={"value": [np.float32(0.5), {"a": np.int16(3), "b": (np.bool_(False),)}]})
    found = experiment.get_trial_by_id(trial.trial_id)
    assert found is not None
    assert same(found.config()["value"], [0.5, {"a": 3, "b": [False]}])


LONGEST = ["x" * 65_535, "é" * 32_767 + "x", "😀" * 16_383 + "é", "9" * 65_535]


@pytest.mark.parametrize("value", LONGEST, ids=lambda value: value[0])
def test_a_value_of_65535_bytes_is_kept_whole(storage: SqlStorage, experiment: Storage.Experiment, value: str) -> None:
    assert differing(everywhere(storage, experiment, value), value) == []


@pytest.mark.parametrize("length", [1, 512])
def test_ids_and_names_may_fill_their_columns(storage: SqlStorage, length: int) -> None:
    name = "é" * min(length, storage.database.dialect.id_length)
    with make_experiment(storage, name, tunables={name: 1}, opt_targets={name: "max"}) as experiment:
        trial = experiment.new_trial({}, config={name: 2})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(1), name, 3)])
        trial.update(Status.SUCCEEDED, at(2), {name: 4})
        assert experiment.load() == ([1], [{name: 1}], [{name: 4}], [Status.SUCCEEDED])
        assert experiment.load_telemetry(1) == [(at(1), name, 3)]
    assert storage.experiments[name].objectives == {name: "max"}


# Configs

LOOK_ALIKES: list[Any] = [1, 1.0, "1", True, "1.0", "True", None, "None", 0, False, "", "0", math.nan, "nan"]


def test_values_that_look_alike_are_different_configs(experiment: Storage.Experiment) -> None:
    ids = [experiment.new_trial({"extra": value}).tunable_config_id for value in LOOK_ALIKES]
    assert len(set(ids)) == len(LOOK_ALIKES)


@pytest.mark.parametrize("value", LOOK_ALIKES, ids=repr)
def test_equal_tunables_share_a_config_across_experiments(storage: SqlStorage, value: Any) -> None:
    ids = set()
    for experiment_id in ("one", "two"):
        with make_experiment(storage, experiment_id) as experiment:
            ids |= {experiment.new_trial({"extra": value}).tunable_config_id for _ in range(2)}
    assert len(ids) == 1
    assert len(query(storage, "SELECT * FROM config")) == 1


def test_equal_tunables_share_a_config_in_any_order_of_names(storage: SqlStorage) -> None:
    made = (
        make_experiment(storage, "one", tunables={"a": 1, "b": 2}),
        make_experiment(storage, "two", tunables={"b": 2, "a": 1}),
    )
    with made[0] as one, made[1] as two:
        assert one.new_trial({}).tunable_config_id == two.new_trial({}).tunable_config_id


def test_equal_tunables_share_a_config_across_storages(shared_config: dict[str, Any]) -> None:
    ids = []
    for _ in range(2):
        with SqlStorage(shared_config) as storage, make_experiment(storage) as experiment:
            ids.append(experiment.new_trial({"cache": 3}).tunable_config_id)
    assert ids[0] == ids[1]


def test_numpy_and_python_values_share_a_config(experiment: Storage.Experiment) -> None:
    values: list[Any] = [5, np.int64(5), np.int8(5)]
    ids = {experiment.new_trial({"cache": value}).tunable_config_id for value in values}
    assert len(ids) == 1


def test_tunable_groups_share_configs_by_value(experiment_groups: Storage.Experiment) -> None:
    first = experiment_groups.new_trial(groups())
    ids = [
        experiment_groups.new_trial(tunables).tunable_config_id
        for tunables in (groups().copy(), {"latency": "20"}, groups().assign({"ratio": "0.50"}), {})
    ]
    assert ids == [first.tunable_config_id] * 4
    assert experiment_groups.new_trial({"latency": 21}).tunable_config_id != first.tunable_config_id


def test_categories_that_look_alike_are_different_configs(storage: SqlStorage) -> None:
    values: list[Any] = [1, 1.0, "1", True]
    kinds = TunableGroups({"g": {"params": {"p": {"type": "categorical", "values": values, "default": 1}}}})
    with make_experiment(storage, tunables=kinds) as experiment:
        trials = [experiment.new_trial({"p": value}) for value in values]
        found = [experiment.get_trial_by_id(trial.trial_id) for trial in trials]
    assert len({trial.tunable_config_id for trial in trials}) == 4
    assert same([trial.tunables["p"] for trial in found if trial], values)


def test_a_config_is_written_once_and_never_changed(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    experiment.new_trial({})
    before = query(storage, "SELECT * FROM config_param")
    experiment.new_trial({})
    assert query(storage, "SELECT * FROM config_param") == before
