-- name: config_insert
-- returns: id
-- params: config_hash text 7f3a
-- why: A new config; no row when another process stored the same one first.
INSERT INTO config (config_hash)
VALUES (:config_hash)
ON CONFLICT (config_hash) DO NOTHING
RETURNING config_id;

-- name: config_insert_all
-- returns: count
-- params: config_hash text 7f3a
-- why: Several new configs, whose ids are then found by config_find_all; fewer when another process stored one first.
INSERT INTO config (config_hash)
VALUES (:config_hash)
ON CONFLICT (config_hash) DO NOTHING;

-- name: config_find
-- returns: scalar
-- params: config_hash text 7f3a
-- why: The config of one hash, if it is stored already.
SELECT config_id
FROM config
WHERE config_hash = :config_hash;

-- name: config_param_insert
-- returns: count
-- params: config_id int, param_id text, param_value text, value_type text f
-- why: The values of a config, written with it and never changed.
INSERT INTO config_param (config_id, param_id, param_value, value_type)
VALUES (:config_id, :param_id, :param_value, :value_type);

-- name: config_params
-- returns: many
-- params: config_id int
-- why: The values of one config; a single row of NULLs for one without parameters, none where there is no such config.
SELECT p.param_id, p.param_value, p.value_type
FROM config AS c
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
WHERE c.config_id = :config_id
ORDER BY p.param_id;

-- name: config_params_of_experiment
-- returns: many
-- params: exp_id text
-- why: All configs that an experiment used with their values, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT config_id
    FROM trial
    WHERE exp_id = :exp_id
) AS c
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;

-- name: config_params_of_load
-- returns: many
-- params: exp_id text, last_trial_id int 0
-- why: The configs of the trials that trial_load returns, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT config_id
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
-- why: The configs of the trials that trial_pending returns, in one statement.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT config_id
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
