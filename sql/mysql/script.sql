-- What a schema script needs beside migrations and bookkeeping; sql/scripts.py explains how this file is read.
-- value: started_at utc_timestamp(6)
-- value: finished_at utc_timestamp(6)

-- part: usage
--
-- Run it as the user who owns the schema (see 'trialstore schema grants'), with the client that came with the server:
--
--     mariadb --comments --host=HOST --user=OWNER --password DATABASE < FILE      (MariaDB)
--     mysql --comments --host=HOST --user=OWNER --password DATABASE < FILE        (MySQL)
--
-- The client stops at the first error; do not give it --force. DDL cannot be rolled back here: what is done is recorded
-- statement by statement, and 'trialstore schema apply' goes on where a script was stopped. It waits at most 30 seconds
-- for a lock, and on MariaDB no statement may take more than 15 minutes: change that below for very large tables. It
-- holds the lock by which migrators shut each other out until the end.
--
-- Two tables get no primary keys before 0007. Where a MySQL server demands one of every table, or makes one by
-- itself (sql_require_primary_key, sql_generate_invisible_primary_key), the script turns that off for its own session,
-- for which the user needs the right SESSION_VARIABLES_ADMIN. MariaDB's innodb_force_primary_key belongs to the whole
-- server: while it is on, the script stops before anything is changed. An administrator turns it off, and on again
-- afterwards.
--
-- Check it afterwards with 'trialstore schema status', or by
--
--     SELECT version, slug, state, statements_done FROM trialstore_schema ORDER BY version;
--

-- part: start
SET SESSION autocommit = 1;
-- run: session_settings time_zone='+00:00' lock_wait=30
-- run: migration_timeouts lock_wait=30 statement=900

-- A text that is not a number is refused in this column, and the error shows it: nothing else can stop a script.
CREATE TEMPORARY TABLE trialstore_guard (passed INTEGER NOT NULL PRIMARY KEY) ENGINE = InnoDB;
-- run: migration_lock seconds=30

INSERT INTO trialstore_guard (passed)
SELECT 'Nothing was changed: another connection holds the migration lock.'
FROM dual
WHERE coalesce(is_used_lock(concat('trialstore ', left(sha2(lower(database()), 256), 50))), 0) <> connection_id();

SET @trialstore_keyed = (
    SELECT count(*)
    FROM information_schema.table_constraints
    WHERE table_schema = database()
        AND table_name = 'trial_telemetry'
        AND constraint_type = 'PRIMARY KEY'
);

INSERT INTO trialstore_guard (passed)
SELECT 'Nothing was changed: innodb_force_primary_key is on, and two tables get their primary keys only at the end.'
FROM dual
WHERE @trialstore_keyed = 0
    AND 0 /*M!100600 + @@GLOBAL.innodb_force_primary_key */ > 0;

SET @trialstore_set = CASE
    WHEN
        @trialstore_keyed = 0
        AND 0 /*!80022 + @@SESSION.sql_require_primary_key */
        /*!80030 + @@SESSION.sql_generate_invisible_primary_key */ > 0
        THEN concat(
            'SET SESSION sql_require_primary_key = 0' /*!80030 , ', SESSION sql_generate_invisible_primary_key = 0' */
        )
    ELSE 'DO 0'
END;
PREPARE trialstore_set FROM @trialstore_set;
EXECUTE trialstore_set;

-- part: empty
INSERT INTO trialstore_guard (passed)
SELECT DISTINCT :message
FROM information_schema.tables
WHERE table_schema = database()
    AND instr(:tables, concat(',', lower(table_name), ',')) > 0;

-- part: begun
INSERT INTO trialstore_guard (passed)
SELECT :message
FROM dual
WHERE NOT EXISTS (
    SELECT 1
    FROM information_schema.tables AS t
    WHERE t.table_schema = database()
        AND t.table_name = 'trialstore_schema'
);

-- part: history
INSERT INTO trialstore_guard (passed)
SELECT :message
FROM (
    SELECT
        count(*) AS all_rows,
        count(
            CASE
                WHEN state IN ('done', 'adopted') AND instr(:known, concat(version, '=', slug, '=', checksum, ',')) > 0
                    THEN 1
            END
        ) AS known_rows
    FROM trialstore_schema
) AS h
WHERE h.all_rows <> :version
    OR h.known_rows <> :version;

-- part: end
-- run: migration_unlock
DROP TEMPORARY TABLE trialstore_guard;
