-- What the other engines say with ON CONFLICT. Not INSERT IGNORE, which lets values be cut and references be missing: a
-- column set to what it is changes nothing, and the row then does not count. Only hashes of configs, which always have
-- one length and refer to nothing, are inserted with IGNORE: it locks a config that is there already for sharing only,
-- while ON DUPLICATE KEY would lock it against everybody who has just found it and stores a trial of it.

-- name: config_insert
-- returns: id
-- params: config_hash
-- why: A new config, whose id the server sends with the number of rows: none when another process stored it first.
INSERT IGNORE INTO config (config_hash)
VALUES (:config_hash);

-- name: config_insert_all
-- returns: count
-- params: config_hash
-- why: Several new configs, whose ids are then found by config_find_all; fewer when another process stored one first.
INSERT IGNORE INTO config (config_hash)
VALUES (:config_hash);

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

-- name: trial_pending
-- returns: many
-- params: exp_id, ts, status_1, status_2, status_3, assigned_min, assigned_max
-- why: Trials that are due. The assigned pair is (0, 1) for all, (1, 1) with a runner, (0, 0) without one.
-- why: Sorted by a sum, because MariaDB would read all trials of the experiment to get them in the order of a key.
SELECT trial_id, config_id, trial_runner_id, status
FROM trial
WHERE exp_id = :exp_id
    AND status IN (:status_1, :status_2, :status_3)
    AND ts_start <= :ts
    AND ts_end IS NULL
    AND CASE WHEN trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
ORDER BY trial_id + 0;
