-- name: trial_hold
-- returns: one
-- params: exp_id, trial_id
-- why: As trial_state. DuckDB has no locks of rows: of two transactions that change the trial, one fails and is run
-- why: again. Two storages of the one process may meet here.
SELECT
    status, trial_runner_id, ts_end, lease_fence,
    CASE WHEN lease_ends IS NULL THEN 0 ELSE 1 END AS held,
    CASE WHEN claim_id IS NULL THEN 0 ELSE 1 END AS claimed
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = :trial_id;
