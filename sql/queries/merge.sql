-- Copying completed trials of one experiment into another. A trial's lineage names where it was first run: a trial that
-- came to the source by an earlier merge keeps its first origin, so that none enters an experiment twice by two ways.

-- name: merge_trials
-- returns: many
-- params: exp_id, source_exp_id
-- why: Completed trials of the source that neither were run in this experiment nor have been merged into it before.
SELECT
    t.trial_id, t.config_id, t.trial_runner_id, t.ts_start, t.ts_end, t.status,
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
-- params: exp_id, trial_id, source_exp_id, source_trial_id
-- why: Remembers where a merged trial was first run.
INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id)
VALUES (:exp_id, :trial_id, :source_exp_id, :source_trial_id);

-- name: merge_params
-- returns: count
-- params: exp_id, trial_id, source_exp_id, source_trial_id
-- why: Metadata of a merged trial.
INSERT INTO trial_param (exp_id, trial_id, param_id, param_value, value_type)
SELECT :exp_id, :trial_id, param_id, param_value, value_type
FROM trial_param
WHERE exp_id = :source_exp_id
    AND trial_id = :source_trial_id;

-- name: merge_status
-- returns: count
-- params: exp_id, trial_id, source_exp_id, source_trial_id
-- why: Status history of a merged trial.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
SELECT :exp_id, :trial_id, ts, status
FROM trial_status
WHERE exp_id = :source_exp_id
    AND trial_id = :source_trial_id;

-- name: merge_results
-- returns: count
-- params: exp_id, trial_id, source_exp_id, source_trial_id
-- why: Results of a merged trial.
INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value, value_type)
SELECT :exp_id, :trial_id, metric_id, metric_value, value_type
FROM trial_result
WHERE exp_id = :source_exp_id
    AND trial_id = :source_trial_id;

-- name: merge_telemetry
-- returns: count
-- params: exp_id, trial_id, source_exp_id, source_trial_id
-- why: Telemetry of a merged trial, copied inside the database.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
SELECT :exp_id, :trial_id, ts, metric_id, metric_value, value_type
FROM trial_telemetry
WHERE exp_id = :source_exp_id
    AND trial_id = :source_trial_id;
