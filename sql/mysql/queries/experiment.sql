-- ON DUPLICATE KEY UPDATE takes the place of the other engines' ON CONFLICT. INSERT IGNORE would not do: it cuts values
-- that are too long, and lets references be missing. Setting a column to the value it has changes nothing, and such a
-- row is not counted.
-- The linter's grammar knows no index that is chosen in a part of a UNION.
-- noqa: disable=PRS

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

-- name: experiment_activity
-- returns: many
-- params: pattern text experiment%
-- why: How many trials of each status these experiments have, and when such a trial last began; and, in rows without a
-- why: status, when a trial that began ended last. Each half reads the trials in the order of an index; both at once
-- why: would look up each row of an index in the table.
SELECT t.exp_id, t.status, count(*) AS trials, max(t.ts_start) AS last_start, NULL AS last_end
FROM trial AS t FORCE INDEX (ix_trial_due)
WHERE t.exp_id LIKE :pattern ESCAPE '!'
GROUP BY t.exp_id, t.status
UNION ALL
SELECT
    e.exp_id, NULL, 0, NULL,
    (
        SELECT max(t.ts_end)
        FROM trial AS t IGNORE INDEX (ix_trial_due)
        WHERE t.exp_id = e.exp_id
            AND t.status NOT IN ('PENDING', 'READY')
    ) AS last_end
FROM experiment AS e
WHERE e.exp_id LIKE :pattern ESCAPE '!';
