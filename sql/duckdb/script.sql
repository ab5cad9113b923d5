-- What a schema script needs beside migrations and bookkeeping; sql/scripts.py explains how this file is read.
-- Times are in UTC without a zone. The usual cast to one would need an extension.
-- value: started_at make_timestamp(epoch_us(now()))
-- value: finished_at make_timestamp(epoch_us(now()))

-- part: usage
--
-- Run it while no other process has the database's file open:
--
--     duckdb -bail DATABASE.duckdb < FILE
--
-- It is one transaction: it happens as a whole or not at all. It holds SQL only, so that a program can run it as well.
--
-- Check it afterwards with 'trialstore schema status', or by
--
--     SELECT version, slug, state, statements_done FROM trialstore_schema ORDER BY version;
--

-- part: start
BEGIN TRANSACTION;

-- part: stop

-- part: empty
SELECT CASE WHEN count(*) > 0 THEN error(:message) END AS stopped
FROM duckdb_tables()
WHERE database_name = current_database()
    AND schema_name = current_schema()
    AND instr(:tables, concat(',', table_name, ',')) > 0;

-- part: begun
SELECT CASE WHEN count(*) = 0 THEN error(:message) END AS stopped
FROM duckdb_tables()
WHERE database_name = current_database()
    AND schema_name = current_schema()
    AND table_name = 'trialstore_schema';

-- part: history
SELECT
    CASE
        WHEN
            count(*) <> :rows
            OR count(*) FILTER (
                WHERE state IN ('done', 'adopted')
                    AND instr(:known, concat(version, '=', slug, '=', checksum, '=done,')) > 0
            ) <> :rows
            THEN error(:message)
    END AS stopped
FROM trialstore_schema;

-- part: next

-- part: outside

-- part: inside

-- part: tables

-- part: end
COMMIT;
