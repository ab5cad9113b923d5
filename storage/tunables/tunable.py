"""One tunable parameter: its definition, the values that it admits, and how offered values are converted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from trialstore.dialects.errors import ConfigError, ValueRejected, listed, nearest, shown
from trialstore.storage.values.encoding import python_value

TunableValue: TypeAlias = int | float | bool | str | None

_TYPES = ("int", "float", "categorical")
# Keys that the storage has no use for (description, meta, and what only an optimizer reads) are checked and not kept.
_PARAMETER_KEYS: dict[str, tuple[type, ...]] = {
    "type": (str,),
    "description": (str,),
    "default": (int, float, bool, str, type(None)),
    "range": (list, tuple),
    "values": (list, tuple),
    "special": (list, tuple),
    "meta": (Mapping,),
    "distribution": (Mapping,),
    "log": (bool,),
    "quantization": (int, float),
    "values_weights": (list, tuple),
    "range_weight": (int, float),
    "special_weights": (list, tuple),
}
_KEYS_OF_NUMBERS = frozenset(
    {"range", "special", "distribution", "log", "quantization", "range_weight", "special_weights"}
)
_KEYS_OF_CATEGORICALS = frozenset({"values", "values_weights"})
_TYPE_WORDS = {
    Mapping: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    type(None): "null",
}
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+")
_EXACT_FLOATS = 2**53
# Python refuses to write longer integers out (see sys.set_int_max_str_digits).
_MOST_BITS = 10_000
_TOO_BIG = object()


class Tunable:
    """One tunable parameter: its definition and its current value, which changes through `TunableGroups` only."""

    def __init__(self, name: str, config: Mapping[str, Any], where: str = "") -> None:
        """Build the parameter from its definition; `where` names its place in errors. Raises `ConfigError`."""
        where = where or f"Tunable {name!r}"
        check_keys(config, _PARAMETER_KEYS, where)
        kind = _plain(config.get("type"))
        if type(kind) is not str or kind not in _TYPES:
            raise ConfigError(f'{where}: key "type" must be one of: {", ".join(_TYPES)}.')
        self._name = name
        self._type: str = kind
        unfit = _KEYS_OF_NUMBERS if self.is_categorical else _KEYS_OF_CATEGORICALS
        for key in (key for key in config if key in unfit):
            raise ConfigError(f'{where}: key "{key}" does not go with type {self._type}.', "Remove the key.")
        self._range: tuple[float, float] | None = None if self.is_categorical else self._read_range(config, where)
        self._special = tuple(self._read_numbers(config, "special", where))
        self._values = _read_values(config, where) if self.is_categorical else ()
        self._default = self._value = self._read_default(config, where)

    @property
    def name(self) -> str:
        """The parameter's name, unique over all groups."""
        return self._name

    @property
    def type(self) -> str:
        """`"int"`, `"float"` or `"categorical"`."""
        return self._type

    @property
    def value(self) -> TunableValue:
        """The current value."""
        return self._value

    def _change(self, value: TunableValue) -> bool:
        """Called by its group alone: take a value that `convert` returned; whether it differs from the old one."""
        if typed_text(self._value) == typed_text(value):
            return False
        self._value = value
        return True

    @property
    def default(self) -> TunableValue:
        """The value that the parameter starts with."""
        return self._default

    @property
    def is_categorical(self) -> bool:
        """Whether the value is one of a list."""
        return self._type == "categorical"

    @property
    def is_numerical(self) -> bool:
        """Whether the value is a number from a range."""
        return self._type != "categorical"

    @property
    def range(self) -> tuple[float, float] | None:
        """Least and greatest value of a numerical parameter, both included; None for a categorical one."""
        return self._range

    @property
    def special(self) -> tuple[float, ...]:
        """Values that a numerical parameter may also take, inside its range or outside."""
        return self._special

    @property
    def values(self) -> tuple[TunableValue, ...]:
        """The values that a categorical parameter may take; empty for a numerical one."""
        return self._values

    def is_default(self) -> bool:
        """Return whether the current value is the default."""
        return typed_text(self._value) == typed_text(self._default)

    def convert(self, offered: object) -> TunableValue:
        """Return `offered` as a value of the parameter's type; text is read, NumPy scalars count as Python values.

        Raises `ValueRejected`, which names the parameter and what it takes, and does not repeat what was offered.
        """
        plain = _plain(offered)
        if not isinstance(plain, int | float | str | None):
            fitting: list[TunableValue] = []
        elif self.is_categorical:
            fitting = [value for value in self._values if typed_text(value) == typed_text(plain)]
            fitting = fitting or [value for value in self._values if _means(value, plain)]
        else:
            number = _to_number(self._type, plain)
            fitting = [number] if number is not None and self._admits(number) else []
        if fitting:
            return fitting[0]
        raise ValueRejected(f"Tunable {self._name!r} does not take the value offered.", f"It takes {self._limits()}.")

    def __eq__(self, other: object) -> bool:
        """Whether name, type, limits, default and current value are the same, the types of values included."""
        if not isinstance(other, Tunable):
            return NotImplemented
        return self._identity() == other._identity()

    def __str__(self) -> str:
        """`"name"[type]=value`, where the values 1, 1.0, "1" and True read differently."""
        return f"{typed_text(self._name)}[{self._type}]={typed_text(self._value)}"

    def __repr__(self) -> str:
        return f"Tunable({self._name!r}, type={self._type!r})"

    def _identity(self) -> tuple[str, ...]:
        limits = (self._range or (), self._special, self._values)
        return (str(self), typed_text(self._default), *(",".join(map(typed_text, limit)) for limit in limits))

    def _admits(self, number: float) -> bool:
        return number in self._special or (self._range is not None and self._range[0] <= number <= self._range[1])

    def _limits(self) -> str:
        if self.is_categorical:
            return f"one of {_listing(self._values)}"
        low, high = self._range or (0, 0)
        special = f", or one of {_listing(self._special)}" if self._special else ""
        return f"{'a whole number' if self._type == 'int' else 'a number'} from {low!r} to {high!r}{special}"

    def _read_numbers(self, config: Mapping[str, Any], key: str, where: str) -> list[float]:
        numbers = []
        for offered in config.get(key, ()):
            number = None if isinstance(offered, str) else _to_number(self._type, _plain(offered))
            if number is None:
                raise ConfigError(f'{where}: key "{key}" must hold numbers of type {self._type} only.')
            numbers.append(number)
        return numbers

    def _read_range(self, config: Mapping[str, Any], where: str) -> tuple[float, float]:
        numbers = self._read_numbers(config, "range", where)
        if len(numbers) != 2 or not all(map(_is_finite, numbers)) or numbers[0] > numbers[1]:
            raise ConfigError(f'{where}: key "range" must be a list of two finite numbers, the lower one first.')
        return numbers[0], numbers[1]

    def _read_default(self, config: Mapping[str, Any], where: str) -> TunableValue:
        default = config.get("default")
        readable = "default" in config and (self.is_categorical or not isinstance(default, str))
        try:
            if readable:
                return self.convert(default)
        except ValueRejected:
            pass
        raise ConfigError(f'{where}: key "default" must be {self._limits()}.')


