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
