"""What the storage needs of tunables: their values, a hash of them, and a copy with other values.

Tunables are either an object in the manner of `TunableGroups` (iterating yields `(tunable, group)`; `copy()`,
`assign()`, `str()`) or a plain mapping `{"name": value}` for a harness that has no such object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

from trialstore.dialects.errors import ConfigError, ValueRejected, listed, nearest, shown
from trialstore.storage.values.checks import check_name
from trialstore.storage.values.encoding import Scalar, Unreadable, encode, parse_untyped, python_value
from trialstore.storage.values.rows import Stored


class TunablesLike(Protocol):
    """The part of the harness's tunables that the storage uses."""

    def __iter__(self) -> Iterator[tuple[Any, Any]]: ...

    def copy(self) -> Any: ...

    def assign(self, param_values: Any) -> Any: ...


Tunables = TunablesLike | Mapping[str, Scalar]
_T = TypeVar("_T", bound=Any)


def own_copy(tunables: Tunables, id_length: int) -> Any:
    """A copy that the caller cannot change: of the same kind; of a mapping a dict with plain Python values.

    Raises ConfigError for what is neither kind, ValueRejected for names or values that cannot be stored.
    """
    if isinstance(tunables, Mapping):
        copied: Any = {}
        for name, value in tunables.items():
            known = _checked_name(name, id_length)
            if known in copied:
                raise ValueRejected(f"Tunable {known!r} is defined twice.", "Give each name once.")
            copied[known] = python_value(value)
    else:
        copied = _copy(tunables)
    for name, value in values_of(copied).items():
        encode(value, f"Tunable {_checked_name(name, id_length)!r}")
    return copied


def _copy(tunables: Any) -> Any:
    """A copy of an object in the manner of `TunableGroups`. Raises ConfigError for what is none."""
    if hasattr(tunables, "copy") and hasattr(tunables, "assign"):
        try:
            copied = tunables.copy()
            values_of(copied)
            return copied
        except (TypeError, AttributeError, ValueError):  # a class instead of an object, or another library's
            pass
    raise ConfigError(
        f"tunables are of type {type(tunables).__name__}.", "Give TunableGroups, or a mapping {name: value}."
    )


def _checked_name(name: Any, id_length: int) -> str:
    return check_name(name, f"Tunable {shown(name)}" if isinstance(name, (str, int)) else "A tunable's name", id_length)


def values_of(tunables: Tunables) -> dict[str, Scalar]:
    """Name → value, of tunables that `own_copy` has made; plain Python values, whatever a harness's object has."""
    if isinstance(tunables, Mapping):
        return dict(tunables)
    return {python_value(tunable.name): python_value(tunable.value) for tunable, _group in tunables}


def config_hash(tunables: Tunables) -> str:
    """sha256 in hex over the stable text form: equal for equal tunables, different for 1, 1.0, True and "1"."""
    if isinstance(tunables, Mapping):
        text = "\n".join(f"{name!r}={tunables[name]!r}" for name in sorted(tunables))
    else:
        text = str(tunables)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def with_values(tunables: _T, values: Mapping[str, Any]) -> _T:
    """A copy of `tunables` with some values replaced. Raises ValueRejected for a name that they do not have."""
    names = values_of(tunables)
    chosen = {}
    for given, value in values.items():
        name = python_value(given)
        if type(name) is not str or name not in names:
            hint = nearest(name, names) or "It has no tunables at all: give them to storage.experiment()."
            raise ValueRejected(f"The experiment has no tunable {shown(name)}.", hint)
        if name in chosen:
            raise ValueRejected(f"Tunable {name!r} is defined twice.", "Give each name once.")
        chosen[name] = python_value(value)
    if isinstance(tunables, Mapping):
        copied: Any = {**tunables, **chosen}
        return copied  # type: ignore[no-any-return]
    copied = tunables.copy().assign(chosen)
    if hasattr(copied, "reset"):
        copied.reset()  # these values are not changes that a harness still has to apply
    return copied  # type: ignore[no-any-return]


def with_stored(tunables: _T, stored: Mapping[str, Stored]) -> _T:
    """A copy of `tunables` with the values of a stored config, given by name.

    A value without a stored type takes the tunable's: the text "007" of a categorical tunable is not the number 7.
    Tunables that the stored config lacks keep their value. Raises ValueRejected for a stored name that the tunables
    lack, or a value that they do not admit: run with another one, the trial's results would be under the wrong config.
    """
    current = values_of(tunables)
    if unknown := sorted(set(stored) - set(current)):
        raise ValueRejected(
            f"Stored tunables that the experiment was opened without: {listed(unknown)}.",
            "Open it with the tunables that its trials were made with.",
        )
    values = {}
    for name, (text, kind, value) in stored.items():
        if isinstance(value, Unreadable):
            raise ValueRejected(
                f"The stored value of tunable {name!r} is none of its type {kind!r}.",
                "Was it changed by another program?",
            )
        if kind is None and text is not None:
            values[name] = _like(current[name], text) if isinstance(tunables, Mapping) else text
        else:
            values[name] = value
    return with_values(tunables, values)


def _like(example: Scalar, text: str) -> Scalar:
    if isinstance(example, str):
        return text
    if isinstance(example, bool) and text in ("True", "False"):
        return text == "True"
    return parse_untyped(text)
