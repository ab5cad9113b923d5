"""What each rule of `trialstore schema lint` finds, and what it lets pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A rule of an engine; statements in each of which it finds something, and others in which it finds nothing."""

    engine: str
    rule: str
    found: tuple[str, ...]
    passed: tuple[str, ...]


def _of(*engines: str) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    return [(engine, rule, found, passed) for engine in engines for rule, found, passed in _SHARED]


_NEW = "CREATE TABLE t (a INT PRIMARY KEY); "
_SHARED: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("drop-schema", ("DROP DATABASE shop", "drop schema if exists shop"), ("DROP VIEW shop",)),
    ("drop-table", ("DROP TABLE t", "drop\n  table if exists t, u"), ("DROP VIEW t", f"{_NEW}DROP TABLE t")),
    (
        "drop-column",
        ("ALTER TABLE t DROP COLUMN a", "ALTER TABLE t ADD b INT, DROP COLUMN a"),
        ("ALTER TABLE t DROP CONSTRAINT a", "ALTER TABLE t ALTER a DROP DEFAULT", f"{_NEW}ALTER TABLE t DROP COLUMN a"),
    ),
    ("truncate", ("TRUNCATE t", "TRUNCATE TABLE t"), ("SELECT truncate(1.5, 0)",)),
    (
        "change-all-rows",
        (
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "UPDATE t SET a = (SELECT max(b) FROM u WHERE u.c = t.c)",
            "WITH x AS (SELECT 1) DELETE FROM t USING x",
        ),
        (
            "UPDATE t SET a = 1 WHERE b = 2",
            "DELETE FROM t WHERE a < 10",
            "SELECT 1 FROM t WHERE a = 1 FOR UPDATE",
            "SELECT 'UPDATE t SET a = 1'",
            "-- DELETE FROM t;\nSELECT 1",
            "/* DELETE FROM t; /* UPDATE t SET a = 1; */ */ SELECT 1",
        ),
    ),
    ("drop-cascade", ("DROP VIEW v CASCADE", "ALTER TABLE t DROP COLUMN a CASCADE"), ("DROP VIEW v RESTRICT",)),
    ("rename-table", ("ALTER TABLE t RENAME TO u",), ("ALTER TABLE t RENAME COLUMN a TO b",)),
    ("rename-column", ("ALTER TABLE t RENAME COLUMN a TO b",), ("ALTER TABLE t RENAME TO u",)),
    (
        "add-required-column",
        ("ALTER TABLE t ADD COLUMN a INT NOT NULL", "ALTER TABLE s.t ADD b INT, ADD a TIMESTAMP NOT NULL"),
        ("ALTER TABLE t ADD COLUMN a INT", f"{_NEW}ALTER TABLE t ADD COLUMN b INT NOT NULL"),
    ),
    (
        "no-primary-key",
        ("CREATE TABLE t (a INT)", 'CREATE TABLE IF NOT EXISTS s."t" (a INT UNIQUE)'),
        ("CREATE TABLE t (a INT, PRIMARY KEY (a))", "CREATE TEMPORARY TABLE t (a INT)"),
    ),
    ("drop-primary-key", ("ALTER TABLE t DROP PRIMARY KEY",), ("ALTER TABLE t ADD PRIMARY KEY (a)",)),
    ("drop-foreign-key", ("ALTER TABLE t DROP FOREIGN KEY t_ibfk_1",), ("ALTER TABLE t DROP CONSTRAINT t_check",)),
    (
        "lossy-cast",
        ("INSERT INTO t SELECT CAST(a AS SMALLINT) FROM u", "UPDATE t SET a = CAST(b AS VARCHAR(5)) WHERE c = 1"),
        ("INSERT INTO t SELECT CAST(a AS BIGINT) FROM u",),
    ),
    ("foreign-keys-off", ("SET foreign_key_checks = 0", "PRAGMA foreign_keys = OFF"), ("SET foreign_key_checks = 1",)),
    (
        "open-transaction",
        ("BEGIN; SELECT 1",),
        ("BEGIN; SELECT 1; COMMIT", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END"),
    ),
    ("unreadable", ("SELECT 'open", "SELECT 1; /* open"), ("SELECT 'it''s'",)),
    ("accept-unknown", ("-- accept: drop-tabel because\nDROP TABLE t",), ("SELECT 1",)),
    (
        "accept-unreasoned",
        ("-- accept: drop-table\nDROP TABLE t",),
        ("-- accept: drop-table it is empty\nDROP TABLE t",),
    ),
    ("accept-unused", ("-- accept: drop-table gone\nSELECT 1",), ("-- accept: drop-table gone\nDROP TABLE t",)),
]

