"""Attributes of experiments and trials: values of any type that may change at any time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialstore.contract.helpers import dump, execute, finish, make_experiment, query, recorded, same
from trialstore.storage import (
    ExperimentMissing,
    SqlStorage,
    Status,
    Storage,
    TrialMissing,
    ValueRejected,
)
from trialstore.storage.base_attributes import Attributed
from trialstore.storage.base_experiment_data import ExperimentData

VALUES: dict[str, Any] = {
    "int": 3,
    "big": 2**70,
    "float": 0.1,
    "nan": math.nan,
    "minus": -math.inf,
    "yes": True,
    "nothing": None,
    "text": "3",
    "empty": "",
    "odd": "a'b\"c\\d\n\t\x01\x7f[é] \U0001f600 :x %s",
    "nul": "a\0b",
    "half": "\ud800",
    "nested": {"list": [1, 2.5, None, {"x": "y"}], "flag": False},
    "list": ["a", []],
    "n" * 255: "long name",
    'na"me\\ \x02é\U0001f600': 1,
    " spaced ": "v",
    "spaced": "w",
}


once = pytest.mark.once_per_engine("each part has a test of its own, in every mode")
SHARED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def sorted_by_name(values: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(values.items()))


@pytest.fixture(params=["Trial", "ExperimentData"])
def owner(storage: SqlStorage, experiment: Storage.Experiment, request: pytest.FixtureRequest) -> Attributed:
    """A completed trial, or an experiment; the classes for reading and for writing share what they do."""
    trial = finish(experiment.new_trial({}, config={"key": "metadata"}))
    return trial if request.param == "Trial" else storage.experiments["Exp"]


def test_what_is_set_for_writing_is_seen_for_reading_and_the_other_way(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    trial = experiment.new_trial({})
    data = storage.experiments["Exp"]
    for one, other in ((experiment, data), (trial, data.trials[1])):
        one.set_attributes({"a": 1, "b": 2})
        other.set_attributes({"b": "x"})
        other.delete_attributes(["a"])
        assert one.attributes == other.attributes == {"b": "x"}
    assert data.trial_attributes == {1: {"b": "x"}}


def test_values_of_every_type_come_back_equal_and_of_the_same_type(owner: Attributed) -> None:
    owner.set_attributes(VALUES)
    assert same(owner.attributes, sorted_by_name(VALUES))
    assert list(owner.attributes) == sorted(VALUES)


def test_a_later_value_takes_the_place_of_the_earlier_one_and_leaves_the_others(owner: Attributed) -> None:
    assert owner.attributes == {}
    owner.set_attributes({"a": 1, "b": "x", "c": None})
    owner.set_attributes({"a": "1", "c": [1], "d": 2.0})
    owner.set_attributes({"b": None})
    assert same(owner.attributes, {"a": "1", "b": None, "c": [1], "d": 2.0})
    owner.set_attributes({})
    assert len(owner.attributes) == 4


def test_deleted_attributes_are_gone_and_those_that_are_not_there_are_no_error(owner: Attributed) -> None:
    owner.set_attributes({"a": 1, "A": 2, "a ": 3, "b": 4, 'q"\\é': 5})
    owner.delete_attributes(["a", "missing", 'q"\\é'])
    assert owner.attributes == {"A": 2, "a ": 3, "b": 4}
    owner.delete_attributes([])
    owner.delete_attributes({"b"})
    owner.delete_attributes(["a", "a"])
    assert owner.attributes == {"A": 2, "a ": 3}
    owner.set_attributes({"a": 6})
    assert owner.attributes == {"A": 2, "a": 6, "a ": 3}


def test_each_call_is_one_statement(storage: SqlStorage, owner: Attributed) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: owner.set_attributes(VALUES),
        lambda: owner.attributes,
        lambda: owner.delete_attributes(VALUES),
    ]
    for call in calls:
        with recorded(storage) as record:
            call()
        assert (len(record.names), record.many, record.unknown) == (1, [], [])


@once
@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"good": 1, "size": "x" * 65_536}, ("'size'", "65,536", "65,535")),
        ({"good": 1, "size": ["x" * 65_535]}, ("'size'", "65,535")),
        ({"good": 1, "when": object()}, ("'when'", "object")),
        ({"good": 1, "deep": {"x": {1, 2}}}, ("'deep'", "set")),
        ({"good": 1, "": 2}, ("Attribute is empty",)),
        ({"good": 1, "nul\0": 2}, ("Attribute", "NUL")),
        ({"good": 1, 5: 2}, ("Attribute", "int")),
        ([("good", 1)], ("Attribute", "list")),
    ],
)
def test_what_does_not_fit_is_refused_by_name_before_anything_is_written(
    storage: SqlStorage, owner: Attributed, attributes: Any, words: tuple[str, ...]
) -> None:
    before = dump(storage)
    with pytest.raises(ValueRejected) as caught:
        owner.set_attributes(attributes)
    assert all(word in str(caught.value) for word in words)
    assert dump(storage) == before


def test_a_name_longer_than_the_column_is_refused_with_its_limit(owner: Attributed, storage: SqlStorage) -> None:
    limit = storage.database.dialect.id_length
    owner.set_attributes({"n" * limit: "x" * 65_535})
    assert owner.attributes == {"n" * limit: "x" * 65_535}
    with pytest.raises(ValueRejected, match=f"At most {limit} fit"):
        owner.set_attributes({"n" * (limit + 1): 1})


def test_one_call_takes_as_much_as_every_server_does(owner: Attributed, storage: SqlStorage) -> None:
    most = {str(number): '"' * 65_535 for number in range(30)}
    owner.set_attributes(most)
    assert owner.attributes == sorted_by_name(most)
    before = dump(storage)
    names = [f"{'é' * 200}{number}" for number in range(10_000)]
    with pytest.raises(ValueRejected, match="bytes in all") as caught:
        owner.set_attributes({**most, "30": '"' * 65_535})
    assert "4,000,000" in caught.value.hint
    with pytest.raises(ValueRejected, match="bytes in all"):
        owner.delete_attributes(names)
    assert dump(storage) == before


def test_metadata_are_something_else(storage: SqlStorage, owner: Attributed) -> None:
    owner.set_attributes({"key": "attribute"})
    assert storage.experiments["Exp"].trials[1].metadata_dict == {"key": "metadata"}


@once
@pytest.mark.parametrize("status", list(Status)[1:], ids=lambda status: status.name)
def test_a_trial_in_any_state_has_attributes_also_one_that_is_held(
    storage: SqlStorage, experiment: Storage.Experiment, status: Status
) -> None:
    experiment.new_trial({})
    held = experiment.claim_trials(7)[0]
    if not status.is_pending():
        held.update(status, held_at(storage))
    data = storage.experiments["Exp"].trials[1]
    data.set_attributes({"bad": True})
    held.set_attributes({"why": "noise"})
    assert data.attributes == held.attributes == {"bad": True, "why": "noise"}
    if not status.is_completed():
        held.update(Status.SUCCEEDED, held_at(storage), {"score": 1})
    assert data.attributes == {"bad": True, "why": "noise"}


def held_at(storage: SqlStorage) -> Any:
    return storage.experiments["Exp"].trials[1].ts_start


def test_many_trials_at_once_are_one_statement(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    for _ in range(4):
        experiment.new_trial({})
    other = make_experiment(storage, "Other").__enter__()
    other.new_trial({}).set_attributes({"tag": "other's"})
    data = storage.experiments["Exp"]
    with recorded(storage) as record:
        data.set_trial_attributes([3, 1, 3], {"tag": "baseline", "n": 1})
        data.set_trial_attributes({4: "as keys"}, {"tag": None})
        data.delete_trial_attributes([2, 3, 99], ["tag", "missing"])
        found = data.trial_attributes
    assert len(record.names) == 4
    assert same(found, {1: {"n": 1, "tag": "baseline"}, 3: {"n": 1}, 4: {"tag": None}})
    assert storage.experiments["Other"].trial_attributes == {1: {"tag": "other's"}}
    with recorded(storage) as record:
        data.set_trial_attributes([], {"tag": 1})
        data.set_trial_attributes([1], {})
        data.delete_trial_attributes([], ["tag"])
    assert record.names == []


def test_trials_and_experiments_that_do_not_exist_are_named_and_nothing_is_written(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    experiment.new_trial({})
    before = dump(storage)
    with pytest.raises(TrialMissing, match="no trials of these ids: 2, 9"):
        storage.experiments["Exp"].set_trial_attributes([1, 2, 9], {"tag": 1})
    never_entered = make_experiment(storage, "Never")
    with pytest.raises(ExperimentMissing, match="'Never'"):
        never_entered.set_attributes({"tag": 1})
    assert never_entered.attributes == {}
    never_entered.delete_attributes(["tag"])
    assert dump(storage) == before


def test_an_empty_list_and_a_single_text_are_no_list_of_names(owner: Attributed) -> None:
    with pytest.raises(ValueRejected, match="names"):
        owner.delete_attributes("abc")


def test_a_value_that_another_program_changed_is_shown_as_its_text(storage: SqlStorage, owner: Attributed) -> None:
    owner.set_attributes({"n": 1, "good": 2})
    table = "trial_attribute" if isinstance(owner, Storage.Trial) else "experiment_attribute"
    execute(storage, f"UPDATE {table} SET attribute_value = 'x' WHERE attribute_id = 'n'")
    assert owner.attributes == {"good": 2, "n": "x"}


def test_merging_copies_the_attributes_of_trials_with_their_types(
    storage: SqlStorage, experiment: Storage.Experiment
) -> None:
    with make_experiment(storage, "Source") as source:
        source.set_attributes({"note": "of the experiment"})
        for number in range(3):
            trial = source.new_trial({"cache": number})
            trial.set_attributes({**VALUES, "number": number})
            if number:
                finish(trial)
    experiment.merge(["Source"])
    with make_experiment(storage, "Third") as third:
        third.merge(["Exp"])
    for name in ("Exp", "Third"):
        data = storage.experiments[name]
        assert data.attributes == {}
        assert [each["number"] for each in data.trial_attributes.values()] == [1, 2]
        assert same(data.trials[1].attributes, sorted_by_name({**VALUES, "number": 1}))
    experiment.merge(["Source"])
    assert len(storage.experiments["Exp"].trial_attributes) == 2


texts = st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=6)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@once
@SHARED
@given(first=st.dictionaries(names, values, max_size=5), second=st.dictionaries(names, values, max_size=5))
def test_whatever_is_set_is_read_and_deleted(
    shared_storage: SqlStorage, first: dict[str, Any], second: dict[str, Any]
) -> None:
    with make_experiment(shared_storage, "Any") as experiment:
        trial = experiment.get_trial_by_id(1) or experiment.new_trial({})
    for owner in (experiment, trial):
        owner.set_attributes(first)
        owner.set_attributes(second)
        assert same(owner.attributes, sorted_by_name({**first, **second}))
        owner.delete_attributes(second)
        left = {name: value for name, value in first.items() if name not in second}
        assert same(owner.attributes, sorted_by_name(left))
        owner.delete_attributes(first)
        assert owner.attributes == {}
    assert query(shared_storage, "SELECT count(*) FROM trial_attribute") == [(0,)]


# --- all trials that a search finds -----------------------------------------------------------------------------------


@pytest.fixture
def four(storage: SqlStorage, experiment: Storage.Experiment) -> ExperimentData:
    """Four trials, two of which succeeded with the scores 1 and 2; another experiment has such a trial, too."""
    for number in range(4):
        trial = experiment.new_trial({"cache": number})
        if number < 2:
            finish(trial, score=number + 1)
    with make_experiment(storage, "Other") as other:
        finish(other.new_trial({}), score=1)
    return storage.experiments["Exp"]


def test_all_trials_that_a_search_finds_get_attributes(storage: SqlStorage, four: ExperimentData) -> None:
    assert four.set_attributes_where("result.score >= 1", {"good": True, "list": [1, None]}) == 2
    assert four.set_attributes_where("attribute.good and result.score > 1", {"good": "very", "none": None}) == 1
    assert four.set_attributes_where(None, {"seen": 1}) == 4
    assert four.trial_attributes == {
        1: {"good": True, "list": [1, None], "seen": 1},
        2: {"good": "very", "list": [1, None], "none": None, "seen": 1},
        3: {"seen": 1},
        4: {"seen": 1},
    }
    assert four.delete_attributes_where("config.cache < 3", ["seen", "list", "not there"]) == 3
    assert four.trial_attributes == {1: {"good": True}, 2: {"good": "very", "none": None}, 4: {"seen": 1}}
    assert storage.experiments["Other"].trial_attributes == {}


def test_a_search_that_finds_nothing_writes_nothing_and_says_so(storage: SqlStorage, four: ExperimentData) -> None:
    before = dump(storage)
    assert four.set_attributes_where("result.score > 2", {"good": True}) == 0
    assert four.delete_attributes_where("result.score > 2", ["good"]) == 0
    assert four.set_attributes_where(None, {}) == 4
    assert four.delete_attributes_where(None, []) == 4
    assert dump(storage) == before


@once
def test_what_is_wrong_with_a_search_or_an_attribute_is_refused_before_anything_is_written(
    storage: SqlStorage, four: ExperimentData
) -> None:
    before = dump(storage)
    for where, attributes in (("results.score > 1", {"k": 1}), ("open('x')", {"k": 1}), (None, {"good": 1, "k": {1}})):
        with pytest.raises(ValueRejected):
            four.set_attributes_where(where, attributes)
    assert dump(storage) == before


def test_trials_are_found_and_written_to_in_one_transaction(storage: SqlStorage, four: ExperimentData) -> None:
    calls: tuple[Callable[[], int], ...] = (
        lambda: four.set_attributes_where("result.score > 0", {"a": 1, "b": 2}),
        lambda: four.delete_attributes_where("result.score > 0", ["a", "b"]),
    )
    for call in calls:
        with recorded(storage) as record:
            assert call() == 2
        assert (record.begins, record.commits, len(record.names), record.unknown) == (1, 1, 2, [])
        assert record.names[0] == "search_trials"


@once
def test_a_search_in_an_experiment_that_was_deleted_says_so(storage: SqlStorage) -> None:
    make_experiment(storage, opt_targets={}).__enter__()
    data = storage.experiments["Exp"]
    execute(storage, "DELETE FROM experiment")
    calls: tuple[Callable[[], int], ...] = (
        lambda: data.set_attributes_where(None, {"k": 1}),
        lambda: data.delete_attributes_where(None, ["k"]),
    )
    for call in calls:
        with pytest.raises(ExperimentMissing):
            call()
