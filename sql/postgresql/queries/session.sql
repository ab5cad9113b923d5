-- What a connection runs beside the statements that all engines share.
-- own: Settings, the opening of transactions and locks without a table differ by engine.

-- name: begin_read
-- returns: none
-- params: -
-- why: One snapshot for all statements of a reading call.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: begin_write
-- returns: none
-- params: -
-- why: Writes wait for each other at rows, and each statement sees what was committed before it: a config that another
-- why: process has just stored is found.
BEGIN ISOLATION LEVEL READ COMMITTED;

-- name: session_settings
-- returns: one
-- params: -
-- why: Whatever the defaults of the server, the database or the role are: times come in UTC and in the form that the
-- why: driver reads; numbers come with all their digits; literals, NULLs and quoted names mean what the statements
-- why: assume; a commit is on disk when it returns; foreign keys are checked; an error ends the statement, not the
-- why: connection. A limit that an administrator has set (timeouts, default_transaction_read_only) stays. A pooler
-- why: carries TimeZone, DateStyle and standard_conforming_strings over to its server connections. If a pooler stands
-- why: between, the server's process id differs from the one that the driver knows.
SELECT
    pg_catalog.pg_backend_pid() AS server_pid,
    pg_catalog.set_config('TimeZone', 'UTC', FALSE) AS time_zone,
    pg_catalog.set_config('DateStyle', 'ISO, YMD', FALSE) AS date_style,
    pg_catalog.set_config('IntervalStyle', 'postgres', FALSE) AS interval_style,
    pg_catalog.set_config('standard_conforming_strings', 'on', FALSE) AS standard_strings,
    pg_catalog.set_config('extra_float_digits', '1', FALSE) AS float_digits,
    pg_catalog.set_config('bytea_output', 'hex', FALSE) AS bytes_as,
    pg_catalog.set_config('array_nulls', 'on', FALSE) AS array_nulls,
    pg_catalog.set_config('transform_null_equals', 'off', FALSE) AS null_equals,
    pg_catalog.set_config('quote_all_identifiers', 'off', FALSE) AS quoted_names,
    pg_catalog.set_config('plan_cache_mode', 'auto', FALSE) AS plan_cache,
    pg_catalog.set_config('client_min_messages', 'warning', FALSE) AS least_message,
    pg_catalog.set_config('exit_on_error', 'off', FALSE) AS ends,
    CASE
        WHEN pg_catalog.texteq(pg_catalog.current_setting('synchronous_commit'), 'off')
            THEN pg_catalog.set_config('synchronous_commit', 'on', FALSE)
    END AS commits,
    CASE
        WHEN pg_catalog.textne(pg_catalog.current_setting('session_replication_role'), 'origin')
            THEN pg_catalog.set_config('session_replication_role', 'origin', FALSE)
    END AS triggers;

-- name: session_candidates
-- returns: scalar
-- params: -
-- why: The schemas that search_path names, in its order, those included that are not there or that this user may not
-- why: use, and whether each holds tables of an experiment store: of names that no other application is likely to have.
-- why: Functions, types and operators are named with their schema, as in all that runs up to session_schema: others
-- why: may have some of the same name in a schema that search_path has first.
SELECT
    pg_catalog.json_agg(
        pg_catalog.json_build_object(
            'name', f.name,
            'exists', n.oid IS NOT NULL,
            'usable', coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), FALSE),
            'holds', EXISTS (
                SELECT 1
                FROM pg_catalog.pg_class AS t
                WHERE t.relnamespace OPERATOR (pg_catalog.=) n.oid
                    AND (pg_catalog.chareq(t.relkind, 'r') OR pg_catalog.chareq(t.relkind, 'p'))
                    AND pg_catalog.array_position(
                        CAST(
                            '{trialstore_schema,config_param,trial_param,trial_status,trial_result,trial_telemetry}'
                            AS PG_CATALOG.TEXT[]
                        ),
                        CAST(t.relname AS PG_CATALOG.TEXT)
                    ) IS NOT NULL
            )
        )
        ORDER BY f.position
    ) AS candidates
