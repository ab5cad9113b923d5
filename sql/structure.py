"""What a database is built like, as facts that can be compared: a column and its type, a key, an index.

`sql/<engine>/structure.txt` lists the facts that the migrations yield, each with the versions in which it holds, so
that a live database is compared with its version offline, without a scratch database. A line is

    FIRST-LAST | table | kind | columns | detail | named NAME

without LAST while the fact still holds, and without the detail or the name if there is none. The file is generated and
committed; a test compares it with the migrations.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from trialstore.dialects.errors import MigrationFileInvalid

from .catalogue import ROOT
from .history import HISTORY_TABLE
from .session import Session
from .views import DEFINITIONS, HIDDEN, VIEW_COLUMN, VIEWS, described, difference

FILE = "structure.txt"
MLOS_BENCH_MARK = "alembic_version"
"""The table in which mlos_bench keeps the revision of its own chain of migrations."""
COLUMN, UNIQUE, FOREIGN, INDEX = "column", "unique key", "foreign key", "index"
INVISIBLE, INVALID = "invisible index", "invalid index"
"""An index that the engine keeps, and that queries do not use."""
POLICY = "policy"
"""Of who sees which rows; without effect unless row-level security, which is another fact, is enabled."""
_HARMLESS = (INDEX, INVISIBLE, INVALID, POLICY)
_COLLATIONS = ("default collation", "collation")
COLLATED_FROM = 10
"""Until this version, a database that mlos_bench wrote has the default collations of its server, since mlos_bench names
none; 0010 sets them. No other difference is tolerated there."""
_LINE = re.compile(r"(\d{4})-(\d{4})? \| (\w+) \| ([a-z ]+) \| ([\w, ]+?)(?: \| (?!named )(.+?))?(?: \| named (\w+))?")
_COLLATION = re.compile(r" collate .*")
_HEAD = """\
# Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
# What a database is built like, fact by fact, and from which schema version to which.
# FIRST-LAST | table | kind | columns | detail | named NAME
"""


@dataclass(frozen=True, order=True)
class Fact:
    """One thing that can be said of a table, or of a view."""

    table: str
    kind: str
    """As "column", "primary key", "unique key", "foreign key", "index", "check constraint", "view"."""
    columns: str
    """The column, or those of the key in order; of what is neither, as of a trigger, its name."""
    detail: str = ""
    """Of a column its type, nullability, default and collation; of a foreign key what it refers to."""
    name: str = ""
    """Of a key or an index, the name by which migrations drop it; empty where the engine has none that lasts."""

    @property
    def subject(self) -> tuple[str, str, str]:
        """What the fact is about: two facts of one subject and another detail contradict each other."""
        return self.table, self.kind, self.columns

    def __str__(self) -> str:
        if self.kind in (COLUMN, VIEW_COLUMN):
            return f"column {self.table}.{self.columns}"
        if self.kind in DEFINITIONS:
            return f"view {self.table}"
        return f"{self.kind} of {self.table} ({self.columns})"

    def unlikeness(self, other: Fact) -> tuple[bool, bool, Fact]:
        """How little another fact of the same subject is like this one."""
        return self.name != other.name, self.detail != other.detail, other

    @property
    def without_collation(self) -> Fact:
        """The same of a database whose collations do not matter."""
        return replace(self, detail=_COLLATION.sub("", self.detail)) if self.kind == COLUMN else self


@dataclass(frozen=True)
class Difference:
    """A line of a comparison: what is wrong, and whether it is the administrator's own addition, which does no harm."""

    kind: str
    """"missing", "different" or "extra"."""
    subject: str
    expected: str = ""
    found: str = ""
    harmless: bool = False

    def __str__(self) -> str:
        if self.kind == "different":
            return f"different: {self.subject}: expected {self.expected}, found {self.found}"
        detail = self.expected or self.found
        return f"{self.kind}: {self.subject}{': ' if detail else ''}{detail}"


def read_facts(session: Session) -> frozenset[Fact]:
    """The facts of all tables and views in the database, by SELECTs on the engine's own catalogue."""
    facts = {Fact(row.table_name, COLUMN, row.column_name, _column(row)) for row in session.many("schema_columns")}
    rows = session.many("schema_keys")
    for (table, kind, _), group in itertools.groupby(rows, lambda row: (row.table_name, row.key_type, row.key_name)):
        parts = sorted(group, key=lambda row: int(row.position))
        columns = ", ".join(str(part.column_name) for part in parts)
        name = str(parts[0].lasting_name or "")
        facts.add(Fact(table, _KINDS.get(kind, str(kind).lower()), columns, _key_detail(parts), name))
    by_table: dict[str, set[str]] = {}
    for fact in facts:
        if fact.kind == COLUMN:
            by_table.setdefault(fact.table.lower(), set()).add(fact.columns.lower())
    for row in session.many("schema_rules"):
        detail = described(row.kind, row.detail, by_table) if row.kind in DEFINITIONS else str(row.detail or "")
        facts.add(Fact(row.table_name, row.kind, str(row.name), detail, str(row.lasting_name or "")))
    return frozenset(facts)


_KINDS = {"UNIQUE": UNIQUE}


def _column(row: Any) -> str:
    words = [str(row.data_type).lower()]
    if not row.is_nullable:
        words.append("not null")
    if row.column_default is not None:
        words.append(f"default {row.column_default}")
    if row.column_extra:
        words.append(str(row.column_extra))
    if row.collation_name is not None:
        words.append(f"collate {row.collation_name}")
    return " ".join(words)


