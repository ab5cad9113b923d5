"""Values as text with a type: what is stored comes back equal and of the same type.

The text is Python's `str(value)`, as mlos_bench writes it, for int, float, bool and str; nested dicts and lists are
JSON; a str that no column can hold as it is (a NUL character, half a surrogate pair) is escaped. Beside it stands a
one-letter type; text without one was written by mlos_bench and is read as mlos_bench reads it: a number where it
looks like one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from trialstore.dialects.errors import ValueRejected

Scalar = int | float | bool | str | None
Typed = tuple[str | None, str | None]

MAX_VALUE_BYTES = 65_535
LONGEST_KEY = 100
"""Characters of a nested key that an error shows."""
_PLAIN = frozenset({int, float, bool, str, type(None)})


def encode(value: Any, what: str, *, nested: bool = False, name: Any = None) -> Typed:
    """The (text, type) to store. `what`, and `name` if there is one, name the value in the error; `nested` allows
    dicts and lists.

    Raises ValueRejected for another type, or for text longer than 65,535 bytes.
    """
    kind = type(value)
    if kind is float:  # mostly, and often thousands of them
        return str(value), "f"
    return _encode(python_value(value), what if name is None else f"{what} {name!r}", nested=nested)


def _encode(value: Any, what: str, *, nested: bool) -> Typed:
    kind = type(value)
    if value is None:
        return None, None
    if kind is bool:
        return str(value), "b"
    if kind is int:
        return _limited(_int_text(value, what), what), "i"
    if kind is float:
        return str(value), "f"
    if kind is str:
        return _encode_text(value, what, plain="s", escaped="e")
    if nested and isinstance(value, (Mapping, list, tuple)):
        return _encode_text(_json(value, what), what, plain="j", escaped="n")
    allowed = "int, float, bool, str, None" + (", dict or list" if nested else "")
    raise ValueRejected(
        f"{what}: a value of type {type(value).__name__} cannot be stored.", f"Convert it to {allowed}."
    )


def _escaped(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")


DECODERS: dict[str | None, Callable[[str], Any]] = {
    "f": float,
    "i": int,
    "s": str,
    "b": {"True": True, "False": False}.__getitem__,
    "j": json.loads,
    "e": _escaped,
    "n": lambda text: json.loads(_escaped(text)),
}
"""Type → what makes the value of a text. For many values; `decode` does the same for one, whatever it is."""


UNREADABLE = (ValueError, KeyError, RecursionError, OverflowError)
"""What decoders raise for text that is no value of its type."""


def decode(text: str | None, kind: str | None) -> Any:
    """The value that was stored as this text with this type. Raises ValueRejected for text that is none."""
    if text is None:
        return None
    if kind is None:
        return parse_untyped(text)
    if kind not in DECODERS:
        raise ValueRejected(f"A stored value has the unknown type {kind!r}.", "Was it written by a newer trialstore?")
    try:
        return DECODERS[kind](text)
    except UNREADABLE:
        pass
    raise ValueRejected(f"A stored text is no value of its type {kind!r}.", "Was it changed by another program?")


class Unreadable(str):
    """The text of a stored value that its type cannot be read from: shown to readers, but no trial is run with it."""

    __slots__ = ()


def parse_untyped(text: str) -> int | float | str:
    """Text that mlos_bench wrote, as mlos_bench reads it: int or float where it looks like one, else the text."""
    try:
        number = float(text)
    except ValueError:
        return text
    try:
        whole = int(text)
    except (ValueError, OverflowError):
        return number
    return whole if whole == number or abs(whole) > 2**53 else number


def python_value(value: Any) -> Any:
    """A NumPy scalar as the Python value that it stands for, a subclass of a plain type as the plain one; else
    unchanged."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    numpy = sys.modules.get("numpy")  # not imported for this: where it is not loaded, nobody has its scalars
    # Times are numbers in a unit that an int would lose: they stay what they are, and are refused.
    if numpy and issubclass(kind, numpy.generic) and not issubclass(kind, (numpy.datetime64, numpy.timedelta64)):
        value = value.item()
        kind = type(value)
    # By the plain type's own methods: those of a subclass may give anything.
    if issubclass(kind, int) and kind is not bool:
        return int.__int__(value)
    if issubclass(kind, float):
        return float.__float__(value)
    return str.__str__(value) if issubclass(kind, str) else value


def _int_text(value: int, what: str) -> str:
    try:
        return str(value)
    except (
        ValueError
    ):  # Python's own limit on the digits of an int, https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
        raise ValueRejected(f"{what}: the integer has too many digits.", "Store it as text.") from None


def _encode_text(value: str, what: str, *, plain: str, escaped: str) -> Typed:
    if is_storable(value):
        return _limited(value, what), plain
    return _limited(value.encode("unicode_escape").decode("ascii"), what), escaped


def is_storable(text: str) -> bool:
    """Whether every engine can hold the text as it is."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def _limited(text: str, what: str) -> str:
    size = len(text) if text.isascii() else len(text.encode("utf-8"))
    if size > MAX_VALUE_BYTES:
        raise ValueRejected(f"{what}: the value has {size:,} bytes.", f"At most {MAX_VALUE_BYTES:,} bytes fit.")
    return text


def _json(value: Any, what: str) -> str:
    try:
        return json.dumps(_plain(value, what), ensure_ascii=False)
    except RecursionError:
        raise ValueRejected(f"{what}: the value is nested in itself, or too deep.", "Flatten it.") from None


def _plain(value: Any, what: str) -> Any:
    """`value` with plain Python types all through, so that JSON gives back what went in (tuples as lists)."""
    value = python_value(value)
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        _int_text(value, what)
        return value
    if isinstance(value, Mapping):
        return _plain_dict(value, what)
    if isinstance(value, (list, tuple)):
        return [_plain(item, what) for item in value]
    raise ValueRejected(f"{what}: a value of type {type(value).__name__} is not JSON.", "Convert it first.")


def _plain_dict(values: Mapping[Any, Any], what: str) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in values.items():
        name = python_value(key)
        if type(name) is not str:
            raise ValueRejected(f"{what}: a key of type {type(key).__name__}.", "JSON has text keys only: use str.")
        if name in plain:
            raise ValueRejected(f"{what}: two keys are the same text.", "Give each key once.")
        plain[name] = _plain(item, f"{what}.{name[:LONGEST_KEY]}")
    return plain
