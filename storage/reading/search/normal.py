"""The normal form of a condition: alternatives, each a set of comparisons that must, or must not, be true."""

from __future__ import annotations

import json
from typing import Any as Anything
from typing import NamedTuple

from trialstore.dialects.errors import ValueRejected

from .tree import OWN, PREFIXES, Any, Atom, Node, Not, Operand

MOST_ROWS = 2_000
"""Comparisons of a normal form."""

Literal = tuple[Atom, bool]
Clause = dict[Literal, None]


class Terms(NamedTuple):
    """A condition as the statement takes it: rows, and whether one of their clauses must hold (1) or none may (0)."""

    rows: list[dict[str, Anything]]
    wanted: int

    @property
    def json(self) -> str:
        """The rows as JSON."""
        return json.dumps(self.rows)


class _TooLongError(Exception):
    """The normal form would have more than MOST_ROWS comparisons."""


def normal_form(condition: Node) -> Terms:
    """The shorter one of two normal forms: that of the condition, and that of its opposite.

    `(a or b) and (c or d) and …` is short in the second one alone. Raises ValueRejected where both are too long.
    """
    found = []
    for node, wanted in ((condition, 1), (Not(condition), 0)):
        try:
            found.append((_clauses(node, true=True), wanted))
        except _TooLongError:
            continue
    if not found:
        raise ValueRejected(
            f"where: written out as alternatives, it has more than {MOST_ROWS:,} comparisons.",
            "Nest 'and' and 'or' less, use 'in' with a list, or search in several steps.",
        )
    clauses, wanted = min(found, key=lambda each: _rows(each[0]))
    rows = [row for number, clause in enumerate(clauses) for row in _terms(number, clause)]
    return Terms(rows or [_never(0, 1, 0)], wanted)


def _clauses(node: Node, *, true: bool) -> list[Clause]:
    """The clauses of a node, or of its opposite: it is true where all literals of one are."""
    if isinstance(node, Not):
        return _clauses(node.part, true=not true)
    if isinstance(node, Atom):
        return [{(node, true): None}]
    parts = [_clauses(part, true=true) for part in node.parts]
    if isinstance(node, Any) == true:
        return _fit([clause for part in parts for clause in part])
    found: list[Clause] = [{}]
    for part in parts:
        if len(found) * len(part) > MOST_ROWS:
            raise _TooLongError
        found = _fit([{**one, **other} for one in found for other in part])
    return found


def _fit(clauses: list[Clause]) -> list[Clause]:
    """The clauses, each once, without those that contradict themselves."""
    distinct = {
        frozenset(clause): clause for clause in clauses if not any((atom, not true) in clause for atom, true in clause)
    }
    found = list(distinct.values())
    if _rows(found) > MOST_ROWS:
        raise _TooLongError
    return found


def _rows(clauses: list[Clause]) -> int:
    return sum(max(len(atom.operands), 1) for clause in clauses for atom, _ in clause)


def _terms(number: int, clause: Clause) -> list[dict[str, Anything]]:
    """The rows of a clause."""
    needed = sum(true for _, true in clause)
    rows = []
    for atom, true in clause:
        weight = 1 if true else -1
        same = {"c": number, "n": needed, "w": weight, **_field(atom)}
        if atom.comparison == "there":
            rows.append({**same, "o": "there"})
        elif atom.operands:
            rows += [{**same, **_compared(atom, operand)} for operand in atom.operands]
        else:
            rows.append(_never(number, needed, weight))
    return rows or [_never(number, needed, 0)]


def _never(clause: int, needed: int, weight: int) -> dict[str, Anything]:
    return {"c": clause, "n": needed, "w": weight, "o": "never"}


def _field(atom: Atom) -> dict[str, str]:
    source, name = atom.field
    if source == "commit":
        return {"f": source, PREFIXES["context"]: "git_commit"}  # that of the experiment counts where there is none
    return {"f": source} if source in OWN else {PREFIXES[source]: name}


def _compared(atom: Atom, operand: Operand) -> dict[str, Anything]:
    if operand.kind is not None:
        return {"o": "same", "s": operand.words, "t": operand.kind}
    if operand.number is not None:
        return {"o": atom.comparison, "x": operand.number}
    return {"o": atom.comparison, "s": operand.words}
