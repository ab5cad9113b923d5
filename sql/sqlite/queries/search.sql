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
-- why: result, of those that have it (result), or by any field, those that lack it last (any). To SQLite, text that is
-- why: well-formed as a number is at most infinity, and other text is greater; LIMIT -1 has it looked at once.
WITH sortable AS (
    SELECT exp_id, trial_id, NULL AS text_value, NULL AS value_type, NULL AS own_number
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
    SELECT r.exp_id, r.trial_id, r.metric_value, r.value_type, NULL
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
            ELSE coalesce(r.value_type, m.value_type, a.value_type, p.value_type, k.value_type)
        END,
        CASE :sort_kind
            WHEN 'trial_id' THEN t.trial_id
            WHEN 'config_id' THEN t.config_id
            WHEN 'runner' THEN t.trial_runner_id
            WHEN 'ts_start' THEN strftime('%s', t.ts_start) * 1000000 + substr(t.ts_start, 21, 6)
            WHEN 'ts_end' THEN strftime('%s', t.ts_end) * 1000000 + substr(t.ts_end, 21, 6)
            WHEN 'duration_s'
                THEN (
                    (strftime('%s', t.ts_end) - strftime('%s', t.ts_start)) * 1000000
                    + substr(t.ts_end, 21, 6) - substr(t.ts_start, 21, 6)
                ) / 1e6
        END
    FROM experiment AS e
    INNER JOIN trial AS t
        ON t.exp_id = e.exp_id
    LEFT JOIN trial_result AS r
        ON r.exp_id = t.exp_id
        AND r.trial_id = t.trial_id
        AND r.metric_id = CASE WHEN :sort_kind = 'result' THEN :sort_name END
    LEFT JOIN trial_param AS m
        ON m.exp_id = t.exp_id
        AND m.trial_id = t.trial_id
        AND m.param_id = CASE WHEN :sort_kind = 'metadata' THEN :sort_name END
    LEFT JOIN trial_attribute AS a
        ON a.exp_id = t.exp_id
        AND a.trial_id = t.trial_id
        AND a.attribute_id = CASE WHEN :sort_kind = 'attribute' THEN :sort_name END
    LEFT JOIN config_param AS p
        ON p.config_id = t.config_id
        AND p.param_id = CASE WHEN :sort_kind = 'config' THEN :sort_name END
    LEFT JOIN context_value AS k
        ON k.context_id = t.context_id
        AND k.key_id = CASE :sort_kind WHEN 'context' THEN :sort_name WHEN 'commit' THEN 'git_commit' END
    WHERE :sort_by = 'any'
        AND e.exp_id BETWEEN :first_exp_id AND :last_exp_id
),

