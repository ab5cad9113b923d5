-- Bulk statements: the binds that `arrays` names are arrays, one element a row; the others are the same in all rows.
-- own: This driver runs a statement anew for each row, which takes 30 times as long; the other drivers do not.

-- name: config_param_insert_many
-- returns: count
-- params: config_id int, param_id text, param_value text, value_type text f
-- arrays: config_id, param_id, param_value, value_type
-- why: config_param_insert for many rows.
INSERT INTO config_param (config_id, param_id, param_value, value_type)
SELECT
    unnest(CAST(:config_id AS INTEGER[])),
    unnest(CAST(:param_id AS VARCHAR[])),
    unnest(CAST(:param_value AS VARCHAR[])),
    unnest(CAST(:value_type AS VARCHAR[]));

-- name: objective_insert_many
-- returns: count
-- params: exp_id text, optimization_target text, optimization_direction text min, weight float
-- arrays: optimization_target, optimization_direction, weight
-- why: objective_insert for many rows.
INSERT INTO objectives (exp_id, optimization_target, optimization_direction, weight)
SELECT
    CAST(:exp_id AS VARCHAR),
    unnest(CAST(:optimization_target AS VARCHAR[])),
    unnest(CAST(:optimization_direction AS VARCHAR[])),
    unnest(CAST(:weight AS DOUBLE[]));

-- name: trial_insert_many
-- returns: count
-- params: exp_id text, trial_id int, config_id int, trial_runner_id int, ts_start time, ts_end time,
-- params: status text RUNNING, context_id int, creation_id text 7f3a
-- arrays: trial_id, config_id, trial_runner_id, ts_start, ts_end, status, context_id
-- why: trial_insert for many rows.
INSERT INTO trial (exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status, context_id, creation_id)
SELECT
    CAST(:exp_id AS VARCHAR),
    unnest(CAST(:trial_id AS INTEGER[])),
    unnest(CAST(:config_id AS INTEGER[])),
    unnest(CAST(:trial_runner_id AS INTEGER[])),
    unnest(CAST(:ts_start AS TIMESTAMP[])),
    unnest(CAST(:ts_end AS TIMESTAMP[])),
    unnest(CAST(:status AS VARCHAR[])),
    unnest(CAST(:context_id AS INTEGER[])),
    CAST(:creation_id AS VARCHAR);

-- name: trial_param_insert_many
-- returns: count
-- params: exp_id text, trial_id int, param_id text, param_value text, value_type text f
-- arrays: trial_id, param_id, param_value, value_type
-- why: trial_param_insert for many rows.
INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type)
SELECT
    CAST(:exp_id AS VARCHAR),
    unnest(CAST(:trial_id AS INTEGER[])),
    unnest(CAST(:param_id AS VARCHAR[])),
    unnest(CAST(:param_value AS VARCHAR[])),
    unnest(CAST(:value_type AS VARCHAR[]));

-- name: result_insert_many
-- returns: count
-- params: exp_id text, trial_id int, metric_id text, metric_value text, value_type text f
-- arrays: metric_id, metric_value, value_type
-- why: result_insert for many rows.
INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type)
SELECT
    CAST(:exp_id AS VARCHAR),
    CAST(:trial_id AS INTEGER),
    unnest(CAST(:metric_id AS VARCHAR[])),
    unnest(CAST(:metric_value AS VARCHAR[])),
    unnest(CAST(:value_type AS VARCHAR[]));

-- name: telemetry_insert_many
-- returns: count
-- params: exp_id text, trial_id int, ts time, metric_id text, metric_value text, value_type text f
-- arrays: ts, metric_id, metric_value, value_type
-- why: telemetry_insert for many rows.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
SELECT
    CAST(:exp_id AS VARCHAR),
    CAST(:trial_id AS INTEGER),
    unnest(CAST(:ts AS TIMESTAMP[])),
    unnest(CAST(:metric_id AS VARCHAR[])),
    unnest(CAST(:metric_value AS VARCHAR[])),
    unnest(CAST(:value_type AS VARCHAR[]))
ON CONFLICT (exp_id, trial_id, ts, metric_id) DO NOTHING;

-- name: lineage_insert_many
-- returns: count
-- params: exp_id text, trial_id int, source_exp_id text, source_trial_id int
-- arrays: trial_id, source_exp_id, source_trial_id
-- why: lineage_insert for many rows.
INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id)
SELECT
    CAST(:exp_id AS VARCHAR),
    unnest(CAST(:trial_id AS INTEGER[])),
    unnest(CAST(:source_exp_id AS VARCHAR[])),
    unnest(CAST(:source_trial_id AS INTEGER[]));

-- name: config_insert_all_many
-- returns: count
-- params: config_hash text 7f3a
-- arrays: config_hash
-- why: config_insert_all for many rows.
INSERT INTO config (config_hash)
SELECT unnest(CAST(:config_hash AS VARCHAR[]))
ON CONFLICT (config_hash) DO NOTHING;
