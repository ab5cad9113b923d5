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
from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql.catalogue import load_catalogue
from trialstore.sql.migrations import load_migrations
from unit.mysql_common_part import RESERVED_ANYWHERE, not_common

SQL = Path(trialstore.sql.__file__).parent
_MYSQL_ONLY = re.compile(r"/\*!80\d{3} (.*?) \*/")
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
OPAQUE = re.compile(r"(BEGIN|DO|START TRANSACTION|SET|PRAGMA|EXPLAIN|ALTER TABLE \w+\s+CONVERT TO CHARACTER SET)\b")


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


@pytest.mark.parametrize("server", BUILT_IN)
def test_every_statement_parses(server: str) -> None:
    catalogue = load_catalogue(engine_class(server).sql_folders)
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


def test_every_change_of_a_table_names_how_mysql_is_to_make_it() -> None:
    """The server then refuses what it would do in another way: copy a table, or shut writers out."""
    how = re.compile(r"ALGORITHM = (INSTANT|INPLACE, LOCK = NONE|COPY, LOCK = SHARED)$")
    found = [sql for migration in load_migrations("mysql/migrations") for sql in migration.statements]
    changes = [sql for sql in found if not re.match(r"CREATE (TABLE|SQL SECURITY INVOKER VIEW) ", sql)]
    assert [sql for sql in changes if not (sql.startswith("ALTER TABLE ") and how.search(sql))] == []
    assert len(changes) > 20


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


# What MySQL and MariaDB have in common.


def mysql_texts() -> list[str]:
    """All that either of them is ever sent: statements, migrations, and the texts of scripts."""
    texts = [statement.sql for statement in load_catalogue(("queries", "mysql/queries")).values()]
    texts += [sql for migration in load_migrations("mysql/migrations") for sql in migration.statements]
    for name in ("schema.sql", "script.sql", "grants.sql"):
        text = re.sub(r"--[^\n]*", "", (SQL / "mysql" / name).read_text(encoding="utf-8"))
        texts += [sql for sql in re.split(r";\s*\n", text) if sql.strip()]
    return texts


def reserved_words(server: str, sql: str) -> list[str]:
    """Names in a statement that one of the servers would not take for a name."""
    text = as_read_by(server, sql)
    if OPAQUE.match(text) or text.lstrip().startswith("GRANT"):
        return []
    trees = sqlglot.parse(text, read="mysql")
    names = [name for tree in trees if tree is not None for name in tree.find_all(exp.Identifier)]
    words = {name.name.upper() for name in names if not name.quoted} - {"DUAL"}  # which is a table, too
    return [f"{word} is reserved" for word in sorted(words & RESERVED_ANYWHERE)]


def outside_common_part(server: str, sql: str) -> list[str]:
    """What stands in a statement that not all versions of MySQL and MariaDB understand, now and in future."""
    return not_common(server, as_read_by(server, sql)) + reserved_words(server, sql)


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_mysql_files_stay_in_the_common_part(server: str) -> None:
    texts = mysql_texts()
    found = {sql: wrong for sql in texts if (wrong := outside_common_part(server, sql))}
    assert found == {}
    assert len(texts) > 150


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT get_lock(concat('trialstore ', md5(database())), :seconds) AS locked",
        "SELECT sha1(a) AS b FROM c",
        "SELECT SHA(a) AS b FROM c",
        "INSERT INTO a (b) VALUES (:b) ON DUPLICATE KEY UPDATE b = VALUES(b)",
        "INSERT INTO a (b) VALUES (:b) AS new ON DUPLICATE KEY UPDATE b = new.b",
        "INSERT INTO a (b) VALUES (:b) RETURNING b",
        "SELECT a AS rank FROM b",
        "SELECT a.x FROM (SELECT 1 AS x) AS library INNER JOIN a ON a.x = library.x",
        "SELECT a AS offset FROM b",
        "SELECT a AS `groups`, b AS manual FROM c",
        "CREATE TABLE a (system INTEGER)",
        "CREATE TABLE a (b INTEGER, vector TEXT)",
        "CREATE TABLE a (b INT(11))",
        "CREATE TABLE a (b VARCHAR(10)) DEFAULT CHARACTER SET utf8",
        "SELECT a FROM b WHERE BINARY a = :c",
        "SELECT a FROM b WHERE a = 1 || b = 2",
        "SELECT a->>'$.b' AS b FROM c",
        "SELECT a FROM b FOR SHARE",
        "SELECT a FROM b FOR UPDATE OF b",
        "SELECT SQL_CALC_FOUND_ROWS a FROM b",
        "SELECT user FROM information_schema.processlist",
        "SELECT nvl(a, b) AS c FROM d",
        "SELECT any_value(a) AS c FROM d",
        "SELECT nobody_knows_it(a) AS c FROM d",
        "ALTER TABLE a ADD COLUMN IF NOT EXISTS b INTEGER",
        "ALTER TABLE a ALTER INDEX b INVISIBLE",
        "CREATE INDEX a ON b ((lower(c)))",
        "DELETE FROM a AS b WHERE b.c = 1",
        "SHOW MASTER STATUS",
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES', SESSION binlog_format = 'ROW'",
    ],
)
def test_what_one_of_them_does_not_know_is_found(sql: str) -> None:
    assert outside_common_part("mysql", sql)


def test_words_in_literals_and_comments_are_no_statement() -> None:
    sql = "SELECT 'md5(x) || RETURNING' AS a -- and VALUES(x)\nFROM b /* FOR SHARE */"
    assert outside_common_part("mysql", sql) == []
