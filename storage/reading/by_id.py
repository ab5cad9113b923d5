"""Dicts by id, whose KeyError for an unknown id is an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn, TypeVar

from trialstore.dialects.errors import TrialError, listed, nearest, shown
from trialstore.storage.values.checks import int_id

_K = TypeVar("_K")
_V = TypeVar("_V")
_W = TypeVar("_W")


class ById(dict[_K, _V]):
    """A dict that raises `error` for an unknown id, with the nearest id as a hint. For its message `what` says what has
    these ids ("trial"), and `where` where it was looked for ("in experiment 'x'")."""

    def __init__(self, found: Mapping[_K, _V], what: str, error: type[TrialError], where: str = "") -> None:
        super().__init__(found)
        self._what = what
        self._error = error
        self._where = where

    def alike(self, made: Mapping[_K, _W]) -> ById[_K, _W]:
        """Other values under the same ids, in a dict with the same errors."""
        return ById(made, self._what, self._error, self._where)

    def __missing__(self, key: object) -> NoReturn:
        where = f" {self._where}" if self._where else ""
        hint = _nearest(key, self) or "There are none yet."
        raise self._error(f"There is no {self._what} {shown(key)}{where}.", hint)


def with_same_ids(found: Mapping[_K, _V], make: Callable[[_V], _W]) -> dict[_K, _W]:
    """`make(value)` under each id, in a dict with the same errors."""
    made = {key: make(value) for key, value in found.items()}
    return found.alike(made) if isinstance(found, ById) else made


def _nearest(key: object, known: Iterable[object]) -> str:
    if texts := [name for name in known if isinstance(name, str)]:
        return nearest(key, texts)
    number, numbers = int_id(key), [each for each in known if isinstance(each, int)]
    if number is None or not numbers:
        return f"Known: {listed(numbers)}." if numbers else ""
    return f"The nearest id is {min(numbers, key=lambda each: abs(each - number))}."
