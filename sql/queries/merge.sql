-- Copying completed trials of one experiment into another. A trial's lineage names where it was first run: a trial that
-- came to the source by an earlier merge keeps its first origin, so that no trial is merged twice into an experiment,
-- whatever experiments it comes through.

-- name: merge_trials
-- returns: many
-- params: exp_id text, source_exp_id text
-- why: Completed trials of the source that neither were run in this experiment nor have been merged into it before.
SELECT
    t.trial_id, t.config_id, t.trial_runner_id, t.ts_start, t.ts_end, t.status, t.context_id,
    coalesce(o.source_exp_id, t.exp_id) AS origin_exp_id,
    coalesce(o.source_trial_id, t.trial_id) AS origin_trial_id
FROM trial AS t
LEFT JOIN trial_lineage AS o
    ON o.exp_id = t.exp_id
    AND o.trial_id = t.trial_id
LEFT JOIN trial_lineage AS m
    ON m.exp_id = :exp_id
    AND m.source_exp_id = coalesce(o.source_exp_id, t.exp_id)
    AND m.source_trial_id = coalesce(o.source_trial_id, t.trial_id)
WHERE t.exp_id = :source_exp_id
    AND t.status IN ('SUCCEEDED', 'CANCELED', 'FAILED', 'TIMED_OUT')
    AND m.trial_id IS NULL
    AND coalesce(o.source_exp_id, t.exp_id) <> :exp_id
ORDER BY t.trial_id;

-- name: lineage_insert
-- returns: count
-- params: exp_id text, trial_id int, source_exp_id text, source_trial_id int
-- why: Records where a merged trial was first run.
INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id)
VALUES (:exp_id, :trial_id, :source_exp_id, :source_trial_id);

-- name: merge_params
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Metadata of the trials that have just been merged, found by their lineage. Trials that the source had itself got
-- why: by a merge are found there by its own lineage.
INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type)
SELECT l.exp_id, l.trial_id, s.param_id, s.param_value, s.value_type
FROM trial_lineage AS l
LEFT JOIN trial_lineage AS o
    ON o.exp_id = :source_exp_id
    AND o.source_exp_id = l.source_exp_id
    AND o.source_trial_id = l.source_trial_id
INNER JOIN trial_param AS s
    ON s.exp_id = :source_exp_id
    AND s.trial_id = coalesce(o.trial_id, l.source_trial_id)
WHERE l.exp_id = :exp_id
    AND l.trial_id BETWEEN :first_trial_id AND :last_trial_id;

-- name: merge_status
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Status history of the trials that have just been merged, found by their lineage.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
SELECT l.exp_id, l.trial_id, s.ts, s.status
FROM trial_lineage AS l
LEFT JOIN trial_lineage AS o
    ON o.exp_id = :source_exp_id
    AND o.source_exp_id = l.source_exp_id
    AND o.source_trial_id = l.source_trial_id
INNER JOIN trial_status AS s
    ON s.exp_id = :source_exp_id
    AND s.trial_id = coalesce(o.trial_id, l.source_trial_id)
WHERE l.exp_id = :exp_id
    AND l.trial_id BETWEEN :first_trial_id AND :last_trial_id;

-- name: merge_results
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Results of the trials that have just been merged, found by their lineage.
INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type)
SELECT l.exp_id, l.trial_id, s.metric_id, s.metric_value, s.value_type
FROM trial_lineage AS l
LEFT JOIN trial_lineage AS o
    ON o.exp_id = :source_exp_id
    AND o.source_exp_id = l.source_exp_id
    AND o.source_trial_id = l.source_trial_id
INNER JOIN trial_result AS s
    ON s.exp_id = :source_exp_id
    AND s.trial_id = coalesce(o.trial_id, l.source_trial_id)
WHERE l.exp_id = :exp_id
    AND l.trial_id BETWEEN :first_trial_id AND :last_trial_id;

-- name: merge_telemetry
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Telemetry of the trials that have just been merged, found by their lineage.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
SELECT l.exp_id, l.trial_id, s.ts, s.metric_id, s.metric_value, s.value_type
FROM trial_lineage AS l
LEFT JOIN trial_lineage AS o
    ON o.exp_id = :source_exp_id
    AND o.source_exp_id = l.source_exp_id
    AND o.source_trial_id = l.source_trial_id
INNER JOIN trial_telemetry AS s
    ON s.exp_id = :source_exp_id
    AND s.trial_id = coalesce(o.trial_id, l.source_trial_id)
WHERE l.exp_id = :exp_id
    AND l.trial_id BETWEEN :first_trial_id AND :last_trial_id;

-- name: merge_attributes
-- returns: none
-- params: exp_id text, source_exp_id text, first_trial_id int, last_trial_id int 0
-- why: Attributes of the trials that have just been merged, found by their lineage.
INSERT INTO trial_attribute (exp_id, trial_id, attribute_id, attribute_value, value_type)
SELECT l.exp_id, l.trial_id, s.attribute_id, s.attribute_value, s.value_type
FROM trial_lineage AS l
LEFT JOIN trial_lineage AS o
    ON o.exp_id = :source_exp_id
    AND o.source_exp_id = l.source_exp_id
    AND o.source_trial_id = l.source_trial_id
INNER JOIN trial_attribute AS s
    ON s.exp_id = :source_exp_id
    AND s.trial_id = coalesce(o.trial_id, l.source_trial_id)
WHERE l.exp_id = :exp_id
    AND l.trial_id BETWEEN :first_trial_id AND :last_trial_id;
