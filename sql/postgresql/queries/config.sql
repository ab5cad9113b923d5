-- The shared statements join config_param to a set of ids whose size PostgreSQL does not know, so that it may read the
-- parameters of all configs of the database instead of looking up those of an experiment. OFFSET 0 keeps them from
-- being joined in any other way than config by config. The trials are asked for in the order of the index that they are
-- to be found by, so that no other one can do as well.
-- noqa: disable=ST05

-- name: config_params_of_experiment
-- returns: many
-- params: exp_id text
-- why: All configs that an experiment used with their values, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM unnest(
    array(
        SELECT DISTINCT t.config_id
        FROM (
            SELECT o.config_id
            FROM trial AS o
            WHERE o.exp_id = :exp_id
            ORDER BY o.trial_id
            OFFSET 0
        ) AS t
    )
) AS c (config_id)
LEFT JOIN LATERAL (
    SELECT v.param_id, v.param_value, v.value_type
    FROM config_param AS v
    WHERE v.config_id = c.config_id
    ORDER BY v.param_id
    OFFSET 0
) AS p
    ON TRUE
ORDER BY c.config_id, p.param_id;

-- name: config_params_of_load
-- returns: many
-- params: exp_id text, last_trial_id int 0
-- why: The configs of the trials that trial_load returns, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM unnest(
    array(
        SELECT DISTINCT t.config_id
        FROM (
            SELECT o.config_id
            FROM trial AS o
            WHERE o.exp_id = :exp_id
                AND o.trial_id > :last_trial_id
                AND o.status IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT')
            ORDER BY o.trial_id
            OFFSET 0
        ) AS t
    )
) AS c (config_id)
LEFT JOIN LATERAL (
    SELECT v.param_id, v.param_value, v.value_type
    FROM config_param AS v
    WHERE v.config_id = c.config_id
    ORDER BY v.param_id
    OFFSET 0
) AS p
    ON TRUE
ORDER BY c.config_id, p.param_id;

-- name: config_params_of_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: The configs of the trials that trial_pending returns, found as it finds them, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM unnest(
    array(
        SELECT DISTINCT t.config_id
        FROM unnest(ARRAY[:status_1, :status_2, :status_3]) AS s (status)
        CROSS JOIN LATERAL (
            SELECT o.config_id
            FROM trial AS o
            WHERE o.status = s.status
                AND o.exp_id = :exp_id
                AND o.ts_start <= :ts
                AND o.ts_end IS NULL
                AND CASE WHEN o.trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
            ORDER BY o.ts_start, o.trial_id
            OFFSET 0
        ) AS t
    )
) AS c (config_id)
LEFT JOIN LATERAL (
    SELECT v.param_id, v.param_value, v.value_type
    FROM config_param AS v
    WHERE v.config_id = c.config_id
    ORDER BY v.param_id
    OFFSET 0
) AS p
    ON TRUE
ORDER BY c.config_id, p.param_id;
