-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version 0013.

CREATE SEQUENCE config_id_seq;

CREATE SEQUENCE context_id_seq;

CREATE TABLE config (
    config_id INTEGER NOT NULL DEFAULT nextval('config_id_seq'),
    config_hash VARCHAR NOT NULL,
    PRIMARY KEY (config_id),
    UNIQUE (config_hash)
);

CREATE TABLE config_param (
    config_id INTEGER NOT NULL,
    param_id VARCHAR NOT NULL,
    param_value VARCHAR,
    value_type VARCHAR,
    PRIMARY KEY (config_id, param_id),
    FOREIGN KEY (config_id) REFERENCES config (config_id)
);

CREATE TABLE context (
    context_id INTEGER NOT NULL DEFAULT nextval('context_id_seq'),
    context_hash VARCHAR NOT NULL,
    PRIMARY KEY (context_id),
    UNIQUE (context_hash)
);

CREATE TABLE context_value (
    context_id INTEGER NOT NULL,
    key_id VARCHAR NOT NULL,
    key_value VARCHAR,
    value_type VARCHAR,
    PRIMARY KEY (context_id, key_id),
    FOREIGN KEY (context_id) REFERENCES context (context_id)
);

CREATE TABLE experiment (
    exp_id VARCHAR NOT NULL,
    description VARCHAR,
    root_env_config VARCHAR NOT NULL,
    git_repo VARCHAR NOT NULL,
    git_commit VARCHAR NOT NULL,
    ts_start TIMESTAMP,
    ts_end TIMESTAMP,
    status VARCHAR,
    driver_name VARCHAR,
    driver_pid INTEGER,
    PRIMARY KEY (exp_id)
);

CREATE TABLE experiment_attribute (
    exp_id VARCHAR NOT NULL,
    attribute_id VARCHAR NOT NULL,
    attribute_value VARCHAR,
    value_type VARCHAR,
    PRIMARY KEY (exp_id, attribute_id),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE objectives (
    exp_id VARCHAR NOT NULL,
    optimization_target VARCHAR NOT NULL,
    optimization_direction VARCHAR NOT NULL,
    weight DOUBLE,
    PRIMARY KEY (exp_id, optimization_target),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE trial (
    exp_id VARCHAR NOT NULL,
    trial_id INTEGER NOT NULL,
    config_id INTEGER NOT NULL,
    ts_start TIMESTAMP NOT NULL,
    ts_end TIMESTAMP,
    status VARCHAR NOT NULL,
    trial_runner_id INTEGER,
    lease_ends TIMESTAMP,
    lease_fence INTEGER,
    creation_id VARCHAR,
    claim_id VARCHAR,
    context_id INTEGER,
    PRIMARY KEY (exp_id, trial_id),
    FOREIGN KEY (config_id) REFERENCES config (config_id),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE trial_attribute (
    exp_id VARCHAR NOT NULL,
    trial_id INTEGER NOT NULL,
    attribute_id VARCHAR NOT NULL,
    attribute_value VARCHAR,
    value_type VARCHAR,
    PRIMARY KEY (exp_id, trial_id, attribute_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_lineage (
    exp_id VARCHAR NOT NULL,
    trial_id INTEGER NOT NULL,
    source_exp_id VARCHAR NOT NULL,
    source_trial_id INTEGER NOT NULL,
    PRIMARY KEY (exp_id, trial_id),
    UNIQUE (exp_id, source_exp_id, source_trial_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_param (
    exp_id VARCHAR NOT NULL,
    trial_id INTEGER NOT NULL,
    param_id VARCHAR NOT NULL,
    param_value VARCHAR,
    value_type VARCHAR,
    PRIMARY KEY (exp_id, trial_id, param_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_result (
    exp_id VARCHAR NOT NULL,
    trial_id INTEGER NOT NULL,
    metric_id VARCHAR NOT NULL,
    metric_value VARCHAR,
    value_type VARCHAR,
    PRIMARY KEY (exp_id, trial_id, metric_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_status (
    exp_id VARCHAR NOT NULL,
    trial_id INTEGER NOT NULL,
    ts TIMESTAMP NOT NULL,
    status VARCHAR NOT NULL,
    UNIQUE (exp_id, trial_id, ts),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_telemetry (
    exp_id VARCHAR NOT NULL,
    trial_id INTEGER NOT NULL,
    ts TIMESTAMP NOT NULL,
    metric_id VARCHAR NOT NULL,
    metric_value VARCHAR,
    value_type VARCHAR,
    UNIQUE (exp_id, trial_id, ts, metric_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trialstore_schema (
    version INTEGER NOT NULL,
    slug VARCHAR NOT NULL,
    checksum VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    statements_done INTEGER NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    duration_ms INTEGER,
    database_user VARCHAR,
    library_version VARCHAR NOT NULL,
    serves_from INTEGER,
    PRIMARY KEY (version)
);
