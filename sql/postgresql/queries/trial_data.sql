-- The shared statements join two tables by trial. Where nothing is known of the tables, PostgreSQL may read one of them
-- whole for each row of the other. Here the trials come first, and the rows of each are looked up by the primary key:
-- OFFSET 0 keeps them from being joined in any other way.

-- name: trial_params_of_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: Metadata of the trials that trial_pending returns, found as it finds them, in one statement.
SELECT t.trial_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT w.status
    FROM unnest(ARRAY[:status_1, :status_2, :status_3]) AS w (status)
) AS s
CROSS JOIN LATERAL (
    SELECT o.trial_id
    FROM trial AS o
    WHERE o.status = s.status
        AND o.exp_id = :exp_id
        AND o.ts_start <= :ts
        AND o.ts_end IS NULL
        AND CASE WHEN o.trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
    ORDER BY o.ts_start, o.trial_id
    OFFSET 0
) AS t
CROSS JOIN LATERAL (
    SELECT v.param_id, v.param_value, v.value_type
    FROM trial_param AS v
    WHERE v.exp_id = :exp_id
        AND v.trial_id = t.trial_id
    ORDER BY v.param_id
    OFFSET 0
) AS p
ORDER BY t.trial_id, p.param_id;

-- name: results_of_config
-- returns: many
-- params: exp_id text, config_id int
-- why: The final metrics of the trials of one group, in one statement.
SELECT t.trial_id, r.metric_id, r.metric_value, r.value_type
FROM (
    SELECT o.trial_id
    FROM trial AS o
    WHERE o.config_id = :config_id
        AND o.exp_id = :exp_id
    ORDER BY o.trial_id
    OFFSET 0
) AS t
CROSS JOIN LATERAL (
    SELECT v.metric_id, v.metric_value, v.value_type
    FROM trial_result AS v
    WHERE v.exp_id = :exp_id
        AND v.trial_id = t.trial_id
    ORDER BY v.metric_id
    OFFSET 0
) AS r
ORDER BY t.trial_id, r.metric_id;

-- name: results_of_load
-- returns: many
-- params: exp_id text, last_trial_id int 0
-- why: The final metrics of the succeeded trials that trial_load returns, in one statement.
SELECT t.trial_id, r.metric_id, r.metric_value, r.value_type
FROM (
    SELECT o.trial_id
    FROM trial AS o
    WHERE o.exp_id = :exp_id
        AND o.trial_id > :last_trial_id
        AND o.status = 'SUCCEEDED'
    ORDER BY o.trial_id
    OFFSET 0
) AS t
CROSS JOIN LATERAL (
    SELECT v.metric_id, v.metric_value, v.value_type
    FROM trial_result AS v
    WHERE v.exp_id = :exp_id
        AND v.trial_id = t.trial_id
    ORDER BY v.metric_id
    OFFSET 0
) AS r
ORDER BY t.trial_id, r.metric_id;
