-- name: trial_list
-- returns: many
-- params: exp_id text
-- why: All trials of an experiment; the trial groups follow from them. Times outside the years 1 to 9999, which only
-- why: other programs store, are read as NULL: the driver would refuse the whole result.
SELECT
    trial_id, config_id, trial_runner_id,
    CASE
        WHEN ts_start BETWEEN TIMESTAMPTZ '0001-01-02 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 00:00:00+00'
            THEN ts_start
    END AS ts_start,
    CASE
        WHEN ts_end BETWEEN TIMESTAMPTZ '0001-01-02 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 00:00:00+00'
            THEN ts_end
    END AS ts_end,
    status
FROM trial
WHERE exp_id = :exp_id
ORDER BY trial_id;

-- name: trial_list_of_config
-- returns: many
-- params: exp_id text, config_id int
-- why: The trials of one group: those of an experiment with the same config. Times outside the years 1 to 9999, which
-- why: only other programs store, are read as NULL: the driver would refuse the whole result.
SELECT
    trial_id, config_id, trial_runner_id,
    CASE
        WHEN ts_start BETWEEN TIMESTAMPTZ '0001-01-02 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 00:00:00+00'
            THEN ts_start
    END AS ts_start,
    CASE
        WHEN ts_end BETWEEN TIMESTAMPTZ '0001-01-02 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 00:00:00+00'
            THEN ts_end
    END AS ts_end,
    status
FROM trial
WHERE exp_id = :exp_id
    AND config_id = :config_id
ORDER BY trial_id;

-- name: trial_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: Trials that are due. assigned_min and assigned_max are 0 and 1 for all of them, 1 and 1 for those with a runner,
-- why: 0 and 0 for those without. The order of ix_trial_open is asked for in the subquery, so that no other index can
-- why: do as well, whatever PostgreSQL knows of the table: it would read all trials of the experiment. OFFSET 0 keeps
-- why: the subquery as it is.
SELECT t.trial_id, t.config_id, t.trial_runner_id, t.status
FROM (
    SELECT DISTINCT w.status
    FROM unnest(ARRAY[:status_1, :status_2, :status_3]) AS w (status)
) AS s
CROSS JOIN LATERAL (
    SELECT o.trial_id, o.config_id, o.trial_runner_id, o.status
    FROM trial AS o
    WHERE o.status = s.status
        AND o.exp_id = :exp_id
        AND o.ts_start <= :ts
        AND o.ts_end IS NULL
        AND CASE WHEN o.trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
    ORDER BY o.ts_start, o.trial_id
    OFFSET 0
) AS t
ORDER BY t.trial_id;
