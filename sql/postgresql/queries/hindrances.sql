-- own: Who may stand in the way of a migration, and how the catalogue says so, differs by engine.

-- name: schema_hindrances
-- returns: many
-- params: -
-- why: What pending migrations would be refused for; sql/preflight.py says what the columns mean. All that depends on
-- why: a column keeps it from getting another type, but for what the server makes anew by itself: indexes, checks,
-- why: foreign keys, statistics. So do a column whose type holds the table's rows, in arrays, domains, ranges and
-- why: composite types too; a partition key; and a table from which the column is inherited. What others have on
-- why: partitions, and on tables that inherit from ours, counts as well, since those change with ours. A key that tells
-- why: the rows of a replicated table apart could be dropped, but then the server would refuse updates of the table.
WITH RECURSIVE family AS (
    SELECT t.oid AS root, CAST(t.relname AS TEXT) AS table_name, t.oid AS member
    FROM pg_catalog.pg_class AS t
    INNER JOIN pg_catalog.pg_namespace AS n
        ON n.oid = t.relnamespace
    WHERE n.nspname = current_schema()
        AND t.relkind IN ('r', 'p')
    UNION
    SELECT f.root, f.table_name, i.inhrelid
    FROM family AS f
    INNER JOIN pg_catalog.pg_inherits AS i
        ON i.inhparent = f.member
),

type_parts AS (
    SELECT e.typelem AS part, e.oid AS type_id
    FROM pg_catalog.pg_type AS e
    WHERE e.typcategory = 'A'
    UNION ALL
    SELECT b.typbasetype, b.oid
    FROM pg_catalog.pg_type AS b
    WHERE b.typtype = 'd'
    UNION ALL
    SELECT r.rngsubtype, r.rngtypid
    FROM pg_catalog.pg_range AS r
    UNION ALL
    SELECT a.atttypid, x.reltype
    FROM pg_catalog.pg_attribute AS a
    INNER JOIN pg_catalog.pg_class AS x
        ON x.oid = a.attrelid
    WHERE x.relkind IN ('c', 'v')
        AND a.attnum > 0
        AND NOT a.attisdropped
),

holding AS (
    SELECT f.table_name, t.reltype AS type_id
    FROM family AS f
    INNER JOIN pg_catalog.pg_class AS t
        ON t.oid = f.member
    UNION
    SELECT h.table_name, y.type_id
    FROM holding AS h
    INNER JOIN type_parts AS y
        ON y.part = h.type_id
)

SELECT
    'name' AS hinders, CAST(x.relname AS TEXT) AS table_name, NULL AS part,
    CASE x.relkind
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index'
        WHEN 'I' THEN 'index' WHEN 'c' THEN 'type' WHEN 'f' THEN 'foreign table'
        ELSE 'table'
    END AS kind,
    CAST(x.relname AS TEXT) AS name, NULL AS owner
FROM pg_catalog.pg_class AS x
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = x.relnamespace
WHERE n.nspname = current_schema()
UNION ALL
SELECT 'table', CAST(y.typname AS TEXT), NULL, 'type', CAST(y.typname AS TEXT), NULL
FROM pg_catalog.pg_type AS y
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = y.typnamespace
WHERE n.nspname = current_schema()
    AND y.typrelid = 0
    AND y.typelem = 0
UNION ALL
SELECT
    'change', f.table_name, CAST(c.attname AS TEXT),
    CASE WHEN i.type = 'table column' THEN 'generated column' ELSE i.type END, i.identity, NULL
FROM pg_catalog.pg_depend AS d
INNER JOIN family AS f
    ON f.member = d.refobjid
INNER JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = f.member
    AND c.attnum = d.refobjsubid
LEFT JOIN pg_catalog.pg_rewrite AS v
    ON v.oid = d.objid
    AND d.classid = CAST('pg_catalog.pg_rewrite' AS REGCLASS)
    AND v.rulename = '_RETURN'
LEFT JOIN pg_catalog.pg_attrdef AS e
    ON e.oid = d.objid
    AND d.classid = CAST('pg_catalog.pg_attrdef' AS REGCLASS)
LEFT JOIN pg_catalog.pg_attribute AS g
    ON g.attrelid = e.adrelid
    AND g.attnum = e.adnum
