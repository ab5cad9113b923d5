-- Writing attributes. They come as a JSON list of rows [name, value, type], of which None is [name]. Without WHERE,
-- SQLite would read ON CONFLICT as part of a join.
-- own: How a JSON list is unfolded differs by engine.

-- name: experiment_attribute_put
-- returns: none
-- params: exp_id text, attributes json [["note"]]
-- why: Gives an experiment attributes; those that it has already get the new value.
INSERT INTO experiment_attribute (exp_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, json_extract(a.value, '$[0]'), json_extract(a.value, '$[1]'), json_extract(a.value, '$[2]')
FROM json_each(:attributes) AS a
WHERE 1 = 1
ON CONFLICT (exp_id, attribute_id) DO UPDATE SET
    attribute_value = excluded.attribute_value, value_type = excluded.value_type;

-- name: experiment_attribute_delete
-- returns: none
-- params: exp_id text, names json
-- why: Deletes attributes of an experiment.
DELETE FROM experiment_attribute
WHERE exp_id = :exp_id
    AND attribute_id IN (
        SELECT n.value
        FROM json_each(:names) AS n
    );

-- name: trial_attribute_put
-- returns: none
-- params: exp_id text, ids json, attributes json [["note"]]
-- why: Gives each of some trials the same attributes; those that it has already get the new value.
INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, i.value, json_extract(a.value, '$[0]'), json_extract(a.value, '$[1]'), json_extract(a.value, '$[2]')
FROM json_each(:ids) AS i
CROSS JOIN json_each(:attributes) AS a
WHERE 1 = 1
ON CONFLICT (exp_id, trial_id, attribute_id) DO UPDATE SET
    attribute_value = excluded.attribute_value, value_type = excluded.value_type;

-- name: trial_attribute_delete
-- returns: none
-- params: exp_id text, ids json, names json
-- why: Deletes attributes of some trials.
DELETE FROM trial_attribute
WHERE exp_id = :exp_id
    AND trial_id IN (
        SELECT i.value
        FROM json_each(:ids) AS i
    )
    AND attribute_id IN (
        SELECT n.value
        FROM json_each(:names) AS n
    );
