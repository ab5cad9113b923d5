"""From stored rows to the shapes that the classes hand out, and back: names, typed values, groups of rows."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

from trialstore.dialects.errors import ValueRejected

from .checks import check_mapping, check_name
from .encoding import DECODERS, UNREADABLE, Unreadable, decode, encode

Row = tuple[str, str | None, str | None]
"""Name, text and type of a value."""

PARAM = ("param_id", "param_value", "value_type")
RESULT = ("metric_id", "metric_value", "value_type")
"""The columns of such rows."""

_value_of: ContextVar[Callable[[str | None], Any] | None] = ContextVar("value_of", default=None)


class Stored(NamedTuple):
    """A value as it is stored, and what it stands for."""

    text: str | None
    kind: str | None
    value: Any

    @property
    def shown(self) -> Any:
        """For data frames: the value if its type is known, else the text as mlos_bench wrote it."""
        return self.text if self.kind is None else self.value


def stored(text: str | None, kind: str | None) -> Stored:
    """The value of a row."""
    value_of = _value_of.get()
    if value_of is not None:
        return Stored(text, None, value_of(text))
    try:
        return Stored(text, kind, decode(text, kind))
    except ValueRejected:  # one such value must not keep all the others from being read
        return Stored(text, kind, Unreadable(text))


@contextmanager
def read_untyped(value_of: Callable[[str | None], Any]) -> Iterator[None]:
    """Within, what this thread reads counts as stored without a type; values are what `value_of` makes of the text.

    For a harness that expects values as mlos_bench returns them. A generator must be used up inside.
    """
    token = _value_of.set(value_of)
    try:
        yield
    finally:
        _value_of.reset(token)


def untyped() -> bool:
    """Whether what this thread reads counts as stored without a type."""
    return _value_of.get() is not None


def param_rows(
    values: Mapping[str, Any], what: str, id_length: int, *, nested: bool = False, checked: Container[str] = ()
) -> list[Row]:
    """Rows of PARAM. Raises ValueRejected naming the parameter; names in `checked` are known to be fit."""
    check_mapping(values, what)
    found = []
    for name, value in values.items():
        known = name if type(name) is str and name in checked else check_name(name, what, id_length)
        found.append((known, *encode(value, what, nested=nested, name=known)))
    return _distinct(found, what)


def result_rows(values: Mapping[str, Any], id_length: int) -> list[Row]:
    """Rows of RESULT from a trial's metrics. Raises ValueRejected naming the metric."""
    check_mapping(values, "metrics")
    found = []
    for name, value in values.items():
        known = check_name(name, "Metric", id_length)
        found.append((known, *encode(value, "Metric", name=known)))
    return _distinct(found, "Metric")


def _distinct(found: list[Row], what: str) -> list[Row]:
    """The rows. Raises ValueRejected where two names are the same text, as those of an enum and of a str can be."""
    names = {row[0] for row in found}
    if len(names) < len(found):
        twice = next(row[0] for number, row in enumerate(found) if row[0] in {each[0] for each in found[:number]})
        raise ValueRejected(f"{what} {twice!r} is there twice.", "Give each name once.")
    return found


def params(rows: Iterable[Any]) -> dict[str, Stored]:
    """Parameter → stored value, of rows `param_id, param_value, value_type`."""
    return {row.param_id: stored(row.param_value, row.value_type) for row in rows if row.param_id is not None}


def results(rows: Iterable[Any]) -> dict[str, Stored]:
    """Metric → stored value, of rows `metric_id, metric_value, value_type`."""
    return {row.metric_id: stored(row.metric_value, row.value_type) for row in rows}


def by_config(rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, Stored]]:
    """Config id → parameters, of rows `config_id, param_id, param_value, value_type`; a config without parameters comes
    as one row of NULLs."""
    found: dict[int, dict[str, Stored]] = {}
    for config_id, name, text, kind in rows:
        config = found.get(config_id)
        if config is None:
            config = found[config_id] = {}
        if name is not None:
            config[name] = stored(text, kind)
    return found


def values_by_id(rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, Any]]:
    """Id → name → value, of rows `id, name, text, type`; without a name an id has no values."""
    value_of = _value_of.get()
    decoder = DECODERS.get if value_of is None else (lambda _kind: None)
    found: dict[int, dict[str, Any]] = {}
    for number, name, text, kind in rows:
        values = found.get(number)
        if values is None:
            values = found[number] = {}
        if name is not None:
            convert = decoder(kind)
            if convert is None or text is None:
                values[name] = stored(text, kind).value
                continue
            try:
                values[name] = convert(text)
            except UNREADABLE:
                values[name] = Unreadable(text)
    return found


def group_ids(trials: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Config id → the least trial id with it, of pairs `config_id, trial_id` ordered by trial id."""
    groups: dict[int, int] = {}
    for config_id, trial_id in trials:
        groups.setdefault(config_id, trial_id)
    return groups


def shown_values(texts: Sequence[str | None], kinds: Sequence[str | None]) -> list[Any]:
    """`Stored.shown` of each value, made together where they are all of one type."""
    if untyped():
        return list(texts)
    types = set(kinds)
    convert = DECODERS.get(types.pop()) if len(types) == 1 else None
    if convert is not None and None not in texts:
        with suppress(*UNREADABLE):
            return list(map(convert, texts))  # type: ignore[arg-type]
    return [stored(text, kind).shown for text, kind in zip(texts, kinds, strict=True)]


def decoded(param_rows: Iterable[Row]) -> dict[str, Any]:
    """What rows of PARAM will be read back as."""
    return {name: decode(text, kind) for name, text, kind in param_rows}


def unreadable(values: Mapping[str, Any]) -> list[str]:
    """The names of values that cannot be read."""
    return sorted(name for name, value in values.items() if isinstance(value, Unreadable))


def plain(values: Mapping[str, Stored]) -> dict[str, Any]:
    """Name → value."""
    return {name: item.value for name, item in values.items()}
