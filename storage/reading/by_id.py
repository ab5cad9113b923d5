"""What is read is handed out by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar

from trialstore.dialects.errors import TrialError, listed, nearest, shown
from trialstore.storage.values.checks import int_id

_K = TypeVar("_K")
_V = TypeVar("_V")


class ById(dict[_K, _V]):
    """A dict whose KeyError for an unknown id is one of ours, and names the nearest id."""

    def __init__(self, found: Mapping[_K, _V], what: str, error: type[TrialError]) -> None:
        super().__init__(found)
        self._what = what
        self._error = error

    def __missing__(self, key: object) -> NoReturn:
        raise self._error(f"There is no {self._what} {shown(key)}.", _nearest(key, self) or "There are none yet.")


def _nearest(key: object, known: Iterable[object]) -> str:
    if texts := [name for name in known if isinstance(name, str)]:
        return nearest(key, texts)
    number, numbers = int_id(key), [each for each in known if isinstance(each, int)]
    if number is None or not numbers:
        return f"Known: {listed(numbers)}." if numbers else ""
    return f"The nearest id is {min(numbers, key=lambda each: abs(each - number))}."