FROM (
    SELECT
        w.position,
        CASE
            WHEN pg_catalog.btrim(w.words[1], '"') OPERATOR (pg_catalog.=) '$user'
                THEN CAST(current_user AS PG_CATALOG.TEXT)
            WHEN pg_catalog.left(w.words[1], 1) OPERATOR (pg_catalog.=) '"'
                THEN pg_catalog.replace(
                    pg_catalog.substr(w.words[1], 2, pg_catalog.int4mi(pg_catalog.length(w.words[1]), 2)), '""', '"'
                )
            ELSE pg_catalog.lower(w.words[1])
        END AS name
    FROM pg_catalog.regexp_matches(
        pg_catalog.current_setting('search_path'), '("([^"]|"")*"|[^",\s]+)', 'g'
    ) WITH ORDINALITY AS w (words, position)
) AS f
LEFT JOIN pg_catalog.pg_namespace AS n
    ON n.nspname OPERATOR (pg_catalog.=) f.name;

-- name: session_schema
-- returns: one
-- params: schema text public, milliseconds text 30000
-- why: Every name means what is in this schema, whatever others have made elsewhere: neither other schemas nor
-- why: temporary tables, which come first unless they are named, take the place of ours. The first column is NULL where
-- why: there is no such schema. And no write waits for another one for ever.
SELECT
    (
        SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname OPERATOR (pg_catalog.=) CAST(:schema AS PG_CATALOG.TEXT)
    ) AS usable,
    pg_catalog.set_config(
        'search_path', pg_catalog.concat(pg_catalog.quote_ident(CAST(:schema AS PG_CATALOG.TEXT)), ', pg_temp'), FALSE
    ) AS names,
    pg_catalog.set_config('lock_timeout', :milliseconds, FALSE) AS lock_timeout;

-- name: session_schema_once
-- returns: one
-- params: schema text public
-- why: The schema of session_schema for this transaction only, or for the one statement that is sent with it: behind a
-- why: pooler, which shares its sessions, other clients would get it too.
SELECT
    (
        SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname OPERATOR (pg_catalog.=) CAST(:schema AS PG_CATALOG.TEXT)
    ) AS usable,
    pg_catalog.set_config(
        'search_path', pg_catalog.concat(pg_catalog.quote_ident(CAST(:schema AS PG_CATALOG.TEXT)), ', pg_temp'), TRUE
    ) AS names;

-- name: transaction_settings
-- returns: one
-- params: schema text public, milliseconds text 30000
-- why: As session_schema_once, and for writes: none waits for another one for ever; and those settings of
-- why: session_settings that writes depend on and a pooler does not carry over.
SELECT
    (
        SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname OPERATOR (pg_catalog.=) CAST(:schema AS PG_CATALOG.TEXT)
    ) AS usable,
    pg_catalog.set_config(
        'search_path', pg_catalog.concat(pg_catalog.quote_ident(CAST(:schema AS PG_CATALOG.TEXT)), ', pg_temp'), TRUE
    ) AS names,
    pg_catalog.set_config('lock_timeout', :milliseconds, TRUE) AS lock_timeout,
    pg_catalog.set_config('extra_float_digits', '1', TRUE) AS float_digits,
    pg_catalog.set_config('array_nulls', 'on', TRUE) AS array_nulls,
    pg_catalog.set_config('transform_null_equals', 'off', TRUE) AS null_equals,
    pg_catalog.set_config('exit_on_error', 'off', TRUE) AS ends,
    CASE
        WHEN pg_catalog.texteq(pg_catalog.current_setting('synchronous_commit'), 'off')
            THEN pg_catalog.set_config('synchronous_commit', 'on', TRUE)
    END AS commits,
    CASE
        WHEN pg_catalog.textne(pg_catalog.current_setting('session_replication_role'), 'origin')
            THEN pg_catalog.set_config('session_replication_role', 'origin', TRUE)
    END AS triggers;

-- name: schema_name
-- returns: scalar
-- params: schema text public
-- why: Says to schema_create, which can take no values, which schema is meant.
SELECT set_config('trialstore.schema', :schema, TRUE) AS name;

-- name: schema_create
-- returns: none
-- params: -
-- why: Makes the schema that is to hold the tables, when an administrator asks for that by --create-schema.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = current_setting('trialstore.schema')) THEN
        EXECUTE concat('CREATE SCHEMA ', quote_ident(current_setting('trialstore.schema')));
    END IF;
END
$$ LANGUAGE plpgsql;

