-- What a connection runs beside the statements that all engines share.
-- own: Settings, the opening of transactions and locks without a table differ by engine.

-- name: server_version
-- returns: scalar
-- params: -
-- why: What the server itself says, where a proxy has greeted in its place. ProxySQL answers a plain SELECT version()
-- why: by itself, so this one is not plain.
SELECT concat(version(), '') AS version;

-- name: session_settings
-- returns: none
-- params: time_zone text, lock_wait int 30
-- why: Whatever the server's defaults are: values that do not fit are refused, not cut; its clock is read in UTC; no
-- why: write waits for another one without a limit; no result is cut off, and no statement is refused or changed by a
-- why: safety setting; keys are checked; neither COMMIT nor a SELECT begins a transaction; and error messages come in
-- why: English. Rows with the longest values can be sorted. The catalogue shows primary keys that the server has made
-- why: (my_row_id). A limit on time that an administrator has set stays.
SET
    SESSION sql_mode
    = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
    SESSION time_zone = :time_zone,
    SESSION innodb_lock_wait_timeout = :lock_wait,
    SESSION lock_wait_timeout = :lock_wait,
    SESSION sql_select_limit = 18446744073709551615,
    SESSION max_join_size = 18446744073709551615,
    SESSION sql_big_selects = 1,
    SESSION sql_safe_updates = 0,
    SESSION sql_auto_is_null = 0,
    SESSION foreign_key_checks = 1,
    SESSION unique_checks = 1,
    SESSION autocommit = 1,
    SESSION completion_type = 0,
    SESSION div_precision_increment = 4,
    SESSION group_concat_max_len = 1048576,
    SESSION max_sort_length = 1024,
    SESSION sort_buffer_size = CAST(greatest(@@SESSION.sort_buffer_size, 262144) AS UNSIGNED),
    SESSION /*!80030 show_gipk_in_create_table_and_information_schema = 1, SESSION */
    /*M!100600 check_constraint_checks = 1, SESSION sql_if_exists = 0, SESSION */ lc_messages = 'en_US';

-- name: session_isolation
-- returns: none
-- params: -
-- why: Each statement of a write sees what was committed before it: a config that another process has just stored is
-- why: found. Fewer gaps are locked as well, and so fewer deadlocks met.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;

-- name: session_causal
-- returns: none
-- params: -
-- why: Of several hosts that take writes (Galera), each shows what any of them has acknowledged before the transaction
-- why: began: after the loss of one, the next knows of every trial. On MySQL, where only members of a group have such a
-- why: setting, that part is a comment.
SET SESSION /*M!100600 wsrep_sync_wait = 1, SESSION */ autocommit = 1;