def check_keys(config: Mapping[str, Any], known: Mapping[str, tuple[type, ...]], where: str) -> None:
    """Raise ConfigError, naming `where` and the key, unless every key is known and its content of an allowed type."""
    for key, given in config.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key {shown(key)}.", nearest(key, known))
        content = _plain(given)
        allowed = known[key]
        if not isinstance(content, allowed) or (isinstance(content, bool) and bool not in allowed):
            words = dict.fromkeys(_TYPE_WORDS[kind] for kind in allowed if kind in _TYPE_WORDS)
            raise ConfigError(f'{where}: key "{key}" must be {" or ".join(words)}.')


def _read_values(config: Mapping[str, Any], where: str) -> tuple[TunableValue, ...]:
    values = tuple(_plain(value) for value in config.get("values", ()))
    simple = all(isinstance(value, int | float | str | None) and value == value for value in values)
    if not values or not simple or len({typed_text(value) for value in values}) < len(values):
        raise ConfigError(f'{where}: key "values" must be a list of different texts, numbers, true, false or null.')
    return values


def _plain(value: object) -> Any:
    """Return a NumPy scalar's Python value and an instance of a subclass of a simple type as that type."""
    plain = python_value(value)
    if type(plain) is int and plain.bit_length() > _MOST_BITS:
        return _TOO_BIG
    return plain + 0.0 if type(plain) is float else plain  # as in _to_number


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def typed_text(value: TunableValue) -> str:
    """Return a spelling that no value of another type shares; ASCII, the same in every version of Python."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _means(value: TunableValue, offered: Any) -> bool:
    """Whether `offered` is another spelling of the categorical `value`: its text, or the equal int or float."""
    if value is None or offered is None:
        return False
    if isinstance(value, str) or isinstance(offered, str):
        ours, theirs = str(value), str(offered)
        return ours == theirs.strip() or (isinstance(value, bool) and ours.lower() == theirs.strip().lower())
    numbers = not isinstance(value, bool) and isinstance(offered, int | float) and not isinstance(offered, bool)
    return numbers and bool(value == offered)


def _to_number(kind: str, offered: Any) -> float | None:
    """Return the int or float that `offered` (a number or text) stands for, or None if it stands for none."""
    if isinstance(offered, bool) or not isinstance(offered, int | float | str):
        return None
    try:
        number = _read_number(offered.strip()) if isinstance(offered, str) else offered
        if kind == "float":
            # Adding zero turns -0.0 into the equal 0.0, which must not make another config.
            return None if math.isnan(number) else float(number) + 0.0
    except (ValueError, OverflowError):
        return None
    if isinstance(number, float):
        # Text of a larger number with a decimal point was rounded: which whole number was meant is lost.
        exact = abs(number) < _EXACT_FLOATS or not isinstance(offered, str)
        return int(number) if number.is_integer() and exact else None
    return number


def _read_number(text: str) -> float:
    if _INTEGER_TEXT.fullmatch(text):
        return int(text)
    if "_" in text:
        raise ValueError
    return float(text)


def _listing(values: Iterable[TunableValue]) -> str:
    return listed(values, typed_text)
