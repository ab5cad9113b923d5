-- The search for trials. A condition comes as JSON, an array of terms: each compares one field with one value. A clause
-- (c) holds where the weights (w) of its true terms add up to what it needs (n): a term that must be true weighs 1, one
-- that must not be far less than nothing. A trial is found where a clause holds (wanted is 1), or where none does
-- (wanted is 0). docs/search.md says how values compare.
-- own: How JSON is unfolded, and how text is read as a number, differs by engine.

-- name: search_trials
-- returns: many
-- params: terms json [{"r":"name_1"}], wanted int 0, first_exp_id text, last_exp_id text, sort_by text id,
-- params: sort_kind text status, sort_name text name_1, descending int 0, ranked int 1000, most int 20, skip int 0
-- why: The trials of the experiments from the first id to the last that fulfil a condition, in an order. The condition
-- why: is looked at for as many trials as ranked says, the first ones in that order: by their ids (sort_by id), by a
-- why: result, of those that have it (result), or by any field, those that lack it last (any). Only text that a double
-- why: can hold may be cast, anything else would be an error; OFFSET 0 has it looked at once.
-- why: LIMIT 1 has a value looked up by its key, however many the planner expects.
WITH sortable AS (
    SELECT
        exp_id, trial_id, CAST(NULL AS TEXT) AS text_value, CAST(NULL AS TEXT) AS value_type,
        CAST(NULL AS DOUBLE PRECISION) AS own_number
    FROM (
        SELECT t.exp_id, t.trial_id
        FROM experiment AS e
        INNER JOIN trial AS t
            ON t.exp_id = e.exp_id
        WHERE :sort_by = 'id'
            AND e.exp_id BETWEEN :first_exp_id AND :last_exp_id
        ORDER BY e.exp_id, t.trial_id
        LIMIT :ranked
    ) AS i
    UNION ALL
    SELECT r.exp_id, r.trial_id, r.metric_value, CAST(r.value_type AS TEXT), CAST(NULL AS DOUBLE PRECISION)
    FROM experiment AS e
    INNER JOIN trial_result AS r
        ON r.exp_id = e.exp_id
        AND r.metric_id = :sort_name
    WHERE :sort_by = 'result'
        AND e.exp_id BETWEEN :first_exp_id AND :last_exp_id
        AND r.metric_value IS NOT NULL
    UNION ALL
    SELECT
        t.exp_id, t.trial_id,
        CASE :sort_kind
            WHEN 'status' THEN t.status
            WHEN 'experiment' THEN t.exp_id
            WHEN 'commit' THEN coalesce(k.key_value, e.git_commit)
            ELSE coalesce(r.metric_value, m.param_value, a.attribute_value, p.param_value, k.key_value)
        END,
        CASE
            WHEN :sort_kind IN ('status', 'experiment', 'commit') THEN 's'
            ELSE CAST(coalesce(r.value_type, m.value_type, a.value_type, p.value_type, k.value_type) AS TEXT)
        END,
        CASE :sort_kind
            WHEN 'trial_id' THEN t.trial_id
            WHEN 'config_id' THEN t.config_id
            WHEN 'runner' THEN t.trial_runner_id
            WHEN 'ts_start' THEN CAST(round(extract(EPOCH FROM t.ts_start) * 1000000) AS DOUBLE PRECISION)
            WHEN 'ts_end' THEN CAST(round(extract(EPOCH FROM t.ts_end) * 1000000) AS DOUBLE PRECISION)
            WHEN 'duration_s' THEN CAST(extract(EPOCH FROM t.ts_end - t.ts_start) AS DOUBLE PRECISION)
        END
    FROM experiment AS e
    INNER JOIN trial AS t
        ON t.exp_id = e.exp_id
    LEFT JOIN LATERAL (
        SELECT r.metric_value, r.value_type
        FROM trial_result AS r
        WHERE r.exp_id = t.exp_id
            AND r.trial_id = t.trial_id
            AND r.metric_id = CASE WHEN :sort_kind = 'result' THEN :sort_name END
        LIMIT 1 -- noqa: AM09
    ) AS r ON TRUE
    LEFT JOIN LATERAL (
        SELECT m.param_value, m.value_type
        FROM trial_param AS m
        WHERE m.exp_id = t.exp_id
            AND m.trial_id = t.trial_id
            AND m.param_id = CASE WHEN :sort_kind = 'metadata' THEN :sort_name END
        LIMIT 1 -- noqa: AM09
    ) AS m ON TRUE
    LEFT JOIN LATERAL (
        SELECT a.attribute_value, a.value_type
        FROM trial_attribute AS a
        WHERE a.exp_id = t.exp_id
            AND a.trial_id = t.trial_id
            AND a.attribute_id = CASE WHEN :sort_kind = 'attribute' THEN :sort_name END
        LIMIT 1 -- noqa: AM09
    ) AS a ON TRUE
    LEFT JOIN LATERAL (
        SELECT p.param_value, p.value_type
        FROM config_param AS p
        WHERE p.config_id = t.config_id
            AND p.param_id = CASE WHEN :sort_kind = 'config' THEN :sort_name END
        LIMIT 1 -- noqa: AM09
    ) AS p ON TRUE
    LEFT JOIN LATERAL (
        SELECT k.key_value, k.value_type
        FROM context_value AS k
        WHERE k.context_id = t.context_id
            AND k.key_id = CASE :sort_kind WHEN 'context' THEN :sort_name WHEN 'commit' THEN 'git_commit' END
        LIMIT 1 -- noqa: AM09
    ) AS k ON TRUE
    WHERE :sort_by = 'any'
        AND e.exp_id BETWEEN :first_exp_id AND :last_exp_id
),

