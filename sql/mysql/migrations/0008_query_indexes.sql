-- migration: 0008 query_indexes
-- purpose: Finding due trials of an experiment, and the trials of a config, without reading all trials. The index on
-- purpose: config_id alone, made for the foreign key, is then needless.
-- transaction: off
-- locks: Reads the trial table once for each index; writers go on meanwhile. About 3 s for 1,000,000 trials.
-- destructive: no

ALTER TABLE trial
ADD INDEX ix_trial_due (exp_id, status, ts_start, trial_id),
ALGORITHM = INPLACE, LOCK = NONE;

ALTER TABLE trial
ADD INDEX ix_trial_config (config_id, exp_id, trial_id),
DROP INDEX config_id,
ALGORITHM = INPLACE, LOCK = NONE;
