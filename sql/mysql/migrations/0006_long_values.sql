-- migration: 0006 long_values
-- purpose: Values of up to 65,535 bytes, which is what a TEXT holds.
-- transaction: off
-- locks: Copies each of the four tables and stops writers meanwhile: about 1 minute for 10,000,000 rows of telemetry.
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
