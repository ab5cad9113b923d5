-- own: System catalogues, column types and the statement that asks for a plan differ by engine.

-- name: schema_tables
-- returns: many
-- params: -
-- why: Which tables the database has: none, those of mlos_bench, or those of another application.
SELECT table_name AS table_name
FROM information_schema.tables
WHERE table_schema = database()
    AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
ORDER BY table_name;

-- name: schema_columns
-- returns: many
-- params: -
-- why: All columns of all tables, in order; also which of them the server itself fills or hides. The display width
-- why: that some versions add to integers means nothing, and the collation by byte is one, although MySQL and MariaDB
-- why: name it differently. MariaDB calls a missing default NULL, and puts texts into quotes; MySQL does neither.
SELECT
    c.table_name AS table_name, c.column_name AS column_name,
    CASE
        WHEN c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint')
            THEN concat(
                c.data_type, CASE WHEN instr(c.column_type, 'unsigned') > 0 THEN ' unsigned' ELSE '' END
            )
        ELSE c.column_type
    END AS data_type,
    c.is_nullable = 'YES' AS is_nullable,
    CASE
        WHEN instr(c.extra, 'auto_increment') > 0 THEN 'auto_increment'
        WHEN 0 /*M!100600 + (c.column_default = 'NULL') */ = 0 THEN c.column_default
    END AS column_default,
    CASE
        WHEN c.collation_name IN ('utf8mb4_0900_bin', 'utf8mb4_nopad_bin') THEN 'utf8mb4 by byte'
        ELSE c.collation_name
    END AS collation_name,
    concat_ws(
        ' ', CASE WHEN c.generation_expression <> '' THEN concat('as ', c.generation_expression) END,
        nullif(trim(replace(replace(lower(c.extra), 'default_generated', ''), 'auto_increment', '')), '')
    ) AS column_extra
FROM information_schema.columns AS c
INNER JOIN information_schema.tables AS t
    ON t.table_schema = c.table_schema
    AND t.table_name = c.table_name
WHERE c.table_schema = database()
    AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
ORDER BY c.table_name, c.ordinal_position;

-- name: schema_keys
-- returns: many
-- params: -
-- why: Columns of primary, unique and foreign keys and of indexes, in order; of a foreign key also what they refer to.
-- why: Its rule says what becomes of its rows when those are deleted or changed.
-- why: An index on the first characters of a column says how many. One that queries are not to use (MariaDB calls it
-- why: ignored) is of another kind.
SELECT
    s.table_name AS table_name,
    CASE
        WHEN s.index_name = 'PRIMARY' THEN 'PRIMARY KEY'
        WHEN 0 /*!80022 + (s.is_visible = 'NO') */ /*M!100600 + (s.ignored = 'YES') */ > 0
            THEN CASE WHEN s.non_unique = 0 THEN 'INVISIBLE UNIQUE KEY' ELSE 'INVISIBLE INDEX' END
        WHEN s.non_unique = 0 THEN 'UNIQUE'
        ELSE 'INDEX'
    END AS key_type,
    s.index_name AS key_name, nullif(s.index_name, 'PRIMARY') AS lasting_name,
    CAST(s.seq_in_index AS SIGNED) AS position,
    concat(
        coalesce(s.column_name /*!80013 , s.expression */, ''),
        CASE WHEN s.sub_part IS NULL THEN '' ELSE concat('(', s.sub_part, ')') END,
        CASE WHEN s.collation = 'D' THEN ' desc' ELSE '' END
    ) AS column_name,
    NULL AS referenced_table, NULL AS referenced_column,
    CASE WHEN s.index_type <> 'BTREE' THEN concat('using ', lower(s.index_type)) END AS key_rule
FROM information_schema.statistics AS s
WHERE s.table_schema = database()
UNION ALL
SELECT
    k.table_name, 'FOREIGN KEY', k.constraint_name AS key_name, k.constraint_name AS lasting_name,
    CAST(k.ordinal_position AS SIGNED), k.column_name,
    CASE
        WHEN k.referenced_table_schema = k.table_schema THEN k.referenced_table_name
        ELSE concat(k.referenced_table_schema, '.', k.referenced_table_name)
    END,
    k.referenced_column_name,
    concat_ws(
        ' ',
        CASE WHEN r.delete_rule NOT IN ('NO ACTION', 'RESTRICT') THEN concat('on delete ', lower(r.delete_rule)) END,
        CASE WHEN r.update_rule NOT IN ('NO ACTION', 'RESTRICT') THEN concat('on update ', lower(r.update_rule)) END
    )
FROM information_schema.key_column_usage AS k
LEFT JOIN information_schema.referential_constraints AS r
    ON r.constraint_schema = k.constraint_schema
    AND r.table_name = k.table_name
    AND r.constraint_name = k.constraint_name
WHERE k.table_schema = database()
    AND k.referenced_table_name IS NOT NULL
ORDER BY 1, 2, 3, 5;