_POSTGRESQL: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    (
        "index-not-concurrently",
        ("CREATE INDEX i ON t (a)", "create unique index i on only s.t (a)"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", f"{_NEW}CREATE INDEX i ON t (a)", f"{_NEW}create index i on T (a)"),
    ),
    ("drop-index-not-concurrently", ("DROP INDEX i",), ("DROP INDEX CONCURRENTLY i",)),
    (
        "concurrently-in-transaction",
        (
            "BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT",
            "-- transaction: on\nCREATE INDEX CONCURRENTLY i ON t (a)",
        ),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "BEGIN; COMMIT; DROP INDEX CONCURRENTLY i"),
    ),
    (
        "change-type",
        ("ALTER TABLE t ALTER COLUMN a TYPE BIGINT", "ALTER TABLE t ALTER a SET DATA TYPE TEXT"),
        ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",),
    ),
    ("lossy-type", ("ALTER TABLE t ALTER a TYPE INT USING a::int",), ("ALTER TABLE t ALTER a TYPE TEXT",)),
    ("set-not-null", ("ALTER TABLE t ALTER COLUMN a SET NOT NULL",), ("ALTER TABLE t ALTER a DROP NOT NULL",)),
    ("drop-not-null", ("ALTER TABLE t ALTER a DROP NOT NULL",), ("ALTER TABLE t ALTER a SET NOT NULL",)),
    (
        "constraint-not-valid",
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
            "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (b)",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (b) NOT VALID",
        ),
    ),
    (
        "column-constraint",
        ("ALTER TABLE t ADD a INT REFERENCES u (b)", "ALTER TABLE t ADD COLUMN a INT UNIQUE"),
        ("ALTER TABLE t ADD COLUMN a INT",),
    ),
    (
        "unique-without-index",
        ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "ALTER TABLE t ADD PRIMARY KEY (a)"),
        ("ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",),
    ),
    ("exclusion", ("ALTER TABLE t ADD CONSTRAINT c EXCLUDE USING gist (a WITH &&)",), ("SELECT 1",)),
    (
        "volatile-default",
        ("ALTER TABLE t ADD COLUMN a UUID DEFAULT gen_random_uuid()", "ALTER TABLE t ADD a FLOAT DEFAULT random()"),
        (
            "ALTER TABLE t ADD COLUMN a TIMESTAMPTZ DEFAULT now()",
            "ALTER TABLE t ADD COLUMN a INT DEFAULT 5",
            "ALTER TABLE t ADD COLUMN a TEXT DEFAULT 'random()'",
        ),
    ),
    (
        "numbered-column",
        ("ALTER TABLE t ADD a BIGSERIAL", "ALTER TABLE t ADD a INT GENERATED BY DEFAULT AS IDENTITY"),
        ("ALTER TABLE t ADD a BIGINT",),
    ),
    ("rewrite-table", ("ALTER TABLE t SET UNLOGGED", "ALTER TABLE t SET TABLESPACE x"), ("ALTER TABLE t SET (a = 1)",)),
    ("vacuum-full", ("VACUUM FULL t", "VACUUM (ANALYZE, FULL) t", "CLUSTER t USING i"), ("VACUUM ANALYZE t",)),
    ("reindex", ("REINDEX TABLE t",), ("REINDEX TABLE CONCURRENTLY t",)),
    ("refresh-view", ("REFRESH MATERIALIZED VIEW v",), ("REFRESH MATERIALIZED VIEW CONCURRENTLY v",)),
    ("lock-table", ("LOCK TABLE t IN SHARE MODE", "LOCK t"), ("SELECT 1 FROM lock",)),
    (
        "partition",
        ("ALTER TABLE t ATTACH PARTITION p DEFAULT", "ALTER TABLE t DETACH PARTITION p"),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY",),
    ),
    ("triggers-off", ("ALTER TABLE t DISABLE TRIGGER ALL",), ("ALTER TABLE t ENABLE TRIGGER ALL",)),
    ("domain-constraint", ("ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0)",), ("CREATE DOMAIN d AS INT",)),
    ("unseen-code", ("DO $$ BEGIN DROP TABLE t; END $$", "DO $x$ a; $$ b; $x$"), ("SELECT 1",)),
    (
        "drop-table",
        ("COPY t FROM stdin;\n1\tDROP TABLE u;\n\\.\nDROP TABLE t",),
        ("COPY t FROM stdin;\nDROP TABLE u;\n\\.\n",),
    ),
    ("drop-primary-key", ("ALTER TABLE t DROP CONSTRAINT t_pkey",), ("ALTER TABLE t DROP CONSTRAINT t_check",)),
    ("drop-foreign-key", ("ALTER TABLE t DROP CONSTRAINT t_a_fkey",), ("ALTER TABLE t DROP CONSTRAINT t_check",)),
    ("lossy-cast", ("INSERT INTO t SELECT a::int2 FROM u",), ("INSERT INTO t SELECT a::text FROM u",)),
]