-- name: migration_timeouts
-- returns: one
-- params: lock_ms text 30000, statement_ms text 900000
-- why: A migration waits for the tables that it changes, and everyone else waits behind it, so both waits have a limit.
-- why: For the migration's transaction only, since the connection goes back to the pool. 0 means no limit for
-- why: statements.
SELECT
    set_config('lock_timeout', :lock_ms, TRUE) AS lock_timeout,
    set_config('statement_timeout', :statement_ms, TRUE) AS statement_timeout;

-- name: migration_lock
-- returns: scalar
-- params: -
-- why: One migrator at a time in each schema, by the number that the server has for it; freed with the transaction,
-- why: and so with a killed process.
SELECT
    pg_advisory_xact_lock(
        1953655156,
        (
            SELECT CAST(CAST(CAST(n.oid AS BIGINT) AS BIT(32)) AS INTEGER)
            FROM pg_catalog.pg_namespace AS n
            WHERE n.nspname = current_schema()
        )
    ) AS locked;

-- name: migration_lock_of_session
-- returns: scalar
-- params: -
-- why: The same lock, kept beyond the transaction, while an index is built outside of one.
SELECT
    pg_advisory_lock(
        1953655156,
        (
            SELECT CAST(CAST(CAST(n.oid AS BIGINT) AS BIT(32)) AS INTEGER)
            FROM pg_catalog.pg_namespace AS n
            WHERE n.nspname = current_schema()
        )
    ) AS locked;

-- name: migration_unlock
-- returns: scalar
-- params: -
-- why: That lock belongs to the connection, which goes back to the pool.
SELECT
    pg_advisory_unlock(
        1953655156,
        (
            SELECT CAST(CAST(CAST(n.oid AS BIGINT) AS BIT(32)) AS INTEGER)
            FROM pg_catalog.pg_namespace AS n
            WHERE n.nspname = current_schema()
        )
    ) AS freed;

-- name: session_statement_timeout
-- returns: scalar
-- params: -
-- why: How long a statement may run, to be set again after an index was built.
SELECT current_setting('statement_timeout') AS statement_timeout;

-- name: session_timeouts
-- returns: one
-- params: lock_ms text 0, statement_ms text 900000
-- why: While an index is built outside of a transaction, and as before afterwards. 0 means no limit.
SELECT
    set_config('lock_timeout', :lock_ms, FALSE) AS lock_timeout,
    set_config('statement_timeout', :statement_ms, FALSE) AS statement_timeout;

-- name: migration_read_only
-- returns: scalar
-- params: -
-- why: Whether the server would refuse each change, and why; NULL where it would not. Asked before anything is tried.
SELECT
    CASE
        WHEN pg_is_in_recovery() THEN 'The server is a standby (in recovery), and so read-only'
        WHEN current_setting('default_transaction_read_only') = 'on'
            THEN 'Transactions of this user are read-only (default_transaction_read_only is on)'
    END AS why;

-- name: migration_tables
-- returns: one
-- params: tables text, mode text, wait text, referring text
-- why: Says to migration_tables_lock, which can take no values, which tables it is to lock (names between commas), how,
-- why: and for how long it may try; and whether also tables of others whose foreign keys refer to them.
SELECT
    set_config('trialstore.tables', :tables, TRUE) AS tables,
    set_config('trialstore.lock_mode', :mode, TRUE) AS lock_mode,
    set_config('trialstore.lock_wait', :wait, TRUE) AS lock_wait,
    set_config('trialstore.referring', :referring, TRUE) AS referring;

-- name: migration_tables_lock
-- returns: none
-- params: -
-- why: Locks all of these tables or none of them. Who holds one of them and wants another that is locked already is let
-- why: through within the time in which the server calls it a deadlock; then all of it is tried again. A foreign key
-- why: that refers to a column with a new type is made anew, for which the server locks the other table, too.
DO $$
DECLARE
    late TIMESTAMP WITH TIME ZONE = clock_timestamp() + CAST(current_setting('trialstore.lock_wait') AS INTERVAL);
    before TEXT = current_setting('lock_timeout');
    ours TEXT[] = string_to_array(current_setting('trialstore.tables'), ', ');
    wanted TEXT[] = ours || ARRAY(
        SELECT DISTINCT CAST(CAST(f.conrelid AS REGCLASS) AS TEXT)
        FROM pg_catalog.pg_constraint AS f
        WHERE f.contype = 'f'
            AND f.confrelid = ANY(CAST(ours AS REGCLASS[]))
            AND f.conrelid <> ALL(CAST(ours AS REGCLASS[]))
            AND current_setting('trialstore.referring') = 'on'
            AND has_table_privilege(f.conrelid, 'UPDATE')
    );
    patience TEXT = (
        SELECT
            CAST(
                greatest(
                    1,
                    least(0.8 * CAST(s.setting AS INTEGER), 1000 * extract(EPOCH FROM late - clock_timestamp()))
                    / cardinality(wanted)
                ) AS TEXT
            )
        FROM pg_catalog.pg_settings AS s
        WHERE s.name = 'deadlock_timeout'
    );
