"""The parameters of a named statement: what a header `params` says of them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from trialstore.dialects.errors import CatalogueError, listed

_DECLARED = re.compile(r"([A-Za-z_]\w*)\s+([a-z]+)(?:\s+(\S+))?")


def _time(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)


def _json(text: str) -> str:
    json.loads(text)
    return text


READERS: Mapping[str, Callable[[str], Any]] = {"text": str, "int": int, "float": float, "time": _time, "json": _json}
"""The types of parameters, and how a text is read as a value of each. Raise ValueError. `json` is a text that holds an
array, as which several values travel."""

TYPICAL = {"text": "text", "int": "1", "float": "1.0", "time": "2025-01-01", "json": "[1, 2]"}


class Param(NamedTuple):
    """A parameter, its type (a key of READERS), and a value that is typical of it, as text."""

    name: str
    type: str
    typical: str

    @property
    def typical_value(self) -> Any:
        """A value to plan the statement with where nothing better is known; times are in UTC."""
        return self.read(self.typical)

    def read(self, text: str) -> Any:
        """The value that a text means. Times are ISO 8601, in UTC unless they say otherwise. Raises ValueError."""
        return READERS[self.type](text)

    def __str__(self) -> str:
        """As the header has it."""
        return f"{self.name} {self.type}" + ("" if self.typical == TYPICAL[self.type] else f" {self.typical}")


def parse_params(header: str, where: str) -> tuple[Param, ...]:
    """The parameters of a header such as `exp_id text, status text PENDING`; none for `-`. Raises CatalogueError."""
    return () if header == "-" else tuple(_param(part.strip(), where) for part in header.split(","))


def _param(declared: str, where: str) -> Param:
    found = _DECLARED.fullmatch(declared)
    if not found or found[2] not in READERS:
        raise CatalogueError(
            f"{where}: 'params' has {declared!r}, which is no name with a type.",
            f"Say 'NAME TYPE', where plans depend on the value 'NAME TYPE VALUE'. Types: {listed(READERS, str)}.",
        )
    name, kind, typical = found.groups()
    param = Param(name, kind, TYPICAL[kind] if typical is None else typical)
    try:
        _ = param.typical_value
    except ValueError:
        raise CatalogueError(f"{where}: {typical!r} is no {kind}, as which {name!r} is declared.") from None
    return param
