-- own: Who may stand in the way of a migration, and how the catalogue says so, differs by engine.

-- name: schema_hindrances
-- returns: many
-- params: -
-- why: What pending migrations would be refused for; sql/preflight.py says what the columns mean. Tables and views
-- why: share their names, sequences have their own; columns are only added, which nothing hinders.
SELECT 'table' AS hinders, t.table_name, NULL AS part, 'table' AS kind, t.table_name AS name, NULL AS owner
FROM duckdb_tables() AS t
WHERE t.database_name = current_database()
    AND t.schema_name = current_schema()
UNION ALL
SELECT 'table', v.view_name, NULL, 'view', v.view_name AS name, NULL
FROM duckdb_views() AS v
WHERE v.database_name = current_database()
    AND v.schema_name = current_schema()
UNION ALL
SELECT 'sequence', s.sequence_name, NULL, 'sequence', s.sequence_name AS name, NULL
FROM duckdb_sequences() AS s
WHERE s.database_name = current_database()
    AND s.schema_name = current_schema()
ORDER BY 1, 2;
