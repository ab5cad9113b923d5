-- own: Who may stand in the way of a migration, and how the catalogue says so, differs by engine.

-- name: schema_hindrances
-- returns: many
-- params: -
-- why: What pending migrations would be refused for; sql/preflight.py says what the columns mean. A column that a
-- why: foreign key compares cannot get another type, on either side of it, in whatever database the other side is. At
-- why: once means ALGORITHM = INSTANT, for which tables with a full-text index or compressed rows are too special; some
-- why: indexes keep a table from being altered beside its writers (INPLACE), or from being written anew so. Names of
-- why: foreign keys are unique in a database. MariaDB cuts an index that would be too long, but
-- why: makes a hidden column for a unique one; MySQL refuses both.
SELECT
    'table' AS hinders, t.table_name AS table_name, NULL AS part, lower(t.table_type) AS kind, t.table_name AS name,
    NULL AS owner
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND (@@lower_case_table_names <> 0 OR CAST(t.table_name AS BINARY) = CAST(lower(t.table_name) AS BINARY))
UNION ALL
SELECT 'foreign key', k.constraint_name AS taken, NULL, 'foreign key', k.constraint_name, k.table_name AS owner
FROM information_schema.table_constraints AS k
WHERE k.constraint_schema = database()
    AND k.constraint_type = 'FOREIGN KEY'
UNION ALL
SELECT
    'change', k.referenced_table_name, k.referenced_column_name, 'foreign key', k.constraint_name,
    CASE
        WHEN k.table_schema = database() THEN k.table_name
        ELSE concat(k.table_schema, '.', k.table_name)
    END
FROM information_schema.key_column_usage AS k
WHERE k.referenced_table_schema = database()
UNION ALL
SELECT 'change', k.table_name, k.column_name, 'foreign key', k.constraint_name, k.table_name AS owner
FROM information_schema.key_column_usage AS k
WHERE k.table_schema = database()
    AND k.referenced_table_name IS NOT NULL
UNION ALL
SELECT 'instant', s.table_name, NULL, 'a full-text index', s.index_name, NULL
FROM information_schema.statistics AS s
WHERE s.table_schema = database()
    AND s.index_type = 'FULLTEXT'
UNION ALL
SELECT 'instant', t.table_name, NULL, 'compressed rows', '', NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.row_format = 'Compressed'
UNION ALL
SELECT 'alter', t.table_name, NULL, 'system versioning', '', NULL
FROM information_schema.tables AS t
WHERE t.table_schema = database()
    AND t.table_type = 'SYSTEM VERSIONED'
UNION ALL
SELECT 'rebuild', s.table_name, NULL, concat('an index of type ', lower(s.index_type)), s.index_name, NULL
FROM information_schema.statistics AS s
WHERE s.table_schema = database()
    AND s.index_type IN ('FULLTEXT', 'SPATIAL')
    AND 0 /*M!100600 + 1 */ = 0
UNION ALL
SELECT 'instant', s.table_name, NULL, 'an index on a virtual column,', s.index_name, NULL
FROM information_schema.statistics AS s
INNER JOIN information_schema.columns AS c
    ON c.table_schema = s.table_schema
    AND c.table_name = s.table_name
    AND c.column_name = s.column_name
WHERE s.table_schema = database()
    AND instr(upper(c.extra), 'VIRTUAL') > 0
    AND 0 /*M!100600 + 1 */ > 0
UNION ALL
SELECT 'inplace', s.table_name, NULL, 'a unique key that is too long for an index,', s.index_name, NULL
FROM information_schema.statistics AS s
INNER JOIN information_schema.tables AS t
    ON t.table_schema = s.table_schema
    AND t.table_name = s.table_name
WHERE s.table_schema = database()
    AND s.index_type = 'HASH'
    AND t.engine = 'InnoDB'
UNION ALL
SELECT 'text', s.table_name, s.column_name, 'index on its whole length,', s.index_name, NULL
FROM information_schema.statistics AS s
WHERE s.table_schema = database()
    AND s.index_type = 'BTREE'
    AND s.sub_part IS NULL
    AND (s.non_unique = 0 OR 0 /*M!100600 + 1 */ = 0)
