-- Only the schema of session_schema is looked at, which is the first of search_path.
-- own: System catalogues, column types and the statement that asks for a plan differ by engine.

-- name: schema_tables
-- returns: many
-- params: -
-- why: Which tables the database has: none, those of mlos_bench, or those of another application.
SELECT tablename AS table_name
FROM pg_catalog.pg_tables
WHERE schemaname = current_schema()
ORDER BY tablename;

-- name: schema_columns
-- returns: many
-- params: -
-- why: All columns of all tables, in order; also which of them the server itself fills.
SELECT
    CAST(t.relname AS TEXT) AS table_name, CAST(c.attname AS TEXT) AS column_name,
    format_type(c.atttypid, c.atttypmod) AS data_type, NOT c.attnotnull AS is_nullable,
    CASE WHEN c.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS column_default,
    CASE
        WHEN c.attcollation <> y.typcollation
            THEN concat(
                CASE
                    WHEN o.collnamespace <> CAST('pg_catalog' AS REGNAMESPACE)
                        THEN concat(CAST(o.collnamespace AS REGNAMESPACE), '.')
                END,
                o.collname
            )
    END AS collation_name,
    concat(
        CASE WHEN c.attgenerated <> '' THEN concat('generated as ', pg_get_expr(d.adbin, d.adrelid)) END,
        CASE WHEN c.attidentity <> '' THEN 'generated as identity' END
    ) AS column_extra
FROM pg_catalog.pg_class AS t
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = t.relnamespace
INNER JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = t.oid
INNER JOIN pg_catalog.pg_type AS y
    ON y.oid = c.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d
    ON d.adrelid = t.oid
    AND d.adnum = c.attnum
LEFT JOIN pg_catalog.pg_collation AS o
    ON o.oid = c.attcollation
WHERE n.nspname = current_schema()
    AND t.relkind IN ('r', 'p')
    AND c.attnum > 0
    AND NOT c.attisdropped
ORDER BY t.relname, c.attnum;

-- name: schema_keys
-- returns: many
-- params: -
-- why: Columns of primary, unique and foreign keys and of indexes, in order; of a foreign key also what they refer to.
-- why: A column says how it is sorted and compared where that is not as the column's type says; the rule of a key says
-- why: for which rows it holds, whether it is checked, and what becomes of its rows when those that they refer to go.
-- why: An index alone is not named as a constraint is, since it cannot be dropped as one.
-- why: Left out are columns that an index only carries along.
SELECT
    CAST(t.relname AS TEXT) AS table_name,
    CASE
        WHEN NOT i.indisvalid THEN CASE WHEN i.indisunique THEN 'INVALID UNIQUE KEY' ELSE 'INVALID INDEX' END
        WHEN i.indisprimary THEN 'PRIMARY KEY'
        WHEN i.indisunique THEN 'UNIQUE'
        WHEN i.indisexclusion THEN 'EXCLUSION CONSTRAINT'
        ELSE 'INDEX'
    END AS key_type,
    CAST(x.relname AS TEXT) AS key_name,
    concat(CASE WHEN i.indisunique AND f.oid IS NULL THEN 'index ' END, x.relname) AS lasting_name, k.position,
    concat(
        pg_get_indexdef(i.indexrelid, CAST(k.position AS INTEGER), TRUE),
        CASE
            WHEN i.indcollation[k.position - 1] <> c.attcollation
                THEN concat(
                    ' collate ',
                    CASE
                        WHEN l.collnamespace <> CAST('pg_catalog' AS REGNAMESPACE)
                            THEN concat(CAST(l.collnamespace AS REGNAMESPACE), '.')
                    END,
                    l.collname
                )
        END,
        CASE WHEN NOT o.opcdefault THEN concat(' ', o.opcname) END,
        CASE i.indoption[k.position - 1]
            WHEN 1 THEN ' desc nulls last' WHEN 2 THEN ' nulls first' WHEN 3 THEN ' desc'
        END
    ) AS column_name,
    NULL AS referenced_table, NULL AS referenced_column,
    concat_ws(
        ' ',
        CASE WHEN m.amname <> 'btree' THEN concat('using ', m.amname) END,
        CASE WHEN to_jsonb(i) ->> 'indnullsnotdistinct' = 'true' THEN 'nulls not distinct' END,
        CASE WHEN f.condeferrable THEN 'deferrable' END,
        CASE WHEN i.indpred IS NOT NULL THEN concat('where ', pg_get_expr(i.indpred, i.indrelid)) END
    ) AS key_rule
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS t
    ON t.oid = i.indrelid
