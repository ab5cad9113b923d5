-- Writing attributes. They come as a JSON list of rows [name, value, type], of which None is [name]. On a duplicate key
-- the values come from the JSON itself: VALUES() is deprecated on MySQL, and MariaDB knows no alias of new rows. Lists
-- are joined before the trials: MariaDB would look for their items among all trials of the experiment, and lock those.
-- Without WHERE, ON DUPLICATE KEY would be read as the condition of the join. The linter's grammar does not know this.
-- noqa: disable=PRS,CP03
-- own: How a JSON list is unfolded differs by engine.

-- name: experiment_attribute_put
-- returns: none
-- params: exp_id text, attributes json [["note"]]
-- why: Gives an experiment attributes; those that it has already get the new value.
INSERT INTO experiment_attribute (exp_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, a.name, a.content, a.kind
FROM json_table(
        :attributes, '$[*]' COLUMNS (
            name VARCHAR(255) PATH '$[0]', content TEXT PATH '$[1]', kind CHAR(1) PATH '$[2]'
        )
    ) AS a
ON DUPLICATE KEY UPDATE attribute_value = a.content, value_type = a.kind;

-- name: experiment_attribute_delete
-- returns: none
-- params: exp_id text, names json
-- why: Deletes attributes of an experiment.
DELETE e
FROM json_table(:names, '$[*]' COLUMNS (name VARCHAR(255) PATH '$')) AS n
STRAIGHT_JOIN experiment_attribute AS e
    ON e.exp_id = :exp_id
    AND e.attribute_id = n.name;

-- name: trial_attribute_put
-- returns: none
-- params: exp_id text, ids json, attributes json [["note"]]
-- why: Gives each of some trials the same attributes; those that it has already get the new value.
INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type)
SELECT :exp_id, i.id, a.name, a.content, a.kind
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS i
CROSS JOIN json_table(
        :attributes, '$[*]' COLUMNS (
            name VARCHAR(255) PATH '$[0]', content TEXT PATH '$[1]', kind CHAR(1) PATH '$[2]'
        )
    ) AS a
WHERE 1 = 1
ON DUPLICATE KEY UPDATE attribute_value = a.content, value_type = a.kind;

-- name: trial_attribute_delete
-- returns: none
-- params: exp_id text, ids json, names json
-- why: Deletes attributes of some trials.
DELETE t
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS i
CROSS JOIN json_table(:names, '$[*]' COLUMNS (name VARCHAR(255) PATH '$')) AS n
STRAIGHT_JOIN trial_attribute AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = i.id
    AND t.attribute_id = n.name;
