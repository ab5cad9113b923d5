-- What belongs to a trial: metadata, status events, results, telemetry.

-- name: trial_param_insert
-- returns: count
-- params: exp_id text, trial_id int, param_id text, param_value text, value_type text f
-- why: Metadata of a trial.
INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type)
VALUES (:exp_id, :trial_id, :param_id, :param_value, :value_type);

-- name: trial_params
-- returns: many
-- params: exp_id text, trial_id int
-- why: Metadata of one trial.
SELECT param_id, param_value, value_type
FROM trial_param
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
ORDER BY param_id;

-- name: trial_params_of_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: Metadata of the trials that trial_pending returns, in one statement.
SELECT p.trial_id, p.param_id, p.param_value, p.value_type
FROM trial_param AS p
WHERE p.exp_id = :exp_id
    AND p.trial_id IN (
        SELECT t.trial_id
        FROM trial AS t
        WHERE t.exp_id = :exp_id
            AND t.status IN (:status_1, :status_2, :status_3)
            AND t.ts_start <= :ts
            AND t.ts_end IS NULL
            AND CASE WHEN t.trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
    )
ORDER BY p.trial_id, p.param_id;

-- name: trial_status_events
-- returns: many
-- params: exp_id text, trial_id int
-- why: What became of a trial, and when.
SELECT ts, status
FROM trial_status
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
ORDER BY ts;

-- name: trial_status_put
-- returns: none
-- params: exp_id text, trial_id int, ts time, status text RUNNING
-- why: A change of status; of two at the same microsecond, the one that is written later is kept.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
VALUES (:exp_id, :trial_id, :ts, :status)
ON CONFLICT (exp_id, trial_id, ts) DO UPDATE SET status = excluded.status;

-- name: trial_status_add
-- returns: none
-- params: exp_id text, trial_id int, ts time, status text RUNNING
-- why: A status event that is sent with telemetry; sending it again changes nothing.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
VALUES (:exp_id, :trial_id, :ts, :status)
ON CONFLICT (exp_id, trial_id, ts) DO NOTHING;

-- name: result_insert
-- returns: count
-- params: exp_id text, trial_id int, metric_id text, metric_value text, value_type text f
-- why: The final metrics of a trial, written with its completion.
INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type)
VALUES (:exp_id, :trial_id, :metric_id, :metric_value, :value_type);

-- name: results
-- returns: many
-- params: exp_id text, trial_id int
-- why: The final metrics of one trial.
SELECT metric_id, metric_value, value_type
FROM trial_result
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
ORDER BY metric_id;

-- name: results_of_experiment
-- returns: many
-- params: exp_id text
-- why: The final metrics of all trials of an experiment, in one statement.
SELECT trial_id, metric_id, metric_value, value_type
FROM trial_result
WHERE exp_id = :exp_id
ORDER BY trial_id, metric_id;

-- name: results_of_config
-- returns: many
-- params: exp_id text, config_id int
-- why: The final metrics of the trials of one group, in one statement.
SELECT r.trial_id, r.metric_id, r.metric_value, r.value_type
FROM trial_result AS r
WHERE r.exp_id = :exp_id
    AND r.trial_id IN (
        SELECT t.trial_id
        FROM trial AS t
        WHERE t.exp_id = :exp_id
            AND t.config_id = :config_id
    )
ORDER BY r.trial_id, r.metric_id;

-- name: results_of_load
-- returns: many
-- params: exp_id text, last_trial_id int 0
-- why: The final metrics of the succeeded trials that trial_load returns, in one statement.
SELECT r.trial_id, r.metric_id, r.metric_value, r.value_type
FROM trial AS t
INNER JOIN trial_result AS r
    ON r.exp_id = t.exp_id
    AND r.trial_id = t.trial_id
WHERE t.exp_id = :exp_id
    AND t.trial_id > :last_trial_id
    AND t.status = 'SUCCEEDED'
ORDER BY r.trial_id, r.metric_id;

-- name: telemetry_insert
-- returns: count
-- params: exp_id text, trial_id int, ts time, metric_id text, metric_value text, value_type text f
-- why: Timestamped metrics in bulk; a point that is there already is left as it is.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
VALUES (:exp_id, :trial_id, :ts, :metric_id, :metric_value, :value_type)
ON CONFLICT (exp_id, trial_id, ts, metric_id) DO NOTHING;

-- name: telemetry
-- returns: many
-- params: exp_id text, trial_id int
-- why: The timestamped metrics of one trial, read in the order of their unique key.
SELECT ts, metric_id, metric_value, value_type
FROM trial_telemetry
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
ORDER BY ts, metric_id;

-- name: telemetry_of_experiment
-- returns: many
-- params: exp_id text
-- why: The timestamped metrics of all trials of an experiment, read in the order of their unique key.
SELECT trial_id, ts, metric_id, metric_value, value_type
FROM trial_telemetry
WHERE exp_id = :exp_id
ORDER BY trial_id, ts, metric_id;