-- name: schema_rules
-- returns: many
-- params: -
-- why: What no migration makes, and what decides which rows a table takes, or whether it keeps them: checks, triggers,
-- why: other engines than InnoDB, which know neither transactions nor foreign keys; compressed rows, which migrations
-- why: cannot change at once; how text of later columns would compare; and the columns and definitions of views. How
-- why: wide text and integers are, MySQL and MariaDB see differently; who lacks SHOW VIEW is shown no definition.
SELECT
    k.table_name AS table_name, 'check constraint' AS kind, k.constraint_name AS name, c.check_clause AS detail,
    k.constraint_name AS lasting_name
FROM information_schema.table_constraints AS k
INNER JOIN information_schema.check_constraints AS c
    ON c.constraint_schema = k.constraint_schema
    AND c.constraint_name = k.constraint_name
    /*M!100600 AND c.table_name = k.table_name */
WHERE k.table_schema = database()
    AND k.constraint_type = 'CHECK'
UNION ALL
SELECT
    g.event_object_table, 'trigger', g.trigger_name, lower(concat(g.action_timing, ' ', g.event_manipulation)), NULL
FROM information_schema.triggers AS g
WHERE g.event_object_schema = database()
UNION ALL
SELECT t.table_name, 'storage', concat('engine ', t.engine), NULL, NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
    AND t.engine <> 'InnoDB'
UNION ALL
SELECT t.table_name, 'storage', 'system versioning', NULL, NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.table_type = 'SYSTEM VERSIONED'
UNION ALL
SELECT t.table_name, 'storage', 'compressed rows', NULL, NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.row_format = 'Compressed'
UNION ALL
SELECT t.table_name, 'default collation', t.table_collation, NULL, NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.table_collation NOT IN ('utf8mb4_0900_bin', 'utf8mb4_nopad_bin')
UNION ALL
SELECT
    v.table_name, 'view', 'definition', nullif(replace(v.view_definition, concat('`', database(), '`.'), ''), ''), NULL
FROM information_schema.views AS v
WHERE v.table_schema = database()
UNION ALL
SELECT
    c.table_name, 'view column', c.column_name,
    concat(
        CAST(c.ordinal_position AS CHAR), ', ',
        CASE
            WHEN instr(c.data_type, 'text') > 0 OR c.data_type = 'varchar' THEN 'text'
            WHEN instr(c.data_type, 'int') > 0 THEN 'integer'
            ELSE lower(c.data_type)
        END
    ),
    NULL
FROM information_schema.columns AS c
INNER JOIN information_schema.tables AS t
    ON t.table_schema = c.table_schema
    AND t.table_name = c.table_name
WHERE c.table_schema = database()
    AND t.table_type = 'VIEW'
ORDER BY 1, 2, 3;

-- name: schema_objects
-- returns: many
-- params: -
-- why: The definitions of all tables with their indexes, from which schema.sql is generated; without what differs
-- why: between MySQL and MariaDB (display widths, the name of the collation). MySQL cuts what group_concat yields at
-- why: 1024 bytes unless the hint raises the limit; MariaDB, whose limit is 1 MB, takes the hint for a comment.
SELECT /*+ SET_VAR(group_concat_max_len = 1000000) */
    concat(
        'CREATE TABLE ', t.table_name, ' (\n    ',
        group_concat(d.line ORDER BY d.kind, d.place, CAST(d.line AS BINARY) SEPARATOR ',\n    '),
        '\n) ENGINE = ', t.engine, ' ROW_FORMAT = ', upper(t.row_format), '\nDEFAULT CHARACTER SET ',
        substring_index(t.table_collation, '_', 1), ' COLLATE ',
        CASE
            WHEN t.table_collation IN ('utf8mb4_0900_bin', 'utf8mb4_nopad_bin')
                THEN '/*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */'
            ELSE t.table_collation
        END
    ) AS definition
FROM (
    SELECT
        c.table_name AS table_name, 0 AS kind, c.ordinal_position AS place,
        concat(
            c.column_name, ' ', upper(replace(c.column_type, 'int(11)', 'int')),
            CASE WHEN c.is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END,
            CASE WHEN c.column_default <> 'NULL' THEN concat(' DEFAULT ', c.column_default) ELSE '' END,
            CASE WHEN c.extra = 'auto_increment' THEN ' AUTO_INCREMENT' ELSE '' END
        ) AS line
    FROM information_schema.columns AS c
    WHERE c.table_schema = database()
    UNION ALL
    SELECT
        s.table_name, 1, CASE WHEN s.index_name = 'PRIMARY' THEN 0 ELSE 1 END,
        concat(
            CASE
                WHEN s.index_name = 'PRIMARY' THEN 'PRIMARY KEY'
                WHEN s.non_unique = 0 THEN concat('UNIQUE KEY ', s.index_name)
                ELSE concat('KEY ', s.index_name)
            END,
            ' (', group_concat(s.column_name ORDER BY s.seq_in_index SEPARATOR ', '), ')'
        )
    FROM information_schema.statistics AS s
    WHERE s.table_schema = database()
    GROUP BY s.table_name, s.index_name, s.non_unique
    UNION ALL
    SELECT
        k.table_name, 2, 0,
        concat(
            'CONSTRAINT ', k.constraint_name, ' FOREIGN KEY (',
            group_concat(k.column_name ORDER BY k.ordinal_position SEPARATOR ', '), ') REFERENCES ',
            k.referenced_table_name, ' (',
            group_concat(k.referenced_column_name ORDER BY k.ordinal_position SEPARATOR ', '), ')'
        )
    FROM information_schema.key_column_usage AS k
    WHERE k.table_schema = database()
        AND k.referenced_table_name IS NOT NULL
    GROUP BY k.table_name, k.constraint_name, k.referenced_table_name
) AS d
INNER JOIN information_schema.tables AS t
    ON t.table_name = d.table_name
