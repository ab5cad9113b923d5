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

-- name: experiment_best
-- returns: many
-- params: exp_ids json ["experiment_0"]
-- own: How a list of ids is unfolded differs by engine.
-- why: The least and the greatest number of each objective, of the trials that succeeded, in these experiments.
SELECT r.exp_id, r.metric, min(r.number) AS least, max(r.number) AS greatest
FROM json_table(:exp_ids, '$[*]' COLUMNS (exp_id VARCHAR(512) PATH '$')) AS j
INNER JOIN v_result AS r
    ON r.exp_id = CONVERT(j.exp_id USING utf8mb4)
WHERE r.status = 'SUCCEEDED'
    AND r.direction IS NOT NULL
GROUP BY r.exp_id, r.metric
ORDER BY r.exp_id, r.metric;
