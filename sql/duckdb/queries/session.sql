-- What a connection runs beside the statements that all engines share.
-- own: Settings, the opening of transactions and locks without a table differ by engine.

-- name: session_settings
-- returns: one
-- params: -
-- why: Which of the settings that the library relies on have other values: the application may have changed the
-- why: defaults of a database that it has open itself. Those are then set for this connection alone. The others are
-- why: left alone, because a locked configuration refuses every change.
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
SET SESSION default_order = 'asc';

-- name: session_default_collation
-- returns: none
-- params: -
-- why: Ids and names compare by byte.
SET SESSION default_collation = '';

-- name: session_preserve_identifier_case
-- returns: none
-- params: -
-- why: Columns of results have the names, in the case, that the statements give them.
SET SESSION preserve_identifier_case = TRUE;

-- name: session_calendar
-- returns: none
-- params: -
-- why: The clock is converted to UTC through the calendar, and other calendars count other years.
SET SESSION calendar = 'gregorian';
