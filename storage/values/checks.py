"""Checks of arguments: names and texts that fit their columns, ids, times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from trialstore.dialects.errors import TrialError, ValueRejected

from .encoding import is_storable, python_value

MAX_TEXT = 1024  # characters: description, root_env_config, git_repo
LARGEST_INT32 = 2**31 - 1


def check_name(name: Any, what: str, length: int) -> str:
    """An id or name fit for its column: text of 1 to `length` characters that every engine can hold. Raises
    ValueRejected."""
    text = check_text(name, what, length)
    if not text:
        raise ValueRejected(f"{what} is empty.", "Give a name.")
    return text


def check_text(value: Any, what: str, length: int) -> str:
    """Text that fits into a column of `length` characters, as plain `str`. Raises ValueRejected."""
    text = python_value(value)
    if type(text) is not str:
        raise ValueRejected(f"{what} is of type {type(value).__name__}.", "Give text.")
    if len(text) > length:
        raise ValueRejected(f"{what} has {len(text)} characters.", f"At most {length} fit.")
    if not is_storable(text):
        raise ValueRejected(f"{what} holds a NUL character or half a surrogate pair.", "Leave such characters out.")
    return text


def check_path(path: Any, what: str, length: int) -> str:
    """A path, as long as its column, in the form in which the operating system's calls take it: bytes of a name that is
    not UTF-8 may stand in it, as `os.fsdecode` reads them. Raises ValueRejected."""
    text = python_value(path)
    check_text(as_text(text) if type(text) is str else path, what, length)
    return str(text)


def as_text(path: str) -> str:
    r"""The path as text that a database can hold: a byte of a name that is not UTF-8 becomes `\xff`."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a surrogate pair that is no such byte
        return path


def check_flag(value: Any, what: str) -> bool:
    """A bool, also one of NumPy's. Raises ValueRejected for anything else."""
    flag = python_value(value)
    if type(flag) is not bool:
        raise ValueRejected(f"{what} is of type {type(value).__name__}.", "Give True or False.")
    return flag


def check_mapping(values: Any, what: str) -> None:
    """Raise ValueRejected unless `values` is a mapping."""
    if not isinstance(values, Mapping):
        raise ValueRejected(f"{what}: a {type(values).__name__}, not a dict.", "Give a dict {name: value}.")


def items_of(values: Any, what: str, hint: str, *, keys: bool = False) -> list[Any]:
    """The items of a list or another iterable, of a mapping only where its `keys` are meant. Raises ValueRejected for
    what is none; errors of a generator's own code are the caller's."""
    if type(values) in (list, tuple):  # whose iterators raise nothing: what comes meanwhile is an alarm of the caller's
        return list(values)
    if (
        not isinstance(values, (str, bytes))
        and isinstance(values, Iterable)
        and (keys or not isinstance(values, Mapping))
    ):
        iterator = None
        with suppress(Exception):  # such as those of an array without dimensions
            iterator = iter(values)
        if iterator is not None:
            return list(iterator)
    raise ValueRejected(f"{what} of type {type(values).__name__}.", hint)


def name_or_none(name: Any, length: int) -> str | None:
    """The name as plain `str`; None for what cannot stand in an id column of that length."""
    text = python_value(name)
    return text if type(text) is str and 0 < len(text) <= length and is_storable(text) else None


def int_id(number: Any) -> int | None:
    """The id of a trial (or config) as an int, also of a NumPy integer; None for what can be no id."""
    number = python_value(number)
    return number if type(number) is int and 0 <= number <= LARGEST_INT32 else None


def trial_id_list(trial_ids: Iterable[int]) -> list[int]:
    """Each of the ids once, ascending. Raises ValueRejected for what is no trial id."""
    found = set()
    for each in items_of(trial_ids, "trial_ids: a value", "Give a list of trial ids.", keys=True):
        number = int_id(each)
        if number is None:
            raise ValueRejected("trial_ids holds something that is not a trial id.", "Give ints.")
        found.add(number)
    return sorted(found)


def check_ids_left(experiment_id: str, first: int, count: int) -> None:
    """Raise TrialError where the column cannot hold the ids of `count` more trials. On SQLite it could hold them, and
    nobody would find them."""
    if first + count - 1 > LARGEST_INT32:
        raise TrialError(
            f"Experiment {experiment_id!r} has no trial ids left for {count:,} more trials: the next one is {first:,}, "
            f"the largest possible one {LARGEST_INT32:,}.",
            "Go on in a new experiment.",
        )


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
        problem = f"{what} is outside of the years that UTC times can have.", "Give a time between 2 and 9998."
    except Exception as exc:  # noqa: BLE001 - a tzinfo is anybody's code
        problem = f"{what} has a time zone that fails ({type(exc).__name__}).", "Give a time of datetime.timezone.utc."
    raise ValueRejected(*problem)