def _key_detail(parts: Sequence[Any]) -> str:
    rule = str(parts[0].key_rule or "")
    if parts[0].referenced_table is None:
        return rule
    # SQLite knows no column where the key names none: it means the primary key.
    referenced = ", ".join(str(part.referenced_column) for part in parts if part.referenced_column is not None)
    return f"to {parts[0].referenced_table} ({referenced}) {rule}".rstrip()


def differences(
    session: Session, folder: str | Path, version: int, *, history: bool = True, by_mlos_bench: bool = False
) -> list[Difference]:
    """How the database differs from what the migrations in `folder` yield at a version.

    `history` says that the database has the history table; `by_mlos_bench`, that mlos_bench made its first tables. The
    table in which mlos_bench keeps its revision is an addition that belongs there, and is left out.
    """
    ours = {MLOS_BENCH_MARK} if history else {MLOS_BENCH_MARK, HISTORY_TABLE}
    expected = {fact for fact in expected_facts(folder, version) if fact.table not in ours}
    found = {fact for fact in read_facts(session) if fact.table not in ours}
    if by_mlos_bench and version < COLLATED_FROM:
        expected, found = (
            {fact.without_collation for fact in facts if fact.kind not in _COLLATIONS} for facts in (expected, found)
        )
    return compare(expected, found)


def compare(expected: Iterable[Fact], found: Iterable[Fact]) -> list[Difference]:
    """How the facts found differ from those expected; missing and different ones first.

    A table, an index (not a key) or a policy that is not expected is an addition that does no harm; a view that is not
    expected is no difference.
    """
    expected, found = set(expected), set(found)
    views = [{fact for fact in facts if fact.kind in VIEWS} for facts in (expected, found)]
    return [*_compare_tables(expected - views[0], found - views[1]), *_compare_views(*views)]


def _compare_views(expected: Iterable[Fact], found: Iterable[Fact]) -> Iterator[Difference]:
    there = {fact.subject: fact for fact in found}
    views = {table for table, _, _ in there}
    for view in sorted({fact.table for fact in expected} - views):
        yield Difference("missing", f"view {view}")
    for fact in sorted(fact for fact in expected if fact.table in views):
        other = there.pop(fact.subject, None)
        if other is None:
            yield Difference("missing", str(fact), fact.detail)
        elif other.detail not in (fact.detail, HIDDEN):
            if fact.kind in DEFINITIONS:
                yield Difference(
                    "different", str(fact), "its definition", difference(fact.kind, fact.detail, other.detail)
                )
            else:
                yield Difference("different", str(fact), fact.detail, other.detail)
    ours = {fact.table for fact in expected}
    yield from (Difference("extra", str(one), found=one.detail) for one in sorted(there.values()) if one.table in ours)


def _compare_tables(expected: set[Fact], found: set[Fact]) -> list[Difference]:
    tables = {fact.table for fact in expected}
    present = {fact.table for fact in found}
    result = [Difference("missing", f"table {table}") for table in sorted(tables - present)]
    left = {fact for fact in found if fact.table in tables}
    for fact in sorted(expected):
        other = min((one for one in left if one.subject == fact.subject), key=fact.unlikeness, default=None)
        if other is not None:
            left.remove(other)
            result += _different(fact, other)
        elif fact.table in present:
            result.append(Difference("missing", str(fact), fact.detail))
    result += [
        Difference("extra", str(fact), found=fact.detail, harmless=fact.kind in _HARMLESS) for fact in sorted(left)
    ]
    result += [Difference("extra", f"table {table}", harmless=True) for table in sorted(present - tables)]
    return result


def _different(expected: Fact, found: Fact) -> Iterator[Difference]:
    if expected.detail != found.detail:
        yield Difference("different", str(expected), expected.detail, found.detail)
    if expected.name and found.name and expected.name != found.name:
        yield Difference("different", f"name of {expected}", expected.name, found.name)


@lru_cache(maxsize=32)
def expected_facts(folder: str | Path, version: int) -> frozenset[Fact]:
    """The facts that the migrations in `folder`'s sibling file yield at a version. Raises MigrationFileInvalid."""
    file = (ROOT / folder).parent / FILE
    facts = set()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise MigrationFileInvalid(
            f"There is no file {file}.", "Make it with 'python -m trialstore.storage.schema.dump --structure URL'."
        ) from None
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise MigrationFileInvalid(f"{file.name}: line {number} is no fact.", "Restore the file.")
        first, last, table, kind, columns, detail, name = match.groups()
        if int(first) <= version <= int(last or 9999):
            facts.add(Fact(table, kind, columns, detail or "", name or ""))
    return frozenset(facts)


def facts_text(by_version: Mapping[int, frozenset[Fact]]) -> str:
    """The content of the file, from the facts at each version."""
    lines = []
    for fact in sorted(set().union(*by_version.values())):
        for first, last in _ranges([version for version in sorted(by_version) if fact in by_version[version]]):
            until = f"{last:04d}" if last < max(by_version) else ""
            named = fact.name and f"named {fact.name}"
            parts = [f"{first:04d}-{until}", fact.table, fact.kind, fact.columns, fact.detail, named]
            lines.append(" | ".join(filter(None, parts)))
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _ranges(versions: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive versions as (first, last)."""
    found: list[tuple[int, int]] = []
    for version in versions:
        if found and found[-1][1] == version - 1:
            found[-1] = (found[-1][0], version)
        else:
            found.append((version, version))
    return found
