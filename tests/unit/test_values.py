"""Values as text with a type letter."""

from __future__ import annotations

import datetime as dt
import enum
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialstore.dialects.errors import ValueRejected
from trialstore.storage.values.checks import check_name, to_utc
from trialstore.storage.values.encoding import MAX_VALUE_BYTES, decode, encode, parse_untyped, python_value

UTC = dt.timezone.utc


class Size(enum.IntEnum):
    LARGE = 7


class Mode(str, enum.Enum):  # as harnesses on Python 3.10 write it
    WAL = "wal"


# The stored form is what mlos_bench writes: str(value); None is NULL.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (None, None)),
        (7, ("7", "i")),
        (-(2**70), (str(-(2**70)), "i")),
        (True, ("True", "b")),
        (False, ("False", "b")),
        (1.0, ("1.0", "f")),
        (1e22, ("1e+22", "f")),
        (-0.0, ("-0.0", "f")),
        (math.nan, ("nan", "f")),
        (-math.inf, ("-inf", "f")),
        ("007", ("007", "s")),
        ("", ("", "s")),
        ("None", ("None", "s")),
        (np.float32(0.5), ("0.5", "f")),
        (np.bool_(True), ("True", "b")),
        (Size.LARGE, ("7", "i")),
        (Mode.WAL, ("wal", "s")),
    ],
)
def test_a_value_is_stored_as_its_text_with_a_type(value: Any, expected: Any) -> None:
    assert encode(value, "x") == expected


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_any_text_becomes_text_that_every_engine_can_hold(text: str) -> None:
    stored, kind = encode(text, "x")
    assert stored is not None
    assert "\0" not in stored
    stored.encode("utf-8")
    assert decode(stored, kind) == text


@pytest.mark.parametrize("text", ["\ud83d\ude00", "\ud800\udc00\0", "😀\ud83d\ude00"])
def test_halves_of_a_surrogate_pair_are_not_joined(text: str) -> None:
    assert decode(*encode(text, "x")) == text
    assert decode(*encode([text, {text: text}], "x", nested=True)) == [text, {text: text}]


@pytest.mark.parametrize("value", [{}, [], {"b": [1, {"a": None}], "a": 1.5}, [[[[True]]]]])
def test_nested_values_are_json_where_they_are_allowed(value: Any) -> None:
    text, kind = encode(value, "x", nested=True)
    assert kind == "j"
    assert decode(text, kind) == value
    with pytest.raises(ValueRejected, match="x"):
        encode(value, "x")


def test_tuples_come_back_as_lists() -> None:
    assert decode(*encode((1, (2,)), "x", nested=True)) == [1, [2]]


@pytest.mark.parametrize(
    "value",
    [b"x", {1, 2}, 1j, object(), dt.datetime.now(UTC), np.zeros(2), np.datetime64("2025-01-01", "ns"), int, math],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("nested", [False, True])
def test_any_other_type_is_refused_by_name(value: Any, nested: bool) -> None:
    with pytest.raises(ValueRejected, match="Metric 'm'") as caught:
        encode(value, "Metric 'm'", nested=nested)
    assert type(value).__name__ in caught.value.message
    assert caught.value.hint


def test_a_value_nested_too_deep_is_refused() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueRejected, match="nested"):
        encode(value, "x", nested=True)


@pytest.mark.parametrize("character", ["x", "é", "€", "😀"])
def test_the_limit_is_in_bytes(character: str) -> None:
    size = len(character.encode())
    longest = character * (MAX_VALUE_BYTES // size)
    assert encode(longest, "x") == (longest, "s")
    with pytest.raises(ValueRejected, match="bytes"):
        encode(longest + character, "x")


def test_an_unknown_type_letter_is_refused() -> None:
    with pytest.raises(ValueRejected, match="'z'"):
        decode("1", "z")


# Text without a type, as mlos_bench reads it


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("007", 7),
        (str(2**70), 2**70),
        ("1.0", 1.0),
        ("1e3", 1000.0),
        ("0.1", 0.1),
        ("inf", math.inf),
        ("", ""),
        ("warm", "warm"),
        ("True", "True"),
        ("None", "None"),
        ("1.2.3", "1.2.3"),
        ("0x10", "0x10"),
    ],
)
def test_text_of_the_reference_is_a_number_where_it_looks_like_one(text: str, value: Any) -> None:
    assert parse_untyped(text) == value
    assert type(parse_untyped(text)) is type(value)
    assert decode(text, None) == value


def test_nan_of_the_reference_is_a_number() -> None:
    found = parse_untyped("nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@given(st.integers() | st.floats(allow_nan=False))
def test_any_number_of_the_reference_comes_back(number: float) -> None:
    found = parse_untyped(str(number))
    assert found == number
    assert type(found) is type(number)


# Plain values, names, times


@pytest.mark.parametrize("value", [Size.LARGE, Mode.WAL, np.int8(7), np.str_("x"), np.float64(0.5), np.bool_(False)])
def test_subclasses_and_numpy_scalars_become_plain_values(value: Any) -> None:
    assert type(python_value(value)) in (int, float, bool, str)
    assert python_value(value) == value


@pytest.mark.parametrize("name", ["x", "a b", "é" * 10, " ", "'\"`;--"])
def test_a_name_is_any_text_that_fits(name: str) -> None:
    assert check_name(name, "Metric", 10) == name


@pytest.mark.parametrize("name", ["", "x" * 11, "a\0", "\udc00", 7, None, b"x"])
def test_any_other_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueRejected, match="Metric") as caught:
        check_name(name, "Metric", 10)
    assert caught.value.hint


def test_times_become_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=-7))
    assert to_utc(dt.datetime(2025, 1, 1, 20, 0, 0, 1, tzinfo=zone)) == dt.datetime(2025, 1, 2, 3, 0, 0, 1, tzinfo=UTC)
    assert to_utc(dt.datetime(2025, 1, 1, tzinfo=zone)).tzinfo is UTC


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=1))),
        dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
        dt.date(2025, 1, 1),
        "2025-01-01",
        1.5,
        None,
    ],
    ids=repr,
)
def test_what_is_no_time_is_refused(moment: Any) -> None:
    with pytest.raises(ValueRejected, match="ts_start") as caught:
        to_utc(moment, "ts_start")
    assert caught.value.hint
