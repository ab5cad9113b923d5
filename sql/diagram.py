"""The entity-relationship diagram of the schema, in Mermaid's or Graphviz' notation, from the facts that the migrations
yield.

`python -m trialstore.sql.diagram ENGINE` prints it, with that engine's types; docs/schema.md holds it, and a test
compares the two.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from .migrations import load_migrations
from .structure import COLUMN, FOREIGN, Fact, expected_facts
from .views import VIEWS

_TYPES = (("timestamp with time zone", "timestamp"), ("character varying", "varchar"), ("double precision", "double"))
_REFERENCE = re.compile(r"to (\w+) \((.+)\)")


def mermaid(facts: Iterable[Fact]) -> str:
    """The diagram: relations first, then each table with its columns, key columns first. Views are not shown."""
    facts = sorted(fact for fact in facts if fact.kind not in VIEWS)
    lines = ["erDiagram"]
    for fact in facts:
        match = _REFERENCE.fullmatch(fact.detail) if fact.kind == FOREIGN else None
        if match:
            lines.append(f'    {match[1]} ||--o{{ {fact.table} : "{fact.columns}"')
    for table in sorted({fact.table for fact in facts}):
        own = [fact for fact in facts if fact.table == table]
        lines += [f"    {table} {{", *(f"        {line}" for line in _columns(own)), "    }"]
    return "".join(f"{line}\n" for line in lines)


def dot(facts: Iterable[Fact]) -> str:
    """The same for Graphviz: a box for each table, an arrow from each foreign key to what it refers to."""
    facts = sorted(fact for fact in facts if fact.kind not in VIEWS)
    lines = ["digraph schema {", "    rankdir = RL;", "    node [shape = record, fontname = monospace];"]
    for table in sorted({fact.table for fact in facts}):
        columns = "".join(f"{line}\\l" for line in _columns([fact for fact in facts if fact.table == table]))
        label = columns.replace('"', "'")
        lines.append(f'    {table} [label = "{{{table}|{label}}}"];')
    for fact in facts:
        match = _REFERENCE.fullmatch(fact.detail) if fact.kind == FOREIGN else None
        if match:
            lines.append(f'    {fact.table} -> {match[1]} [label = "{fact.columns}"];')
    return "".join(f"{line}\n" for line in [*lines, "}"])


DIAGRAMS = {"mermaid": mermaid, "dot": dot}


def _columns(facts: list[Fact]) -> list[str]:
    keys = {kind: _parts(facts, kind) for kind in ("primary key", FOREIGN)}
    names = [fact.columns for fact in facts if fact.kind == COLUMN]
    details = {fact.columns: fact.detail for fact in facts if fact.kind == COLUMN}
    ordered = [*keys["primary key"], *(name for name in names if name not in keys["primary key"])]
    return [_column(name, details[name], keys) for name in ordered]


def _parts(facts: list[Fact], kind: str) -> list[str]:
    return [part for fact in facts if fact.kind == kind for part in fact.columns.split(", ")]


def _column(name: str, detail: str, keys: dict[str, list[str]]) -> str:
    words = detail.partition(" not null")[0].partition(" collate")[0]
    for long, short in _TYPES:
        words = words.replace(long, short)
    marks = [mark for mark, kind in (("PK", "primary key"), ("FK", FOREIGN)) if name in keys[kind]]
    null = "" if " not null" in detail else ' "may be NULL"'
    return f"{words} {name}{' ' if marks else ''}{', '.join(marks)}{null}"


if __name__ == "__main__":
    folder = f"{sys.argv[1]}/migrations"
    sys.stdout.write(mermaid(expected_facts(folder, load_migrations(folder)[-1].version)))
