-- What the engines of files share: no locks of rows.

-- name: trial_hold
-- returns: one
-- params: exp_id text, trial_id int
-- why: Where a trial stands, and whether its last claim still holds. Nothing is locked. On SQLite, BEGIN IMMEDIATE has
-- why: shut out all other writers already. On DuckDB, of two storages of this process that change the trial, one fails
-- why: and is run again.
SELECT
    status, trial_runner_id, ts_end, lease_fence,
    CASE WHEN lease_ends IS NULL THEN 0 ELSE 1 END AS held,
    CASE WHEN claim_id IS NULL THEN 0 ELSE 1 END AS claimed
FROM trial
WHERE exp_id = :exp_id
    AND trial_id = :trial_id;
