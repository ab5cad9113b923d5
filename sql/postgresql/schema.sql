-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version 0013.

CREATE TABLE config (
    config_id SERIAL NOT NULL,
    config_hash VARCHAR(64) NOT NULL,
    CONSTRAINT config_pkey PRIMARY KEY (config_id),
    CONSTRAINT config_config_hash_key UNIQUE (config_hash)
);

CREATE TABLE config_param (
    config_id INTEGER NOT NULL,
    param_id VARCHAR(512) COLLATE "C" NOT NULL,
    param_value TEXT,
    value_type CHAR(1),
    CONSTRAINT config_param_pkey PRIMARY KEY (config_id, param_id),
    CONSTRAINT config_param_config_id_fkey FOREIGN KEY (config_id) REFERENCES config (config_id)
);

CREATE TABLE context (
    context_id SERIAL NOT NULL,
    context_hash VARCHAR(64) NOT NULL,
    CONSTRAINT context_pkey PRIMARY KEY (context_id),
    CONSTRAINT context_context_hash_key UNIQUE (context_hash)
);

CREATE TABLE context_value (
    context_id INTEGER NOT NULL,
    key_id VARCHAR(512) COLLATE "C" NOT NULL,
    key_value TEXT,
    value_type CHAR(1),
    CONSTRAINT context_value_pkey PRIMARY KEY (context_id, key_id),
    CONSTRAINT context_value_context_id_fkey FOREIGN KEY (context_id) REFERENCES context (context_id)
);

CREATE TABLE experiment (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    description VARCHAR(1024),
    root_env_config VARCHAR(1024) NOT NULL,
    git_repo VARCHAR(1024) NOT NULL,
    git_commit VARCHAR(40) NOT NULL,
    ts_start TIMESTAMP WITH TIME ZONE,
    ts_end TIMESTAMP WITH TIME ZONE,
    status VARCHAR(16),
    driver_name VARCHAR(40),
    driver_pid INTEGER,
    CONSTRAINT experiment_pkey PRIMARY KEY (exp_id)
);

CREATE TABLE experiment_attribute (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    attribute_id VARCHAR(512) COLLATE "C" NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    CONSTRAINT experiment_attribute_pkey PRIMARY KEY (exp_id, attribute_id),
    CONSTRAINT experiment_attribute_exp_id_fkey FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE objectives (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    optimization_target VARCHAR(512) COLLATE "C" NOT NULL,
    optimization_direction VARCHAR(4) NOT NULL,
    weight DOUBLE PRECISION,
    CONSTRAINT objectives_pkey PRIMARY KEY (exp_id, optimization_target),
    CONSTRAINT objectives_exp_id_fkey FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE trial (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    config_id INTEGER NOT NULL,
    ts_start TIMESTAMP WITH TIME ZONE NOT NULL,
    ts_end TIMESTAMP WITH TIME ZONE,
    status VARCHAR(16) NOT NULL,
    trial_runner_id INTEGER,
    lease_ends TIMESTAMP WITH TIME ZONE,
    lease_fence INTEGER,
    creation_id VARCHAR(16),
    claim_id VARCHAR(16),
    context_id INTEGER,
    CONSTRAINT trial_pkey PRIMARY KEY (exp_id, trial_id),
    CONSTRAINT trial_config_id_fkey FOREIGN KEY (config_id) REFERENCES config (config_id),
    CONSTRAINT trial_context_id_fkey FOREIGN KEY (context_id) REFERENCES context (context_id),
    CONSTRAINT trial_exp_id_fkey FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE trial_attribute (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    attribute_id VARCHAR(512) COLLATE "C" NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    CONSTRAINT trial_attribute_pkey PRIMARY KEY (exp_id, trial_id, attribute_id),
    CONSTRAINT trial_attribute_exp_id_trial_id_fkey FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_lineage (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    source_exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    source_trial_id INTEGER NOT NULL,
    CONSTRAINT trial_lineage_pkey PRIMARY KEY (exp_id, trial_id),
    CONSTRAINT trial_lineage_exp_id_source_exp_id_source_trial_id_key UNIQUE (exp_id, source_exp_id, source_trial_id),
    CONSTRAINT trial_lineage_exp_id_trial_id_fkey FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_param (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    param_id VARCHAR(512) COLLATE "C" NOT NULL,
    param_value TEXT,
    value_type CHAR(1),
    CONSTRAINT trial_param_pkey PRIMARY KEY (exp_id, trial_id, param_id),
    CONSTRAINT trial_param_exp_id_trial_id_fkey FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_result (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    metric_id VARCHAR(512) COLLATE "C" NOT NULL,
    metric_value TEXT,
    value_type CHAR(1),
    CONSTRAINT trial_result_pkey PRIMARY KEY (exp_id, trial_id, metric_id),
    CONSTRAINT trial_result_exp_id_trial_id_fkey FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_status (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    ts TIMESTAMP WITH TIME ZONE NOT NULL,
    status VARCHAR(16) NOT NULL,
    CONSTRAINT trial_status_pkey PRIMARY KEY (exp_id, trial_id, ts),
    CONSTRAINT trial_status_exp_id_trial_id_fkey FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_telemetry (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    ts TIMESTAMP WITH TIME ZONE NOT NULL,
    metric_id VARCHAR(512) COLLATE "C" NOT NULL,
    metric_value TEXT,
    value_type CHAR(1),
    CONSTRAINT trial_telemetry_pkey PRIMARY KEY (exp_id, trial_id, ts, metric_id),
    CONSTRAINT trial_telemetry_exp_id_trial_id_fkey FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trialstore_schema (
    version INTEGER NOT NULL,
    slug VARCHAR(100) NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    statements_done INTEGER NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    duration_ms INTEGER,
    database_user VARCHAR(128),
    library_version VARCHAR(40) NOT NULL,
    serves_from INTEGER,
    CONSTRAINT trialstore_schema_pkey PRIMARY KEY (version)
);

CREATE INDEX ix_trial_config ON trial USING btree (config_id, exp_id, trial_id);

CREATE INDEX ix_trial_due ON trial USING btree (exp_id, status, ts_start, trial_id);