WHERE t.table_schema = database()
    AND t.table_type = 'BASE TABLE'
GROUP BY t.table_name, t.engine, t.row_format, t.table_collation
ORDER BY CAST(t.table_name AS BINARY);

-- name: history_create
-- returns: none
-- params: -
-- why: The migrator's own table; it exists before the first migration does.
CREATE TABLE IF NOT EXISTS trialstore_schema (
    version INTEGER NOT NULL,
    slug VARCHAR(100) NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    statements_done INTEGER NOT NULL,
    started_at DATETIME(6) NOT NULL,
    finished_at DATETIME(6),
    duration_ms INTEGER,
    database_user VARCHAR(128),
    library_version VARCHAR(40) NOT NULL,
    serves_from INTEGER,
    PRIMARY KEY (version)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

-- name: explain
-- returns: many
-- params: -
-- why: How the engine would run a statement, which takes the place of SELECT 1 here; the statement itself is not run.
EXPLAIN /*!80000 FORMAT=TRADITIONAL */
SELECT 1;

-- name: schema_rights
-- returns: many
-- params: -
-- why: What this login may not do of what migrations do; sql/rights.py says what the columns mean. Rights on all, on a
-- why: database and on single tables count; a database's name is a pattern, of which the server takes the one that fits
-- why: best. Nothing is said where a role is active, whose rights are not among these. MariaDB does not ask for
-- why: REFERENCES.
WITH needed AS (
    SELECT 'create' AS action, 'CREATE' AS privilege
    UNION ALL
    SELECT 'view', 'CREATE VIEW'
    UNION ALL
    SELECT 'drop', 'DROP'
    UNION ALL
    SELECT 'alter', 'ALTER'
    UNION ALL
    SELECT 'index', 'INDEX'
    UNION ALL
    SELECT 'record', 'INSERT'
    UNION ALL
    SELECT 'record', 'UPDATE'
    UNION ALL
    SELECT 'refer', 'REFERENCES'
    WHERE 0 /*M!100600 + 1 */ = 0
),

login AS (
    SELECT
        concat(
            quote(left(current_user(), char_length(current_user()) - char_length(h.host) - 1)), '@', quote(h.host)
        ) AS grantee
    FROM (
        SELECT substring_index(current_user(), '@', -1) AS host
    ) AS h
    WHERE coalesce(current_role(), 'NONE') = 'NONE'
),

held AS (
    SELECT u.privilege_type AS privilege, NULL AS table_name
    FROM information_schema.user_privileges AS u
    INNER JOIN login AS l
        ON l.grantee = u.grantee
    UNION ALL
    SELECT s.privilege_type, NULL
    FROM information_schema.schema_privileges AS s
    INNER JOIN login AS l
        ON l.grantee = s.grantee
    WHERE s.table_schema = database()
        OR database() LIKE s.table_schema
        AND NOT EXISTS (
            SELECT 1
            FROM information_schema.schema_privileges AS e
            WHERE e.grantee = l.grantee
                AND e.table_schema = database()
        )
    UNION ALL
    SELECT t.privilege_type, t.table_name
    FROM information_schema.table_privileges AS t
    INNER JOIN login AS l
        ON l.grantee = t.grantee
    WHERE t.table_schema = database()
)

SELECT n.action AS action, NULL AS table_name, concat('it lacks the right ', n.privilege) AS why
FROM needed AS n
WHERE EXISTS (
        SELECT 1
        FROM information_schema.user_privileges AS u
        INNER JOIN login AS l
            ON l.grantee = u.grantee
    )
    AND NOT EXISTS (
        SELECT 1
        FROM held AS h
        WHERE h.privilege = n.privilege
    )
UNION ALL
SELECT n.action, t.table_name, concat('it lacks the right ', n.privilege)
FROM needed AS n
CROSS JOIN information_schema.tables AS t
WHERE t.table_schema = database()
    AND EXISTS (
        SELECT 1
        FROM held AS h
        WHERE h.privilege = n.privilege
    )
    AND NOT EXISTS (
        SELECT 1
        FROM held AS h
        WHERE h.privilege = n.privilege
            AND (h.table_name IS NULL OR h.table_name = t.table_name)
    )
ORDER BY 1, 2, 3;

-- name: schema_public_rights
-- returns: many
-- params: -
-- why: The rights that everybody has (MariaDB), which are not in information_schema. MySQL has no such user.
SHOW GRANTS FOR public;