-- name: session_group
-- returns: scalar
-- params: -
-- why: Whether the server can be a member of a group (MySQL's Group Replication): only such a server knows the setting
-- why: of session_group_causal.
SELECT count(*) AS settings
FROM /*!80022 performance_schema. */ /*M!100600 information_schema. */ global_variables AS v
WHERE v.variable_name = 'group_replication_consistency';

-- name: session_group_causal
-- returns: none
-- params: -
-- why: As session_causal, in a group: each host shows what any of them has acknowledged before the transaction began.
SET SESSION group_replication_consistency = 'BEFORE';

-- name: snapshot_next
-- returns: none
-- params: -
-- why: The next transaction reads one snapshot.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- name: begin_read
-- returns: none
-- params: -
-- why: One snapshot for all statements of a reading call.
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;

-- name: begin_write
-- returns: none
-- params: -
-- why: Writes wait for each other at rows.
START TRANSACTION;

-- name: migration_statement_limit
-- returns: scalar
-- params: -
-- why: How long a statement may run, in seconds, to be set again after a migration. MySQL has no such limit for what
-- why: changes a table, and reads a plain 0 here.
SELECT /*M!100600 @@SESSION.max_statement_time + */ 0 AS seconds;

-- name: migration_timeouts
-- returns: none
-- params: lock_wait int 30, statement float 900.0
-- why: A migration waits for the tables that it changes, and everyone else waits behind it, so both waits have a limit.
-- why: Reset afterwards, since the connection goes back to the pool. MySQL has no limit for statements that change a
-- why: table, so there the first setting is a comment.
SET
    SESSION /*M!100600 max_statement_time = :statement, SESSION */ innodb_lock_wait_timeout = :lock_wait,
    SESSION lock_wait_timeout = :lock_wait;

-- name: migration_read_only
-- returns: scalar
-- params: -
-- why: Whether the server is set to be read, as replicas are. That stops no administrator, whose changes would part the
-- why: replica from its primary.
SELECT CAST(@@GLOBAL.read_only AS CHAR) NOT IN ('0', 'OFF') AS read_only;

-- name: migration_server
-- returns: one
-- params: -
-- why: What a server refuses migrations for, and cannot be changed by them: a binary log of statements, which takes
-- why: no transactions that are READ COMMITTED, pages that are too small for the keys, and (MariaDB) that no column is
-- why: to be added at once.
SELECT
    coalesce(sum(v.variable_name = 'log_bin' AND v.variable_value = 'ON'), 0) > 0
    AND coalesce(sum(v.variable_name = 'sql_log_bin' AND v.variable_value = 'ON'), 0) > 0
    AND coalesce(sum(v.variable_name = 'binlog_format' AND v.variable_value = 'STATEMENT'), 0) > 0 AS statement_log,
    @@GLOBAL.innodb_page_size AS page_size,
    coalesce(sum(v.variable_name = 'innodb_instant_alter_column_allowed' AND v.variable_value = 'never'), 0) > 0
        AS never_at_once
FROM /*!80022 performance_schema. */ /*M!100600 information_schema. */ session_variables AS v
WHERE v.variable_name IN ('log_bin', 'sql_log_bin', 'binlog_format', 'innodb_instant_alter_column_allowed');

-- name: migration_may_record
-- returns: none
-- params: -
-- why: Refused where this user may not write to the history, whether there is one or not: rights are looked at first.
-- why: Otherwise it adds no row, or there is no such table.
INSERT INTO trialstore_schema (version, slug, checksum, state, statements_done, started_at, library_version)
SELECT 0, '', '', '', 0, utc_timestamp(6), ''
FROM dual
WHERE 1 = 0;

-- name: migration_key_rules
-- returns: scalar
-- params: -
-- why: Which settings are on under which a server refuses tables without a primary key, or adds a key of its own to
-- why: them, while there are, or will be, such tables: 0001 makes two of them as mlos_bench does, 0007 adds their keys.
-- why: MariaDB's innodb_force_primary_key is content with the unique keys that they have.
SELECT
    CASE
        WHEN count(c.table_name) > 0 THEN ''
        ELSE concat_ws(
            ', ',
            CASE WHEN 0 /*!80022 + @@SESSION.sql_require_primary_key */ > 0 THEN 'sql_require_primary_key' END,
            CASE
                WHEN 0 /*!80030 + @@SESSION.sql_generate_invisible_primary_key */ > 0
                    THEN 'sql_generate_invisible_primary_key'
            END
        )
    END AS settings
FROM information_schema.table_constraints AS c
WHERE c.table_schema = database()
    AND c.table_name = 'trial_telemetry'
    AND c.constraint_type = 'PRIMARY KEY';

-- name: migration_key_rules_may
-- returns: scalar
-- params: -
-- why: Whether this login may change those settings for its session, as far as it shows: a role's rights do not, so
-- why: whoever has one active may.
SELECT count(*) > 0 OR coalesce(current_role(), 'NONE') <> 'NONE' AS may
FROM information_schema.user_privileges AS u
WHERE u.privilege_type IN ('SUPER', 'SYSTEM_VARIABLES_ADMIN', 'SESSION_VARIABLES_ADMIN')
    AND u.grantee = concat(
        quote(
            left(
                current_user(), char_length(current_user()) - char_length(substring_index(current_user(), '@', -1)) - 1
            )
        ),
        '@', quote(substring_index(current_user(), '@', -1))
    );

-- name: migration_key_rules_set
-- returns: none
-- params: require_key int, invisible_key int
-- why: Those settings of a session: off while migrations run, and as before afterwards. MySQL asks for the right
-- why: SESSION_VARIABLES_ADMIN. On MariaDB they are a comment.
SET
    SESSION /*!80022 sql_require_primary_key = :require_key, SESSION */
    /*!80030 sql_generate_invisible_primary_key = :invisible_key, SESSION */ autocommit = 1;

-- name: migration_lock
-- returns: scalar
-- params: seconds int 30
-- why: One migrator at a time, in each database; 1 when it is held. The server frees it with the connection. A name
-- why: has at most 64 characters, as many as a database's, and is hashed by what MySQL 9.6 has not removed (md5, sha1).
-- why: In small letters, since some servers take the name of a database in any case.
SELECT get_lock(concat('trialstore ', left(sha2(lower(database()), 256), 50)), :seconds) AS locked;

-- name: migration_unlock
-- returns: scalar
-- params: -
-- why: The lock belongs to the connection, which goes back to the pool.
SELECT release_lock(concat('trialstore ', left(sha2(lower(database()), 256), 50))) AS freed;

-- name: migration_clock
-- returns: scalar
-- params: -
-- why: The server's time, in UTC, for the history: the clocks of those who apply migrations may differ.
SELECT utc_timestamp(6) AS server_time;

-- name: migration_holders
-- returns: scalar
-- params: tables text
-- why: Who holds locks on these tables (names between commas), or on all of them, the oldest first: whom a migration
-- why: waits for. A lock on all is one that was asked for (EXPLICIT); every other statement has a weak one. The thread
-- why: of a transaction that is prepared (XA) may be gone. Takes the rights PROCESS and SELECT on performance_schema,
-- why: which MariaDB has switched off by default. Times of transactions are in the server's own zone.
SELECT group_concat(h.holder ORDER BY h.age_s DESC, h.id SEPARATOR ', and ') AS holders
FROM (
    SELECT
        k.id,
        coalesce(
            timestampdiff(SECOND, x.trx_started, convert_tz(now(), @@SESSION.time_zone, 'SYSTEM')), p.time, 0
        ) AS age_s,
        concat(
            CASE
                WHEN k.id IS NULL THEN 'a prepared transaction without a connection (XA RECOVER, XA ROLLBACK)'
                ELSE concat(
                    'connection ', k.id, ' of user ', coalesce(p.user, '?'), ' from ', coalesce(p.host, '?'),
                    CASE
                        WHEN x.trx_started IS NOT NULL THEN ', in a transaction for '
                        WHEN p.command = 'Sleep' THEN ', idle for '
                        ELSE ', busy for '
                    END,
                    coalesce(
                        timestampdiff(SECOND, x.trx_started, convert_tz(now(), @@SESSION.time_zone, 'SYSTEM')),
                        p.time, '?'
                    ),
                    ' s'
                )
            END,
            ', on ', k.held
        ) AS holder
    FROM (
        SELECT
            t.processlist_id AS id,
            group_concat(
                DISTINCT CASE m.object_type
                    WHEN 'TABLE' THEN m.object_name
                    WHEN 'BACKUP LOCK' THEN 'all definitions (a backup, LOCK INSTANCE)'
                    ELSE 'all tables (a backup, FLUSH TABLES WITH READ LOCK)'
                END
                SEPARATOR ', '
            ) AS held
        FROM performance_schema.metadata_locks AS m
        LEFT JOIN performance_schema.threads AS t
            ON t.thread_id = m.owner_thread_id
        WHERE m.lock_status = 'GRANTED'
            AND (t.processlist_id IS NOT NULL OR t.thread_id IS NULL)
            AND (
                m.object_type = 'TABLE'
                AND m.object_schema = database()
                AND locate(concat(',', lower(m.object_name), ','), :tables) > 0
                OR m.object_type IN ('GLOBAL', 'COMMIT', 'BACKUP LOCK')
                AND m.lock_duration = 'EXPLICIT'
            )
        GROUP BY m.owner_thread_id, t.processlist_id
    ) AS k
    LEFT JOIN /*!80022 performance_schema. */ /*M!100600 information_schema. */ processlist AS p
        ON p.id = k.id
    LEFT JOIN information_schema.innodb_trx AS x
        ON x.trx_mysql_thread_id = k.id
    WHERE coalesce(k.id, 0) <> connection_id()
    ORDER BY age_s DESC
    LIMIT 5
) AS h;

-- name: migration_holders_listed
-- returns: scalar
-- params: tables text
-- why: As migration_holders, on MariaDB with its plugin metadata_lock_info, which tells the stages of a backup by the
-- why: modes of a lock.
SELECT group_concat(h.holder ORDER BY h.age_s DESC, h.id SEPARATOR ', and ') AS holders
FROM (
    SELECT
        k.id,
        coalesce(
            timestampdiff(SECOND, x.trx_started, convert_tz(now(), @@SESSION.time_zone, 'SYSTEM')), p.time, 0
        ) AS age_s,
        concat(
            'connection ', k.id,
            ' of user ', coalesce(p.user, '?'), ' from ', coalesce(p.host, '?'),
            CASE
                WHEN x.trx_started IS NOT NULL THEN ', in a transaction for '
                WHEN p.command = 'Sleep' THEN ', idle for '
                ELSE ', busy for '
            END,
            coalesce(
                timestampdiff(SECOND, x.trx_started, convert_tz(now(), @@SESSION.time_zone, 'SYSTEM')), p.time, '?'
            ),
            ' s, on ', k.held
        ) AS holder
    FROM (
        SELECT
            m.thread_id AS id,
            group_concat(
                DISTINCT CASE m.lock_type
                    WHEN 'Table metadata lock' THEN m.table_name
                    ELSE 'all tables (a backup, FLUSH TABLES WITH READ LOCK)'
                END
                SEPARATOR ', '
            ) AS held
        FROM information_schema.metadata_lock_info AS m
        WHERE m.lock_type = 'Table metadata lock'
            AND m.table_schema = database()
            AND locate(concat(',', lower(m.table_name), ','), :tables) > 0
            OR m.lock_mode IN (
                'MDL_BACKUP_START', 'MDL_BACKUP_FLUSH', 'MDL_BACKUP_WAIT_FLUSH', 'MDL_BACKUP_WAIT_DDL',
                'MDL_BACKUP_WAIT_COMMIT', 'MDL_BACKUP_FTWRL1', 'MDL_BACKUP_FTWRL2'
            )
        GROUP BY m.thread_id
    ) AS k
    LEFT JOIN /*!80022 performance_schema. */ /*M!100600 information_schema. */ processlist AS p
        ON p.id = k.id
    LEFT JOIN information_schema.innodb_trx AS x
        ON x.trx_mysql_thread_id = k.id
    WHERE k.id <> connection_id()
    ORDER BY age_s DESC
    LIMIT 5
) AS h;

-- name: migration_blockers
-- returns: scalar
-- params: -
-- why: Who may be whom a migration waits for, where the server does not say who holds which table: those who have a
-- why: transaction open in this database first, the oldest before the others, then who else is connected, for whoever
-- why: has said LOCK TABLES, or makes a backup, has no transaction. Takes the right PROCESS. Times of transactions are
-- why: in the server's own zone.
SELECT group_concat(h.holder ORDER BY h.place, h.age_s DESC, h.id SEPARATOR ', or ') AS holders
FROM (
    SELECT
        p.id,
        CASE
            WHEN p.db <> database() OR p.db IS NULL THEN 2
            WHEN x.trx_started IS NULL THEN 1
            ELSE 0
        END AS place,
        coalesce(
            timestampdiff(SECOND, x.trx_started, convert_tz(now(), @@SESSION.time_zone, 'SYSTEM')), p.time
        ) AS age_s,
        concat(
            'connection ', p.id,
            ' of user ', coalesce(p.user, '?'), ' from ', coalesce(p.host, '?'),
            CASE
                WHEN x.trx_started IS NOT NULL THEN ', in a transaction for '
                WHEN p.command = 'Sleep' THEN ', idle for '
                ELSE ', busy for '
            END,
            coalesce(
                timestampdiff(SECOND, x.trx_started, convert_tz(now(), @@SESSION.time_zone, 'SYSTEM')), p.time, '?'
            ),
            ' s'
        ) AS holder
    FROM /*!80022 performance_schema. */ /*M!100600 information_schema. */ processlist AS p
    LEFT JOIN information_schema.innodb_trx AS x
        ON x.trx_mysql_thread_id = p.id
    WHERE p.id <> connection_id()
        AND p.command NOT IN ('Daemon', 'Binlog Dump', 'Slave_IO', 'Slave_SQL', 'Slave_worker')
        AND p.user <> 'system user'
    ORDER BY place, age_s DESC
    LIMIT 5
) AS h;

-- name: migration_lock_holder
-- returns: scalar
-- params: -
-- why: Who holds the lock: whom to ask, or what to end. Users without the right PROCESS see only their own connections.
-- why: Each server has its own list of connections: MySQL is about to remove MariaDB's.
SELECT
    concat(
        'connection ', h.id,
        coalesce(
            concat(
                ' of user ', p.user, ' from ', p.host,
                CASE p.command WHEN 'Sleep' THEN ', idle for ' ELSE ', busy for ' END, p.time, ' s'
            ), ''
        )
    ) AS holder
FROM (
    SELECT is_used_lock(concat('trialstore ', left(sha2(lower(database()), 256), 50))) AS id
) AS h
LEFT JOIN /*!80022 performance_schema. */ /*M!100600 information_schema. */ processlist AS p
    ON p.id = h.id
WHERE h.id IS NOT NULL;
