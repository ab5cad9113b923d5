-- migration: 0008 query_indexes
-- purpose: Finding due trials of an experiment, and the trials of a config, without reading all trials.
-- serves_from: 0007
-- transaction: on
-- locks: RESERVED on all tables stops writers; builds indexes; 1 s per 1,000,000 rows.
-- destructive: no
-- accept: index-stops-writers about 1 s for 1,000,000 trials.

CREATE INDEX ix_trial_due ON trial (exp_id, status, ts_start, trial_id);
CREATE INDEX ix_trial_config ON trial (config_id, exp_id, trial_id);
