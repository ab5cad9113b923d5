-- own: Who may stand in the way of a migration, and how the catalogue says so, differs by engine.

-- name: schema_hindrances
-- returns: many
-- params: -
-- why: What pending migrations would be refused for; sql/preflight.py says what the columns mean. A column that a
-- why: foreign key compares cannot get another type, on either side of it, in whatever database the other side is. At
-- why: once means ALGORITHM = INSTANT, for which tables with a full-text index or compressed rows are too special.
SELECT
    'table' AS hinders, t.table_name AS table_name, NULL AS part, lower(t.table_type) AS kind, t.table_name AS name,
    NULL AS owner
FROM information_schema.tables AS t
WHERE t.table_schema = database()
UNION ALL
SELECT
    'change', k.referenced_table_name, k.referenced_column_name, 'foreign key', k.constraint_name,
    CASE
        WHEN k.table_schema = database() THEN k.table_name
        ELSE concat(k.table_schema, '.', k.table_name)
    END
FROM information_schema.key_column_usage AS k
WHERE k.referenced_table_schema = database()
UNION ALL
SELECT 'change', k.table_name, k.column_name, 'foreign key', k.constraint_name, k.table_name AS owner
FROM information_schema.key_column_usage AS k
WHERE k.table_schema = database()
    AND k.referenced_table_name IS NOT NULL
UNION ALL
SELECT 'instant', s.table_name, NULL, 'a full-text index', s.index_name, NULL
FROM information_schema.statistics AS s
WHERE s.table_schema = database()
    AND s.index_type = 'FULLTEXT'
UNION ALL
SELECT 'instant', t.table_name, NULL, 'compressed rows', '', NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.row_format = 'Compressed'
UNION ALL
SELECT 'alter', t.table_name, NULL, 'system versioning', '', NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.table_type = 'SYSTEM VERSIONED'
ORDER BY 1, 2, 3, 5;
