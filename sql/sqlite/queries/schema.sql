-- name: schema_tables
-- returns: many
-- params: -
-- why: Which tables the database holds, to tell an empty one from the reference's and from another application's.
-- own: Every engine keeps its catalogue of tables elsewhere.
SELECT name AS table_name
FROM sqlite_master
WHERE type = 'table'
    AND substr(name, 1, 7) <> 'sqlite_'
ORDER BY name;

-- name: schema_columns
-- returns: many
-- params: -
-- why: All columns of all tables, in order.
-- own: Every engine keeps its catalogue of columns elsewhere.
SELECT
    t.name AS table_name, c.name AS column_name, c.type AS data_type,
    c."notnull" = 0 AS is_nullable, c.dflt_value AS column_default, NULL AS collation_name
FROM sqlite_master AS t
INNER JOIN pragma_table_info(t.name) AS c
WHERE t.type = 'table'
    AND substr(t.name, 1, 7) <> 'sqlite_'
ORDER BY t.name, c.cid;

-- name: schema_keys
-- returns: many
-- params: -
-- why: Columns of primary, unique and foreign keys and of indexes, in order; of a foreign key also what they refer to.
-- why: Its rule says what becomes of its rows when those are deleted.
-- why: Left out are indexes that do not hold for all rows.
-- own: Every engine keeps its catalogue of keys elsewhere.
SELECT
    t.name AS table_name, 'PRIMARY KEY' AS key_type, 'primary' AS key_name, c.pk AS position, c.name AS column_name,
    NULL AS referenced_table, NULL AS referenced_column, NULL AS key_rule
FROM sqlite_master AS t
INNER JOIN pragma_table_info(t.name) AS c
WHERE t.type = 'table'
    AND substr(t.name, 1, 7) <> 'sqlite_'
    AND c.pk > 0
UNION ALL
SELECT
    t.name AS table_name, CASE WHEN i."unique" = 1 THEN 'UNIQUE' ELSE 'INDEX' END, i.name AS key_name, c.seqno + 1,
    c.name AS column_name, NULL, NULL, NULL
FROM sqlite_master AS t
INNER JOIN pragma_index_list(t.name) AS i
INNER JOIN pragma_index_info(i.name) AS c
WHERE t.type = 'table'
    AND i.origin <> 'pk'
    AND i.partial = 0
UNION ALL
SELECT
    t.name, 'FOREIGN KEY', CAST(f.id AS TEXT), f.seq + 1, f."from", f."table", f."to",
    CASE WHEN f.on_delete NOT IN ('NO ACTION', 'RESTRICT') THEN 'on delete ' || f.on_delete END
FROM sqlite_master AS t
INNER JOIN pragma_foreign_key_list(t.name) AS f
WHERE t.type = 'table'
ORDER BY 1, 2, 3, 4;

-- name: schema_objects
-- returns: many
-- params: -
-- why: The definitions of all tables and indexes, from which schema.sql is generated.
-- own: Every engine keeps its definitions elsewhere.
SELECT sql AS definition
FROM sqlite_master
WHERE sql IS NOT NULL
    AND substr(name, 1, 7) <> 'sqlite_'
ORDER BY CASE type WHEN 'table' THEN 0 ELSE 1 END, name;

-- name: history_create
-- returns: none
-- params: -
-- why: The migrator's own table; it exists before the first migration does.
-- own: Types of the columns differ by engine.
CREATE TABLE IF NOT EXISTS trialstore_schema (
    version INTEGER NOT NULL,
    slug VARCHAR(100) NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    statements_done INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    duration_ms INTEGER,
    database_user VARCHAR(128),
    library_version VARCHAR(40) NOT NULL,
    PRIMARY KEY (version)
);

-- name: history_insert
-- returns: none
-- params: version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, library_version
-- why: SQLite has no database users, so that column stays NULL.
INSERT INTO trialstore_schema (
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, library_version
)
VALUES (
    :version, :slug, :checksum, :state, :statements_done, :started_at, :finished_at, :duration_ms, :library_version
);

-- name: explain
-- returns: many
-- params: -
-- why: How the engine would run a statement, which takes the place of SELECT 1 here; the statement itself is not run.
-- own: Every engine asks for a plan in its own words.
-- noqa: disable=PRS
EXPLAIN QUERY PLAN
SELECT 1;