UNION ALL
SELECT 'convert', s.table_name, NULL, 'an index that utf8mb4 makes too long,', s.index_name, NULL
FROM information_schema.statistics AS s
INNER JOIN information_schema.columns AS c
    ON c.table_schema = s.table_schema
    AND c.table_name = s.table_name
    AND c.column_name = s.column_name
INNER JOIN information_schema.tables AS t
    ON t.table_schema = s.table_schema
    AND t.table_name = s.table_name
WHERE s.table_schema = database()
    AND s.index_type = 'BTREE'
    AND c.character_set_name IS NOT NULL
GROUP BY s.table_name, s.index_name, t.row_format
HAVING
    sum(4 * coalesce(s.sub_part, c.character_maximum_length)) > 3072
    OR (t.row_format IN ('Compact', 'Redundant') AND max(4 * coalesce(s.sub_part, c.character_maximum_length)) > 767)
ORDER BY 1, 2, 3, 5;

-- name: before_0010
-- returns: many
-- params: -
-- why: Rows whose parent has another id by byte (in letter case, accents or blanks at the end), or is not there: their
-- why: foreign keys could not be added again by 0010, which lets ids compare by byte. Asked before it begins; it reads
-- why: each of the tables that 0010 copies.
SELECT 'objectives' AS table_name, 'experiment' AS parent, count(*) AS number
FROM objectives AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM experiment AS p
        WHERE p.exp_id = c.exp_id
            AND CAST(CONVERT(p.exp_id USING utf8mb4) AS BINARY) = CAST(CONVERT(c.exp_id USING utf8mb4) AS BINARY)
    )
HAVING count(*) > 0
UNION ALL
SELECT 'trial' AS table_name, 'experiment' AS parent, count(*) AS number
FROM trial AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM experiment AS p
        WHERE p.exp_id = c.exp_id
            AND CAST(CONVERT(p.exp_id USING utf8mb4) AS BINARY) = CAST(CONVERT(c.exp_id USING utf8mb4) AS BINARY)
    )
HAVING count(*) > 0
UNION ALL
SELECT 'trial_param' AS table_name, 'trial' AS parent, count(*) AS number
FROM trial_param AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM trial AS p
        WHERE p.exp_id = c.exp_id
            AND p.trial_id = c.trial_id
            AND CAST(CONVERT(p.exp_id USING utf8mb4) AS BINARY) = CAST(CONVERT(c.exp_id USING utf8mb4) AS BINARY)
    )
HAVING count(*) > 0
UNION ALL
SELECT 'trial_status' AS table_name, 'trial' AS parent, count(*) AS number
FROM trial_status AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM trial AS p
        WHERE p.exp_id = c.exp_id
            AND p.trial_id = c.trial_id
            AND CAST(CONVERT(p.exp_id USING utf8mb4) AS BINARY) = CAST(CONVERT(c.exp_id USING utf8mb4) AS BINARY)
    )
HAVING count(*) > 0
UNION ALL
SELECT 'trial_result' AS table_name, 'trial' AS parent, count(*) AS number
FROM trial_result AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM trial AS p
        WHERE p.exp_id = c.exp_id
            AND p.trial_id = c.trial_id
            AND CAST(CONVERT(p.exp_id USING utf8mb4) AS BINARY) = CAST(CONVERT(c.exp_id USING utf8mb4) AS BINARY)
    )
HAVING count(*) > 0
UNION ALL
SELECT 'trial_telemetry' AS table_name, 'trial' AS parent, count(*) AS number
FROM trial_telemetry AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM trial AS p
        WHERE p.exp_id = c.exp_id
            AND p.trial_id = c.trial_id
            AND CAST(CONVERT(p.exp_id USING utf8mb4) AS BINARY) = CAST(CONVERT(c.exp_id USING utf8mb4) AS BINARY)
    )
HAVING count(*) > 0;

-- name: before_0010_lineage
-- returns: many
-- params: -
-- why: The same of the table that 0009 makes.
SELECT 'trial_lineage' AS table_name, 'trial' AS parent, count(*) AS number
FROM trial_lineage AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM trial AS p
        WHERE p.exp_id = c.exp_id
            AND p.trial_id = c.trial_id
            AND CAST(CONVERT(p.exp_id USING utf8mb4) AS BINARY) = CAST(CONVERT(c.exp_id USING utf8mb4) AS BINARY)
    )
HAVING count(*) > 0;