_MYSQL: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    (
        "no-algorithm",
        ("ALTER TABLE t ADD a INT", "CREATE INDEX i ON t (a)", "/*!50001 ALTER TABLE t ADD a INT */"),
        ("ALTER TABLE t ADD a INT, ALGORITHM=INSTANT", "CREATE INDEX i ON t (a) ALGORITHM = INPLACE LOCK = NONE"),
    ),
    (
        "no-lock",
        ("ALTER TABLE t ADD INDEX (a), ALGORITHM=INPLACE",),
        ("ALTER TABLE t ADD a INT, ALGORITHM=INSTANT", "ALTER TABLE t ADD INDEX (a), ALGORITHM=INPLACE, LOCK=NONE"),
    ),
    ("stops-writers", ("ALTER TABLE t FORCE, ALGORITHM=COPY, LOCK=SHARED",), ("ALTER TABLE t ADD a INT, LOCK=NONE",)),
    ("change-type", ("ALTER TABLE t MODIFY a TEXT", "ALTER TABLE t CHANGE a a TEXT"), ("ALTER TABLE t ADD a INT",)),
    ("rename-column", ("ALTER TABLE t CHANGE `a` b INT",), ("ALTER TABLE t CHANGE `a` a BIGINT",)),
    ("rename-tables", ("RENAME TABLE t TO u",), ("ALTER TABLE t RENAME INDEX i TO j",)),
    (
        "copies-table",
        (
            "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
            "ALTER TABLE t ENGINE=InnoDB",
            "ALTER TABLE t ADD PRIMARY KEY (a)",
        ),
        ("ALTER TABLE t ADD a INT",),
    ),
    ("optimize", ("OPTIMIZE TABLE t",), ("ANALYZE TABLE t",)),
    ("numbered-column", ("ALTER TABLE t ADD a INT AUTO_INCREMENT",), ("ALTER TABLE t ADD a INT",)),
    (
        "volatile-default",
        ("ALTER TABLE t ADD a CHAR(36) DEFAULT (uuid())",),
        ("ALTER TABLE t ADD a DATETIME DEFAULT CURRENT_TIMESTAMP",),
    ),
    ("add-foreign-key", ("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (b)",), ("SELECT 1",)),
    ("add-unique", ("ALTER TABLE t ADD UNIQUE KEY k (a)",), ("ALTER TABLE t ADD KEY k (a)",)),
    ("unique-index", ("CREATE UNIQUE INDEX i ON t (a)",), ("CREATE INDEX i ON t (a)",)),
    (
        "text-index",
        ("CREATE FULLTEXT INDEX i ON t (a)", "ALTER TABLE t ADD FULLTEXT (a)"),
        ("CREATE INDEX i ON t (a)",),
    ),
    ("column-position", ("ALTER TABLE t ADD a INT AFTER b",), ("ALTER TABLE t ADD a INT",)),
    (
        "inline-reference",
        ("CREATE TABLE t (a INT PRIMARY KEY, b INT REFERENCES u (b))",),
        ("CREATE TABLE t (a INT PRIMARY KEY, FOREIGN KEY (a) REFERENCES u (b))",),
    ),
    ("lock-tables", ("LOCK TABLES t WRITE",), ("UNLOCK TABLES",)),
    ("not-strict", ("SET SESSION sql_mode = ''",), ("SET NAMES utf8mb4",)),
    (
        "old-utf8",
        ("CREATE TABLE t (a INT PRIMARY KEY) CHARSET=utf8",),
        ("CREATE TABLE t (a INT PRIMARY KEY) CHARSET=utf8mb4",),
    ),
    ("unseen-code", ("CALL p()",), ("SELECT 1",)),
    (
        "drop-table",
        (
            "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END //\nDELIMITER ;\nDROP TABLE t;",
            "# one\nDROP TABLE t",
        ),
        (r"SELECT 'a\'; DROP TABLE t; --'", "CREATE PROCEDURE p() BEGIN IF 1 THEN DROP TABLE t; END IF; END"),
    ),
]

