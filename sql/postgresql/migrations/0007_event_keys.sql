-- migration: 0007 event_keys
-- purpose: Primary keys for trial_status and trial_telemetry, which mlos_bench left without one. They take the place
-- purpose: of the unique keys over the same columns: a second index would only cost writes.
-- serves_from: 0006
-- transaction: on
-- locks: ACCESS EXCLUSIVE on trial_status, trial_telemetry stops everyone; builds indexes; 3 s per 1,000,000 rows.
-- destructive: no
-- accept: unique-without-index CONCURRENTLY is refused inside of a transaction, and a failure is to leave
-- accept: unique-without-index nothing behind, neither an invalid index nor a table without a key.

ALTER TABLE trial_status
DROP CONSTRAINT trial_status_exp_id_trial_id_ts_key,
ADD CONSTRAINT trial_status_pkey PRIMARY KEY (exp_id, trial_id, ts);

ALTER TABLE trial_telemetry
DROP CONSTRAINT trial_telemetry_exp_id_trial_id_ts_metric_id_key,
ADD CONSTRAINT trial_telemetry_pkey PRIMARY KEY (exp_id, trial_id, ts, metric_id);
