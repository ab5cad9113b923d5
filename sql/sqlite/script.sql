-- What a schema script needs beside migrations and bookkeeping; sql/scripts.py explains how this file is read.
-- SQLite's clock is UTC, and times are kept as text with a fraction.
-- value: started_at CURRENT_TIMESTAMP || '.000000'
-- value: finished_at CURRENT_TIMESTAMP || '.000000'

-- part: usage
--
-- Run it as a user who may write to the database's file and its folder:
--
--     sqlite3 DATABASE.sqlite < FILE
--
-- It is one transaction: it happens as a whole or not at all, and sqlite3 ends with an exit code other than 0 if it was
-- stopped. It waits at most 30 seconds for another process that writes. The lines that begin with a dot are sqlite3's
-- own.
--
-- Check it afterwards with 'trialstore schema status', or by
--
--     SELECT version, slug, state, statements_done FROM trialstore_schema ORDER BY version;
--

-- part: start
-- client: .bail on
-- client: .timeout 30000
-- run: session_foreign_keys
-- run: begin_write

-- part: stop

-- part: empty
-- The error names the constraint that fails. (Otherwise only triggers can raise an error.)
CREATE TEMPORARY TABLE trialstore_guard_empty (passed INTEGER NOT NULL, CONSTRAINT :message CHECK (passed));

INSERT INTO trialstore_guard_empty (passed)
SELECT count(*) = 0
FROM sqlite_master
WHERE type = 'table'
    AND instr(:tables, ',' || name || ',') > 0;

-- part: begun
-- The error names the constraint that fails. (Otherwise only triggers can raise an error.)
CREATE TEMPORARY TABLE trialstore_guard_begun (passed INTEGER NOT NULL, CONSTRAINT :message CHECK (passed));

INSERT INTO trialstore_guard_begun (passed)
SELECT count(*) = 1
FROM sqlite_master
WHERE type = 'table'
    AND name = 'trialstore_schema';

-- part: history
CREATE TEMPORARY TABLE trialstore_guard (passed INTEGER NOT NULL, CONSTRAINT :message CHECK (passed));

INSERT INTO trialstore_guard (passed)
SELECT
    count(*) = :rows
    AND count(*) FILTER (
        WHERE state IN ('done', 'adopted')
            AND instr(:known, version || '=' || slug || '=' || checksum || '=done,') > 0
    ) = :rows
FROM trialstore_schema;

-- part: next

-- part: outside

-- part: inside

-- part: tables

-- part: end
COMMIT;
