-- migration: 0007 event_keys
-- purpose: Primary keys for trial_status and trial_telemetry, which mlos_bench left without one (Galera needs them
-- purpose: to replicate deletes). They take the place of the unique keys over the same columns.
-- transaction: off
-- locks: Readers and writers go on meanwhile. MySQL builds both tables anew, beside them: about 1 minute for 10,000,000
-- locks: rows of telemetry. MariaDB changes the definition only, since the unique keys order the rows already.
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
