-- Attributes of experiments and trials: values that people give them, change and delete. How they are written stands in
-- a file of each engine.

-- name: experiment_attributes
-- returns: many
-- params: exp_id text
-- why: The attributes of an experiment.
SELECT attribute_id, attribute_value, value_type
FROM experiment_attribute
WHERE exp_id = :exp_id
ORDER BY attribute_id;

-- name: trial_attributes
-- returns: many
-- params: exp_id text, trial_id int
-- why: The attributes of one trial.
SELECT attribute_id, attribute_value, value_type
FROM trial_attribute
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
ORDER BY attribute_id;

-- name: trial_attributes_of_experiment
-- returns: many
-- params: exp_id text
-- why: The attributes of all trials of an experiment, in one statement.
SELECT trial_id, attribute_id, attribute_value, value_type
FROM trial_attribute
WHERE exp_id = :exp_id
ORDER BY trial_id, attribute_id;