INNER JOIN pg_catalog.pg_class AS x
    ON x.oid = i.indexrelid
INNER JOIN pg_catalog.pg_am AS m
    ON m.oid = x.relam
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = t.relnamespace
CROSS JOIN LATERAL unnest(CAST(i.indkey AS SMALLINT[])) WITH ORDINALITY AS k (attnum, position)
LEFT JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = t.oid
    AND c.attnum = k.attnum
LEFT JOIN pg_catalog.pg_collation AS l
    ON l.oid = i.indcollation[k.position - 1]
LEFT JOIN pg_catalog.pg_opclass AS o
    ON o.oid = i.indclass[k.position - 1]
LEFT JOIN pg_catalog.pg_constraint AS f
    ON f.conindid = i.indexrelid
    AND f.contype IN ('p', 'u', 'x')
WHERE n.nspname = current_schema()
    AND k.position <= i.indnkeyatts
UNION ALL
SELECT
    CAST(t.relname AS TEXT), 'FOREIGN KEY', CAST(f.conname AS TEXT), CAST(f.conname AS TEXT), k.position,
    CAST(c.attname AS TEXT),
    concat(CASE WHEN r.relnamespace <> t.relnamespace THEN concat(q.nspname, '.') END, r.relname),
    CAST(rc.attname AS TEXT),
    concat_ws(
        ' ',
        CASE f.confdeltype
            WHEN 'c' THEN 'on delete cascade' WHEN 'n' THEN 'on delete set null' WHEN 'd' THEN 'on delete set default'
        END,
        CASE f.confupdtype
            WHEN 'c' THEN 'on update cascade' WHEN 'n' THEN 'on update set null' WHEN 'd' THEN 'on update set default'
        END,
        CASE WHEN f.confmatchtype = 'f' THEN 'match full' END,
        CASE WHEN f.condeferrable THEN 'deferrable' END,
        CASE WHEN NOT f.convalidated THEN 'not valid' END,
        CASE WHEN to_jsonb(f) ->> 'conenforced' = 'false' THEN 'not enforced' END,
        CASE
            WHEN EXISTS (
                SELECT 1
                FROM pg_catalog.pg_trigger AS g
                WHERE g.tgconstraint = f.oid
                    AND g.tgenabled IN ('D', 'R')
            ) THEN 'disabled'
        END
    )
FROM pg_catalog.pg_constraint AS f
INNER JOIN pg_catalog.pg_class AS t
    ON t.oid = f.conrelid
INNER JOIN pg_catalog.pg_class AS r
    ON r.oid = f.confrelid
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = t.relnamespace
INNER JOIN pg_catalog.pg_namespace AS q
    ON q.oid = r.relnamespace
CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (attnum, referenced, position)
INNER JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = t.oid
    AND c.attnum = k.attnum
INNER JOIN pg_catalog.pg_attribute AS rc
    ON rc.attrelid = r.oid
    AND rc.attnum = k.referenced
WHERE n.nspname = current_schema()
    AND f.contype = 'f'
ORDER BY 1, 2, 3, 5;

-- name: schema_rules
-- returns: many
-- params: -
-- why: What no migration makes, and what decides which rows a table takes or shows, or whether it keeps them: checks,
-- why: triggers, rules, policies, row-level security, tables that a crash empties, tables whose rows show among ours
-- why: since they inherit from them; and the columns and definitions of views. A
-- why: column of a view has no length of its own.
SELECT
    CAST(t.relname AS TEXT) AS table_name, r.kind, CAST(r.name AS TEXT) AS name, r.detail,
    CASE WHEN r.kind = 'check constraint' THEN CAST(r.name AS TEXT) END AS lasting_name
