-- Bulk statements: the binds that `arrays` names are arrays, one element a row; the others are the same in all rows.
-- own: This engine's arrays take all rows in one statement, instead of one statement for each row.

-- name: config_param_insert_many
-- returns: count
-- params: config_id int, param_id text, param_value text, value_type text f
-- arrays: config_id, param_id, param_value, value_type
-- why: config_param_insert for many rows.
INSERT INTO config_param (config_id, param_id, param_value, value_type)
SELECT config_id, param_id, param_value, value_type
FROM unnest(
    CAST(:config_id AS INTEGER[]),
    CAST(:param_id AS VARCHAR[]),
    CAST(:param_value AS TEXT[]),
    CAST(:value_type AS VARCHAR[])
) AS n (config_id, param_id, param_value, value_type);

-- name: trial_insert_many
-- returns: count
-- params: exp_id text, trial_id int, config_id int, trial_runner_id int, ts_start time, ts_end time,
-- params: status text RUNNING, context_id int, creation_id text 7f3a
-- arrays: trial_id, config_id, trial_runner_id, ts_start, ts_end, status, context_id
-- why: trial_insert for many rows.
INSERT INTO trial (exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status, context_id, creation_id)
SELECT
    CAST(:exp_id AS VARCHAR), trial_id, config_id, trial_runner_id, ts_start, ts_end, status, context_id,
    CAST(:creation_id AS VARCHAR)
FROM unnest(
    CAST(:trial_id AS INTEGER[]),
    CAST(:config_id AS INTEGER[]),
    CAST(:trial_runner_id AS INTEGER[]),
    CAST(:ts_start AS TIMESTAMPTZ[]),
    CAST(:ts_end AS TIMESTAMPTZ[]),
    CAST(:status AS VARCHAR[]),
    CAST(:context_id AS INTEGER[])
) AS n (trial_id, config_id, trial_runner_id, ts_start, ts_end, status, context_id);

-- name: trial_param_insert_many
-- returns: count
-- params: exp_id text, trial_id int, param_id text, param_value text, value_type text f
-- arrays: trial_id, param_id, param_value, value_type
-- why: trial_param_insert for many rows.
INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type)
SELECT CAST(:exp_id AS VARCHAR), trial_id, param_id, param_value, value_type
FROM unnest(
    CAST(:trial_id AS INTEGER[]),
    CAST(:param_id AS VARCHAR[]),
    CAST(:param_value AS TEXT[]),
    CAST(:value_type AS VARCHAR[])
) AS n (trial_id, param_id, param_value, value_type);

-- name: result_insert_many
-- returns: count
-- params: exp_id text, trial_id int, metric_id text, metric_value text, value_type text f
-- arrays: metric_id, metric_value, value_type
-- why: result_insert for many rows.
INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type)
SELECT CAST(:exp_id AS VARCHAR), CAST(:trial_id AS INTEGER), metric_id, metric_value, value_type
FROM unnest(
    CAST(:metric_id AS VARCHAR[]),
    CAST(:metric_value AS TEXT[]),
    CAST(:value_type AS VARCHAR[])
) AS n (metric_id, metric_value, value_type);

-- name: telemetry_insert_many
-- returns: count
-- params: exp_id text, trial_id int, ts time, metric_id text, metric_value text, value_type text f
-- arrays: ts, metric_id, metric_value, value_type
-- why: telemetry_insert for many rows.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
SELECT CAST(:exp_id AS VARCHAR), CAST(:trial_id AS INTEGER), ts, metric_id, metric_value, value_type
FROM unnest(
    CAST(:ts AS TIMESTAMPTZ[]),
    CAST(:metric_id AS VARCHAR[]),
    CAST(:metric_value AS TEXT[]),
    CAST(:value_type AS VARCHAR[])
) AS n (ts, metric_id, metric_value, value_type)
ON CONFLICT (exp_id, trial_id, ts, metric_id) DO NOTHING;

-- name: lineage_insert_many
-- returns: count
-- params: exp_id text, trial_id int, source_exp_id text, source_trial_id int
-- arrays: trial_id, source_exp_id, source_trial_id
-- why: lineage_insert for many rows.
INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id)
SELECT CAST(:exp_id AS VARCHAR), trial_id, source_exp_id, source_trial_id
FROM unnest(
    CAST(:trial_id AS INTEGER[]),
    CAST(:source_exp_id AS VARCHAR[]),
    CAST(:source_trial_id AS INTEGER[])
) AS n (trial_id, source_exp_id, source_trial_id);
