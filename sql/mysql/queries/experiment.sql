-- ON DUPLICATE KEY UPDATE takes the place of the other engines' ON CONFLICT. INSERT IGNORE would not do: it cuts values
-- that are too long, and lets references be missing. Setting a column to the value it has changes nothing, and such a
-- row is not counted.

-- name: experiment_insert
-- returns: count
-- params: exp_id text, description text, root_env_config text, git_repo text, git_commit text
-- why: Creates an experiment; 0 rows when another process was first.
INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit)
VALUES (:exp_id, :description, :root_env_config, :git_repo, :git_commit)
ON DUPLICATE KEY UPDATE exp_id = exp_id;