FROM pg_catalog.pg_class AS t
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = t.relnamespace
CROSS JOIN LATERAL (
    SELECT 'check constraint' AS kind, k.conname AS name, pg_get_constraintdef(k.oid) AS detail
    FROM pg_catalog.pg_constraint AS k
    WHERE k.conrelid = t.oid
        AND k.contype = 'c'
    UNION ALL
    SELECT
        'trigger', g.tgname,
        concat('calls ', CAST(CAST(g.tgfoid AS REGPROC) AS TEXT), CASE WHEN g.tgenabled = 'D' THEN ', disabled' END)
    FROM pg_catalog.pg_trigger AS g
    WHERE g.tgrelid = t.oid
        AND NOT g.tgisinternal
    UNION ALL
    SELECT 'rule', w.rulename, NULL
    FROM pg_catalog.pg_rewrite AS w
    WHERE w.ev_class = t.oid
    UNION ALL
    SELECT 'policy', p.polname, NULL
    FROM pg_catalog.pg_policy AS p
    WHERE p.polrelid = t.oid
    UNION ALL
    SELECT 'row-level security', CASE WHEN t.relforcerowsecurity THEN 'forced' ELSE 'enabled' END, NULL
    WHERE t.relrowsecurity
    UNION ALL
    SELECT 'storage', 'unlogged', NULL
    WHERE t.relpersistence = 'u'
    UNION ALL
    SELECT 'inheritance', CAST(CAST(h.inhrelid AS REGCLASS) AS TEXT), NULL
    FROM pg_catalog.pg_inherits AS h
    WHERE h.inhparent = t.oid
        AND t.relkind = 'r'
) AS r
WHERE n.nspname = current_schema()
    AND t.relkind IN ('r', 'p')
UNION ALL
SELECT CAST(v.relname AS TEXT), 'view', 'definition', pg_get_viewdef(v.oid), NULL
FROM pg_catalog.pg_class AS v
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = v.relnamespace
WHERE n.nspname = current_schema()
    AND v.relkind = 'v'
UNION ALL
SELECT
    CAST(v.relname AS TEXT), 'view column', CAST(c.attname AS TEXT),
    concat(c.attnum, ', ', format_type(c.atttypid, NULL)), NULL
FROM pg_catalog.pg_class AS v
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = v.relnamespace
INNER JOIN pg_catalog.pg_attribute AS c
    ON c.attrelid = v.oid
WHERE n.nspname = current_schema()
    AND v.relkind = 'v'
    AND c.attnum > 0
ORDER BY 1, 2, 3;

-- name: schema_objects
-- returns: many
-- params: -
-- why: The definitions of all tables and indexes, from which schema.sql is generated.
SELECT d.definition
FROM (
    SELECT
        0 AS kind, t.relname AS name,
        concat(
            'CREATE TABLE ', t.relname, ' (',
            string_agg(concat(chr(10), '    ', p.line), ',' ORDER BY p.kind, p.place, convert_to(p.line, 'UTF8')),
            chr(10), ')'
        ) AS definition
    FROM pg_catalog.pg_class AS t
    INNER JOIN pg_catalog.pg_namespace AS n
        ON n.oid = t.relnamespace
    CROSS JOIN LATERAL (
        SELECT
            0 AS kind, c.attnum AS place,
            concat(
                c.attname, ' ',
                CASE
                    WHEN pg_get_serial_sequence(quote_ident(t.relname), c.attname) IS NOT NULL THEN 'SERIAL'
                    ELSE replace(
                        replace(upper(format_type(c.atttypid, c.atttypmod)), 'CHARACTER VARYING', 'VARCHAR'),
                        'CHARACTER', 'CHAR'
                    )
                END,
                CASE WHEN c.attcollation <> y.typcollation THEN concat(' COLLATE "', o.collname, '"') END,
                CASE WHEN c.attnotnull THEN ' NOT NULL' END,
                CASE
                    WHEN pg_get_serial_sequence(quote_ident(t.relname), c.attname) IS NULL AND e.adbin IS NOT NULL
                        THEN concat(' DEFAULT ', pg_get_expr(e.adbin, e.adrelid))
                END
            ) AS line
        FROM pg_catalog.pg_attribute AS c
        INNER JOIN pg_catalog.pg_type AS y
            ON y.oid = c.atttypid
        LEFT JOIN pg_catalog.pg_attrdef AS e
            ON e.adrelid = t.oid
            AND e.adnum = c.attnum
        LEFT JOIN pg_catalog.pg_collation AS o
            ON o.oid = c.attcollation
        WHERE c.attrelid = t.oid
            AND c.attnum > 0
            AND NOT c.attisdropped
        UNION ALL
        SELECT
            1, position(CAST(k.contype AS TEXT) IN 'puf'),
            concat(
                'CONSTRAINT ', k.conname, ' ', regexp_replace(pg_get_constraintdef(k.oid), '([a-z])[(]', '\1 (', 'g')
            )
        FROM pg_catalog.pg_constraint AS k
        WHERE k.conrelid = t.oid
            AND k.contype IN ('p', 'u', 'f')
    ) AS p
    WHERE n.nspname = current_schema()
        AND t.relkind = 'r'
    GROUP BY t.relname
    UNION ALL
    SELECT 1, x.relname, replace(pg_get_indexdef(i.indexrelid), concat(quote_ident(n.nspname), '.'), '')
    FROM pg_catalog.pg_index AS i
    INNER JOIN pg_catalog.pg_class AS x
        ON x.oid = i.indexrelid
    INNER JOIN pg_catalog.pg_namespace AS n
        ON n.oid = x.relnamespace
    LEFT JOIN pg_catalog.pg_constraint AS k
        ON k.conindid = i.indexrelid
        AND k.contype IN ('p', 'u')
    WHERE n.nspname = current_schema()
        AND k.oid IS NULL
) AS d
ORDER BY d.kind, d.name COLLATE "C";

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
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    duration_ms INTEGER,
    database_user VARCHAR(128),
    library_version VARCHAR(40) NOT NULL,
    serves_from INTEGER,
    PRIMARY KEY (version)
);

