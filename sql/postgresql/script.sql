-- noqa: disable=references.quoting
-- What a schema script needs beside migrations and bookkeeping; sql/scripts.py explains how this file is read.
-- value: started_at CURRENT_TIMESTAMP
-- value: finished_at clock_timestamp()

-- part: usage
--
-- Run it as the role that owns the schema (see 'trialstore schema grants'), in the database that is to be changed:
--
--     psql --no-psqlrc --file=FILE 'host=HOST dbname=DATABASE user=OWNER'
--
-- An empty database is filled in one transaction. In one that is in use each migration is a transaction of its own, as
-- for 'trialstore schema apply': it happens as a whole or not at all, and what was done before it stays; but an index
-- that is built beside writers may be left unfinished (INVALID), and is then made anew. psql ends with exit code 3 if
-- the script was stopped. Then go on with 'trialstore schema apply', or with a script --from the version
-- that the database is at.
--
-- It waits at most 30 seconds for a lock, each time so briefly that nobody queues behind it for long, and no statement
-- may take more than 15 minutes: change that below for very large tables. The line that begins with a backslash is
-- psql's own.
--
-- Check it afterwards with 'trialstore schema status', or by
--
--     SELECT version, slug, state, statements_done FROM trialstore_schema ORDER BY version;
--

-- part: before
-- client: \set ON_ERROR_STOP on
SET client_encoding TO 'UTF8';
SET client_min_messages TO warning;
SET standard_conforming_strings TO on;

-- part: create_schema
CREATE SCHEMA IF NOT EXISTS "trialstore_namespace";

-- part: schema
-- All names below mean what is in this schema.
SET search_path TO "trialstore_namespace", pg_temp;

DO $$
BEGIN
    IF coalesce(left(current_schema(), 7) = 'pg_temp', TRUE) THEN
        RAISE EXCEPTION USING MESSAGE = concat(
            'Nothing was changed: there is no such schema, or this user lacks the right USAGE on it; search_path is ',
            current_setting('search_path')
        );
    END IF;
END
$$;

-- part: found_schema
-- All names below mean what is in one schema: the one of search_path in which there are tables of an experiment store,
-- or if there are none yet, the first that this user may use.
DO $$
DECLARE
    path pg_catalog.text = pg_catalog.current_setting('search_path');
    candidates pg_catalog.json = (
-- text: session_candidates
    );
    holding pg_catalog.text[];
    chosen pg_catalog.text;
BEGIN
    -- From here on nothing of others can be meant.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', TRUE);
    holding = ARRAY(
        SELECT DISTINCT c ->> 'name'
        FROM json_array_elements(candidates) AS c
        WHERE CAST(c ->> 'holds' AS BOOLEAN)
            AND CAST(c ->> 'usable' AS BOOLEAN)
    );
    chosen = (
        SELECT c.value ->> 'name'
        FROM json_array_elements(candidates) WITH ORDINALITY AS c (value, position)
        WHERE CAST(c.value ->> 'exists' AS BOOLEAN)
            AND left(c.value ->> 'name', 3) <> 'pg_'
            AND c.value ->> 'name' <> 'information_schema'
        ORDER BY
            NOT (CAST(c.value ->> 'holds' AS BOOLEAN) AND CAST(c.value ->> 'usable' AS BOOLEAN)),
            NOT CAST(c.value ->> 'holds' AS BOOLEAN),
            NOT CAST(c.value ->> 'usable' AS BOOLEAN),
            c.position
        LIMIT 1
    );
    IF cardinality(holding) > 1 THEN
        RAISE EXCEPTION USING MESSAGE = concat(
            'Nothing was changed: several schemas hold tables of an experiment store (', array_to_string(holding, ', '),
            '). Make the script for one of them, by --schema.'
        );
    END IF;
    IF chosen IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = concat(
            'Nothing was changed: search_path names no schema that is there, but ', path
        );
    END IF;
    IF NOT has_schema_privilege(chosen, 'USAGE') THEN
        RAISE EXCEPTION USING MESSAGE = concat(
            'Nothing was changed: this user lacks the right USAGE on the schema ', chosen
        );
    END IF;
    PERFORM set_config('search_path', concat(quote_ident(chosen), ', pg_temp'), FALSE);
END
$$;

-- part: start
-- run: begin_write
-- run: migration_timeouts lock_ms='30000' statement_ms='900000'
-- run: migration_lock

-- part: stop

-- part: empty
DO $$
BEGIN
    IF EXISTS (
        SELECT 1
        FROM pg_catalog.pg_tables
        WHERE schemaname = current_schema()
            AND strpos(:tables, concat(',', tablename, ',')) > 0
    ) THEN
        RAISE EXCEPTION USING MESSAGE = :message;
    END IF;
END
$$;

-- part: begun
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1
        FROM pg_catalog.pg_tables
        WHERE schemaname = current_schema()
            AND tablename = 'trialstore_schema'
    ) THEN
        RAISE EXCEPTION USING MESSAGE = :message;
    END IF;
END
$$;

-- part: history
DO $$
BEGIN
    IF (
        SELECT
            count(*) <> :rows
            OR count(*) FILTER (
                WHERE strpos(
                    :known,
                    concat(
                        version, '=', slug, '=', checksum, '=',
                        CASE
                            WHEN state IN ('done', 'adopted') THEN 'done'
                            WHEN state IN ('running', 'failed') THEN CAST(statements_done AS TEXT)
                            ELSE '?'
                        END,
                        ','
                    )
                ) > 0
            ) <> :rows
        FROM trialstore_schema
    ) THEN
        RAISE EXCEPTION USING MESSAGE = :message;
    END IF;
END
$$;

-- part: next
COMMIT;
-- run: begin_write
-- run: migration_timeouts lock_ms='30000' statement_ms='900000'
-- run: migration_lock

-- part: outside
-- What follows runs outside of a transaction, and beside writers. The lock is kept meanwhile.
-- run: migration_lock_of_session
COMMIT;
-- run: session_timeouts lock_ms='0' statement_ms='900000'

-- part: inside
-- run: begin_write
-- run: migration_timeouts lock_ms='30000' statement_ms='900000'
-- run: migration_lock
-- run: migration_unlock

-- part: tables
-- All of the tables that this migration locks, or none of them: whoever holds one and wants another is let through.
-- That is tried for half a minute.
-- run: migration_tables wait='30 s'
-- run: migration_tables_lock

-- part: end
COMMIT;
