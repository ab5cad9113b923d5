-- What a schema script needs beside migrations and bookkeeping; sql/scripts.py explains how this file is read.
-- value: started_at CURRENT_TIMESTAMP
-- value: finished_at clock_timestamp()

-- part: usage
--
-- Run it as the role that owns the schema (see 'trialstore schema grants'), in the database that is to be changed:
--
--     psql --no-psqlrc --file=FILE 'host=HOST dbname=DATABASE user=OWNER'
--
-- It is one transaction: it happens as a whole or not at all, and psql ends with exit code 3 if it was stopped. It
-- waits at most 30 seconds for a lock, and no statement may take more than 15 minutes: change that below for very large
-- tables. Tables are made in the first schema of search_path. The line that begins with a backslash is psql's own.
--
-- Check it afterwards with 'trialstore schema status', or by
--
--     SELECT version, slug, state, statements_done FROM trialstore_schema ORDER BY version;
--

-- part: start
-- client: \set ON_ERROR_STOP on
-- run: begin_write
-- run: migration_timeouts lock_ms='30000' statement_ms='900000'
-- run: migration_lock

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
            count(*) <> :version
            OR count(*) FILTER (
                WHERE state IN ('done', 'adopted')
                    AND strpos(:known, concat(version, '=', slug, '=', checksum, ',')) > 0
            ) <> :version
        FROM trialstore_schema
    ) THEN
        RAISE EXCEPTION USING MESSAGE = :message;
    END IF;
END
$$;

-- part: end
COMMIT;
