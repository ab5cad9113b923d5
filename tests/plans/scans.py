"""Finds in an engine's plan the large tables that it would read whole.

An access counts as a scan unless the plan says that a key's first column limits it. DuckDB has no indexes but those of
its keys (sql/duckdb/migrations/0008_query_indexes.sql says why) and always names a scan: it reads only those groups of
rows whose least and greatest values fit the filters. So there the filters are what matters, which must be on a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from plans.filling import LARGE
from trialstore.sql.catalogue import Statement

Keys = Mapping[str, Mapping[str, str]]
"""Table → name of a key or index → its first column."""
Check = Callable[[Statement, Sequence[Any], Keys], Iterator[str]]

IN_JSON = {"postgresql": "EXPLAIN (FORMAT JSON)", "duckdb": "EXPLAIN (FORMAT JSON)"}
"""How to ask for a plan that is read here in another form than the library's."""

_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z][\w.]*)(?:\s+AS\s+(\w+))?")
_ALIAS = re.compile(r"\bAS\s+(\w+)")


def names(statement: Statement, name: str) -> bool:
    """Whether a table or anything else is called so in a statement."""
    return name in _tables(statement) or name in _ALIAS.findall(statement.sql)


def large_table(statement: Statement, name: str) -> str | None:
    """The large table that a plan calls by its name or alias in a statement; None for any other thing that has one."""
    assert names(statement, name), f"{statement.name}: what is {name!r}?"
    table = _tables(statement).get(name)
    return table if table in LARGE else None


def _tables(statement: Statement) -> dict[str, str]:
    """Name or alias → table."""
    found = [(table.rpartition(".")[2], alias) for table, alias in _TABLE.findall(statement.sql)]
    return {alias or table: table for table, alias in found}


def sqlite_scans(statement: Statement, rows: Sequence[Any], _keys: Keys) -> Iterator[str]:
    """SCAN reads all rows, of the table or of an index.

    So does SEARCH by an index that is first built for the statement (AUTOMATIC); with ANY(…) it tries each value of a
    key's first column. Of an INSERT the plan also names the tables that refer to the new row: they are read only while
    they hold references to rows that are not there, which no transaction of the library lets them.
    """
    inserts = statement.sql.startswith("INSERT")
    for row in rows:
        found = re.match(r"(SCAN|SEARCH) (?:TABLE )?([a-z]\w*)", row.detail)
        if found and inserts and not names(statement, found[2]):
            continue
        if found and (found[1] == "SCAN" or "ANY(" in row.detail or "AUTOMATIC" in row.detail):
            table = large_table(statement, found[2])
            if table:
                yield f"{table}: {row.detail}"


def mysql_scans(statement: Statement, rows: Sequence[Any], _keys: Keys) -> Iterator[str]:
    """ALL reads the table, index an index of it, from end to end.

    In angle brackets stands what the statement makes for itself: a derived table, a subquery or union kept aside. MySQL
    shows its views of its own catalogue by the tables that they are made of, which the statement does not name.
    """
    views = "information_schema." in statement.sql
    for row in rows:
        nothing_read = row.select_type == "INSERT" or row.table is None or row.table.startswith("<")
        kind, more = (row.type or "").lower(), (row.Extra or "").lower()
        if not nothing_read and (kind.endswith(("all", "index")) or "skip scan" in more):
            table = large_table(statement, row.table) if not views or names(statement, row.table) else None
            if table:
                yield f"{table}: {row.type} of {row.rows} rows, key {row.key}"


def finds_nothing(rows: Sequence[Any]) -> bool:
    """Whether an engine knows of a part of the statement that it has no rows, without looking.

    Parts of MySQL's views of its own catalogue are no parts of the statement: those depend on rows of other tables
    (LATERAL, and the members of a UNION in it), which nothing in the library's statements does, for MariaDB cannot
    read that.
    """
    own: list[tuple[Any, ...]] = []
    in_view = False
    for row in map(tuple, rows):
        in_view = "DEPENDENT DERIVED" in row or (in_view and "DEPENDENT UNION" in row)
        if not in_view:
            own.append(row)
    return any(sign in str(own) for sign in ("EMPTY_RESULT", "'One-Time Filter': 'false'", "'Impossible WHERE'"))


def postgresql_scans(_statement: Statement, rows: Sequence[Any], keys: Keys) -> Iterator[str]:
    """Any scan of an index must have a condition on the index's first column."""

    def look(node: Mapping[str, Any], outer: str) -> Iterator[str]:
        table = node.get("Relation Name", outer)  # the scan of an index for a bitmap does not name its table
        kind = node["Node Type"]
        if table in LARGE and kind == "Seq Scan":
            yield f"{table}: {kind}"
        elif table in LARGE and "Index" in kind and kind.endswith("Scan"):
            condition = node.get("Index Cond", "")
            if not re.search(rf"\b{keys[table][node['Index Name']]}\b", condition):
                yield f"{table}: {kind} of {node['Index Name']} by {condition or 'nothing'}"
        for child in node.get("Plans", ()):
            yield from look(child, table)

    for plan in rows[0][0]:
        yield from look(plan["Plan"], "")


def duckdb_scans(_statement: Statement, rows: Sequence[Any], keys: Keys) -> Iterator[str]:
    """A scan must have a filter on a key's first column, or be in a join by it.

    Such a join hands the least and greatest value that it looks for down to the scan when it runs.
    """

    def look(node: Mapping[str, Any], limits: str) -> Iterator[str]:
        more = node["extra_info"]
        table = more.get("Table", "").rpartition(".")[2]
        if table in LARGE and "SCAN" in node["name"]:
            found = f"{_joined(more.get('Filters', ''))} {limits}"
            if not any(re.search(rf"\b{column}\b", found) for column in keys[table].values()):
                yield f"{table}: {node['name']} by {found}"
        for number, child in enumerate(node["children"]):
            hands_down = node["name"].startswith("HASH_JOIN") and more.get("Join Type") in ("INNER", "RIGHT", "SEMI")
            if hands_down:
                yield from look(child, _joined(more["Conditions"]) if number == 0 else "")
            else:
                yield from look(child, limits if len(node["children"]) == 1 else "")

    for node in json.loads(rows[0][1]):
        yield from look(node, "")


def _joined(texts: str | list[str]) -> str:
    return texts if isinstance(texts, str) else ", ".join(texts)


CHECKS: dict[str, Check] = {
    "sqlite": sqlite_scans,
    "duckdb": duckdb_scans,
    "postgresql": postgresql_scans,
    "mysql": mysql_scans,
}
