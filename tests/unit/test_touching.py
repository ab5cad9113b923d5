"""What a statement of a migration touches, as its text says."""

from __future__ import annotations

import pytest

from matrix import ENGINES
from trialstore.sql.lint import load_rules
from trialstore.sql.migrations import load_migrations
from trialstore.sql.reading import read_sql
from trialstore.sql.touching import algorithm, touches


def touched(statement: str, engine: str = "postgresql") -> list[str]:
    (read,) = read_sql(statement, load_rules(engine).syntax).statements
    return [
        " ".join(filter(None, [touch.does.value, touch.thing.value, touch.table, touch.name])).lower()
        + (" (lenient)" if touch.lenient else "")
        for touch in touches(read)
    ]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE TABLE a (x INT, FOREIGN KEY (x) REFERENCES b (y))",
         ["adds table a", "uses column b y", "uses table b"]),
        ("CREATE TABLE a (x INT, CONSTRAINT k FOREIGN KEY (x) REFERENCES b (y))",
         ["adds table a", "adds foreign key a k", "uses column b y", "uses table b"]),
        ("CREATE SEQUENCE s", ["adds sequence s"]),
        ("CREATE UNIQUE INDEX i ON a (x, y DESC)", ["uses column a x", "uses column a y", "adds key or index a i"]),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (x)",
         ["uses column a x (lenient)", "adds key or index a i (lenient)"]),
        ("CREATE VIEW v AS SELECT x FROM a", ["adds view v"]),
        ("CREATE SQL SECURITY INVOKER VIEW v AS SELECT x FROM a", ["adds view v"]),
        ("DROP VIEW v", ["drops view v"]),
        ("DROP VIEW IF EXISTS v", ["drops view v (lenient)"]),
        ("DROP INDEX i", ["drops key or index i"]),
        ("DROP INDEX i ON a", ["drops key or index a i"]),
        ("ALTER TABLE ONLY a ADD COLUMN x DECIMAL(3, 2), DROP y",
         ["changes table a", "adds column a x", "drops column a y"]),
        ('ALTER TABLE a ALTER COLUMN x TYPE TEXT COLLATE "C", ALTER y SET DEFAULT 1, ALTER z DROP NOT NULL',
         ["changes table a", "sets column a x", "uses column a y", "uses column a z"]),
        ("ALTER TABLE a MODIFY COLUMN x TEXT, CHANGE y z INT, CHANGE w w INT",
         ["changes table a", "changes column a x", "drops column a y", "adds column a z", "changes column a w"]),
        ("ALTER TABLE a CONVERT TO CHARACTER SET utf8mb4", ["changes table a", "changes text columns a"]),
        ("ALTER TABLE a DROP PRIMARY KEY, DROP FOREIGN KEY f, DROP KEY k, DROP CONSTRAINT c",
         ["changes table a", "drops primary key a", "drops foreign key a f", "drops key or index a k",
          "drops constraint a c"]),
        ("ALTER TABLE a ADD CONSTRAINT p PRIMARY KEY (x), ADD UNIQUE KEY u (y), ADD CONSTRAINT c CHECK (x > 0)",
         ["changes table a", "uses column a x", "adds primary key a p", "uses column a y", "adds key or index a u",
          "adds constraint a c"]),
        ("ALTER TABLE a ADD CONSTRAINT p PRIMARY KEY USING INDEX i", ["changes table a", "adds primary key a p"]),
        ("ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (x, y) REFERENCES b (z, w)",
         ["changes table a", "uses column a x", "uses column a y", "adds foreign key a f",
          "uses column b z", "uses column b w", "uses table b"]),
        ("ALTER TABLE a RENAME COLUMN x TO y, RENAME INDEX i TO j",
         ["changes table a", "drops column a x", "adds column a y", "drops key or index a i", "adds key or index a j"]),
        ("ANALYZE a", []),
    ],
)  # fmt: skip
def test_what_a_statement_touches(statement: str, expected: list[str]) -> None:
    assert touched(statement) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_every_statement_of_a_migration_is_understood(engine: str) -> None:
    for migration in load_migrations(f"{engine}/migrations"):
        for statement in migration.statements:
            found = touched(statement, engine)
            # An ALTER TABLE whose clauses no rule knows says only that it changes the table.
            assert len(found) > statement.startswith("ALTER"), statement


def test_what_has_to_be_done_at_once() -> None:
    syntax = load_rules("mysql").syntax
    for words, how in (("ALGORITHM = INSTANT", "instant"), ("ALGORITHM=INPLACE", "inplace"), ("LOCK = NONE", "")):
        (read,) = read_sql(f"ALTER TABLE a ADD x INT, {words}", syntax).statements
        assert algorithm(read) == how
