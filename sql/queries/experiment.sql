-- name: experiment_get
-- returns: one
-- params: exp_id text
-- why: The experiment itself, without its objectives and trials.
SELECT exp_id, description, root_env_config, git_repo, git_commit
FROM experiment
WHERE exp_id = :exp_id;

-- name: experiment_list
-- returns: many
-- params: -
-- why: All experiments.
SELECT exp_id, description, root_env_config, git_repo, git_commit
FROM experiment
ORDER BY exp_id;

-- name: experiment_lock
-- returns: one
-- params: exp_id text
-- why: Trial ids of an experiment are given out by one transaction at a time: the others wait for the lock of its row.
SELECT exp_id
FROM experiment
WHERE exp_id = :exp_id
FOR UPDATE;

-- name: experiment_insert
-- returns: count
-- params: exp_id text, description text, root_env_config text, git_repo text, git_commit text
-- why: Creates an experiment; 0 rows when another process was first.
INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit)
VALUES (:exp_id, :description, :root_env_config, :git_repo, :git_commit)
ON CONFLICT (exp_id) DO NOTHING;

-- name: objective_insert
-- returns: count
-- params: exp_id text, optimization_target text, optimization_direction text min, weight float
-- why: What an experiment optimises; written once, when it is created.
INSERT INTO objectives (exp_id, optimization_target, optimization_direction, weight)
VALUES (:exp_id, :optimization_target, :optimization_direction, :weight);

-- name: objective_list
-- returns: many
-- params: exp_id text
-- why: Heaviest first; without weights in order of names.
SELECT optimization_target, optimization_direction, weight
FROM objectives
WHERE exp_id = :exp_id
ORDER BY CASE WHEN weight IS NULL THEN 1 ELSE 0 END, weight DESC, optimization_target;

-- name: experiment_overview
-- returns: many
-- params: pattern text experiment%
-- why: Experiments whose ids are like the pattern, for a list of them.
SELECT exp_id, description
FROM experiment
WHERE exp_id LIKE :pattern ESCAPE '!'
ORDER BY exp_id;

-- name: experiment_activity
-- returns: many
-- params: pattern text experiment%
-- why: How many trials of each status these experiments have, and when such a trial last began and ended. It reads all
-- why: trials of the experiments once, which is what their numbers cost.
SELECT exp_id, status, count(*) AS trials, max(ts_start) AS last_start, max(ts_end) AS last_end
FROM trial
WHERE exp_id LIKE :pattern ESCAPE '!'
GROUP BY exp_id, status
ORDER BY exp_id, status;

-- name: experiment_progress
-- returns: many
-- params: exp_id text
-- why: The same of one experiment.
SELECT exp_id, status, count(*) AS trials, max(ts_start) AS last_start, max(ts_end) AS last_end
FROM trial
WHERE exp_id = :exp_id
GROUP BY exp_id, status
ORDER BY exp_id, status;

-- name: objective_overview
-- returns: many
-- params: pattern text experiment%
-- why: What these experiments optimise, heaviest first; without weights in order of names.
SELECT exp_id, optimization_target, optimization_direction, weight
FROM objectives
WHERE exp_id LIKE :pattern ESCAPE '!'
ORDER BY exp_id, CASE WHEN weight IS NULL THEN 1 ELSE 0 END, weight DESC, optimization_target;
