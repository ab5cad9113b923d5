-- What a connection runs beside the statements that all engines share.

-- name: begin_read
-- returns: none
-- params: -
-- why: One snapshot for all statements of a reading call.
-- own: How a transaction is opened differs by engine.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: begin_write
-- returns: none
-- params: -
-- why: Writes wait for each other at rows, and each statement sees what was committed before it: a config that another
-- why: process has just stored is found.
-- own: How a transaction is opened differs by engine.
BEGIN ISOLATION LEVEL READ COMMITTED;

-- name: session_settings
-- returns: one
-- params: -
-- why: Whatever the server's, the database's or the role's defaults: times are told in UTC, and in the form that the
-- why: driver reads; numbers are told with all their digits; literals, NULLs and names in descriptions are what the
-- why: statements take them for; a commit is on disk when it returns; foreign keys are checked; an error ends the
-- why: statement, not the connection. What an administrator sets as a limit (timeouts, default_transaction_read_only)
-- why: stays. A pooler carries TimeZone, DateStyle and standard_conforming_strings over to its server connections.
-- why: The process id that the server tells for itself is another one than the driver's if there is a pooler between.
-- own: A setting of this engine.
SELECT
    pg_backend_pid() AS server_pid,
    set_config('TimeZone', 'UTC', FALSE) AS time_zone,
    set_config('DateStyle', 'ISO, YMD', FALSE) AS date_style,
    set_config('IntervalStyle', 'postgres', FALSE) AS interval_style,
    set_config('standard_conforming_strings', 'on', FALSE) AS standard_strings,
    set_config('extra_float_digits', '1', FALSE) AS float_digits,
    set_config('bytea_output', 'hex', FALSE) AS bytes_as,
    set_config('array_nulls', 'on', FALSE) AS array_nulls,
    set_config('transform_null_equals', 'off', FALSE) AS null_equals,
    set_config('quote_all_identifiers', 'off', FALSE) AS quoted_names,
    set_config('plan_cache_mode', 'auto', FALSE) AS plan_cache,
    set_config('client_min_messages', 'warning', FALSE) AS least_message,
    set_config('exit_on_error', 'off', FALSE) AS ends,
    CASE
        WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', FALSE)
    END AS commits,
    CASE
        WHEN current_setting('session_replication_role') <> 'origin'
            THEN set_config('session_replication_role', 'origin', FALSE)
    END AS triggers;

-- name: session_lock_timeout
-- returns: one
-- params: milliseconds
-- why: No write waits for another one for ever.
-- own: A setting of this engine.
SELECT set_config('lock_timeout', :milliseconds, FALSE) AS lock_timeout;

-- name: transaction_settings
-- returns: one
-- params: milliseconds
-- why: As session_lock_timeout, and as those of session_settings that writes hang on and a pooler does not carry over,
-- why: for this transaction only: behind a pooler, which has many sessions, they belong to others as well.
-- own: A setting of this engine.
SELECT
    set_config('lock_timeout', :milliseconds, TRUE) AS lock_timeout,
    set_config('extra_float_digits', '1', TRUE) AS float_digits,
    set_config('array_nulls', 'on', TRUE) AS array_nulls,
    set_config('transform_null_equals', 'off', TRUE) AS null_equals,
    CASE
        WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', TRUE)
    END AS commits,
    CASE
        WHEN current_setting('session_replication_role') <> 'origin'
            THEN set_config('session_replication_role', 'origin', TRUE)
    END AS triggers;

-- name: migration_timeouts
-- returns: one
-- params: lock_ms, statement_ms
-- why: A migration waits for the tables that it changes, and everyone else waits behind it: neither without a limit.
-- why: For its transaction only, since the connection goes back to the pool. No statement limit is 0.
-- own: A setting of this engine.
SELECT
    set_config('lock_timeout', :lock_ms, TRUE) AS lock_timeout,
    set_config('statement_timeout', :statement_ms, TRUE) AS statement_timeout;

-- name: migration_lock
-- returns: scalar
-- params: -
-- why: One migrator at a time, in each database; freed with the transaction, and so with a killed process.
-- own: Every engine has its own kind of lock that needs no table.
SELECT pg_advisory_xact_lock(1953655156, 1) AS locked;

-- name: migration_lock_holder
-- returns: scalar
-- params: -
-- why: Whom to ask, or to end, when the lock is not free.
-- own: Every engine has its own kind of lock that needs no table.
SELECT
    concat(
        'process ', l.pid, ' of user ', coalesce(a.usename, '?'), ' (', coalesce(a.application_name, '?'), ') from ',
        coalesce(CAST(a.client_addr AS TEXT), 'this host')
    ) AS holder
FROM pg_catalog.pg_locks AS l
INNER JOIN pg_catalog.pg_database AS d
    ON d.oid = l.database
LEFT JOIN pg_catalog.pg_stat_activity AS a
    ON a.pid = l.pid
WHERE l.locktype = 'advisory'
    AND l.classid = 1953655156
    AND l.objid = 1
    AND l.granted
    AND d.datname = current_database()
ORDER BY l.pid
LIMIT 1;
