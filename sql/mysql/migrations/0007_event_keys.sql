-- migration: 0007 event_keys
-- purpose: Primary keys for trial_status and trial_telemetry, which the reference left without one (Galera needs them
-- purpose: to replicate deletes). They take the place of the unique keys over the same columns.
-- transaction: off
-- locks: Copies both tables and stops writers meanwhile: about 1 minute for 10,000,000 rows of telemetry.
-- destructive: no

ALTER TABLE trial_status
ADD PRIMARY KEY (exp_id, trial_id, ts),
DROP INDEX exp_id;

ALTER TABLE trial_telemetry
ADD PRIMARY KEY (exp_id, trial_id, ts, metric_id),
DROP INDEX exp_id;
