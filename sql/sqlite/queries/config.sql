-- name: config_params_of_experiment
-- returns: many
-- params: exp_id
-- why: All configs that an experiment used with their values, in one statement.
-- why: Of sums, because SQLite would read the trials of all experiments to get the ids in the order of a key.
SELECT c.config_id, p.param_id, p.param_value, p.value_type
FROM (
    SELECT DISTINCT config_id + 0 AS config_id
    FROM trial
    WHERE exp_id = :exp_id
) AS c
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
ORDER BY c.config_id, p.param_id;