BEGIN
    LOOP
        BEGIN
            PERFORM set_config('lock_timeout', patience, TRUE);
            EXECUTE concat(
                'LOCK TABLE ', array_to_string(wanted, ', '), ' IN ', current_setting('trialstore.lock_mode'), ' MODE'
            );
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() > late THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.05 + 0.1 * random());
        END;
    END LOOP;
    PERFORM set_config('lock_timeout', before, TRUE);
END
$$ LANGUAGE plpgsql;

-- name: migration_clock
-- returns: scalar
-- params: -
-- why: The server's time, in UTC, for the history: the clocks of those who apply migrations may differ.
SELECT clock_timestamp() AS server_time;

-- name: migration_holders
-- returns: scalar
-- params: tables text
-- why: Who holds locks on these tables (names between commas), the longest transaction first: whom a migration waits
-- why: for. What a login may not see of others' sessions is NULL there, also the host, which is not NULL of sessions of
-- why: this host: those have the port -1.
SELECT string_agg(h.holder, ', and ' ORDER BY h.since NULLS LAST, h.pid) AS holders
FROM (
    SELECT
        a.pid,
        a.xact_start AS since,
        concat(
            'process ', a.pid, ' of user ', coalesce(a.usename, '?'),
            ' (', coalesce(a.application_name, '?'), ') from ',
            CASE
                WHEN a.client_port = -1 THEN 'this host'
                ELSE coalesce(CAST(a.client_addr AS TEXT), 'a host that this login may not see')
            END,
            ', in a transaction for ',
            coalesce(CAST(date_trunc('second', clock_timestamp() - a.xact_start) AS TEXT), '?'),
            ', on ', string_agg(DISTINCT CAST(c.relname AS TEXT), ', ')
        ) AS holder
    FROM pg_catalog.pg_locks AS l
    INNER JOIN pg_catalog.pg_class AS c
        ON c.oid = l.relation
    INNER JOIN pg_catalog.pg_stat_activity AS a
        ON a.pid = l.pid
    WHERE l.locktype = 'relation'
        AND l.granted
        AND c.relkind IN ('r', 'p')
        AND position(concat(',', c.relname, ',') IN :tables) > 0
        AND c.relnamespace = (
            SELECT n.oid
            FROM pg_catalog.pg_namespace AS n
            WHERE n.nspname = current_schema()
        )
        AND a.datname = current_database()
        AND l.pid <> pg_backend_pid()
    GROUP BY a.pid, a.usename, a.application_name, a.client_addr, a.client_port, a.xact_start
    ORDER BY a.xact_start NULLS LAST
    LIMIT 5
) AS h;

-- name: migration_lock_holder
-- returns: scalar
-- params: -
-- why: Who holds the lock: whom to ask, or what to end.
SELECT
    concat(
        'process ', l.pid, ' of user ', coalesce(a.usename, '?'), ' (', coalesce(a.application_name, '?'), ') from ',
        CASE
            WHEN a.client_port = -1 THEN 'this host'
            ELSE coalesce(CAST(a.client_addr AS TEXT), 'a host that this login may not see')
        END
    ) AS holder
FROM pg_catalog.pg_locks AS l
INNER JOIN pg_catalog.pg_database AS d
    ON d.oid = l.database
LEFT JOIN pg_catalog.pg_stat_activity AS a
    ON a.pid = l.pid
WHERE l.locktype = 'advisory'
    AND l.classid = 1953655156
    AND l.objid = (
        SELECT n.oid
        FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname = current_schema()
    )
    AND l.granted
    AND d.datname = current_database()
ORDER BY l.pid
LIMIT 1;
