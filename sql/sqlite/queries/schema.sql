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
