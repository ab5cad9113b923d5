-- migration: 0008 query_indexes
-- purpose: Finding due trials of an experiment, and the trials of a config, without reading all trials. The indexes are
-- purpose: built outside of a transaction, beside writers. One that an interrupted run has left is made anew.
-- serves_from: 0007
-- transaction: off
-- locks: SHARE UPDATE EXCLUSIVE on trial stops nobody; builds indexes; 4 s per 1,000,000 rows.
-- destructive: no

DROP INDEX CONCURRENTLY IF EXISTS ix_trial_due;
CREATE INDEX CONCURRENTLY ix_trial_due ON trial (exp_id, status, ts_start, trial_id);

DROP INDEX CONCURRENTLY IF EXISTS ix_trial_config;
CREATE INDEX CONCURRENTLY ix_trial_config ON trial (config_id, exp_id, trial_id);