ranked AS (
    SELECT
        exp_id, trial_id,
        CASE WHEN number IS NOT NULL THEN 0 WHEN words IS NOT NULL THEN 1 WHEN text_value IS NOT NULL THEN 2 ELSE 3 END
            AS kind,
        CASE :descending WHEN 1 THEN -number ELSE number END AS number,
        CASE WHEN :descending = 0 AND number IS NULL THEN substr(words, 1, 250) COLLATE "C" END AS up,
        CASE WHEN :descending = 1 AND number IS NULL THEN substr(words, 1, 250) COLLATE "C" END AS down
    FROM (
        SELECT
            exp_id, trial_id, text_value,
            CASE
                WHEN own_number IS NOT NULL THEN own_number
                WHEN value_type = 'b' THEN CASE text_value WHEN 'True' THEN 1 WHEN 'False' THEN 0 END
                WHEN value_type IN ('i', 'f') OR value_type IS NULL
                    THEN
                        CASE
                            WHEN text_value IS NULL THEN NULL
                            WHEN
                                length(text_value) < 200
                                AND text_value ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*$'
                                THEN CAST(text_value AS DOUBLE PRECISION)
                            WHEN text_value ~* '^\s*[+]?inf(inity)?\s*$' THEN CAST('Infinity' AS DOUBLE PRECISION)
                            WHEN text_value ~* '^\s*-inf(inity)?\s*$' THEN CAST('-Infinity' AS DOUBLE PRECISION)
                            WHEN text_value !~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$' THEN NULL
                            WHEN jsonb_path_exists(to_jsonb(text_value), '$.double()', '{}', TRUE)
                                THEN CAST(text_value AS DOUBLE PRECISION)
                            WHEN text_value ~ '[eE]-' THEN 0
                            WHEN text_value ~ '^\s*-' THEN CAST('-Infinity' AS DOUBLE PRECISION)
                            ELSE CAST('Infinity' AS DOUBLE PRECISION)
                        END
            END AS number,
            CASE
                WHEN value_type = 's' THEN text_value
                WHEN value_type IS NULL AND text_value !~* '^\s*[+-]?nan\s*$' THEN text_value
            END AS words
        FROM sortable
        OFFSET 0 -- noqa: AM09
    ) AS v
    ORDER BY kind, number, up, down DESC, exp_id, trial_id
    LIMIT :ranked
),

candidate AS (
    SELECT exp_id, trial_id, row_number() OVER (ORDER BY kind, number, up, down DESC, exp_id, trial_id) AS place
    FROM ranked
),

term AS MATERIALIZED (
    SELECT
        j.c AS clause, j.n AS needed, j.w AS weight, j.o AS comparison, j.x AS number, j.s AS words, j.t AS value_type,
        j.f AS field, j.r AS metric_id, j.m AS metadata_id, j.a AS attribute_id, j.p AS param_id, j.k AS key_id
    FROM jsonb_to_recordset(CAST(:terms AS JSONB)) AS j (
        c INTEGER, n INTEGER, w INTEGER, o TEXT, x DOUBLE PRECISION, s TEXT, t TEXT, f TEXT, r TEXT, m TEXT, a TEXT,
        p TEXT, k TEXT
    )
),

