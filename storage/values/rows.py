"""From stored rows to the shapes that the classes hand out, and back: names, typed values, groups of rows."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from trialstore.dialects.errors import ValueRejected

from .checks import check_mapping, check_name
from .encoding import Unreadable, decode, encode


class Row(NamedTuple):
    """A value as it is stored, under its name: a row of PARAM or RESULT."""

    name: str
    text: str | None
    kind: str | None


PARAM = ("param_id", "param_value", "value_type")
RESULT = ("metric_id", "metric_value", "value_type")
"""The columns of such rows."""


class Stored(NamedTuple):
    """A value as it is stored, and what it stands for."""

    text: str | None
    kind: str | None
    value: Any

    @property
    def shown(self) -> Any:
        """For data frames: the value if its type is known, else the text as mlos_bench wrote it."""
        return self.text if self.kind is None else self.value


def param_rows(
    values: Mapping[str, Any], what: str, id_length: int, *, nested: bool = False, checked: Container[str] = ()
) -> list[Row]:
    """Rows of PARAM. Raises ValueRejected naming the parameter; names in `checked` are known to be fit."""
    check_mapping(values, what)
    found = []
    for name, value in values.items():
        known = name if type(name) is str and name in checked else check_name(name, what, id_length)
        found.append(Row(known, *encode(value, what, nested=nested, name=known)))
    return _distinct(found, what)


def result_rows(values: Mapping[str, Any], id_length: int) -> list[Row]:
    """Rows of RESULT from a trial's metrics. Raises ValueRejected naming the metric."""
    check_mapping(values, "metrics")
    found = []
    for name, value in values.items():
        known = check_name(name, "Metric", id_length)
        found.append(Row(known, *encode(value, "Metric", name=known)))
    return _distinct(found, "Metric")


def _distinct(found: list[Row], what: str) -> list[Row]:
    """The rows. Raises ValueRejected where two names are the same text, as those of an enum and of a str can be."""
    names = {row.name for row in found}
    if len(names) < len(found):
        twice = next(row.name for number, row in enumerate(found) if row.name in {each.name for each in found[:number]})
        raise ValueRejected(f"{what} {twice!r} is defined twice.", "Give each name once.")
    return found


def group_ids(trials: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Config id → the least trial id with it, of pairs `config_id, trial_id` ordered by trial id."""
    groups: dict[int, int] = {}
    for config_id, trial_id in trials:
        groups.setdefault(config_id, trial_id)
    return groups


def decoded(param_rows: Iterable[Row]) -> dict[str, Any]:
    """What rows of PARAM will be read back as."""
    return {name: decode(text, kind) for name, text, kind in param_rows}


def unreadable(values: Mapping[str, Any]) -> list[str]:
    """The names of values that cannot be read."""
    return sorted(name for name, value in values.items() if isinstance(value, Unreadable))


def plain(values: Mapping[str, Stored]) -> dict[str, Any]:
    """Name → value."""
    return {name: item.value for name, item in values.items()}
