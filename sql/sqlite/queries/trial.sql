-- name: trial_pending
-- returns: many
-- params: exp_id, ts, status_1, status_2, status_3, assigned_min, assigned_max
-- why: Trials that are due. The assigned pair is (0, 1) for all, (1, 1) with a runner, (0, 0) without one.
-- why: Sorted by a sum, because SQLite would read all trials of the experiment to get them in the order of a key.
SELECT trial_id, config_id, trial_runner_id, status
FROM trial
WHERE exp_id = :exp_id
    AND status IN (:status_1, :status_2, :status_3)
    AND ts_start <= :ts
    AND ts_end IS NULL
    AND CASE WHEN trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
ORDER BY trial_id + 0;

-- name: trial_hold
-- returns: one
-- params: exp_id, trial_id
-- why: Where a trial stands, and whether its last claim still holds. BEGIN IMMEDIATE has shut out all other writers
-- why: already.
SELECT
    status, trial_runner_id, ts_end, lease_fence,
    CASE WHEN lease_ends IS NULL THEN 0 ELSE 1 END AS held,
    CASE WHEN claim_id IS NULL THEN 0 ELSE 1 END AS claimed
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = :trial_id;
