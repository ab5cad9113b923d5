-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version 0013.

CREATE TABLE config (
    config_id INT NOT NULL AUTO_INCREMENT,
    config_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (config_id),
    UNIQUE KEY config_hash (config_hash)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE config_param (
    config_id INT NOT NULL,
    param_id VARCHAR(255) NOT NULL,
    param_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (config_id, param_id),
    CONSTRAINT config_param_ibfk_1 FOREIGN KEY (config_id) REFERENCES config (config_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE context (
    context_id INT NOT NULL AUTO_INCREMENT,
    context_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (context_id),
    UNIQUE KEY context_hash (context_hash)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE context_value (
    context_id INT NOT NULL,
    key_id VARCHAR(255) NOT NULL,
    key_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (context_id, key_id),
    CONSTRAINT context_value_ibfk_1 FOREIGN KEY (context_id) REFERENCES context (context_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE experiment (
    exp_id VARCHAR(255) NOT NULL,
    description VARCHAR(1024),
    root_env_config VARCHAR(1024) NOT NULL,
    git_repo VARCHAR(1024) NOT NULL,
    git_commit VARCHAR(40) NOT NULL,
    ts_start DATETIME(6),
    ts_end DATETIME(6),
    status VARCHAR(16),
    driver_name VARCHAR(40),
    driver_pid INT,
    PRIMARY KEY (exp_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE experiment_attribute (
    exp_id VARCHAR(255) NOT NULL,
    attribute_id VARCHAR(255) NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, attribute_id),
    CONSTRAINT experiment_attribute_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE objectives (
    exp_id VARCHAR(255) NOT NULL,
    optimization_target VARCHAR(255) NOT NULL,
    optimization_direction VARCHAR(4) NOT NULL,
    weight DOUBLE,
    PRIMARY KEY (exp_id, optimization_target),
    CONSTRAINT objectives_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INT NOT NULL,
    config_id INT NOT NULL,
    ts_start DATETIME(6) NOT NULL,
    ts_end DATETIME(6),
    status VARCHAR(16) NOT NULL,
    trial_runner_id INT,
    lease_ends DATETIME(6),
    lease_fence INT,
    creation_id VARCHAR(16),
    claim_id VARCHAR(16),
    context_id INT,
    PRIMARY KEY (exp_id, trial_id),
    KEY ix_trial_config (config_id, exp_id, trial_id),
    KEY ix_trial_due (exp_id, status, ts_start, trial_id),
    CONSTRAINT trial_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id),
    CONSTRAINT trial_ibfk_2 FOREIGN KEY (config_id) REFERENCES config (config_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_attribute (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INT NOT NULL,
    attribute_id VARCHAR(255) NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, attribute_id),
    CONSTRAINT trial_attribute_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_lineage (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INT NOT NULL,
    source_exp_id VARCHAR(255) NOT NULL,
    source_trial_id INT NOT NULL,
    PRIMARY KEY (exp_id, trial_id),
    UNIQUE KEY source (exp_id, source_exp_id, source_trial_id),
    CONSTRAINT trial_lineage_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_param (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INT NOT NULL,
    param_id VARCHAR(255) NOT NULL,
    param_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, param_id),
    CONSTRAINT trial_param_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_result (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INT NOT NULL,
    metric_id VARCHAR(255) NOT NULL,
    metric_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, metric_id),
    CONSTRAINT trial_result_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_status (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INT NOT NULL,
    ts DATETIME(6) NOT NULL,
    status VARCHAR(16) NOT NULL,
    PRIMARY KEY (exp_id, trial_id, ts),
    CONSTRAINT trial_status_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_telemetry (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INT NOT NULL,
    ts DATETIME(6) NOT NULL,
    metric_id VARCHAR(255) NOT NULL,
    metric_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, ts, metric_id),
    CONSTRAINT trial_telemetry_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trialstore_schema (
    version INT NOT NULL,
    slug VARCHAR(100) NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    statements_done INT NOT NULL,
    started_at DATETIME(6) NOT NULL,
    finished_at DATETIME(6),
    duration_ms INT,
    database_user VARCHAR(128),
    library_version VARCHAR(40) NOT NULL,
    serves_from INT,
    PRIMARY KEY (version)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;
