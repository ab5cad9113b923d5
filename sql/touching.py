"""What a statement of a migration adds, drops, changes and uses: read out of its text, so that a database can be looked
at before the statement is run.

How statements say it is data, in `sql/touching.ini`. A section of it is a rule; of those of a scope, the first that
matches holds:

    [drop-column]
    scope = statement | clause (what ALTER TABLE says between two commas) | element (the same of CREATE TABLE) |
        reference (a clause or element once more, for the table that it refers to)
    does = adds | drops | changes | sets | uses | renames
    thing = table | view | sequence | column | text columns | primary key | foreign key | key or index | constraint
    match = a pattern over words in capitals; TABLE_NAME stands for a name. Of its groups, `table`, `name` (or `old`)
        and `to` are names, `columns` a list of columns that are used
    parts = clause | element | reference: what follows is read by the rules of that scope

Names are in capitals, as in the words of a statement. A statement that no rule knows touches nothing.
"""

from __future__ import annotations

import configparser
import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from trialstore.dialects.errors import CatalogueError

from .catalogue import ROOT
from .reading import SqlStatement, Syntax, read_sql

FILE = "touching.ini"


class Does(enum.Enum):
    """What becomes of a thing."""

    ADDS = "adds"
    DROPS = "drops"
    CHANGES = "changes"
    SETS = "sets"
    """As CHANGES, and the server asks for what depends on the thing even if it stays as it is."""
    USES = "uses"


class Thing(enum.Enum):
    """What a name stands for; the value is for people."""

    TABLE = "table"
    VIEW = "view"
    SEQUENCE = "sequence"
    COLUMN = "column"
    TEXT = "text columns"
    """All columns of a table that hold text."""
    PRIMARY = "primary key"
    FOREIGN = "foreign key"
    INDEX = "key or index"
    CONSTRAINT = "constraint"
    """A key of any kind, or a check."""


@dataclass(frozen=True)
class Touch:
    """One thing that a statement touches."""

    does: Does
    thing: Thing
    table: str
    name: str = ""
    """Of a column, key or index; empty where there is only one, or the server chooses the name."""
    lenient: bool = False
    """The statement does nothing where the thing is gone, or there, already."""


@dataclass(frozen=True)
class _Rule:
    does: str
    thing: Thing
    match: re.Pattern[str]
    parts: str


_RENAMES = "renames"
_NAME = r"(?:[^\s().]+ \. )*(?P<table>[^\s().]+)"
_LENIENT = re.compile(r"\bIF (?:NOT )?EXISTS\b")
_ALGORITHM = re.compile(r"\bALGORITHM =? ?(INSTANT|INPLACE)\b")


@lru_cache(maxsize=1024)
def read_touches(text: str, syntax: Syntax) -> tuple[Sequence[Touch], str]:
    """What a statement touches, and how it is done, or refused; many databases are made of one text."""
    statement = read_sql(text, syntax).statements[0]
    return tuple(touches(statement)), algorithm(statement)


def touches(statement: SqlStatement) -> Iterator[Touch]:
    """What the statement touches, in the order of its text."""
    lenient = _LENIENT.search(statement.text) is not None
    yield from (replace(touch, lenient=lenient) for touch in _touched(statement, "statement", ""))


def algorithm(statement: SqlStatement) -> str:
    """How the statement is done or refused: "instant", without touching a row; "inplace", beside writers; else any
    way, and empty."""
    found = _ALGORITHM.search(statement.text)
    return found[1].lower() if found else ""


def _touched(part: SqlStatement, scope: str, table: str) -> Iterator[Touch]:
    for rule in _rules()[scope]:
        if match := rule.match.match(part.text):
            groups = {key: (value or "").strip() for key, value in match.groupdict().items()}
            table = groups.get("table", table)
            yield from _said(rule, table, groups)
            if rule.parts and scope == "statement":
                for clause in part.parts(match[0].count(" ")):
                    yield from _touched(clause, rule.parts, table)
            elif rule.parts:
                yield from _touched(part, rule.parts, table)
            return


def _said(rule: _Rule, table: str, groups: dict[str, str]) -> Iterator[Touch]:
    """What a rule says that is matched, with the columns that it uses first, since they have to be there."""
    name, to = groups.get("name") or groups.get("old", ""), groups.get("to", "")
    columns = [words[0] for column in groups.get("columns", "").split(",") if (words := column.split())]
    used = [Touch(Does.USES, Thing.COLUMN, table, column) for column in columns]
    if rule.does != _RENAMES:
        yield from (*used, Touch(Does(rule.does), rule.thing, table, name))
    elif name == to:
        yield Touch(Does.CHANGES, rule.thing, table, name)
    else:
        yield from (Touch(Does.DROPS, rule.thing, table, name), Touch(Does.ADDS, rule.thing, table, to))


@cache
def _rules() -> dict[str, Sequence[_Rule]]:
    """The rules of each scope in order. Raises CatalogueError where the file is not as it should be."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.read_string((ROOT / FILE).read_text(encoding="utf-8"), FILE)
    rules: dict[str, list[_Rule]] = {scope: [] for scope in ("statement", "clause", "element", "reference")}
    for section in map(parser.__getitem__, parser.sections()):
        try:
            # A long pattern stands on two lines.
            pattern = re.compile("".join(section["match"].splitlines()).replace("TABLE_NAME", _NAME))
            rule = _Rule(section["does"], Thing(section["thing"]), pattern, section.get("parts", ""))
            for scope in section["scope"].split(", "):
                rules[scope].append(rule)
        except (KeyError, ValueError, re.error) as exc:
            raise CatalogueError(f"The rule {section.name!r} of {FILE} cannot be read: {exc}.") from None
    return dict(rules)