-- name: explain
-- returns: many
-- params: -
-- why: How the engine would run a statement, which takes the place of SELECT 1 here; the statement itself is not run.
EXPLAIN
SELECT 1;

-- name: schema_rights
-- returns: many
-- params: -
-- why: What this login may not do of what migrations do; sql/rights.py says what the columns mean. Only the owner of a
-- why: table changes it, and of each partition and table that inherits from it; a view can also be dropped by the owner
-- why: of the schema. Whoever is a member of a role has what it owns.
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
)

SELECT
    a.action, f.table_name,
    concat(
        'it must be owner', CASE WHEN f.member <> f.root THEN concat(' of ', CAST(f.member AS REGCLASS)) END, ', as ',
        pg_get_userbyid(t.relowner), ' is'
    ) AS why
FROM family AS f
INNER JOIN pg_catalog.pg_class AS t
    ON t.oid = f.member
CROSS JOIN (VALUES ('alter'), ('index')) AS a (action)
WHERE NOT pg_has_role(t.relowner, 'USAGE')
UNION ALL
SELECT 'refer', f.table_name, 'it lacks the right REFERENCES'
FROM family AS f
WHERE f.member = f.root
    AND NOT has_table_privilege(f.root, 'REFERENCES')
UNION ALL
SELECT 'record', f.table_name, 'it lacks the right INSERT'
FROM family AS f
WHERE f.member = f.root
    AND f.table_name = 'trialstore_schema'
    AND NOT has_table_privilege(f.root, 'INSERT')
UNION ALL
SELECT 'drop', CAST(v.relname AS TEXT), concat('it must be owner, as ', pg_get_userbyid(v.relowner), ' is')
FROM pg_catalog.pg_class AS v
INNER JOIN pg_catalog.pg_namespace AS n
    ON n.oid = v.relnamespace
WHERE n.nspname = current_schema()
    AND v.relkind = 'v'
    AND NOT pg_has_role(v.relowner, 'USAGE')
    AND NOT pg_has_role(n.nspowner, 'USAGE')
UNION ALL
SELECT a.action, NULL, concat('it lacks the right CREATE on the schema ', quote_ident(n.nspname))
FROM pg_catalog.pg_namespace AS n
CROSS JOIN (VALUES ('create'), ('view'), ('key'), ('index')) AS a (action)
WHERE n.nspname = current_schema()
    AND NOT has_schema_privilege(n.oid, 'CREATE')
ORDER BY 1, 2, 3;
