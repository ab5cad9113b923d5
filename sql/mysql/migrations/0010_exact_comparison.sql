-- migration: 0010 exact_comparison
-- purpose: Ids are equal, and sort, by byte, whatever the server's language; weights keep the precision of a double.
-- purpose: Foreign keys stand in the way of a change of collation, so they are dropped first and added again at the
-- purpose: end.
-- serves_from: 0010
-- transaction: off
-- locks: SHARED_UPGRADABLE on trial_param, trial_status, trial_result, trial_telemetry, trial, objectives stops nobody;
-- locks: changes the definition; at once.
-- locks: SHARED_NO_WRITE on experiment, objectives, config, config_param, trial, trial_param, trial_status,
-- locks: trial_result, trial_telemetry, trial_lineage stops writers; rewrites the rows; 8 s per 1,000,000 rows.
-- locks: MariaDB: SHARED_NO_WRITE on experiment, trial stops writers; is referred to; 4 s per 1,000,000 rows.
-- destructive: no
-- accept: drop-foreign-key they stand in the way of a change of collation; the last statements add them again.
-- accept: copies-table text that compares otherwise has to be sorted anew.
-- accept: change-type the types are those of before; CONVERT has changed some of them.
-- accept: stops-writers the application is stopped meanwhile, as the line on locks says.
-- accept: add-foreign-key the application is stopped meanwhile, as the line on locks says.

ALTER TABLE trial_param
DROP FOREIGN KEY trial_param_ibfk_1,
ALGORITHM = INPLACE, LOCK = NONE;
ALTER TABLE trial_status
DROP FOREIGN KEY trial_status_ibfk_1,
ALGORITHM = INPLACE, LOCK = NONE;
ALTER TABLE trial_result
DROP FOREIGN KEY trial_result_ibfk_1,
ALGORITHM = INPLACE, LOCK = NONE;
ALTER TABLE trial_telemetry
DROP FOREIGN KEY trial_telemetry_ibfk_1,
ALGORITHM = INPLACE, LOCK = NONE;
ALTER TABLE trial
DROP FOREIGN KEY trial_ibfk_1,
ALGORITHM = INPLACE, LOCK = NONE;
ALTER TABLE objectives
DROP FOREIGN KEY objectives_ibfk_1,
ALGORITHM = INPLACE, LOCK = NONE;

ALTER TABLE experiment
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE objectives
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE config
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE config_param
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_param
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_status
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_result
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_telemetry
CONVERT TO CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */,
ALGORITHM = COPY, LOCK = SHARED;

-- Text that was in another character set has become MEDIUMTEXT, lest it be cut; it is TEXT again from here on.
ALTER TABLE config_param
MODIFY COLUMN param_value TEXT,
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE objectives
MODIFY COLUMN weight DOUBLE,
ADD CONSTRAINT objectives_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial
ADD CONSTRAINT trial_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_param
MODIFY COLUMN param_value TEXT,
ADD CONSTRAINT trial_param_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_status
ADD CONSTRAINT trial_status_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_result
MODIFY COLUMN metric_value TEXT,
ADD CONSTRAINT trial_result_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_telemetry
MODIFY COLUMN metric_value TEXT,
ADD CONSTRAINT trial_telemetry_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id),
ALGORITHM = COPY, LOCK = SHARED;

ALTER TABLE trial_lineage
ADD CONSTRAINT trial_lineage_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id),
ALGORITHM = COPY, LOCK = SHARED;
