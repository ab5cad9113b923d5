-- migration: 0014 open_trials
-- purpose: Finding due trials by an index of those alone that have not ended. No other look-up, and no check of a
-- purpose: foreign key, can be led to it in place of the primary key: it begins with the status, and leaves ended
-- purpose: trials out. The index is built outside of a transaction, beside writers. One that an interrupted run has
-- purpose: left is made anew.
-- serves_from: 0010
-- transaction: off
-- locks: SHARE UPDATE EXCLUSIVE on trial stops nobody; builds indexes; 1 s per 1,000,000 rows.
-- destructive: no

DROP INDEX CONCURRENTLY IF EXISTS ix_trial_open;
CREATE INDEX CONCURRENTLY ix_trial_open ON trial (status, exp_id, ts_start, trial_id) WHERE ts_end IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS ix_trial_due;
