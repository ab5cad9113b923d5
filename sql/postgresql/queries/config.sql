-- The shared statements join config_param to a set of ids whose size PostgreSQL guesses too high, so that it reads the
-- parameters of all configs of the database instead of looking up those of an experiment. It assumes that an array is
-- short.

-- name: config_params_of_experiment
-- returns: many
-- params: exp_id text
-- why: All configs that an experiment used with their values, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM unnest(
    array(
        SELECT DISTINCT t.config_id
        FROM trial AS t
        WHERE t.exp_id = :exp_id
    )
) AS c (config_id)
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;

-- name: config_params_of_load
-- returns: many
-- params: exp_id text, last_trial_id int 0
-- why: The configs of the trials that trial_load returns, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM unnest(
    array(
        SELECT DISTINCT t.config_id
        FROM trial AS t
        WHERE t.exp_id = :exp_id
            AND t.trial_id > :last_trial_id
            AND t.status IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT')
    )
) AS c (config_id)
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;

-- name: config_params_of_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: The configs of the trials that trial_pending returns, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM unnest(
    array(
        SELECT DISTINCT t.config_id
        FROM trial AS t
        WHERE t.exp_id = :exp_id
            AND t.status IN (:status_1, :status_2, :status_3)
            AND t.ts_start <= :ts
            AND t.ts_end IS NULL
            AND CASE WHEN t.trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
    )
) AS c (config_id)
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;
