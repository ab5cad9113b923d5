-- name: history_list
-- returns: many
-- params: -
-- why: The one statement that opening an up-to-date database costs.
SELECT version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user, library_version
FROM trialstore_schema
ORDER BY version;

-- name: history_insert
-- returns: none
-- params: version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, library_version
-- why: One row a migration, written in its transaction where DDL is transactional, before its first statement elsewhere.
INSERT INTO trialstore_schema (
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user, library_version
)
VALUES (
    :version, :slug, :checksum, :state, :statements_done, :started_at, :finished_at, :duration_ms, CURRENT_USER,
    :library_version
);

-- name: reference_revision
-- returns: one
-- params: -
-- why: At which step of its chain the reference left this database.
SELECT version_num
FROM alembic_version;

-- name: reference_at_0001
-- returns: many
-- params: -
-- why: Reads no row; fails unless every table and column that 0001 makes is there.
SELECT 1 AS found
FROM (SELECT exp_id, description, root_env_config, git_repo, git_commit FROM experiment WHERE 1 = 0) AS t1
CROSS JOIN (SELECT exp_id, optimization_target, optimization_direction, weight FROM objectives WHERE 1 = 0) AS t2
CROSS JOIN (SELECT config_id, config_hash FROM config WHERE 1 = 0) AS t3
CROSS JOIN (SELECT config_id, param_id, param_value FROM config_param WHERE 1 = 0) AS t4
CROSS JOIN (SELECT exp_id, trial_id, config_id, ts_start, ts_end, status FROM trial WHERE 1 = 0) AS t5
CROSS JOIN (SELECT exp_id, trial_id, param_id, param_value FROM trial_param WHERE 1 = 0) AS t6
CROSS JOIN (SELECT exp_id, trial_id, ts, status FROM trial_status WHERE 1 = 0) AS t7
CROSS JOIN (SELECT exp_id, trial_id, metric_id, metric_value FROM trial_result WHERE 1 = 0) AS t8
CROSS JOIN (SELECT exp_id, trial_id, ts, metric_id, metric_value FROM trial_telemetry WHERE 1 = 0) AS t9;

-- name: reference_at_0002
-- returns: many
-- params: -
-- why: Reads no row; fails unless the column that 0002 adds is there.
SELECT trial_runner_id
FROM trial
WHERE 1 = 0;

-- name: reference_at_0003
-- returns: many
-- params: -
-- why: Reads no row; fails unless the columns that 0003 adds are there.
SELECT ts_start, ts_end, status, driver_name, driver_pid
FROM experiment
WHERE 1 = 0;
