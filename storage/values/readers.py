"""What makes values of stored rows: a reader, which whoever reads is handed.

The core reads by the types that are stored. A harness that expects values as mlos_bench hands them out is given its own
reader.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from trialstore.dialects.errors import ValueRejected

from .encoding import DECODERS, UNREADABLE, Unreadable, decode
from .rows import Stored

_Decoder = Callable[[str], Any]


class ValueReader:
    """Reads each value by the type that is stored with it."""

    typed = True
    """Whether the stored types count."""

    def stored(self, text: str | None, kind: str | None) -> Stored:
        """The value of a row."""
        try:
            return Stored(text, kind, decode(text, kind))
        except ValueRejected:  # one such value must not keep all the others from being read
            return Stored(text, kind, Unreadable(text))

    def params(self, rows: Iterable[Any]) -> dict[str, Stored]:
        """Parameter → stored value, of rows `param_id, param_value, value_type`."""
        return {row.param_id: self.stored(row.param_value, row.value_type) for row in rows if row.param_id is not None}

    def results(self, rows: Iterable[Any]) -> dict[str, Stored]:
        """Metric → stored value, of rows `metric_id, metric_value, value_type`."""
        return {row.metric_id: self.stored(row.metric_value, row.value_type) for row in rows}

    def by_config(self, rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, Stored]]:
        """Config id → parameters, of rows `config_id, param_id, param_value, value_type`; a config without parameters
        comes as one row of NULLs."""
        found: dict[int, dict[str, Stored]] = {}
        for config_id, name, text, kind in rows:
            config = found.get(config_id)
            if config is None:
                config = found[config_id] = {}
            if name is not None:
                config[name] = self.stored(text, kind)
        return found

    def values_by_id(self, rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, Any]]:
        """Id → name → value, of rows `id, name, text, type`; without a name an id has no values."""
        decoders: dict[str | None, _Decoder] = DECODERS if self.typed else {}
        found: dict[int, dict[str, Any]] = {}
        for number, name, text, kind in rows:
            values = found.get(number)
            if values is None:
                values = found[number] = {}
            if name is not None:
                convert = decoders.get(kind)
                if convert is None or text is None:
                    values[name] = self.stored(text, kind).value
                    continue
                try:
                    values[name] = convert(text)
                except UNREADABLE:
                    values[name] = Unreadable(text)
        return found

    def shown_values(self, texts: Sequence[str | None], kinds: Sequence[str | None]) -> list[Any]:
        """`Stored.shown` of each value, made together where they are all of one type."""
        types = set(kinds)
        convert = DECODERS.get(types.pop()) if len(types) == 1 else None
        if convert is not None and None not in texts:
            with suppress(*UNREADABLE):
                return list(map(convert, texts))  # type: ignore[arg-type]
        return [self.stored(text, kind).shown for text, kind in zip(texts, kinds, strict=True)]


class UntypedReader(ValueReader):
    """Reads all as if it were stored without a type: values are what `value_of` makes of the text, and frames show the
    text."""

    typed = False

    def __init__(self, value_of: Callable[[str | None], Any]) -> None:
        """Take a function of a module, so that what holds the reader can be pickled."""
        self._value_of = value_of

    def stored(self, text: str | None, kind: str | None) -> Stored:
        """The value of a row."""
        return Stored(text, None, self._value_of(text))

    def shown_values(self, texts: Sequence[str | None], kinds: Sequence[str | None]) -> list[Any]:
        """The texts."""
        return list(texts)


TYPED = ValueReader()
"""How the core reads."""


class Reads(Protocol):
    """What reads values, by its reader."""

    reader: ValueReader


_R = TypeVar("_R", bound=Reads)


def read_by(reader: ValueReader, source: _R) -> _R:
    """A copy of what reads values, which reads the same rows by another reader."""
    twin = copy.copy(source)
    twin.reader = reader
    return twin
