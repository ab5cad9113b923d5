-- migration: 0008 query_indexes
-- purpose: Finding due trials of an experiment, and the trials of a config, without reading all trials. The index on
-- purpose: config_id alone, made for the foreign key, is then needless.
-- serves_from: 0007
-- transaction: off
-- locks: SHARED_UPGRADABLE on trial stops nobody; builds indexes; 2 s per 1,000,000 rows.
-- destructive: no

ALTER TABLE trial
ADD INDEX ix_trial_due (exp_id, status, ts_start, trial_id),
ALGORITHM = INPLACE, LOCK = NONE;

ALTER TABLE trial
ADD INDEX ix_trial_config (config_id, exp_id, trial_id),
DROP INDEX config_id,
ALGORITHM = INPLACE, LOCK = NONE;
