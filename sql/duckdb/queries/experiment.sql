-- name: experiment_lock
-- returns: one
-- params: exp_id
-- why: DuckDB has no locks of rows: no other process can write, and of two storages of this process that give out the
-- why: same trial id, one fails, at its insert or at commit, and is run again. Only the experiment's existence is left
-- why: to check.
SELECT exp_id
FROM experiment
WHERE exp_id = :exp_id;
