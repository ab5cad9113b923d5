-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version 0013.

CREATE TABLE config (
    config_id INTEGER NOT NULL,
    config_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (config_id),
    UNIQUE (config_hash)
);

CREATE TABLE config_param (
    config_id INTEGER NOT NULL,
    param_id VARCHAR(512) NOT NULL,
    param_value VARCHAR(1024),
    value_type CHAR(1),
    PRIMARY KEY (config_id, param_id),
    FOREIGN KEY (config_id) REFERENCES config (config_id)
);

CREATE TABLE context (
    context_id INTEGER NOT NULL,
    context_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (context_id),
    UNIQUE (context_hash)
);

CREATE TABLE context_value (
    context_id INTEGER NOT NULL,
    key_id VARCHAR(512) NOT NULL,
    key_value VARCHAR(1024),
    value_type CHAR(1),
    PRIMARY KEY (context_id, key_id),
    FOREIGN KEY (context_id) REFERENCES context (context_id)
);

CREATE TABLE experiment (
    exp_id VARCHAR(512) NOT NULL,
    description VARCHAR(1024),
    root_env_config VARCHAR(1024) NOT NULL,
    git_repo VARCHAR(1024) NOT NULL,
    git_commit VARCHAR(40) NOT NULL,
    ts_start DATETIME,
    ts_end DATETIME,
    status VARCHAR(16),
    driver_name VARCHAR(40),
    driver_pid INTEGER,
    PRIMARY KEY (exp_id)
);

CREATE TABLE experiment_attribute (
    exp_id VARCHAR(512) NOT NULL,
    attribute_id VARCHAR(512) NOT NULL,
    attribute_value VARCHAR(1024),
    value_type CHAR(1),
    PRIMARY KEY (exp_id, attribute_id),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE objectives (
    exp_id VARCHAR(512) NOT NULL,
    optimization_target VARCHAR(512) NOT NULL,
    optimization_direction VARCHAR(4) NOT NULL,
    weight FLOAT,
    PRIMARY KEY (exp_id, optimization_target),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE trial (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    config_id INTEGER NOT NULL,
    ts_start DATETIME NOT NULL,
    ts_end DATETIME,
    status VARCHAR(16) NOT NULL,
    trial_runner_id INTEGER,
    lease_ends DATETIME,
    lease_fence INTEGER,
    creation_id VARCHAR(16),
    claim_id VARCHAR(16),
    context_id INTEGER,
    PRIMARY KEY (exp_id, trial_id),
    FOREIGN KEY (context_id) REFERENCES context (context_id),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id),
    FOREIGN KEY (config_id) REFERENCES config (config_id)
);

CREATE TABLE trial_attribute (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    attribute_id VARCHAR(512) NOT NULL,
    attribute_value VARCHAR(1024),
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, attribute_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_lineage (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    source_exp_id VARCHAR(512) NOT NULL,
    source_trial_id INTEGER NOT NULL,
    PRIMARY KEY (exp_id, trial_id),
    UNIQUE (exp_id, source_exp_id, source_trial_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_param (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    param_id VARCHAR(512) NOT NULL,
    param_value VARCHAR(1024),
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, param_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_result (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    metric_id VARCHAR(512) NOT NULL,
    metric_value VARCHAR(255),
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, metric_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_status (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    ts DATETIME NOT NULL,
    status VARCHAR(16) NOT NULL,
    UNIQUE (exp_id, trial_id, ts),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_telemetry (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    ts DATETIME NOT NULL,
    metric_id VARCHAR(512) NOT NULL,
    metric_value VARCHAR(255),
    value_type CHAR(1),
    UNIQUE (exp_id, trial_id, ts, metric_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trialstore_schema (
    version INTEGER NOT NULL,
    slug VARCHAR(100) NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    statements_done INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    duration_ms INTEGER,
    database_user VARCHAR(128),
    library_version VARCHAR(40) NOT NULL,
    serves_from INTEGER,
    PRIMARY KEY (version)
);

CREATE INDEX ix_trial_config ON trial (config_id, exp_id, trial_id);

CREATE INDEX ix_trial_due ON trial (exp_id, status, ts_start, trial_id);
