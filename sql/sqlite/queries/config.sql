-- name: config_params_of_experiment
-- returns: many
-- params: exp_id text
-- why: All configs that an experiment used with their values, in one statement. The + 0 keeps SQLite from reading the
-- why: trials of all experiments in the order of an index.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT config_id + 0 AS config_id
    FROM trial
    WHERE exp_id = :exp_id
) AS c
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;

-- name: config_params_of_load
-- returns: many
-- params: exp_id text, last_trial_id int 0
-- why: The configs of the trials that trial_load returns, in one statement. The + 0 keeps SQLite from reading the
-- why: trials of all experiments in the order of an index.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT config_id + 0 AS config_id
    FROM trial
    WHERE exp_id = :exp_id
        AND trial_id > :last_trial_id
        AND status IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT')
) AS c
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;

-- name: config_params_of_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: The configs of the trials that trial_pending returns, in one statement. The + 0 keeps SQLite from reading the
-- why: trials of all experiments in the order of an index.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT config_id + 0 AS config_id
    FROM trial
    WHERE exp_id = :exp_id
        AND status IN (:status_1, :status_2, :status_3)
        AND ts_start <= :ts
        AND ts_end IS NULL
        AND CASE WHEN trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
) AS c
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;
