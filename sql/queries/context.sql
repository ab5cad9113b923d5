-- name: context_find
-- returns: scalar
-- params: context_hash text 7f3a
-- why: The context of one hash, if it is stored already.
SELECT context_id
FROM context
WHERE context_hash = :context_hash;

-- name: context_insert
-- returns: id
-- params: context_hash text 7f3a
-- why: A new context; no row when another process stored the same one first.
INSERT INTO context (context_hash)
VALUES (:context_hash)
ON CONFLICT (context_hash) DO NOTHING
RETURNING context_id;

-- name: context_value_insert
-- returns: count
-- params: context_id int, key_id text, key_value text, value_type text f
-- why: The values of a context, written with it and never changed.
INSERT INTO context_value (context_id, key_id, key_value, value_type)
VALUES (:context_id, :key_id, :key_value, :value_type);

-- name: context_values
-- returns: many
-- params: exp_id text, trial_id int
-- why: What a trial ran on; no rows where that is not stored.
SELECT v.key_id, v.key_value, v.value_type
FROM trial AS t
INNER JOIN context_value AS v
    ON v.context_id = t.context_id
WHERE t.exp_id = :exp_id
    AND t.trial_id = :trial_id
ORDER BY v.key_id;

-- name: context_use
-- returns: many
-- params: exp_id text
-- why: What the trials of an experiment ran on that have begun: how many trials did, and when the first and the last
-- why: one started. A row of NULL counts those of which it is not stored.
SELECT
    context_id,
    count(*) AS trials,
    min(ts_start) AS first_start,
    max(ts_start) AS last_start
FROM trial
WHERE exp_id = :exp_id
    AND status NOT IN ('PENDING', 'READY')
GROUP BY context_id
ORDER BY context_id;

-- name: context_values_of_experiment
-- returns: many
-- params: exp_id text
-- why: All that the trials of an experiment ran on, in one statement.
SELECT v.context_id, v.key_id, v.key_value, v.value_type
FROM (
    SELECT DISTINCT context_id
    FROM trial
    WHERE exp_id = :exp_id
) AS t
INNER JOIN context_value AS v
    ON v.context_id = t.context_id
ORDER BY v.context_id, v.key_id;
