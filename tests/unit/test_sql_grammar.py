"""Every statement, read by a second SQL parser in the grammar of its engine.

MySQL's and MariaDB's files are read twice, once as each of the two servers reads them: text in `/*! … */` is MySQL's
alone here (MariaDB skips the numbers 50700 to 99999), text in `/*M! … */` is MariaDB's.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

import trialstore.sql
from trialstore.sql.catalogue import load_catalogue
from trialstore.sql.migrations import load_migrations

SQL = Path(trialstore.sql.__file__).parent
_MYSQL_ONLY = re.compile(r"/\*!80000 (.*?) \*/")
_MARIADB_ONLY = re.compile(r"/\*M!100600 (.*?) \*/")
# Server → its folder, sqlglot's name of its grammar, and how it reads executable comments.
READERS = {
    "sqlite": ("sqlite", "sqlite", ()),
    "duckdb": ("duckdb", "duckdb", ()),
    "postgresql": ("postgresql", "postgres", ()),
    "mysql": ("mysql", "mysql", ((_MYSQL_ONLY, r"\1"), (_MARIADB_ONLY, ""))),
    "mariadb": ("mysql", "mysql", ((_MYSQL_ONLY, ""), (_MARIADB_ONLY, r"\1"))),
}
# Of these sqlglot reads the first words only; sqlfluff, the linter, knows them.
OPAQUE = re.compile(r"(BEGIN|START TRANSACTION|SET|PRAGMA|EXPLAIN|ALTER TABLE \w+\s+CONVERT TO CHARACTER SET)\b")


def as_read_by(server: str, sql: str) -> str:
    """The statement without what this server takes for a comment."""
    for pattern, kept in READERS[server][2]:
        sql = pattern.sub(kept, sql)
    return sql


def findings(server: str, sql: str) -> list[str]:
    """What is wrong with a statement: it does not parse, or is not understood."""
    text = as_read_by(server, sql)
    if OPAQUE.match(text):
        return []
    try:
        parsed = sqlglot.parse(text, read=READERS[server][1])
    except ParseError as error:
        return [str(error)]
    odd = [tree for tree in parsed if tree is None or isinstance(tree, exp.Command)]
    return ["more than one statement"] * (len(parsed) > 1) + [f"not understood: {text[:60]}"] * len(odd)


@pytest.mark.parametrize("server", READERS)
def test_every_statement_parses(server: str) -> None:
    folder = READERS[server][0]
    catalogue = load_catalogue(("queries", f"{folder}/queries"))
    found = {name: findings(server, statement.sql) for name, statement in catalogue.items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) > 50


@pytest.mark.parametrize("server", READERS)
def test_every_migration_parses(server: str) -> None:
    found = [
        (str(migration), wrong)
        for migration in load_migrations(f"{READERS[server][0]}/migrations")
        for sql in migration.statements
        for wrong in findings(server, sql)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("server", "sql"),
    [
        (
            "mysql",
            "INSERT INTO config (config_hash) VALUES (:h) ON CONFLICT (config_hash) DO NOTHING RETURNING config_id +",
        ),
        ("mysql", "SELECT FROM WHERE"),
        ("mysql", "CREATE TABLE a (x INT) COLLATE"),
        ("postgresql", "SELECT a FROM b; SELECT 1"),
        ("sqlite", "DELET FROM trial"),
    ],
)
def test_what_does_not_parse_is_found(server: str, sql: str) -> None:
    assert findings(server, sql)


def test_each_of_the_two_servers_reads_its_own_collation() -> None:
    sql = load_migrations("mysql/migrations")[0].statements[0]
    assert as_read_by("mysql", sql).rstrip().endswith("COLLATE utf8mb4_0900_bin")
    assert as_read_by("mariadb", sql).rstrip().endswith("COLLATE  utf8mb4_nopad_bin")


# What MySQL 8.0 and MariaDB 10.11 do not both have.
_NOT_COMMON = {
    "RETURNING": r"\bRETURNING\b",
    "INSERT … AS new": r"\)\s+AS\s+new\b",
    "IF [NOT] EXISTS in ALTER TABLE": r"ALTER TABLE.*(ADD|DROP|MODIFY) (COLUMN |INDEX |CONSTRAINT )?IF (NOT )?EXISTS",
    "FOR SHARE": r"\bFOR SHARE\b",
    "functional index": r"CREATE (UNIQUE )?INDEX[^;]*\(\s*\(",
    "sequences": r"\bCREATE SEQUENCE\b|\bnextval\b",
    "JSON operators": r"->>?",
    "LATERAL": r"\bLATERAL\b",
    "INTERSECT ALL": r"\b(INTERSECT|EXCEPT)\b",
    "UUID, INET and VECTOR types": r"\b(UUID|INET4|INET6|VECTOR)\b",
}


@pytest.mark.parametrize("feature", _NOT_COMMON)
def test_mysql_files_stay_in_the_common_part(feature: str) -> None:
    statements = [statement.sql for statement in load_catalogue(("queries", "mysql/queries")).values()]
    statements += [sql for migration in load_migrations("mysql/migrations") for sql in migration.statements]
    pattern = re.compile(_NOT_COMMON[feature], re.IGNORECASE | re.DOTALL)
    assert [sql for sql in statements if pattern.search(sql)] == []
