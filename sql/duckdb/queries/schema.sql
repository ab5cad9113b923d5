-- own: System catalogues, column types and the statement that asks for a plan differ by engine.

-- name: schema_tables
-- returns: many
-- params: -
-- why: Which tables the database has: none, those of mlos_bench, or those of another application.
SELECT table_name
FROM duckdb_tables()
WHERE database_name = current_database()
    AND schema_name = current_schema()
ORDER BY table_name;

-- name: schema_columns
-- returns: many
-- params: -
-- why: All columns of all tables, in order.
SELECT
    c.table_name, c.column_name, c.data_type, c.is_nullable, c.column_default, NULL AS collation_name,
    NULL AS column_extra
FROM duckdb_columns() AS c
INNER JOIN duckdb_tables() AS t
    ON t.table_oid = c.table_oid
    AND t.database_oid = c.database_oid
WHERE c.database_name = current_database()
    AND c.schema_name = current_schema()
ORDER BY c.table_name, c.column_index;

-- name: schema_keys
-- returns: many
-- params: -
-- why: Columns of primary, unique and foreign keys and of indexes, in order; of a foreign key also what they refer to.
-- why: DuckDB knows no other rule of a foreign key than to refuse.
SELECT
    k.table_name, k.key_type, k.key_name, k.lasting_name, unnest(range(1, len(k.column_names) + 1)) AS position,
    unnest(k.column_names) AS column_name, k.referenced_table, unnest(k.referenced_columns) AS referenced_column,
    NULL AS key_rule
FROM (
    SELECT
        c.table_name, c.constraint_type AS key_type, c.constraint_name AS key_name,
        NULL AS lasting_name,
        c.constraint_column_names AS column_names, c.referenced_table,
        CASE WHEN c.constraint_type = 'FOREIGN KEY' THEN c.referenced_column_names END AS referenced_columns
    FROM duckdb_constraints() AS c
    WHERE c.database_name = current_database()
        AND c.schema_name = current_schema()
        AND c.constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY')
    UNION ALL
    SELECT
        i.table_name, CASE WHEN i.is_unique THEN 'UNIQUE' ELSE 'INDEX' END AS key_type, i.index_name AS key_name,
        i.index_name AS lasting_name,
        string_split(trim(i.expressions, '[]'), ', ') AS column_names, NULL AS referenced_table,
        NULL AS referenced_columns
    FROM duckdb_indexes() AS i
    WHERE i.database_name = current_database()
        AND i.schema_name = current_schema()
) AS k
ORDER BY 1, 2, 3, 5;

-- name: schema_rules
-- returns: many
-- params: -
-- why: What no migration makes, and what decides which rows a table takes: checks; and the columns and definitions of
-- why: views.
SELECT
    c.table_name, 'check constraint' AS kind, array_to_string(c.constraint_column_names, ', ') AS name,
    c.constraint_text AS detail, NULL AS lasting_name
FROM duckdb_constraints() AS c
WHERE c.database_name = current_database()
    AND c.schema_name = current_schema()
    AND c.constraint_type = 'CHECK'
UNION ALL
SELECT v.view_name, 'view', 'definition', v.sql, NULL
FROM duckdb_views() AS v
WHERE v.database_name = current_database()
    AND v.schema_name = current_schema()
UNION ALL
SELECT v.view_name, 'view column', c.column_name, concat(c.column_index, ', ', lower(c.data_type)), NULL
FROM duckdb_columns() AS c
INNER JOIN duckdb_views() AS v
    ON v.view_oid = c.table_oid
    AND v.database_oid = c.database_oid
WHERE c.database_name = current_database()
    AND c.schema_name = current_schema()
ORDER BY 1, 2, 3;

-- name: schema_objects
-- returns: many
-- params: -
-- why: The definitions of all tables and indexes, from which schema.sql is generated. DuckDB's own text of a table
-- why: lacks line breaks, and NOT NULL where a key implies it.
SELECT d.definition
FROM (
    SELECT 0 AS kind, s.sequence_name AS name, concat('CREATE SEQUENCE ', s.sequence_name) AS definition
    FROM duckdb_sequences() AS s
    WHERE s.database_name = current_database()
        AND s.schema_name = current_schema()
    UNION ALL
    SELECT
        1 AS kind, p.table_name AS name,
        concat(
            'CREATE TABLE ', p.table_name, ' (',
            string_agg(concat(chr(10), '    ', p.line), ',' ORDER BY p.kind, p.place, p.line), chr(10), ')'
        ) AS definition
    FROM (
        SELECT
            c.table_name, 0 AS kind, c.column_index AS place,
            concat(
                c.column_name, ' ', c.data_type, CASE WHEN NOT c.is_nullable THEN ' NOT NULL' END,
                CASE WHEN c.column_default IS NOT NULL THEN concat(' DEFAULT ', c.column_default) END
            ) AS line
        FROM duckdb_columns() AS c
        INNER JOIN duckdb_tables() AS t
            ON t.table_oid = c.table_oid
            AND t.database_oid = c.database_oid
        WHERE c.database_name = current_database()
            AND c.schema_name = current_schema()
        UNION ALL
        SELECT
            k.table_name, 1 AS kind,
            list_position(['PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY'], k.constraint_type) AS place,
            concat(
                k.constraint_type, ' (', array_to_string(k.constraint_column_names, ', '), ')',
                CASE
                    WHEN k.constraint_type = 'FOREIGN KEY'
                        THEN concat(
                            ' REFERENCES ', k.referenced_table,
                            ' (', array_to_string(k.referenced_column_names, ', '), ')'
                        )
                END
            ) AS line
        FROM duckdb_constraints() AS k
        WHERE k.database_name = current_database()
            AND k.schema_name = current_schema()
            AND k.constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY')
    ) AS p
    GROUP BY p.table_name
    UNION ALL
    SELECT 2 AS kind, i.index_name AS name, rtrim(i.sql, chr(59)) AS definition
    FROM duckdb_indexes() AS i
    WHERE i.database_name = current_database()
        AND i.schema_name = current_schema()
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
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    duration_ms INTEGER,
    database_user VARCHAR(128),
    library_version VARCHAR(40) NOT NULL,
    serves_from INTEGER,
    PRIMARY KEY (version)
);

-- name: explain
-- returns: many
-- params: -
-- why: How the engine would run a statement, which takes the place of SELECT 1 here; the statement itself is not run.
EXPLAIN
SELECT 1;