compared AS (
    SELECT
        c.place, c.exp_id, c.trial_id, o.clause, o.needed, o.weight, o.comparison, o.number AS other_number,
        o.words AS other_words, o.value_type AS other_type,
        CASE o.field
            WHEN 'status' THEN t.status
            WHEN 'experiment' THEN t.exp_id
            WHEN 'commit' THEN coalesce(k.key_value, e.git_commit)
            ELSE coalesce(r.metric_value, m.param_value, a.attribute_value, p.param_value, k.key_value)
        END AS text_value,
        CASE
            WHEN o.field IN ('status', 'experiment', 'commit') THEN 's'
            ELSE CAST(coalesce(r.value_type, m.value_type, a.value_type, p.value_type, k.value_type) AS TEXT)
        END AS value_type,
        CASE o.field
            WHEN 'trial_id' THEN t.trial_id
            WHEN 'config_id' THEN t.config_id
            WHEN 'runner' THEN t.trial_runner_id
            WHEN 'ts_start' THEN CAST(round(extract(EPOCH FROM t.ts_start) * 1000000) AS DOUBLE PRECISION)
            WHEN 'ts_end' THEN CAST(round(extract(EPOCH FROM t.ts_end) * 1000000) AS DOUBLE PRECISION)
            WHEN 'duration_s' THEN CAST(extract(EPOCH FROM t.ts_end - t.ts_start) AS DOUBLE PRECISION)
        END AS own_number
    FROM candidate AS c
    INNER JOIN trial AS t
        ON t.exp_id = c.exp_id
        AND t.trial_id = c.trial_id
    INNER JOIN experiment AS e
        ON e.exp_id = c.exp_id
    CROSS JOIN term AS o
    LEFT JOIN LATERAL (
        SELECT r.metric_value, r.value_type
        FROM trial_result AS r
        WHERE r.exp_id = c.exp_id
            AND r.trial_id = c.trial_id
            AND r.metric_id = o.metric_id
        LIMIT 1 -- noqa: AM09
    ) AS r ON TRUE
    LEFT JOIN LATERAL (
        SELECT m.param_value, m.value_type
        FROM trial_param AS m
        WHERE m.exp_id = c.exp_id
            AND m.trial_id = c.trial_id
            AND m.param_id = o.metadata_id
        LIMIT 1 -- noqa: AM09
    ) AS m ON TRUE
    LEFT JOIN LATERAL (
        SELECT a.attribute_value, a.value_type
        FROM trial_attribute AS a
        WHERE a.exp_id = c.exp_id
            AND a.trial_id = c.trial_id
            AND a.attribute_id = o.attribute_id
        LIMIT 1 -- noqa: AM09
    ) AS a ON TRUE
    LEFT JOIN LATERAL (
        SELECT p.param_value, p.value_type
        FROM config_param AS p
        WHERE p.config_id = t.config_id
            AND p.param_id = o.param_id
        LIMIT 1 -- noqa: AM09
    ) AS p ON TRUE
    LEFT JOIN LATERAL (
        SELECT k.key_value, k.value_type
        FROM context_value AS k
        WHERE k.context_id = t.context_id
            AND k.key_id = o.key_id
        LIMIT 1 -- noqa: AM09
    ) AS k ON TRUE
),

