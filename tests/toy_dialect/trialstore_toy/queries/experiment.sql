-- name: experiment_list
-- returns: many
-- params: -
-- why: The toy looks at its experiments from the last one to the first.
SELECT exp_id, description, root_env_config, git_repo, git_commit
FROM experiment
ORDER BY exp_id DESC;
