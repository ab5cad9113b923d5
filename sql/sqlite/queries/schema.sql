-- own: System catalogues, column types and the statement that asks for a plan differ by engine.

-- name: schema_tables
-- returns: many
-- params: -
-- why: Which tables the database has: none, those of mlos_bench, or those of another application.
SELECT name AS table_name
FROM sqlite_master
WHERE type = 'table'
    AND substr(name, 1, 7) <> 'sqlite_'
ORDER BY name;

-- name: schema_columns
-- returns: many
-- params: -
-- why: All columns of all tables, in order; also which of them the engine itself fills.
SELECT
    t.name AS table_name, c.name AS column_name, c.type AS data_type,
    c."notnull" = 0 AS is_nullable, c.dflt_value AS column_default, NULL AS collation_name,
    CASE WHEN c.hidden > 1 THEN 'generated' END AS column_extra
FROM sqlite_master AS t
INNER JOIN pragma_table_xinfo(t.name) AS c
WHERE t.type = 'table'
    AND substr(t.name, 1, 7) <> 'sqlite_'
ORDER BY t.name, c.cid;

-- name: schema_keys
-- returns: many
-- params: -
-- why: Columns of primary, unique and foreign keys and of indexes, in order; of a foreign key also what they refer to.
-- why: Its rule says what becomes of its rows when those are deleted or changed.
-- why: Only indexes that a statement has named have a name that lasts.
SELECT
    t.name AS table_name, 'PRIMARY KEY' AS key_type, 'primary' AS key_name, NULL AS lasting_name, c.pk AS position,
    c.name AS column_name, NULL AS referenced_table, NULL AS referenced_column, NULL AS key_rule
FROM sqlite_master AS t
INNER JOIN pragma_table_info(t.name) AS c
WHERE t.type = 'table'
    AND substr(t.name, 1, 7) <> 'sqlite_'
    AND c.pk > 0
UNION ALL
SELECT
    t.name AS table_name, CASE WHEN i."unique" = 1 THEN 'UNIQUE' ELSE 'INDEX' END, i.name AS key_name,
    CASE WHEN i.origin = 'c' THEN i.name END, c.seqno + 1,
    coalesce(c.name, 'an expression') || CASE WHEN c.coll <> 'BINARY' THEN ' collate ' || c.coll ELSE '' END
    || CASE WHEN c."desc" = 1 THEN ' desc' ELSE '' END,
    NULL, NULL, CASE WHEN i.partial = 1 THEN 'where a condition holds' END
FROM sqlite_master AS t
INNER JOIN pragma_index_list(t.name) AS i
INNER JOIN pragma_index_xinfo(i.name) AS c
WHERE t.type = 'table'
    AND i.origin <> 'pk'
    AND c."key" = 1
UNION ALL
SELECT
    t.name, 'FOREIGN KEY', CAST(f.id AS TEXT), NULL, f.seq + 1, f."from", f."table", f."to",
    trim(
        CASE WHEN f.on_delete NOT IN ('NO ACTION', 'RESTRICT') THEN 'on delete ' || lower(f.on_delete) ELSE '' END
        || CASE WHEN f.on_update NOT IN ('NO ACTION', 'RESTRICT') THEN ' on update ' || lower(f.on_update) ELSE '' END
    )
FROM sqlite_master AS t
INNER JOIN pragma_foreign_key_list(t.name) AS f
WHERE t.type = 'table'
ORDER BY 1, 2, 3, 5;

-- name: schema_rules
-- returns: many
-- params: -
-- why: What no migration makes, and what decides which rows a table takes, or how their text compares: triggers, and
-- why: words in the definition of a table, which the engine keeps as it was written; and the definitions of views.
SELECT
    t.name AS table_name, 'trigger' AS kind, g.name AS name, NULL AS detail, NULL AS lasting_name
FROM sqlite_master AS t
INNER JOIN sqlite_master AS g
    ON g.tbl_name = t.name
    AND g.type = 'trigger'
WHERE t.type = 'table'
UNION ALL
SELECT t.name, 'check constraint', 'in its definition', NULL, NULL
FROM sqlite_master AS t
WHERE t.type = 'table'
    AND instr(replace(upper(t.sql), 'CHECKSUM', ''), 'CHECK') > 0
UNION ALL
SELECT t.name, 'collation', 'in its definition', NULL, NULL
FROM sqlite_master AS t
WHERE t.type = 'table'
    AND instr(upper(t.sql), 'COLLATE') > 0
