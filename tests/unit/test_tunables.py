"""Tunable groups: definitions, assignment, marks, and the text that identifies a set of values."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trialstore.dialects.errors import ConfigError, ValueRejected
from trialstore.storage import UnknownTunable
from trialstore.storage.tunables import TunableGroups

DEFINITION: dict[str, Any] = {
    "provision": {
        "cost": 1000,
        "params": {
            "vmSize": {"type": "categorical", "values": ["Standard_B4ms", "Standard_B2s"], "default": "Standard_B4ms"}
        },
    },
    "kernel": {
        "description": "scheduler",
        "cost": 1,
        "params": {
            "latency_ns": {"type": "int", "range": [0, 1000], "default": 20, "special": [-1]},
            "ratio": {"type": "float", "range": [0, 1], "default": 0.5},
            "huge_pages": {"type": "categorical", "values": [True, False, None], "default": None},
        },
    },
}


@pytest.fixture
def tunables() -> TunableGroups:
    return TunableGroups(DEFINITION)


def one(**definition: Any) -> TunableGroups:
    return TunableGroups({"g": {"params": {"p": definition}}})


def an_int(**more: Any) -> TunableGroups:
    return one(**{"type": "int", "range": [0, 10], "default": 5, **more})


def a_float(**more: Any) -> TunableGroups:
    return one(**{"type": "float", "range": [0, 10], "default": 5, **more})


def a_categorical(*values: Any) -> TunableGroups:
    return one(type="categorical", values=list(values), default=values[0])


# Building and reading


def test_iterating_yields_each_tunable_with_its_group(tunables: TunableGroups) -> None:
    assert [(tunable.name, tunable.type, tunable.value, group.name, group.cost) for tunable, group in tunables] == [
        ("vmSize", "categorical", "Standard_B4ms", "provision", 1000),
        ("latency_ns", "int", 20, "kernel", 1),
        ("ratio", "float", 0.5, "kernel", 1),
        ("huge_pages", "categorical", None, "kernel", 1),
    ]


def test_a_tunable_tells_its_definition(tunables: TunableGroups) -> None:
    latency, group = tunables.get_tunable("latency_ns")
    size, _ = tunables.get_tunable("vmSize")
    assert (latency.range, latency.special, latency.default, latency.values) == ((0, 1000), (-1,), 20, ())
    assert (size.range, size.values, size.is_categorical, size.is_numerical) == (
        None,
        ("Standard_B4ms", "Standard_B2s"),
        True,
        False,
    )
    assert (group.name, [tunable.name for tunable in group.get_tunables()]) == (
        "kernel",
        ["latency_ns", "ratio", "huge_pages"],
    )


def test_it_reads_like_a_mapping_of_names_to_values(tunables: TunableGroups) -> None:
    tunables["ratio"] = 0.25
    assert tunables["ratio"] == 0.25
    assert tunables[tunables.get_tunable("ratio")[0]] == 0.25
    assert "ratio" in tunables
    assert tunables.get_tunable("ratio")[0] in tunables
    assert "kernel" not in tunables
    assert len(tunables) == 4


def test_no_definition_is_an_empty_set() -> None:
    assert (len(TunableGroups()), len(TunableGroups({})), str(TunableGroups())) == (0, 0, "{}")


def test_values_come_by_group_and_into_a_dict_of_the_caller(tunables: TunableGroups) -> None:
    assert tunables.get_covariant_group_names() == ["provision", "kernel"]
    assert tunables.get_param_values() == {
        "vmSize": "Standard_B4ms",
        "latency_ns": 20,
        "ratio": 0.5,
        "huge_pages": None,
    }
    into: dict[str, Any] = {"other": 1, "vmSize": "old"}
    assert tunables.get_param_values(["provision"], into) is into
    assert into == {"other": 1, "vmSize": "Standard_B4ms"}


def test_the_repr_names_the_tunables_and_shows_no_value(tunables: TunableGroups) -> None:
    text = repr(tunables) + repr(tunables.get_tunable("vmSize"))
    assert "vmSize" in text
    assert "kernel" in text
    assert "Standard" not in text


def test_importing_the_module_does_not_load_numpy() -> None:
    code = "import sys, trialstore.storage.tunables; print(sorted({'numpy', 'pandas', 'json5'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# Wrong definitions


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"type": "int", "range": [0, 1], "defualt": 1}, ["'defualt'", "'default'"]),
        ({"type": "integer", "range": [0, 1], "default": 1}, ["type", "categorical"]),
        ({"range": [0, 1], "default": 1}, ["type"]),
        ({"type": 3, "range": [0, 1], "default": 1}, ["type", "text"]),
        ({"type": "int", "default": 1}, ["range"]),
        ({"type": "int", "range": [0, 1, 2], "default": 1}, ["range"]),
        ({"type": "int", "range": [5, 1], "default": 5}, ["range", "lower"]),
        ({"type": "int", "range": [0, 1.5], "default": 1}, ["range", "int"]),
        ({"type": "int", "range": [False, True], "default": 1}, ["range", "int"]),
        ({"type": "int", "range": ["0", "1"], "default": 1}, ["range", "int"]),
        ({"type": "float", "range": [0, float("inf")], "default": 1}, ["range", "finite"]),
        ({"type": "int", "range": 7, "default": 1}, ["range", "a list"]),
        ({"type": "int", "range": [0, 9]}, ["default", "from 0 to 9"]),
        ({"type": "int", "range": [0, 9], "default": 10}, ["default", "from 0 to 9"]),
        ({"type": "int", "range": [0, 9], "default": "1"}, ["default", "from 0 to 9"]),
        ({"type": "int", "range": [0, 9], "default": None}, ["default", "from 0 to 9"]),
        ({"type": "int", "range": [0, 9], "default": [1]}, ["default", "a number"]),
        ({"type": "int", "range": [0, 10**5000], "default": 1}, ["range", "int"]),
        ({"type": "int", "range": [0, 9], "special": ["x"], "default": 1}, ["special", "int"]),
        ({"type": "int", "range": [0, 9], "values": [1], "default": 1}, ["values", "int"]),
        ({"type": "int", "range": [0, 9], "log": 1, "default": 1}, ["log", "true or false"]),
        ({"type": "categorical", "range": [0, 9], "values": [1], "default": 1}, ["range", "categorical"]),
        ({"type": "categorical", "default": "a"}, ["values"]),
        ({"type": "categorical", "values": [], "default": "a"}, ["values"]),
        ({"type": "categorical", "values": ["a", "a"], "default": "a"}, ["values", "different"]),
        ({"type": "categorical", "values": ["a", ["b"]], "default": "a"}, ["values"]),
        ({"type": "categorical", "values": ["a"], "default": "b"}, ["default", '"a"']),
        ({"type": "categorical", "values": ["a"], "default": None}, ["default", '"a"']),
    ],
)
def test_a_wrong_definition_is_refused_naming_group_parameter_and_key(
    definition: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        TunableGroups({"boot": {"cost": 1, "params": {"swap": definition}}})
    missing = [word for word in ["'boot'", "'swap'", *said] if word not in str(caught.value)]
    assert missing == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"boot": {"parms": {}}}, ["'boot'", "'parms'", "'params'"]),
        ({"boot": {"cost": "high"}}, ["'boot'", "cost", "a number"]),
        ({"boot": {"cost": True}}, ["'boot'", "cost", "a number"]),
        ({"boot": {"params": []}}, ["'boot'", "params", "an object"]),
        ({"boot": {"params": {"swap": 3}}}, ["'boot'", "'swap'", "object"]),
        ({"boot": 3}, ["'boot'", "object"]),
        ([], ["object"]),
    ],
)
def test_a_wrong_group_is_refused_naming_it_and_the_key(config: Any, said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        TunableGroups(config)
    assert [word for word in said if word not in str(caught.value)] == []


def test_a_name_used_in_two_groups_is_refused_naming_both() -> None:
    swap = {"type": "int", "range": [0, 1], "default": 0}
    with pytest.raises(ConfigError) as caught:
        TunableGroups({"boot": {"params": {"swap": swap}}, "run": {"params": {"swap": swap}}})
    assert all(word in str(caught.value) for word in ("'boot'", "'run'", "'swap'"))


def test_keys_that_only_an_optimizer_reads_are_accepted() -> None:
    number = an_int(
        description="swap",
        meta={"unit": "MB"},
        distribution={"type": "uniform"},
        log=True,
        quantization=5,
        range_weight=0.5,
        special=[-1],
        special_weights=[0.5],
    )
    choice = one(type="categorical", values=["a", "b"], values_weights=[1, 2], default="b")
    assert (number["p"], choice["p"]) == (5, "b")


# Assigning


@pytest.mark.parametrize(
    ("offered", "value"),
    [
        (3, 3),
        (3.0, 3),
        ("3", 3),
        (" +3 ", 3),
        ("3.0", 3),
        ("3e0", 3),
        (np.int8(3), 3),
        (np.float32(3), 3),
        (-1, -1),
        ("-1", -1),
        (0, 0),
        (10, 10),
    ],
)
def test_an_int_tunable_takes_whole_numbers_and_their_text(offered: Any, value: int) -> None:
    assigned = an_int(special=[-1]).assign({"p": offered})["p"]
    assert (type(assigned), assigned) == (int, value)


@pytest.mark.parametrize(
    "offered",
    [
        3.5,
        "3.5",
        "x",
        "",
        "1_0",
        True,
        np.bool_(True),
        None,
        11,
        -2,
        "11",
        float("nan"),
        float("inf"),
        b"3",
        [3],
        np.timedelta64(3, "s"),
        10**5000,
        "9" * 5000,
        1j,
    ],
    ids=lambda offered: type(offered).__name__,
)
def test_an_int_tunable_refuses_everything_else(offered: Any) -> None:
    tunables = an_int(special=[-1])
    with pytest.raises(ValueRejected) as caught:
        tunables["p"] = offered
    assert isinstance(caught.value, ValueError)
    assert "'p'" in str(caught.value)
    assert "from 0 to 10, or one of -1" in str(caught.value)
    assert tunables["p"] == 5


def test_whole_numbers_beyond_float_precision_are_kept_exactly_or_refused() -> None:
    tunables = one(type="int", range=[0, 2**64], default=0)
    assert tunables.assign({"p": str(2**53 + 1)})["p"] == 2**53 + 1
    assert tunables.assign({"p": 1e18})["p"] == 10**18
    with pytest.raises(ValueRejected):
        tunables.assign({"p": "9007199254740993.0"})


@pytest.mark.parametrize(
    ("offered", "value"),
    [(2, 2.0), ("2", 2.0), (" 2.5", 2.5), ("1e-3", 0.001), (np.float64(2.5), 2.5), (np.int64(2), 2.0), (-7, -7.0)],
)
def test_a_float_tunable_takes_numbers_and_their_text_as_floats(offered: Any, value: float) -> None:
    assigned = a_float(special=[-7]).assign({"p": offered})["p"]
    assert (type(assigned), assigned) == (float, value)


@pytest.mark.parametrize("offered", [True, None, "x", "nan", "inf", "1_0", 10.1, -0.1, 10**400, [2.0]], ids=str)
def test_a_float_tunable_refuses_everything_else(offered: Any) -> None:
    with pytest.raises(ValueRejected, match=r"'p'.*from 0\.0 to 10\.0"):
        a_float().assign({"p": offered})


@pytest.mark.parametrize(
    ("values", "offered", "value"),
    [
        ([1, "1", True, 1.0], 1, 1),
        ([1, "1", True, 1.0], "1", "1"),
        ([1, "1", True, 1.0], True, True),
        ([1, "1", True, 1.0], 1.0, 1.0),
        ([1, 2], "2", 2),
        ([1.0, 2.0], 2, 2.0),
        (["1", "2"], 2, "2"),
        (["007", "7"], "007", "007"),
        ([True, False], "false", False),
        (["on", None], None, None),
        (["on", None], "None", "refused"),
        (["on", "off"], None, "refused"),
        (["None"], None, "refused"),
        (["on", "off"], " off ", "off"),
        (["on", "off"], "OFF", "refused"),
        (["a"], np.str_("a"), "a"),
        ([1], True, "refused"),
        ([True], 1, "refused"),
        (["[1]"], [1], "refused"),
        (["a"], complex(1), "refused"),
    ],
)
def test_a_categorical_tunable_takes_its_values_and_other_spellings_of_them(
    values: list[Any], offered: Any, value: Any
) -> None:
    tunables = a_categorical(*values)
    if value == "refused":
        with pytest.raises(ValueRejected, match="'p'"):
            tunables["p"] = offered
        assert tunables.is_defaults()
    else:
        tunables["p"] = offered
        assert (type(tunables["p"]), tunables["p"]) == (type(value), value)


def test_a_categorical_tunable_refuses_an_int_too_long_to_be_written_out() -> None:
    with pytest.raises(ValueRejected):
        a_categorical("a")["p"] = 10**5000


def test_the_refusal_does_not_repeat_the_value_offered() -> None:
    for tunables in (an_int(), a_float(), a_categorical("on", "off")):
        with pytest.raises(ValueRejected) as caught:
            tunables["p"] = "hunter2"
        assert "hunter2" not in str(caught.value)


def test_the_refusal_shows_no_more_than_twenty_values() -> None:
    with pytest.raises(ValueRejected, match=r'"v19" and 80 more\.$'):
        a_categorical(*(f"v{i}" for i in range(100)))["p"] = "x"


def test_assign_changes_all_or_nothing(tunables: TunableGroups) -> None:
    before = tunables.copy()
    for wrong in ({"ratio": 7}, {"ratoi": 0.5}):
        with pytest.raises((ValueRejected, UnknownTunable)):
            tunables.assign({"latency_ns": 1, "vmSize": "Standard_B2s", **wrong})
        assert tunables == before
        assert not tunables.is_updated()


def test_an_unknown_name_is_an_error_that_offers_the_nearest(tunables: TunableGroups) -> None:
    for use in (
        lambda: tunables["ratoi"],
        lambda: tunables.assign({"ratoi": 1}),
        lambda: tunables.get_tunable("ratoi"),
    ):
        with pytest.raises(UnknownTunable, match=r"'ratoi'.*'ratio'") as caught:
            use()
        assert isinstance(caught.value, KeyError)
        assert isinstance(caught.value, ConfigError)
    with pytest.raises(UnknownTunable, match=r"'kernl'.*'kernel'"):
        tunables.get_param_values(["kernl"])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_tunable_got_earlier_shows_the_value_assigned_later(tunables: TunableGroups) -> None:
    ratio, _ = tunables.get_tunable("ratio")
    tunables["ratio"] = 0.75
    assert ratio.value == 0.75


# Marks and defaults


def test_a_changed_value_marks_its_group_until_reset(tunables: TunableGroups) -> None:
    assert not tunables.is_updated()
    assert tunables.assign({"ratio": "0.5"}) is tunables
    assert not tunables.is_updated()
    tunables["ratio"] = 0.75
    assert tunables.is_updated()
    assert tunables.is_updated(["kernel"])
    assert not tunables.is_updated(["provision"])
    assert tunables.reset(["provision"]).is_updated()
    assert not tunables.reset().is_updated()
    assert tunables["ratio"] == 0.75


def test_true_and_1_are_a_change(tunables: TunableGroups) -> None:
    choice = a_categorical(1, True)
    choice["p"] = True
    assert choice.is_updated()
    assert not choice.is_defaults()


def test_defaults_come_back_for_all_groups_or_the_ones_named(tunables: TunableGroups) -> None:
    assert tunables.is_defaults()
    tunables.assign({"ratio": 1, "vmSize": "Standard_B2s"}).reset()
    assert not tunables.is_defaults()
    assert tunables.restore_defaults(["kernel"]) is tunables
    assert (tunables["ratio"], tunables["vmSize"]) == (0.5, "Standard_B2s")
    assert tunables.is_updated(["kernel"])
    assert not tunables.is_updated("provision")
    assert tunables.restore_defaults().is_defaults()


# Copies, equality, pickling


def test_a_copy_has_the_same_values_and_marks_and_is_independent(tunables: TunableGroups) -> None:
    tunables["ratio"] = 0.75
    twin = tunables.copy()
    assert twin == tunables
    assert twin.is_updated(["kernel"])
    twin.assign({"ratio": 0.25, "vmSize": "Standard_B2s"})
    tunables.reset()
    assert (tunables["ratio"], tunables["vmSize"]) == (0.75, "Standard_B4ms")
    assert [tunable.value for tunable, _ in twin] == ["Standard_B2s", 20, 0.25, None]
    assert twin.is_updated()
    assert not tunables.is_updated()


def test_equal_means_same_definitions_and_same_values(tunables: TunableGroups) -> None:
    same = TunableGroups(DEFINITION)
    assert same == tunables
    same["ratio"] = 0.75
    assert same != tunables
    assert same.restore_defaults() == tunables
    assert an_int(range=[0, 11]) != an_int()
    assert an_int(special=[-1]) != an_int()
    assert an_int(default=6).assign({"p": 5}) != an_int()
    assert a_categorical(1, 2) != a_categorical(1.0, 2)
    assert TunableGroups({"g": {"cost": 1}}) != TunableGroups({"g": {"cost": 2}})
    assert tunables != str(tunables)


def test_pickling_keeps_definitions_values_and_marks(tunables: TunableGroups) -> None:
    tunables["latency_ns"] = -1
    twin = pickle.loads(pickle.dumps(tunables))
    assert twin == tunables
    assert str(twin) == str(tunables)
    assert twin.is_updated(["kernel"])
    twin["latency_ns"] = 3
    assert (twin.get_tunable("latency_ns")[0].value, tunables["latency_ns"]) == (3, -1)


# The text that identifies a set of values


def test_the_text_and_its_hash_stay_the_same_from_release_to_release(tunables: TunableGroups) -> None:
    tunables.assign({"latency_ns": -1, "huge_pages": True})
    assert str(tunables) == (
        '{"kernel"::"huge_pages"[categorical]=True, "kernel"::"latency_ns"[int]=-1, "kernel"::"ratio"[float]=0.5, '
        '"provision"::"vmSize"[categorical]="Standard_B4ms"}'
    )
    assert hashlib.sha256(str(tunables).encode()).hexdigest() == (
        "52426858fd10aeda364ab9904caef151d95dd3b95ea48af0fd988df0154700e5"
    )


def test_values_of_different_types_read_differently() -> None:
    tunables = a_categorical(1, 1.0, "1", True, "True", None, "None")
    texts = {str(tunables.assign({"p": value})) for value in tunables.get_tunable("p")[0].values}
    assert len(texts) == 7
    assert str(an_int()) != str(a_float())


def test_equal_floats_read_the_same() -> None:
    zero = str(a_float().assign({"p": 0}))
    assert [str(a_float().assign({"p": value})) for value in (-0.0, "-0.0", "-0", np.float64(-0.0))] == [zero] * 4
    assert str(a_categorical(-0.0)) == str(a_categorical(0.0))
    assert str(a_float(special=[-0.0], default=-0.0)) == str(a_float(default=0))
    assert str(a_float().assign({"p": np.float64(2.5)})) == str(a_float().assign({"p": 2.5}))


def test_the_text_does_not_depend_on_marks(tunables: TunableGroups) -> None:
    tunables["ratio"] = 0.75
    marked = str(tunables)
    assert str(tunables.reset()) == marked


def test_names_and_values_cannot_be_mistaken_for_the_text_around_them() -> None:
    params = {'a"[int]=1, "g"::"b': {"type": "int", "range": [0, 2], "default": 2}}
    two = {name: {"type": "int", "range": [0, 2], "default": value} for name, value in (("a", 1), ("b", 2))}
    assert str(TunableGroups({"g": {"params": params}})) != str(TunableGroups({"g": {"params": two}}))


def test_the_text_is_ascii_whatever_the_names_and_values() -> None:
    tunables = TunableGroups(
        {"größe": {"params": {"名": {"type": "categorical", "values": ["\U0001f600"], "default": "\U0001f600"}}}}
    )
    assert str(tunables).isascii()


# Properties over many definitions and values

SCALARS = st.one_of(
    st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False), st.sampled_from(["1", "007", "1.0", "true"])
)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["int", "float", "categorical"]))
    if kind == "categorical":
        values = draw(st.lists(SCALARS, min_size=1, max_size=5, unique_by=lambda value: str(value).strip().lower()))
        assume(not any(isinstance(value, float) and str(value) == "-0.0" for value in values))
        return {"type": kind, "values": values, "default": draw(st.sampled_from(values))}
    number: st.SearchStrategy[Any]
    number = st.integers() if kind == "int" else st.floats(allow_nan=False, allow_infinity=False)
    low, high = sorted(draw(st.tuples(number, number)))
    special = draw(st.lists(number, max_size=3))
    default = draw(st.sampled_from([low, high, *special]))
    return {"type": kind, "range": [low, high], "special": special, "default": default}


@st.composite
def group_definitions(draw: st.DrawFn) -> dict[str, Any]:
    params = draw(st.dictionaries(st.text(), definitions(), max_size=5))
    groups: dict[str, Any] = {name: {"cost": cost, "params": {}} for name, cost in (("a", 1), ("b", 2), ("c", 3))}
    for name, definition in params.items():
        groups[draw(st.sampled_from("abc"))]["params"][name] = definition
    return groups


def values_of(definition: dict[str, Any]) -> list[Any]:
    return [*definition.get("values", []), *definition.get("range", []), *definition.get("special", [])]


@given(definitions())
def test_the_text_of_any_value_assigns_that_value_with_its_type(definition: dict[str, Any]) -> None:
    tunables = one(**definition)
    for value in values_of(definition):
        tunables["p"] = value
        stored = tunables["p"]
        assert stored == value
        again = tunables.copy().restore_defaults().assign({"p": str(stored)})
        assert type(again["p"]) is type(stored)
        assert again == tunables


@given(group_definitions(), st.randoms(use_true_random=False))
def test_the_text_does_not_depend_on_the_order_of_definitions(config: dict[str, Any], random: Any) -> None:
    def shuffled(mapping: dict[str, Any]) -> dict[str, Any]:
        return dict(random.sample(list(mapping.items()), len(mapping)))

    other = shuffled({name: {**group, "params": shuffled(group["params"])} for name, group in config.items()})
    assert str(TunableGroups(other)) == str(TunableGroups(config))
    assert TunableGroups(other) == TunableGroups(config)


@given(group_definitions(), st.data())
def test_assigning_to_a_copy_never_changes_the_original(config: dict[str, Any], data: st.DataObject) -> None:
    tunables = TunableGroups(config)
    before = str(tunables)
    twin = tunables.copy()
    for group in config.values():
        for name, definition in group["params"].items():
            twin[name] = data.draw(st.sampled_from(values_of(definition)))
    assert str(tunables) == before
    assert tunables.is_defaults()
    assert not tunables.is_updated()
    assert twin.is_updated() == (str(twin) != before)


@given(definitions(), definitions())
def test_two_sets_of_values_have_the_same_text_only_if_the_values_are_the_same(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    one_, other = one(**first), one(**second)
    same = one_["p"] == other["p"] and type(one_["p"]) is type(other["p"]) and first["type"] == second["type"]
    assert (str(one_) == str(other)) == same