_SQLITE: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("index-stops-writers", ("CREATE INDEX i ON t (a)",), (f"{_NEW}CREATE INDEX i ON t (a)",)),
    (
        "add-refused-column",
        ("ALTER TABLE t ADD a INT UNIQUE", "ALTER TABLE t ADD a DEFAULT CURRENT_TIMESTAMP"),
        ("ALTER TABLE t ADD a",),
    ),
    ("vacuum", ("VACUUM", "VACUUM INTO 'x'"), ("ANALYZE",)),
    ("writable-schema", ("PRAGMA writable_schema = 1",), ("PRAGMA user_version = 1",)),
    ("unsafe-file", ("PRAGMA journal_mode = OFF", "PRAGMA main.synchronous(0)"), ("PRAGMA journal_mode = WAL",)),
    ("drop-column", ("ALTER TABLE t DROP a",), (".mode box\nALTER TABLE t ADD a",)),
]

_DUCKDB: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("index", ("CREATE INDEX i ON t (a)",), ("CREATE VIEW i AS SELECT 1",)),
    ("change-type", ("ALTER TABLE t ALTER a TYPE BIGINT",), ("ALTER TABLE t ALTER a DROP DEFAULT",)),
    ("set-not-null", ("ALTER TABLE t ALTER a SET NOT NULL",), ("ALTER TABLE t ALTER a DROP NOT NULL",)),
    ("force-checkpoint", ("FORCE CHECKPOINT",), ("CHECKPOINT",)),
    ("add-required-column", ("ALTER TABLE t ADD a INT UNIQUE",), ("ALTER TABLE t ADD a INT DEFAULT 1",)),
]

EXAMPLES = [
    *(Example(*one) for one in _of("postgresql", "mysql", "sqlite", "duckdb")),
    *(Example("postgresql", *one) for one in _POSTGRESQL),
    *(Example("mysql", *one) for one in _MYSQL),
    *(Example("sqlite", *one) for one in _SQLITE),
    *(Example("duckdb", *one) for one in _DUCKDB),
]
