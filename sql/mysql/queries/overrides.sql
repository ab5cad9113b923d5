-- What the other engines say with ON CONFLICT. Not INSERT IGNORE, which lets values be cut and references be missing: a
-- column set to what it is changes nothing, and the row then does not count.

-- name: config_insert
-- returns: count
-- params: config_hash
-- why: 0 rows when another process stored the same config first; its id is then found by config_find_all.
INSERT INTO config (config_hash)
VALUES (:config_hash)
ON DUPLICATE KEY UPDATE config_hash = config_hash;

-- name: experiment_insert
-- returns: count
-- params: exp_id, description, root_env_config, git_repo, git_commit
-- why: Creates an experiment; 0 rows when another process was first.
INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit)
VALUES (:exp_id, :description, :root_env_config, :git_repo, :git_commit)
ON DUPLICATE KEY UPDATE exp_id = exp_id;

-- name: trial_status_put
-- returns: count
-- params: exp_id, trial_id, ts, status
-- why: A change of status; of two at the same microsecond the later one written stands.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
VALUES (:exp_id, :trial_id, :ts, :status)
ON DUPLICATE KEY UPDATE status = :status;

-- name: trial_status_add
-- returns: count
-- params: exp_id, trial_id, ts, status
-- why: A sign of life that comes with telemetry; sending it again changes nothing.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
VALUES (:exp_id, :trial_id, :ts, :status)
ON DUPLICATE KEY UPDATE ts = ts;

-- name: telemetry_insert
-- returns: count
-- params: exp_id, trial_id, ts, metric_id, metric_value, value_type
-- why: Timestamped metrics in bulk; a point that is there already is left as it is.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
VALUES (:exp_id, :trial_id, :ts, :metric_id, :metric_value, :value_type)
ON DUPLICATE KEY UPDATE ts = ts;
