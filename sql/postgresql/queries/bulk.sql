-- Bulk statements: each bind is an array, one element a row.

-- name: config_param_insert_many
-- returns: count
-- params: config_id, param_id, param_value, value_type
-- why: config_param_insert for many rows: one statement instead of one for each row.
-- own: What has arrays can take all rows in one statement.
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
-- params: exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status, creation_id
-- why: trial_insert for many rows: one statement instead of one for each row.
-- own: What has arrays can take all rows in one statement.
INSERT INTO trial (exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status, creation_id)
SELECT exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status, creation_id
FROM unnest(
    CAST(:exp_id AS VARCHAR[]),
    CAST(:trial_id AS INTEGER[]),
    CAST(:config_id AS INTEGER[]),
    CAST(:trial_runner_id AS INTEGER[]),
    CAST(:ts_start AS TIMESTAMPTZ[]),
    CAST(:ts_end AS TIMESTAMPTZ[]),
    CAST(:status AS VARCHAR[]),
    CAST(:creation_id AS VARCHAR[])
) AS n (exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status, creation_id);

-- name: trial_param_insert_many
-- returns: count
-- params: exp_id, trial_id, param_id, param_value, value_type
-- why: trial_param_insert for many rows: one statement instead of one for each row.
-- own: What has arrays can take all rows in one statement.
INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type)
SELECT exp_id, trial_id, param_id, param_value, value_type
FROM unnest(
    CAST(:exp_id AS VARCHAR[]),
    CAST(:trial_id AS INTEGER[]),
    CAST(:param_id AS VARCHAR[]),
    CAST(:param_value AS TEXT[]),
    CAST(:value_type AS VARCHAR[])
) AS n (exp_id, trial_id, param_id, param_value, value_type);

-- name: result_insert_many
-- returns: count
-- params: exp_id, trial_id, metric_id, metric_value, value_type
-- why: result_insert for many rows: one statement instead of one for each row.
-- own: What has arrays can take all rows in one statement.
INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type)
SELECT exp_id, trial_id, metric_id, metric_value, value_type
FROM unnest(
    CAST(:exp_id AS VARCHAR[]),
    CAST(:trial_id AS INTEGER[]),
    CAST(:metric_id AS VARCHAR[]),
    CAST(:metric_value AS TEXT[]),
    CAST(:value_type AS VARCHAR[])
) AS n (exp_id, trial_id, metric_id, metric_value, value_type);

-- name: telemetry_insert_many
-- returns: count
-- params: exp_id, trial_id, ts, metric_id, metric_value, value_type
-- why: telemetry_insert for many rows: one statement instead of one for each row.
-- own: What has arrays can take all rows in one statement.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
SELECT exp_id, trial_id, ts, metric_id, metric_value, value_type
FROM unnest(
    CAST(:exp_id AS VARCHAR[]),
    CAST(:trial_id AS INTEGER[]),
    CAST(:ts AS TIMESTAMPTZ[]),
    CAST(:metric_id AS VARCHAR[]),
    CAST(:metric_value AS TEXT[]),
    CAST(:value_type AS VARCHAR[])
) AS n (exp_id, trial_id, ts, metric_id, metric_value, value_type)
ON CONFLICT (exp_id, trial_id, ts, metric_id) DO NOTHING;

-- name: lineage_insert_many
-- returns: count
-- params: exp_id, trial_id, source_exp_id, source_trial_id
-- why: lineage_insert for many rows: one statement instead of one for each row.
-- own: What has arrays can take all rows in one statement.
INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id)
SELECT exp_id, trial_id, source_exp_id, source_trial_id
FROM unnest(
    CAST(:exp_id AS VARCHAR[]),
    CAST(:trial_id AS INTEGER[]),
    CAST(:source_exp_id AS VARCHAR[]),
    CAST(:source_trial_id AS INTEGER[])
) AS n (exp_id, trial_id, source_exp_id, source_trial_id);
