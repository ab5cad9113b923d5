-- migration: 0007 event_keys
-- purpose: Primary keys for trial_status and trial_telemetry, which mlos_bench left without one (Galera needs them
-- purpose: to replicate deletes). They take the place of the unique keys over the same columns.
-- serves_from: 0006
-- transaction: off
-- locks: MySQL: SHARED_UPGRADABLE on trial_status, trial_telemetry stops nobody; rewrites the rows; 5 s per 1,000,000
-- locks: rows.
-- locks: MariaDB: SHARED_UPGRADABLE on trial_status, trial_telemetry stops nobody; changes the definition; at once.
-- destructive: no
-- accept: copies-table only on MySQL, and beside its readers and writers.

ALTER TABLE trial_status
ADD PRIMARY KEY (exp_id, trial_id, ts),
DROP INDEX exp_id,
ALGORITHM = INPLACE, LOCK = NONE;

ALTER TABLE trial_telemetry
ADD PRIMARY KEY (exp_id, trial_id, ts, metric_id),
DROP INDEX exp_id,
ALGORITHM = INPLACE, LOCK = NONE;
