-- name: trial_hold
-- returns: one
-- params: exp_id, trial_id
-- why: Where a trial stands, and whether its last claim still holds. DuckDB has no locks of rows: of two transactions
-- why: that change the trial, one fails and is run again. Two storages of the one process may meet here.
SELECT
    status, trial_runner_id, ts_end, lease_fence,
    CASE WHEN lease_ends IS NULL THEN 0 ELSE 1 END AS held,
    CASE WHEN claim_id IS NULL THEN 0 ELSE 1 END AS claimed
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = :trial_id;