CROSS JOIN LATERAL pg_identify_object(
    CASE WHEN v.oid IS NULL AND e.oid IS NULL THEN d.classid ELSE CAST('pg_catalog.pg_class' AS REGCLASS) END,
    coalesce(v.ev_class, e.adrelid, d.objid),
    CASE WHEN e.oid IS NULL THEN d.objsubid ELSE e.adnum END
) AS i
WHERE d.refclassid = CAST('pg_catalog.pg_class' AS REGCLASS)
    AND d.deptype IN ('n', 'a')
    AND d.classid NOT IN (
        CAST('pg_catalog.pg_class' AS REGCLASS), CAST('pg_catalog.pg_constraint' AS REGCLASS),
        CAST('pg_catalog.pg_statistic_ext' AS REGCLASS)
    )
    AND (e.oid IS NULL OR g.attgenerated <> '')
UNION ALL
SELECT
    'change', h.table_name, NULL, 'column', concat(CAST(x.oid AS REGCLASS), '.', a.attname), NULL
FROM holding AS h
INNER JOIN pg_catalog.pg_attribute AS a
    ON a.atttypid = h.type_id
INNER JOIN pg_catalog.pg_class AS x
    ON x.oid = a.attrelid
WHERE x.relkind IN ('r', 'p', 'm')
    AND a.attnum > 0
    AND NOT a.attisdropped
UNION ALL
SELECT
    'change', f.table_name, CAST(c.attname AS TEXT), 'the partition key of', CAST(CAST(f.member AS REGCLASS) AS TEXT),
    NULL
FROM family AS f
INNER JOIN pg_catalog.pg_partitioned_table AS p
    ON p.partrelid = f.member
INNER JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = f.member
WHERE array_position(CAST(p.partattrs AS SMALLINT[]), c.attnum) IS NOT NULL
    OR EXISTS (
        SELECT 1
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = CAST('pg_catalog.pg_class' AS REGCLASS)
            AND d.objid = f.member
            AND d.objsubid = c.attnum
            AND d.refclassid = d.classid
            AND d.refobjid = f.member
            AND d.refobjsubid = 0
            AND d.deptype = 'i'
    )
UNION ALL
SELECT
    'change', f.table_name, CAST(c.attname AS TEXT), 'the table', CAST(CAST(i.inhparent AS REGCLASS) AS TEXT), NULL
FROM family AS f
INNER JOIN pg_catalog.pg_inherits AS i
    ON i.inhrelid = f.root
INNER JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = i.inhparent
WHERE f.member = f.root
    AND c.attnum > 0
    AND NOT c.attisdropped
UNION ALL
SELECT
    'add', f.table_name, CAST(c.attname AS TEXT), 'column', concat(CAST(f.member AS REGCLASS), '.', c.attname), NULL
FROM family AS f
INNER JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = f.member
WHERE f.member <> f.root
    AND c.attinhcount = 0
    AND c.attnum > 0
    AND NOT c.attisdropped
UNION ALL
SELECT
    'key', CAST(t.relname AS TEXT), CAST(x.relname AS TEXT), 'foreign key', CAST(f.conname AS TEXT),
    CASE
        WHEN o.relnamespace = t.relnamespace THEN CAST(o.relname AS TEXT)
        ELSE CAST(CAST(o.oid AS REGCLASS) AS TEXT)
    END
FROM pg_catalog.pg_constraint AS f
INNER JOIN pg_catalog.pg_class AS t
    ON t.oid = f.confrelid
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = t.relnamespace
INNER JOIN pg_catalog.pg_class AS x
    ON x.oid = f.conindid
INNER JOIN pg_catalog.pg_class AS o
    ON o.oid = f.conrelid
WHERE n.nspname = current_schema()
    AND f.contype = 'f'
UNION ALL
SELECT 'key', CAST(t.relname AS TEXT), CAST(x.relname AS TEXT), 'the replica identity of', CAST(t.relname AS TEXT), NULL
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS t
    ON t.oid = i.indrelid
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = t.relnamespace
INNER JOIN pg_catalog.pg_class AS x
    ON x.oid = i.indexrelid
WHERE n.nspname = current_schema()
    AND i.indisreplident
ORDER BY 1, 2, 3, 5;
