-- migration: 0006 long_values
-- purpose: Values of up to 65,535 bytes, which is what a TEXT holds.
-- serves_from: 0005
-- transaction: off
-- locks: SHARED_NO_WRITE on config_param, trial_param, trial_result, trial_telemetry stops writers; rewrites the rows;
-- locks: 2 s per 1,000,000 rows.
-- destructive: no
-- accept: change-type a wider type takes more bytes, and the servers have no other way; every value fits.
-- accept: stops-writers a table too big for that: gh-ost or pt-online-schema-change, one statement after another.

ALTER TABLE config_param
MODIFY COLUMN param_value TEXT,
ALGORITHM = COPY, LOCK = SHARED;
ALTER TABLE trial_param
MODIFY COLUMN param_value TEXT,
ALGORITHM = COPY, LOCK = SHARED;
ALTER TABLE trial_result
MODIFY COLUMN metric_value TEXT,
ALGORITHM = COPY, LOCK = SHARED;
ALTER TABLE trial_telemetry
MODIFY COLUMN metric_value TEXT,
ALGORITHM = COPY, LOCK = SHARED;
