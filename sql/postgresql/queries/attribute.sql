-- Writing attributes. They come as a JSON list of rows [name, value, type], of which None is [name]. Rows are written
-- in the order of their key, so that two writers of the same ones wait for each other, and do not deadlock.
-- own: How a JSON list is unfolded differs by engine.

-- name: experiment_attribute_put
-- returns: none
-- params: exp_id text, attributes json [["note"]]
-- why: Gives an experiment attributes; those that it has already get the new value.
INSERT INTO experiment_attribute (exp_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, a.item ->> 0, a.item ->> 1, a.item ->> 2
FROM json_array_elements(CAST(:attributes AS JSON)) WITH ORDINALITY AS a (item, place)
ORDER BY a.place
ON CONFLICT (exp_id, attribute_id) DO UPDATE SET
    attribute_value = excluded.attribute_value, value_type = excluded.value_type;

-- name: experiment_attribute_delete
-- returns: none
-- params: exp_id text, names json
-- why: Deletes attributes of an experiment.
DELETE FROM experiment_attribute
WHERE exp_id = :exp_id
    AND attribute_id IN (
        SELECT n.name
        FROM json_array_elements_text(CAST(:names AS JSON)) AS n (name)
    );

-- name: trial_attribute_put
-- returns: none
-- params: exp_id text, ids json, attributes json [["note"]]
-- why: Gives each of some trials the same attributes; those that it has already get the new value.
INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, CAST(i.id AS INTEGER), a.item ->> 0, a.item ->> 1, a.item ->> 2
FROM json_array_elements_text(CAST(:ids AS JSON)) AS i (id)
CROSS JOIN json_array_elements(CAST(:attributes AS JSON)) WITH ORDINALITY AS a (item, place)
ORDER BY CAST(i.id AS INTEGER), a.place
ON CONFLICT (exp_id, trial_id, attribute_id) DO UPDATE SET
    attribute_value = excluded.attribute_value, value_type = excluded.value_type;

-- name: trial_attribute_delete
-- returns: none
-- params: exp_id text, ids json, names json
-- why: Deletes attributes of some trials.
DELETE FROM trial_attribute
WHERE exp_id = :exp_id
    AND trial_id IN (
        SELECT CAST(i.id AS INTEGER)
        FROM json_array_elements_text(CAST(:ids AS JSON)) AS i (id)
    )
    AND attribute_id IN (
        SELECT n.name
        FROM json_array_elements_text(CAST(:names AS JSON)) AS n (name)
    );
