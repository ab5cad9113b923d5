"""What an expression means: fields of trials, comparisons with values, and their combinations by and, or, not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["text", "number", "time", "any"]
"""What a field holds. "any": each trial may have a value of another type, or none."""
Comparison = Literal["there", "==", "<", "<=", ">", ">=", "contains"]

OWN: dict[str, Kind] = {
    "status": "text",
    "trial_id": "number",
    "experiment": "text",
    "config_id": "number",
    "ts_start": "time",
    "ts_end": "time",
    "duration_s": "number",
    "runner": "number",
    "commit": "text",
}
"""The fields that every trial has, and what they hold."""
PREFIXES = {"config": "p", "metadata": "m", "result": "r", "attribute": "a", "context": "k"}
"""The values of a trial that have names, and the key that holds the name in a term."""


class Field(NamedTuple):
    """A field of a trial: one of OWN with an empty name, or one of PREFIXES and a name."""

    source: str
    name: str = ""

    @property
    def kind(self) -> Kind:
        """What it holds."""
        return OWN.get(self.source, "any")

    def __str__(self) -> str:
        if not self.name:
            return self.source
        return f"{self.source}.{self.name}" if self.name.isidentifier() else f"{self.source}[{self.name!r}]"


class Operand(NamedTuple):
    """What a field is compared with: a number, or text, or text as it is stored for a type (`kind`)."""

    number: float | None = None
    words: str | None = None
    kind: str | None = None


class Atom(NamedTuple):
    """A comparison of a field, true where it is for one of the operands. Where a field has no value, none is true."""

    field: Field
    comparison: Comparison
    operands: tuple[Operand, ...] = ()


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Node


@dataclass(frozen=True)
class All:
    """True where every part is."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Any:
    """True where a part is."""

    parts: tuple[Node, ...]


Node = Atom | Not | All | Any


def there(field: Field) -> Atom:
    """Whether a trial has a value that is not None."""
    return Atom(field, "there")
