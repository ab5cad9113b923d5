-- name: experiment_lock
-- returns: one
-- params: exp_id
-- why: BEGIN IMMEDIATE has shut out all other writers already; only the experiment's existence is left to check.
SELECT exp_id
FROM experiment
WHERE exp_id = :exp_id;