decided AS (
    SELECT
        place, exp_id, trial_id, clause,
        CASE
            WHEN sum(
                CASE
                    WHEN comparison = 'there' AND (text_value IS NOT NULL OR number IS NOT NULL) THEN weight
                    WHEN comparison = 'same' AND text_value = other_words AND value_type = other_type THEN weight
                    WHEN comparison = '==' AND number = other_number THEN weight
                    WHEN comparison = '<' AND number < other_number THEN weight
                    WHEN comparison = '<=' AND number <= other_number THEN weight
                    WHEN comparison = '>' AND number > other_number THEN weight
                    WHEN comparison = '>=' AND number >= other_number THEN weight
                    WHEN number IS NOT NULL THEN 0
                    WHEN comparison = '==' AND words = other_words THEN weight
                    WHEN comparison = '<' AND words COLLATE "C" < other_words THEN weight
                    WHEN comparison = '<=' AND words COLLATE "C" <= other_words THEN weight
                    WHEN comparison = '>' AND words COLLATE "C" > other_words THEN weight
                    WHEN comparison = '>=' AND words COLLATE "C" >= other_words THEN weight
                    WHEN comparison = 'contains' AND strpos(words, other_words) > 0 THEN weight
                    ELSE 0
                END
            ) = needed THEN 1
            ELSE 0
        END AS holds
    FROM (
        SELECT
            place, exp_id, trial_id, clause, needed, weight, comparison, other_number, other_words, other_type,
            text_value, value_type, own_number,
            CASE
                WHEN own_number IS NOT NULL THEN own_number
                WHEN value_type = 'b' THEN CASE text_value WHEN 'True' THEN 1 WHEN 'False' THEN 0 END
                WHEN value_type IN ('i', 'f') OR value_type IS NULL
                    THEN
                        CASE
                            WHEN text_value IS NULL THEN NULL
                            WHEN
                                length(text_value) < 200
                                AND text_value ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*$'
                                THEN CAST(text_value AS DOUBLE PRECISION)
                            WHEN text_value ~* '^\s*[+]?inf(inity)?\s*$' THEN CAST('Infinity' AS DOUBLE PRECISION)
                            WHEN text_value ~* '^\s*-inf(inity)?\s*$' THEN CAST('-Infinity' AS DOUBLE PRECISION)
                            WHEN text_value !~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$' THEN NULL
                            WHEN jsonb_path_exists(to_jsonb(text_value), '$.double()', '{}', TRUE)
                                THEN CAST(text_value AS DOUBLE PRECISION)
                            WHEN text_value ~ '[eE]-' THEN 0
                            WHEN text_value ~ '^\s*-' THEN CAST('-Infinity' AS DOUBLE PRECISION)
                            ELSE CAST('Infinity' AS DOUBLE PRECISION)
                        END
            END AS number,
            CASE
                WHEN value_type = 's' THEN text_value
                WHEN value_type IS NULL AND text_value !~* '^\s*[+-]?nan\s*$' THEN text_value
            END AS words
        FROM compared
        OFFSET 0 -- noqa: AM09
    ) AS v
    GROUP BY place, exp_id, trial_id, clause, needed
),

found AS (
    SELECT exp_id, trial_id, place
    FROM decided
    GROUP BY place, exp_id, trial_id
    HAVING max(holds) = :wanted
    ORDER BY place
    LIMIT :most OFFSET :skip
)

SELECT
    t.exp_id, t.trial_id, t.config_id, t.trial_runner_id, t.ts_start, t.ts_end, t.status,
    (
        SELECT min(g.trial_id)
        FROM trial AS g
        WHERE g.config_id = t.config_id
            AND g.exp_id = t.exp_id
    ) AS group_id
FROM found AS f
INNER JOIN trial AS t
    ON t.exp_id = f.exp_id
    AND t.trial_id = f.trial_id
ORDER BY f.place;

-- name: search_params
-- returns: many
-- params: ids json
-- why: The values of the configs of the trials that were found. OFFSET 0 has them looked up by their key.
SELECT p.config_id, p.param_id, p.param_value, p.value_type
FROM json_array_elements_text(CAST(:ids AS JSON)) AS j (id)
CROSS JOIN LATERAL (
    SELECT o.config_id, o.param_id, o.param_value, o.value_type
    FROM config_param AS o
    WHERE o.config_id = CAST(j.id AS INTEGER)
    OFFSET 0 -- noqa: AM09
) AS p
ORDER BY p.config_id, p.param_id;

-- name: search_results
-- returns: many
-- params: trials json [{"i":1}]
-- why: The final metrics of the trials that were found, each under the place that it was found at. OFFSET 0 has them
-- why: looked up by their key.
SELECT j.i AS place, r.metric_id, r.metric_value, r.value_type
FROM jsonb_to_recordset(CAST(:trials AS JSONB)) AS j (i INTEGER, e TEXT, t INTEGER)
CROSS JOIN LATERAL (
    SELECT o.metric_id, o.metric_value, o.value_type
    FROM trial_result AS o
    WHERE o.exp_id = j.e
        AND o.trial_id = j.t
    OFFSET 0 -- noqa: AM09
) AS r
ORDER BY j.i, r.metric_id;
