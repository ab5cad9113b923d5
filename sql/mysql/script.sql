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
-- statement by statement. After it was stopped the last row of trialstore_schema says which migration was begun (N + 1)
-- and how many of its statements are done (K - 1). 'trialstore schema apply' goes on there, and so does the script that
-- 'trialstore schema script --from N --statement K' makes. It waits at most 30 seconds for a lock, and on MariaDB no
-- statement may take more than 15 minutes: change that below for very large tables. It holds the lock by which
-- migrators shut each other out until the end.
--
-- Each ALTER also needs its table for itself for a moment, at its begin or its end (the metadata lock EXCLUSIVE): until
-- it has it, it waits for transactions that have used the table, and whoever comes later waits behind it.
--
-- Two tables get no primary keys before 0007, but unique keys over the same columns. Where a MySQL server demands
-- primary keys of every table, or makes them by itself (sql_require_primary_key, sql_generate_invisible_primary_key),
-- the script turns that off for its own session, for which the user needs the right SESSION_VARIABLES_ADMIN. MariaDB's
-- innodb_force_primary_key takes the unique keys.
--
-- Check it afterwards with 'trialstore schema status', or by
--
--     SELECT version, slug, state, statements_done FROM trialstore_schema ORDER BY version;
--

-- part: start
SET SESSION autocommit = 1;
-- run: session_settings time_zone='+00:00' lock_wait=30
-- run: migration_timeouts lock_wait=30 statement=900

SET @trialstore_set = CASE
    WHEN
        0 /*!80022 + @@SESSION.sql_require_primary_key */ /*!80030 + @@SESSION.sql_generate_invisible_primary_key */ > 0
        AND NOT EXISTS (
            SELECT 1
            FROM information_schema.table_constraints
            WHERE table_schema = database()
                AND table_name = 'trial_telemetry'
                AND constraint_type = 'PRIMARY KEY'
        )
        THEN concat(
            'SET SESSION sql_require_primary_key = 0' /*!80030 , ', SESSION sql_generate_invisible_primary_key = 0' */
        )
    ELSE 'DO 0'
END;
PREPARE trialstore_set FROM @trialstore_set;
EXECUTE trialstore_set;

-- On MySQL a text that is not a number is refused in this column, and the error shows it.
CREATE TEMPORARY TABLE trialstore_guard (passed INTEGER NOT NULL PRIMARY KEY) ENGINE = InnoDB;
-- run: migration_lock seconds=30

SET @trialstore_why = CASE
    WHEN coalesce(is_used_lock(concat('trialstore ', left(sha2(lower(database()), 256), 50))), 0) <> connection_id()
        THEN 'Nothing was changed: another connection holds the migration lock.'
    WHEN CAST(@@GLOBAL.read_only AS CHAR) NOT IN ('0', 'OFF')
        THEN 'Nothing was changed: the server is read-only, as replicas are.'
    WHEN
        EXISTS (
            SELECT 1
            FROM /*!80022 performance_schema. */ /*M!100600 information_schema. */ session_variables
            WHERE variable_name = 'innodb_instant_alter_column_allowed'
                AND variable_value = 'never'
        )
        THEN 'Nothing was changed: innodb_instant_alter_column_allowed is never.'
    WHEN @@GLOBAL.innodb_page_size < 16384
        THEN 'Nothing was changed: the keys need pages of 16 KB or more (innodb_page_size).'
END;

-- part: stop
SET @trialstore_stop = CASE
    WHEN @trialstore_why IS NOT NULL AND 0 /*M!100600 + 1 */ > 0
        THEN concat('SIGNAL SQLSTATE ''45000'' SET MESSAGE_TEXT = ''', @trialstore_why, '''')
    ELSE 'DO 0'
END;
PREPARE trialstore_stop FROM @trialstore_stop;
EXECUTE trialstore_stop;

INSERT INTO trialstore_guard (passed)
SELECT @trialstore_why
FROM dual
WHERE @trialstore_why IS NOT NULL;

-- part: empty
SET @trialstore_why = (
    SELECT max(:message)
    FROM information_schema.tables
    WHERE table_schema = database()
        AND instr(:tables, concat(',', lower(table_name), ',')) > 0
);

-- part: begun
SET @trialstore_why = (
    SELECT :message
    FROM dual
    WHERE NOT EXISTS (
        SELECT 1
        FROM information_schema.tables AS t
        WHERE t.table_schema = database()
            AND t.table_name = 'trialstore_schema'
    )
);

-- part: history
SET @trialstore_why = (
    SELECT :message
    FROM (
        SELECT
            count(*) AS all_rows,
            count(
                CASE
                    WHEN
                        instr(
                            :known,
                            concat(
                                version, '=', slug, '=', checksum, '=',
                                CASE
                                    WHEN state IN ('done', 'adopted') THEN 'done'
                                    WHEN state IN ('running', 'failed') THEN statements_done
                                END,
                                ','
                            )
                        ) > 0
                        THEN 1
                END
            ) AS known_rows
        FROM trialstore_schema
    ) AS h
    WHERE h.all_rows <> :rows
        OR h.known_rows <> :rows
);

-- part: next

-- part: outside

-- part: inside

-- part: tables

-- part: end
-- run: migration_unlock
DROP TEMPORARY TABLE trialstore_guard;
