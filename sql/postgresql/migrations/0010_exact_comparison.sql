-- migration: 0010 exact_comparison
-- purpose: Ids are equal, and sort, by byte, whatever the server's language; weights keep the precision of a double
-- purpose: (they have it since 0001 here).
-- serves_from: 0009
-- transaction: on
-- locks: ACCESS EXCLUSIVE on experiment, objectives, config_param, trial, trial_param, trial_status, trial_result,
-- locks: trial_telemetry, trial_lineage stops everyone; builds indexes; 3 s per 1,000,000 rows.
-- destructive: no
-- accept: change-type the type stays, and with it all rows; a new collation needs new indexes whatever the way.

ALTER TABLE experiment
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE objectives
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C",
ALTER COLUMN optimization_target TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE config_param
ALTER COLUMN param_id TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE trial
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE trial_param
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C",
ALTER COLUMN param_id TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE trial_status
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE trial_result
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C",
ALTER COLUMN metric_id TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE trial_telemetry
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C",
ALTER COLUMN metric_id TYPE VARCHAR(512) COLLATE "C";

ALTER TABLE trial_lineage
ALTER COLUMN exp_id TYPE VARCHAR(512) COLLATE "C",
ALTER COLUMN source_exp_id TYPE VARCHAR(512) COLLATE "C";
