-- name: trial_pending
-- returns: many
-- params: exp_id text, ts time, status_1 text PENDING, status_2 text READY, status_3 text RUNNING,
-- params: assigned_min int 0, assigned_max int
-- why: Trials that are due. assigned_min and assigned_max are 0 and 1 for all of them, 1 and 1 for those with a runner,
-- why: 0 and 0 for those without. The + 0 keeps SQLite from reading all trials of the experiment in the order of the
-- why: primary key.
SELECT trial_id, config_id, trial_runner_id, status
FROM trial
WHERE exp_id = :exp_id
    AND status IN (:status_1, :status_2, :status_3)
    AND ts_start <= :ts
    AND ts_end IS NULL
    AND CASE WHEN trial_runner_id IS NULL THEN 0 ELSE 1 END BETWEEN :assigned_min AND :assigned_max
ORDER BY trial_id + 0;
