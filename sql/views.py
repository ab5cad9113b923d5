"""What a view's definition says, as a fact that can be compared whatever server tells it.

SQLite keeps the text of a view as it was written: that is compared, but for blanks. The others keep what they have
read, and spell it in words of their own, which differ from version to version. Of those, what is compared is what the
definition names: tables, columns, and constants that are words. So a view that has another source, another column or
another such constant is found; one that differs in an operator or a number alone is not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

VIEW, VIEW_COLUMN, AS_WRITTEN = "view", "view column", "view as written"
"""Kinds of facts: a definition by what it names, a column, a definition word by word."""
DEFINITIONS = (VIEW, AS_WRITTEN)
VIEWS = (*DEFINITIONS, VIEW_COLUMN)
HIDDEN = "hidden"
"""In place of a definition that the server does not show to this user."""
_WORD = re.compile(r"'([A-Za-z_]{2,})'|(\w{2,})", re.ASCII)
# Words that a server may put into a definition by itself, or that our views call columns of their own; a column of
# somebody else's may have such a name as well.
_OF_NO_TABLE = frozenset(
    "and any array as between bpchar by case cast char character coalesce count date date_part datetime double else end"
    " epoch extract false from group in integer interval is join left max microsecond min not null numeric on or order"
    " precision second select separator sql text then time timestamp true unsigned using utf8mb4 varchar varying when"
    " where with without zone"
    " direction kind metric name number type".split()
)


def described(kind: str, definition: str | None, columns: Mapping[str, set[str]]) -> str:
    """The detail of the fact of a definition; `columns` are those of each table, all in small letters."""
    if definition is None:
        return HIDDEN
    if kind == AS_WRITTEN:
        text = " ".join(definition.split())
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    found = _WORD.findall(definition)
    constants = {f"'{constant}'" for constant, _ in found if constant and constant.lower() not in _OF_NO_TABLE}
    words = {word.lower() for _, word in found} - _OF_NO_TABLE
    tables = words & columns.keys()
    names = tables.union(*(columns[table] for table in tables))
    return " ".join(sorted(constants | (words & names)))


def difference(kind: str, expected: str, found: str) -> str:
    """What is otherwise in the definition found, for people."""
    if kind == AS_WRITTEN:
        return "another one"
    here, there = set(found.split()), set(expected.split())
    parts = (("without", there - here), ("with", here - there))
    return "another one, " + " and ".join(f"{word} {', '.join(sorted(words))}" for word, words in parts if words)
