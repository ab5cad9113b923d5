-- name: trial_last_id
-- returns: scalar
-- params: exp_id text
-- why: The greatest trial id of an experiment, or NULL; read from the end of the primary key.
SELECT max(trial_id) AS trial_id
FROM trial
WHERE exp_id = :exp_id;

-- name: trial_insert
-- returns: count
-- params: exp_id text, trial_id int, config_id int, trial_runner_id int, ts_start time, ts_end time,
-- params: status text RUNNING, context_id int, creation_id text 7f3a
-- why: A new trial.
INSERT INTO trial (exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status, context_id, creation_id)
VALUES (:exp_id, :trial_id, :config_id, :trial_runner_id, :ts_start, :ts_end, :status, :context_id, :creation_id);

-- name: trial_created
-- returns: many
-- params: exp_id text, first_trial_id int, last_trial_id int 0, creation_id text 7f3a
-- why: The trials that an earlier attempt of the same call has created, whose commit got no answer.
SELECT trial_id, config_id
FROM trial
WHERE exp_id = :exp_id
    AND trial_id BETWEEN :first_trial_id AND :last_trial_id
    AND creation_id = :creation_id
ORDER BY trial_id;

-- name: trial_get
-- returns: one
-- params: exp_id text, trial_id int
-- why: One trial.
SELECT trial_id, config_id, trial_runner_id, status
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = :trial_id;

-- name: trial_list
-- returns: many
-- params: exp_id text
-- why: All trials of an experiment; the trial groups follow from them.
SELECT trial_id, config_id, trial_runner_id, ts_start, ts_end, status
FROM trial
WHERE exp_id = :exp_id
ORDER BY trial_id;

-- name: trial_list_of_config
-- returns: many
-- params: exp_id text, config_id int
-- why: The trials of one group: those of an experiment with the same config.
SELECT trial_id, config_id, trial_runner_id, ts_start, ts_end, status
FROM trial
WHERE exp_id = :exp_id
    AND config_id = :config_id
ORDER BY trial_id;

-- name: trial_list_with_values
-- returns: many
-- params: exp_id text, with_metadata int 1, with_attributes int 1
-- why: All trials of an experiment, those that have started with the time since when they had waited, and all their
-- why: values: those of configs and contexts under the ids of these, the others under the trial's; metadata and
-- why: attributes where they are wanted. A config or context without values has a row of NULLs. One statement, so that
-- why: all of it is of one moment; in no order, so that no engine sorts rows of so many kinds. The + 0 keeps SQLite
-- why: from reading the trials of all experiments in the order of an index. HAVING is always true; PostgreSQL, which
-- why: expects that of few configs, looks their parameters up, instead of reading those of all configs of the database.
SELECT
    'trial' AS part, t.trial_id AS id, NULL AS name, NULL AS text_value, NULL AS value_type,
    t.config_id, t.trial_runner_id, t.context_id, t.ts_start, t.ts_end,
    CASE
        WHEN t.status NOT IN ('PENDING', 'READY')
            THEN (
                SELECT min(s.ts)
                FROM trial_status AS s
                WHERE s.exp_id = t.exp_id
                    AND s.trial_id = t.trial_id
                    AND s.status IN ('PENDING', 'READY')
            )
    END AS ts_queued, t.status
FROM trial AS t
WHERE t.exp_id = :exp_id
UNION ALL
SELECT
    'result', r.trial_id, r.metric_id, r.metric_value, r.value_type,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM trial_result AS r
WHERE r.exp_id = :exp_id
UNION ALL
SELECT
    'config', c.config_id, p.param_id, p.param_value, p.value_type,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (
    SELECT config_id + 0 AS config_id
    FROM trial
    WHERE exp_id = :exp_id
    GROUP BY config_id + 0
    HAVING count(*) = count(trial_id)
) AS c
LEFT JOIN config_param AS p
    ON p.config_id = c.config_id
UNION ALL
SELECT
    'metadata', m.trial_id, m.param_id, m.param_value, m.value_type,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM trial_param AS m
WHERE m.exp_id = :exp_id
    AND :with_metadata = 1
UNION ALL
SELECT
    'attribute', a.trial_id, a.attribute_id, a.attribute_value, a.value_type,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM trial_attribute AS a
WHERE a.exp_id = :exp_id
    AND :with_attributes = 1
UNION ALL
SELECT
    'context', d.context_id, k.key_id, k.key_value, k.value_type,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (
    SELECT context_id + 0 AS context_id
    FROM trial
    WHERE exp_id = :exp_id
    GROUP BY context_id + 0
    HAVING count(*) = count(trial_id)
) AS d
LEFT JOIN context_value AS k
    ON k.context_id = d.context_id;

-- name: trial_list_of_config_anywhere
-- returns: many
-- params: config_id int
-- why: The trials of one config in all experiments, from the index that begins with it.
SELECT exp_id, trial_id, config_id, trial_runner_id, ts_start, ts_end, status
FROM trial
WHERE config_id = :config_id
ORDER BY exp_id, trial_id;