ranked AS (
    SELECT
        exp_id, trial_id,
        CASE WHEN number IS NOT NULL THEN 0 WHEN words IS NOT NULL THEN 1 WHEN text_value IS NOT NULL THEN 2 ELSE 3 END
            AS kind,
        CASE :descending WHEN 1 THEN -number ELSE number END AS number,
        CASE WHEN :descending = 0 AND number IS NULL THEN substr(words, 1, 250) END AS up,
        CASE WHEN :descending = 1 AND number IS NULL THEN substr(words, 1, 250) END AS down
    FROM (
        SELECT
            exp_id, trial_id, text_value,
            CASE
                WHEN own_number IS NOT NULL THEN own_number
                WHEN value_type = 'b' THEN CASE text_value WHEN 'True' THEN 1.0 WHEN 'False' THEN 0.0 END
                WHEN value_type IN ('i', 'f') OR value_type IS NULL
                    THEN
                        CASE
                            WHEN text_value <= CAST(9e999 AS REAL) THEN CAST(text_value AS REAL)
                            WHEN lower(trim(text_value)) IN ('inf', '+inf', 'infinity', '+infinity') THEN 9e999
                            WHEN lower(trim(text_value)) IN ('-inf', '-infinity') THEN -9e999
                        END
            END AS number,
            CASE
                WHEN value_type = 's' THEN text_value
                WHEN value_type IS NULL AND lower(trim(text_value)) NOT IN ('nan', '+nan', '-nan') THEN text_value
            END AS words
        FROM sortable
        LIMIT -1 -- noqa: AM09
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
        json_extract(j.value, '$.c') AS clause,
        json_extract(j.value, '$.n') AS needed,
        json_extract(j.value, '$.w') AS weight,
        json_extract(j.value, '$.o') AS comparison,
        json_extract(j.value, '$.x') AS number,
        json_extract(j.value, '$.s') AS words,
        json_extract(j.value, '$.t') AS value_type,
        json_extract(j.value, '$.f') AS field,
        json_extract(j.value, '$.r') AS metric_id,
        json_extract(j.value, '$.m') AS metadata_id,
        json_extract(j.value, '$.a') AS attribute_id,
        json_extract(j.value, '$.p') AS param_id,
        json_extract(j.value, '$.k') AS key_id
    FROM json_each(:terms) AS j
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
            ELSE coalesce(r.value_type, m.value_type, a.value_type, p.value_type, k.value_type)
        END AS value_type,
        CASE o.field
            WHEN 'trial_id' THEN t.trial_id
            WHEN 'config_id' THEN t.config_id
            WHEN 'runner' THEN t.trial_runner_id
            WHEN 'ts_start' THEN strftime('%s', t.ts_start) * 1000000 + substr(t.ts_start, 21, 6)
            WHEN 'ts_end' THEN strftime('%s', t.ts_end) * 1000000 + substr(t.ts_end, 21, 6)
            WHEN 'duration_s'
                THEN (
                    (strftime('%s', t.ts_end) - strftime('%s', t.ts_start)) * 1000000
                    + substr(t.ts_end, 21, 6) - substr(t.ts_start, 21, 6)
                ) / 1e6
        END AS own_number
    FROM candidate AS c
    INNER JOIN trial AS t
        ON t.exp_id = c.exp_id
        AND t.trial_id = c.trial_id
    INNER JOIN experiment AS e
        ON e.exp_id = c.exp_id
    CROSS JOIN term AS o
    LEFT JOIN trial_result AS r
        ON r.exp_id = c.exp_id
        AND r.trial_id = c.trial_id
        AND r.metric_id = o.metric_id
    LEFT JOIN trial_param AS m
        ON m.exp_id = c.exp_id
        AND m.trial_id = c.trial_id
        AND m.param_id = o.metadata_id
    LEFT JOIN trial_attribute AS a
        ON a.exp_id = c.exp_id
        AND a.trial_id = c.trial_id
        AND a.attribute_id = o.attribute_id
    LEFT JOIN config_param AS p
        ON p.config_id = t.config_id
        AND p.param_id = o.param_id
    LEFT JOIN context_value AS k
        ON k.context_id = t.context_id
        AND k.key_id = o.key_id
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
                    WHEN comparison = '<' AND words < other_words THEN weight
                    WHEN comparison = '<=' AND words <= other_words THEN weight
                    WHEN comparison = '>' AND words > other_words THEN weight
                    WHEN comparison = '>=' AND words >= other_words THEN weight
                    WHEN comparison = 'contains' AND instr(words, other_words) > 0 THEN weight
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
                WHEN value_type = 'b' THEN CASE text_value WHEN 'True' THEN 1.0 WHEN 'False' THEN 0.0 END
                WHEN value_type IN ('i', 'f') OR value_type IS NULL
                    THEN
                        CASE
                            WHEN text_value <= CAST(9e999 AS REAL) THEN CAST(text_value AS REAL)
                            WHEN lower(trim(text_value)) IN ('inf', '+inf', 'infinity', '+infinity') THEN 9e999
                            WHEN lower(trim(text_value)) IN ('-inf', '-infinity') THEN -9e999
                        END
            END AS number,
            CASE
                WHEN value_type = 's' THEN text_value
                WHEN value_type IS NULL AND lower(trim(text_value)) NOT IN ('nan', '+nan', '-nan') THEN text_value
            END AS words
        FROM compared
        LIMIT -1 -- noqa: AM09
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
-- why: The values of the configs of the trials that were found.
SELECT p.config_id, p.param_id, p.param_value, p.value_type
FROM config_param AS p
WHERE p.config_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    )
ORDER BY p.config_id, p.param_id;

-- name: search_results
-- returns: many
-- params: trials json [{"i":1}]
-- why: The final metrics of the trials that were found, each under the place that it was found at.
SELECT json_extract(j.value, '$.i') AS place, r.metric_id, r.metric_value, r.value_type
FROM json_each(:trials) AS j
INNER JOIN trial_result AS r
    ON r.exp_id = json_extract(j.value, '$.e')
    AND r.trial_id = json_extract(j.value, '$.t')
ORDER BY json_extract(j.value, '$.i'), r.metric_id;