UNION ALL
SELECT v.name, 'view as written', 'definition', v.sql, NULL
FROM sqlite_master AS v
WHERE v.type = 'view'
ORDER BY 1, 2, 3;

-- name: schema_objects
-- returns: many
-- params: -
-- why: The definitions of all tables and indexes, from which schema.sql is generated. SQLite itself keeps the text that
-- why: made a table, to which it adds later columns at the end of the last line.
SELECT d.definition
FROM (
    SELECT
        0 AS kind, p.table_name AS name,
        'CREATE TABLE ' || p.table_name || ' (' || char(10) || group_concat(p.line, ',' || char(10)) || char(10) || ')'
            AS definition
    FROM (
        SELECT
            t.name AS table_name, 0 AS kind, c.cid AS place,
            '    ' || c.name || ' ' || c.type || CASE WHEN c."notnull" = 1 THEN ' NOT NULL' ELSE '' END
            || coalesce(' DEFAULT ' || c.dflt_value, '') AS line
        FROM sqlite_master AS t
        INNER JOIN pragma_table_info(t.name) AS c
        WHERE t.type = 'table'
            AND substr(t.name, 1, 7) <> 'sqlite_'
        UNION ALL
        SELECT
            k.table_name, 1 AS kind, 0 AS place,
            '    PRIMARY KEY (' || group_concat(k.column_name, ', ') || ')' AS line
        FROM (
            SELECT t.name AS table_name, c.name AS column_name
            FROM sqlite_master AS t
            INNER JOIN pragma_table_info(t.name) AS c
            WHERE t.type = 'table'
                AND substr(t.name, 1, 7) <> 'sqlite_'
                AND c.pk > 0
            ORDER BY t.name, c.pk
        ) AS k
        GROUP BY k.table_name
        UNION ALL
        SELECT
            u.table_name, 2 AS kind, u.place, '    UNIQUE (' || group_concat(u.column_name, ', ') || ')' AS line
        FROM (
            SELECT t.name AS table_name, -i.seq AS place, c.name AS column_name
            FROM sqlite_master AS t
            INNER JOIN pragma_index_list(t.name) AS i
            INNER JOIN pragma_index_info(i.name) AS c
            WHERE t.type = 'table'
                AND i.origin = 'u'
            ORDER BY t.name, i.seq, c.seqno
        ) AS u
        GROUP BY u.table_name, u.place
        UNION ALL
        SELECT
            f.table_name, 3 AS kind, -f.id AS place,
            '    FOREIGN KEY (' || group_concat(f.own, ', ') || ') REFERENCES ' || f.referenced_table
            || ' (' || group_concat(f.referenced, ', ') || ')' AS line
        FROM (
            SELECT t.name AS table_name, r.id, r."from" AS own, r."to" AS referenced, r."table" AS referenced_table
            FROM sqlite_master AS t
            INNER JOIN pragma_foreign_key_list(t.name) AS r
            WHERE t.type = 'table'
            ORDER BY t.name, r.id, r.seq
        ) AS f
        GROUP BY f.table_name, f.id, f.referenced_table
        ORDER BY 1, 2, 3
    ) AS p
    GROUP BY p.table_name
    UNION ALL
    SELECT 1 AS kind, x.name, x.sql AS definition
    FROM sqlite_master AS x
    WHERE x.type = 'index'
        AND x.sql IS NOT NULL
) AS d
ORDER BY d.kind, d.name;

-- name: history_create
-- returns: none
-- params: -
-- why: The migrator's own table; it exists before the first migration does.
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
    serves_from INTEGER,
    PRIMARY KEY (version)
);

-- name: history_insert
-- returns: none
-- params: version int, slug text, checksum text, state text applied, statements_done int, started_at time,
-- params: finished_at time, duration_ms int, library_version text, serves_from int
-- why: SQLite has no database users, so that column stays NULL.
INSERT INTO trialstore_schema (
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, library_version,
    serves_from
)
VALUES (
    :version, :slug, :checksum, :state, :statements_done, :started_at, :finished_at, :duration_ms, :library_version,
    :serves_from
);

-- name: explain
-- returns: many
-- params: -
-- why: How the engine would run a statement, which takes the place of SELECT 1 here; the statement itself is not run.
-- noqa: disable=PRS
EXPLAIN QUERY PLAN
SELECT 1;
