-- own: Who may stand in the way of a migration, and how the catalogue says so, differs by engine.

-- name: schema_hindrances
-- returns: many
-- params: -
-- why: What pending migrations would be refused for; sql/preflight.py says what the columns mean. Tables, views and
-- why: indexes share their names; columns are only added, which nothing hinders.
SELECT
    'name' AS hinders, m.name AS table_name, NULL AS part, m.type AS kind, m.name AS name, NULL AS owner
FROM sqlite_master AS m
WHERE m.type IN ('table', 'view', 'index')
ORDER BY m.name;
