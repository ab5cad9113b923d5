-- Writing attributes. They come as a JSON list of rows [name, value, type], of which None is [name]. Lists are
-- unfolded where they are used: not every reader of SQL knows WITH in an INSERT; some read ON CONFLICT as part
-- of a join where no WHERE is before it.
-- noqa: disable=ST05
-- own: How a JSON list is unfolded differs by engine.

-- name: experiment_attribute_put
-- returns: none
-- params: exp_id text, attributes json [["note"]]
-- why: Gives an experiment attributes; those that it has already get the new value.
INSERT INTO experiment_attribute (exp_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, a.item[1], a.item[2], a.item[3]
FROM (
    SELECT unnest(from_json(CAST(:attributes AS JSON), '[["VARCHAR"]]')) AS item
) AS a
ON CONFLICT (exp_id, attribute_id) DO UPDATE SET
    attribute_value = excluded.attribute_value, value_type = excluded.value_type;

-- name: experiment_attribute_delete
-- returns: none
-- params: exp_id text, names json
-- why: Deletes attributes of an experiment.
DELETE FROM experiment_attribute
WHERE exp_id = :exp_id
    AND attribute_id IN (
        SELECT unnest(from_json(CAST(:names AS JSON), '["VARCHAR"]'))
    );

-- name: trial_attribute_put
-- returns: none
-- params: exp_id text, ids json, attributes json [["note"]]
-- why: Gives each of some trials the same attributes; those that it has already get the new value.
INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, i.id, a.item[1], a.item[2], a.item[3]
FROM (
    SELECT unnest(CAST(:ids AS INTEGER[])) AS id
) AS i
CROSS JOIN (
    SELECT unnest(from_json(CAST(:attributes AS JSON), '[["VARCHAR"]]')) AS item
) AS a
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
        SELECT unnest(CAST(:ids AS INTEGER[]))
    )
    AND attribute_id IN (
        SELECT unnest(from_json(CAST(:names AS JSON), '["VARCHAR"]'))
    );
