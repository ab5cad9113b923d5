-- What a connection runs beside the statements that all engines share.

-- name: session_settings
-- returns: one
-- params: -
-- why: Which settings that the library relies on are otherwise here: others of this process who have the same database
-- why: open may have changed its defaults. Each is then set for this connection alone; those that are right need no
-- why: change, which a locked configuration would refuse.
-- own: A setting of this engine.
SELECT list(lower(name)) AS names
FROM duckdb_settings()
WHERE (name = 'default_order' AND lower(value) NOT IN ('asc', 'ascending'))
    OR (name = 'default_collation' AND value <> '')
    OR (name = 'preserve_identifier_case' AND lower(value) NOT IN ('true', 'preserve_case'))
    OR (name = 'Calendar' AND lower(value) <> 'gregorian');

-- name: session_default_order
-- returns: none
-- params: -
-- why: ORDER BY without a direction is ascending.
-- own: A setting of this engine.
SET SESSION default_order = 'asc';

-- name: session_default_collation
-- returns: none
-- params: -
-- why: Ids and names compare by byte.
-- own: A setting of this engine.
SET SESSION default_collation = '';

-- name: session_preserve_identifier_case
-- returns: none
-- params: -
-- why: Columns of results are called what the statements call them.
-- own: A setting of this engine.
SET SESSION preserve_identifier_case = TRUE;

-- name: session_calendar
-- returns: none
-- params: -
-- why: The clock is read in UTC by way of a calendar, and another one counts its years otherwise.
-- own: A setting of this engine.
SET SESSION calendar = 'gregorian';