-- name: trial_load
-- returns: many
-- params: exp_id text, last_trial_id int 0
-- why: What an optimizer learns from: trials that ended and were not canceled, after the last one that it knows.
SELECT trial_id, config_id, status
FROM trial
WHERE exp_id = :exp_id
    AND trial_id > :last_trial_id
    AND status IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT')
ORDER BY trial_id;

-- name: trial_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: Trials that are due. assigned_min and assigned_max are 0 and 1 for all of them, 1 and 1 for those with a runner,
-- why: 0 and 0 for those without.
SELECT trial_id, config_id, trial_runner_id, status
FROM trial
WHERE exp_id = :exp_id
    AND status IN (:status_1, :status_2, :status_3)
    AND ts_start <= :ts
    AND ts_end IS NULL
    AND CASE WHEN trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
ORDER BY trial_id;

-- name: trial_hold
-- returns: one
-- params: exp_id text, trial_id int
-- why: Where a trial stands, and whether its last claim still holds. The row is locked, so that what is decided from it
-- why: still holds when the decision is written.
SELECT
    status, trial_runner_id, ts_end, lease_fence,
    CASE WHEN lease_ends IS NULL THEN 0 ELSE 1 END AS held,
    CASE WHEN claim_id IS NULL THEN 0 ELSE 1 END AS claimed
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
FOR UPDATE;

-- name: trial_start
-- returns: count
-- params: exp_id text, trial_id int, ts_start time, status text RUNNING, context_hash text 7f3a, fence int
-- why: Changes the status of a trial that is neither running nor completed, and that no other claim holds; 0 rows
-- why: otherwise. What it runs on is stored before, and named by its hash; a trial starts without it, too.
UPDATE trial
SET
    status = :status,
    ts_start = :ts_start,
    context_id = (
        SELECT c.context_id
        FROM context AS c
        WHERE c.context_hash = :context_hash
    )
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
    AND ts_end IS NULL
    AND status NOT IN ('RUNNING', 'SUCCEEDED', 'CANCELED', 'FAILED', 'TIMED_OUT')
    AND CASE WHEN lease_ends IS NULL THEN 0 ELSE lease_fence END = :fence;

-- name: trial_start_without_context
-- returns: count
-- params: exp_id text, trial_id int, ts_start time, status text RUNNING, fence int
-- why: The same where nothing is stored of what the trial runs on: so a login without rights on contexts may start it.
UPDATE trial
SET status = :status, ts_start = :ts_start, context_id = NULL
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
    AND ts_end IS NULL
    AND status NOT IN ('RUNNING', 'SUCCEEDED', 'CANCELED', 'FAILED', 'TIMED_OUT')
    AND CASE WHEN lease_ends IS NULL THEN 0 ELSE lease_fence END = :fence;

-- name: trial_finish
-- returns: count
-- params: exp_id text, trial_id int, ts_end time, status text RUNNING, fence int
-- why: Completes a trial once, and ends its lease; 0 rows when it is completed already, or another claim holds it.
UPDATE trial
SET status = :status, ts_end = :ts_end, lease_ends = NULL
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
    AND ts_end IS NULL
    AND status NOT IN ('SUCCEEDED', 'CANCELED', 'FAILED', 'TIMED_OUT')
    AND CASE WHEN lease_ends IS NULL THEN 0 ELSE lease_fence END = :fence;

-- name: trial_set_runner
-- returns: none
-- params: exp_id text, trial_id int, trial_runner_id int
-- why: Assigns a runner to a trial that has none or is pending; any other trial keeps its runner.
UPDATE trial
SET trial_runner_id = :trial_runner_id
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
    AND (trial_runner_id IS NULL OR status = 'PENDING');

-- name: trial_marked_default
-- returns: scalar
-- params: exp_id text
-- why: The config of the first trial that is marked as running the defaults, if any is.
SELECT config_id
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = (
        SELECT p.trial_id
        FROM trial_param AS p
        WHERE p.exp_id = :exp_id
            AND p.param_id = 'is_defaults'
            AND lower(p.param_value) = 'true'
        ORDER BY p.trial_id
        LIMIT 1
    );

-- name: trial_default_config
-- returns: scalar
-- params: exp_id text
-- why: The config of the first trial that is marked as running the defaults, else of the first trial. Trials are read
-- why: in the order of their ids, and the marked one is usually among the first.
SELECT config_id
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = coalesce(
        (
            SELECT p.trial_id
            FROM trial_param AS p
            WHERE p.exp_id = :exp_id
                AND p.param_id = 'is_defaults'
                AND lower(p.param_value) = 'true'
            ORDER BY p.trial_id
            LIMIT 1
        ),
        (
            SELECT min(t.trial_id)
            FROM trial AS t
            WHERE t.exp_id = :exp_id
        )
    );
