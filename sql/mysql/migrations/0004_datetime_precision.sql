-- migration: 0004 datetime_precision
-- purpose: Times exact to the microsecond; until now they were kept to the second.
-- serves_from: 0003
-- transaction: off
-- locks: SHARED_NO_WRITE on experiment, trial, trial_status, trial_telemetry stops writers; rewrites the rows; 3 s per
-- locks: 1,000,000 rows.
-- destructive: no
-- adopts: b61aa446e724
-- accept: change-type a finer time takes more bytes, and the servers have no other way; every value fits.
-- accept: stops-writers a table too big for that: gh-ost or pt-online-schema-change, one statement after another.

ALTER TABLE experiment
MODIFY COLUMN ts_start DATETIME(6),
MODIFY COLUMN ts_end DATETIME(6),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial
MODIFY COLUMN ts_start DATETIME(6) NOT NULL,
MODIFY COLUMN ts_end DATETIME(6),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_status
MODIFY COLUMN ts DATETIME(6) NOT NULL,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_telemetry
MODIFY COLUMN ts DATETIME(6) NOT NULL,
ALGORITHM = COPY, LOCK = SHARED;
