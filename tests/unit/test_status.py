"""What counts as a status, and what each status means."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialstore.storage.status import Status

NUMBERS = {
    "UNKNOWN": 0,
    "PENDING": 1,
    "READY": 2,
    "RUNNING": 3,
    "SUCCEEDED": 4,
    "CANCELED": 5,
    "FAILED": 6,
    "TIMED_OUT": 7,
}
GOOD = {"PENDING", "READY", "RUNNING", "SUCCEEDED"}
COMPLETED = {"SUCCEEDED", "CANCELED", "FAILED", "TIMED_OUT"}


def test_the_names_and_numbers_are_those_of_the_reference() -> None:
    assert {status.name: status.value for status in Status} == NUMBERS


@pytest.mark.parametrize("status", Status)
def test_parse_takes_a_status_its_name_in_any_case_its_number_and_numeric_text(
    status: Status, caplog: pytest.LogCaptureFixture
) -> None:
    spellings: list[Any] = [
        status,
        status.name,
        status.name.lower(),
        status.name.title(),
        f" \t{status.name}\n",
        status.value,
        np.int64(status.value),
        str(status.value),
        f" 0{status.value} ",
        np.str_(status.name),
    ]
    assert [Status.parse(spelling) for spelling in spellings] == [status] * len(spellings)
    assert not caplog.records


@pytest.mark.parametrize(
    "junk",
    [None, "", "  ", "DONE", "SUCCEEDED!", "-1", "8", "4.0", "9" * 5000, "\u0664", 8, -1, 4.0, True, b"READY", [4], {}],
    ids=lambda junk: repr(junk)[:20],
)
def test_anything_else_is_unknown_with_a_warning(junk: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert Status.parse(junk) is Status.UNKNOWN
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_the_warning_does_not_repeat_the_value(caplog: pytest.LogCaptureFixture) -> None:
    Status.parse("hunter2")
    assert "UNKNOWN" in caplog.text
    assert "hunter2" not in caplog.text


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.none(), st.lists(st.integers())))
def test_parse_never_raises(junk: Any) -> None:
    assert isinstance(Status.parse(junk), Status)


@pytest.mark.parametrize("status", Status)
def test_is_good_and_is_completed_hold_for_exactly_the_listed_states(status: Status) -> None:
    assert status.is_good() == (status.name in GOOD)
    assert status.is_completed() == (status.name in COMPLETED)


def test_the_completed_states_can_be_listed() -> None:
    assert {status.name for status in Status.completed_statuses()} == COMPLETED


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "UNKNOWN"])
def test_each_question_about_one_state_is_true_for_that_state_only(name: str) -> None:
    question = f"is_{name.lower()}"
    assert [status.name for status in Status if getattr(status, question)()] == [name]


def test_a_status_survives_pickling_as_the_same_object() -> None:
    assert pickle.loads(pickle.dumps(Status.TIMED_OUT)) is Status.TIMED_OUT
