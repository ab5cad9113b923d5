"""Checks of arguments: names and texts that fit their columns, ids, times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from trialstore.dialects.errors import ValueRejected

from .encoding import is_storable, python_value

MAX_TEXT = 1024  # characters: description, root_env_config, git_repo
LARGEST_INT32 = 2**31 - 1


def check_name(name: Any, what: str, length: int) -> str:
    """An id or name fit for its column: text of 1 to `length` characters that every engine can hold. Raises
    ValueRejected."""
    if not isinstance(name, str):
        raise ValueRejected(f"{what} is of type {type(name).__name__}.", "Give text.")
    if not name:
        raise ValueRejected(f"{what} is empty.", "Give a name.")
    return check_text(name, what, length)


def check_text(value: str, what: str, length: int) -> str:
    """Text that fits into a column of `length` characters. Raises ValueRejected."""
    if not isinstance(value, str):
        raise ValueRejected(f"{what} is of type {type(value).__name__}.", "Give text.")
    if len(value) > length:
        raise ValueRejected(f"{what} has {len(value)} characters.", f"At most {length} fit.")
    if not is_storable(value):
        raise ValueRejected(f"{what} holds a NUL character or half a surrogate pair.", "Leave such characters out.")
    return str.__str__(value)


def check_mapping(values: Any, what: str) -> None:
    """Raise ValueRejected unless `values` is a mapping."""
    if not isinstance(values, Mapping):
        raise ValueRejected(f"{what}: a {type(values).__name__}, not a dict.", "Give a dict {name: value}.")


def is_name(name: Any, length: int) -> bool:
    """Whether this can stand in an id column of that length."""
    return isinstance(name, str) and 0 < len(name) <= length and is_storable(name)


def int_id(number: Any) -> int | None:
    """The id of a trial (or config) as an int, also of a NumPy integer; None for what can be no id."""
    number = python_value(number)
    is_id = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= LARGEST_INT32
    return number if is_id else None


def to_utc(moment: dt.datetime, what: str = "timestamp") -> dt.datetime:
    """The aware UTC time of `moment`; a naive one is local time. Raises ValueRejected for what is no time."""
    if type(moment) is dt.datetime and moment.tzinfo is dt.timezone.utc:
        return moment
    if not isinstance(moment, dt.datetime):
        raise ValueRejected(f"{what} is of type {type(moment).__name__}.", "Give a datetime.")
    if moment != moment:  # pandas' NaT, which calls itself a datetime
        raise ValueRejected(f"{what} is not a time.", "Give a datetime.")
    if hasattr(moment, "to_pydatetime"):  # pandas' Timestamp cannot take a naive time as local
        moment = moment.to_pydatetime(warn=False)
    try:
        return moment.astimezone(dt.timezone.utc)
    except (OverflowError, ValueError, OSError):
        raise ValueRejected(
            f"{what} is outside of the years that UTC can tell.", "Give a time between 2 and 9998."
        ) from None
