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

-- name: trial_list
-- returns: many
-- params: exp_id
-- why: All trials of an experiment; the trial groups follow from them.
-- why: Times that Python has no years for, which only other programs store, are left out: the driver would refuse
-- why: all rows.
SELECT
    trial_id, config_id, trial_runner_id,
    CASE
        WHEN ts_start BETWEEN TIMESTAMP '0001-01-02 00:00:00' AND TIMESTAMP '9999-12-31 00:00:00'
            THEN ts_start
    END AS ts_start,
    CASE
        WHEN ts_end BETWEEN TIMESTAMP '0001-01-02 00:00:00' AND TIMESTAMP '9999-12-31 00:00:00'
            THEN ts_end
    END AS ts_end,
    status
FROM trial
WHERE exp_id = :exp_id
ORDER BY trial_id;

-- name: trial_list_of_config
-- returns: many
-- params: exp_id, config_id
-- why: The trials of one group: those of an experiment with the same config.
-- why: Times that Python has no years for, which only other programs store, are left out: the driver would refuse
-- why: all rows.
SELECT
    trial_id, config_id, trial_runner_id,
    CASE
        WHEN ts_start BETWEEN TIMESTAMP '0001-01-02 00:00:00' AND TIMESTAMP '9999-12-31 00:00:00'
            THEN ts_start
    END AS ts_start,
    CASE
        WHEN ts_end BETWEEN TIMESTAMP '0001-01-02 00:00:00' AND TIMESTAMP '9999-12-31 00:00:00'
            THEN ts_end
    END AS ts_end,
    status
FROM trial
WHERE exp_id = :exp_id
    AND config_id = :config_id
ORDER BY trial_id;
