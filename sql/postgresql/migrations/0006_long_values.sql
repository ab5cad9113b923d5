-- migration: 0006 long_values
-- purpose: Values of up to 65,535 bytes (the library checks the limit before it writes).
-- serves_from: 0005
-- transaction: on
-- locks: ACCESS EXCLUSIVE on config_param, trial_param, trial_result, trial_telemetry stops everyone; changes the
-- locks: definition; at once.
-- destructive: no
-- accept: change-type VARCHAR(n) and TEXT are stored alike: no row is rewritten, no index built.

ALTER TABLE config_param ALTER COLUMN param_value TYPE TEXT;
ALTER TABLE trial_param ALTER COLUMN param_value TYPE TEXT;
ALTER TABLE trial_result ALTER COLUMN metric_value TYPE TEXT;
ALTER TABLE trial_telemetry ALTER COLUMN metric_value TYPE TEXT;
