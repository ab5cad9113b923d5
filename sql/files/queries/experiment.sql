-- What the engines of files share: no locks of rows.

-- name: experiment_lock
-- returns: one
-- params: exp_id text
-- why: Nothing is locked; only the experiment's existence is left to check. On SQLite, BEGIN IMMEDIATE has shut out all
-- why: other writers already. On DuckDB, no other process can write; of two storages of this process that give out the
-- why: same trial id, one fails, at its insert or at commit, and is run again.
SELECT exp_id
FROM experiment
WHERE exp_id = :exp_id;
