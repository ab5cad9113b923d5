-- name: history_list
-- returns: many
-- params: -
-- why: The one statement that opening an up-to-date database costs.
SELECT
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user,
    library_version
FROM trialstore_schema
ORDER BY version;

-- name: history_insert
-- returns: none
-- params: version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, library_version
-- why: One row a migration, written in its transaction where DDL is transactional, before its first statement if not.
INSERT INTO trialstore_schema (
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user,
    library_version
)
VALUES (
    :version, :slug, :checksum, :state, :statements_done, :started_at, :finished_at, :duration_ms, CURRENT_USER,
    :library_version
);

-- name: history_progress
-- returns: count
-- params: version, statements_done
-- why: Where DDL cannot be rolled back, each statement is recorded when it is done, so that a killed run can go on
-- why: there.
UPDATE trialstore_schema
SET statements_done = :statements_done
WHERE version = :version;

-- name: history_finish
-- returns: count
-- params: version, state, finished_at, duration_ms
-- why: A migration that runs step by step is done, or one of its statements was refused, or it goes on after that.
UPDATE trialstore_schema
SET state = :state, finished_at = :finished_at, duration_ms = :duration_ms
WHERE version = :version;

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
-- noqa: disable=aliasing.unique.column
SELECT
    e.exp_id, e.description, e.root_env_config, e.git_repo, e.git_commit,
    o.exp_id, o.optimization_target, o.optimization_direction, o.weight,
    c.config_id, c.config_hash, p.config_id, p.param_id, p.param_value,
    t.exp_id, t.trial_id, t.config_id, t.ts_start, t.ts_end, t.status,
    tp.exp_id, tp.trial_id, tp.param_id, tp.param_value,
    ts.exp_id, ts.trial_id, ts.ts, ts.status,
    tr.exp_id, tr.trial_id, tr.metric_id, tr.metric_value,
    tt.exp_id, tt.trial_id, tt.ts, tt.metric_id, tt.metric_value
FROM experiment AS e
CROSS JOIN objectives AS o
CROSS JOIN config AS c
CROSS JOIN config_param AS p
CROSS JOIN trial AS t
CROSS JOIN trial_param AS tp
CROSS JOIN trial_status AS ts
CROSS JOIN trial_result AS tr
CROSS JOIN trial_telemetry AS tt
WHERE 1 = 0;
-- noqa: enable=aliasing.unique.column

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
