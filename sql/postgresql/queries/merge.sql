-- The shared statements, with one sane plan whatever PostgreSQL knows of the tables: the rows of each trial are looked
-- up by keys, one trial after the other. OFFSET 0 keeps them from being joined in any other way; an order of trial ids,
-- and BETWEEN, from being looked up by the other one of the two keys of trial_lineage.

-- name: merge_trials
-- returns: many
-- params: exp_id text, source_exp_id text
-- why: Completed trials of the source that neither were run in this experiment nor have been merged into it before.
SELECT
    t.trial_id, t.config_id, t.trial_runner_id, t.ts_start, t.ts_end, t.status,
    coalesce(o.source_exp_id, :source_exp_id) AS origin_exp_id,
    coalesce(o.source_trial_id, t.trial_id) AS origin_trial_id
FROM (
    SELECT c.trial_id, c.config_id, c.trial_runner_id, c.ts_start, c.ts_end, c.status
    FROM trial AS c
    WHERE c.exp_id = :source_exp_id
        AND c.status IN ('SUCCEEDED', 'CANCELED', 'FAILED', 'TIMED_OUT')
    ORDER BY c.trial_id
    OFFSET 0
) AS t
LEFT JOIN LATERAL (
    SELECT l.source_exp_id, l.source_trial_id
    FROM trial_lineage AS l
    WHERE l.exp_id = :source_exp_id
        AND l.trial_id BETWEEN t.trial_id AND t.trial_id
    ORDER BY l.trial_id
    OFFSET 0
) AS o
    ON TRUE
LEFT JOIN LATERAL (
    SELECT l.trial_id
    FROM trial_lineage AS l
    WHERE l.exp_id = :exp_id
        AND l.source_exp_id = coalesce(o.source_exp_id, :source_exp_id)
        AND l.source_trial_id = coalesce(o.source_trial_id, t.trial_id)
    ORDER BY l.trial_id
    OFFSET 0
) AS m
    ON TRUE
WHERE m.trial_id IS NULL
    AND coalesce(o.source_exp_id, :source_exp_id) <> :exp_id
ORDER BY t.trial_id;

-- name: merge_params
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Metadata of the trials that have just been merged, found by their lineage. Trials that the source had itself got
-- why: by a merge are found there by its own lineage.
INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type)
SELECT l.exp_id, l.trial_id, s.param_id, s.param_value, s.value_type
FROM (
    SELECT i.exp_id, i.trial_id, i.source_exp_id, i.source_trial_id
    FROM trial_lineage AS i
    WHERE i.exp_id = :exp_id
        AND i.trial_id BETWEEN :first_trial_id AND :last_trial_id
    ORDER BY i.trial_id
    OFFSET 0
) AS l
LEFT JOIN LATERAL (
    SELECT k.trial_id
    FROM trial_lineage AS k
    WHERE k.exp_id = :source_exp_id
        AND k.source_exp_id = l.source_exp_id
        AND k.source_trial_id = l.source_trial_id
    ORDER BY k.trial_id
    OFFSET 0
) AS o
    ON TRUE
CROSS JOIN LATERAL (
    SELECT v.param_id, v.param_value, v.value_type
    FROM trial_param AS v
    WHERE v.exp_id = :source_exp_id
        AND v.trial_id = coalesce(o.trial_id, l.source_trial_id)
    ORDER BY v.param_id
    OFFSET 0
) AS s;

-- name: merge_status
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Status history of the trials that have just been merged, found by their lineage.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
SELECT l.exp_id, l.trial_id, s.ts, s.status
FROM (
    SELECT i.exp_id, i.trial_id, i.source_exp_id, i.source_trial_id
    FROM trial_lineage AS i
    WHERE i.exp_id = :exp_id
        AND i.trial_id BETWEEN :first_trial_id AND :last_trial_id
    ORDER BY i.trial_id
    OFFSET 0
) AS l
LEFT JOIN LATERAL (
    SELECT k.trial_id
    FROM trial_lineage AS k
    WHERE k.exp_id = :source_exp_id
        AND k.source_exp_id = l.source_exp_id
        AND k.source_trial_id = l.source_trial_id
    ORDER BY k.trial_id
    OFFSET 0
) AS o
    ON TRUE
CROSS JOIN LATERAL (
    SELECT v.ts, v.status
    FROM trial_status AS v
    WHERE v.exp_id = :source_exp_id
        AND v.trial_id = coalesce(o.trial_id, l.source_trial_id)
    ORDER BY v.ts
    OFFSET 0
) AS s;

-- name: merge_results
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Results of the trials that have just been merged, found by their lineage.
INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type)
SELECT l.exp_id, l.trial_id, s.metric_id, s.metric_value, s.value_type
FROM (
    SELECT i.exp_id, i.trial_id, i.source_exp_id, i.source_trial_id
    FROM trial_lineage AS i
    WHERE i.exp_id = :exp_id
        AND i.trial_id BETWEEN :first_trial_id AND :last_trial_id
    ORDER BY i.trial_id
    OFFSET 0
) AS l
LEFT JOIN LATERAL (
    SELECT k.trial_id
    FROM trial_lineage AS k
    WHERE k.exp_id = :source_exp_id
        AND k.source_exp_id = l.source_exp_id
        AND k.source_trial_id = l.source_trial_id
    ORDER BY k.trial_id
    OFFSET 0
) AS o
    ON TRUE
CROSS JOIN LATERAL (
    SELECT v.metric_id, v.metric_value, v.value_type
    FROM trial_result AS v
    WHERE v.exp_id = :source_exp_id
        AND v.trial_id = coalesce(o.trial_id, l.source_trial_id)
    ORDER BY v.metric_id
    OFFSET 0
) AS s;

-- name: merge_telemetry
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Telemetry of the trials that have just been merged, found by their lineage.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
SELECT l.exp_id, l.trial_id, s.ts, s.metric_id, s.metric_value, s.value_type
FROM (
    SELECT i.exp_id, i.trial_id, i.source_exp_id, i.source_trial_id
    FROM trial_lineage AS i
    WHERE i.exp_id = :exp_id
        AND i.trial_id BETWEEN :first_trial_id AND :last_trial_id
    ORDER BY i.trial_id
    OFFSET 0
) AS l
LEFT JOIN LATERAL (
    SELECT k.trial_id
    FROM trial_lineage AS k
    WHERE k.exp_id = :source_exp_id
        AND k.source_exp_id = l.source_exp_id
        AND k.source_trial_id = l.source_trial_id
    ORDER BY k.trial_id
    OFFSET 0
) AS o
    ON TRUE
CROSS JOIN LATERAL (
    SELECT v.ts, v.metric_id, v.metric_value, v.value_type
    FROM trial_telemetry AS v
    WHERE v.exp_id = :source_exp_id
        AND v.trial_id = coalesce(o.trial_id, l.source_trial_id)
    ORDER BY v.ts, v.metric_id
    OFFSET 0
) AS s;
