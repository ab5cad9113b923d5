-- Experiments, for lists of them.
-- own: How a list of ids is unfolded differs by engine.

-- name: experiment_best
-- returns: many
-- params: exp_ids json ["experiment_0"]
-- why: The least and the greatest number of each objective, of the trials that succeeded, in these experiments.
SELECT r.exp_id, r.metric, min(r.number) AS least, max(r.number) AS greatest
FROM json_array_elements_text(CAST(:exp_ids AS JSON)) AS j (exp_id)
INNER JOIN v_result AS r
    ON r.exp_id = j.exp_id
WHERE r.status = 'SUCCEEDED'
    AND r.direction IS NOT NULL
GROUP BY r.exp_id, r.metric
ORDER BY r.exp_id, r.metric;
