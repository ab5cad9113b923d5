-- migration: 0012 attributes
-- purpose: What people say of an experiment and of a trial afterwards: tags, notes, and values that may change, also
-- purpose: those of completed trials. Metadata (trial_param) are written once instead, with the trial.
-- serves_from: 0010
-- transaction: off
-- locks: No lock on tables that exist.
-- destructive: no

CREATE TABLE experiment_attribute (
    exp_id VARCHAR(255) NOT NULL,
    attribute_id VARCHAR(255) NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, attribute_id),
    CONSTRAINT experiment_attribute_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_attribute (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INTEGER NOT NULL,
    attribute_id VARCHAR(255) NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, attribute_id),
    CONSTRAINT trial_attribute_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;
