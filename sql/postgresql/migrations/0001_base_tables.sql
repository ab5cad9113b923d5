-- migration: 0001 base_tables
-- purpose: The tables of an experiment store: experiments, objectives, tunable configs, trials and what they yield.
-- purpose: Same structure as revision d2a708351ba8 of mlos_bench, so that its databases can be adopted at this step.
-- serves_from: 0001
-- transaction: on
-- locks: No lock on tables that exist.
-- destructive: no
-- adopts: d2a708351ba8
-- accept: no-primary-key mlos_bench made trial_status and trial_telemetry without one; 0007 adds both.

CREATE TABLE experiment (
    exp_id VARCHAR(512) NOT NULL,
    description VARCHAR(1024),
    root_env_config VARCHAR(1024) NOT NULL,
    git_repo VARCHAR(1024) NOT NULL,
    git_commit VARCHAR(40) NOT NULL,
    PRIMARY KEY (exp_id)
);

CREATE TABLE objectives (
    exp_id VARCHAR(512) NOT NULL,
    optimization_target VARCHAR(512) NOT NULL,
    optimization_direction VARCHAR(4) NOT NULL,
    weight DOUBLE PRECISION,
    PRIMARY KEY (exp_id, optimization_target),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE config (
    config_id SERIAL NOT NULL,
    config_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (config_id),
    UNIQUE (config_hash)
);

CREATE TABLE config_param (
    config_id INTEGER NOT NULL,
    param_id VARCHAR(512) NOT NULL,
    param_value VARCHAR(1024),
    PRIMARY KEY (config_id, param_id),
    FOREIGN KEY (config_id) REFERENCES config (config_id)
);

CREATE TABLE trial (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    config_id INTEGER NOT NULL,
    ts_start TIMESTAMP WITH TIME ZONE NOT NULL,
    ts_end TIMESTAMP WITH TIME ZONE,
    status VARCHAR(16) NOT NULL,
    PRIMARY KEY (exp_id, trial_id),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id),
    FOREIGN KEY (config_id) REFERENCES config (config_id)
);

CREATE TABLE trial_param (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    param_id VARCHAR(512) NOT NULL,
    param_value VARCHAR(1024),
    PRIMARY KEY (exp_id, trial_id, param_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_status (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    ts TIMESTAMP WITH TIME ZONE NOT NULL,
    status VARCHAR(16) NOT NULL,
    UNIQUE (exp_id, trial_id, ts),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_result (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    metric_id VARCHAR(512) NOT NULL,
    metric_value VARCHAR(255),
    PRIMARY KEY (exp_id, trial_id, metric_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);

CREATE TABLE trial_telemetry (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    ts TIMESTAMP WITH TIME ZONE NOT NULL,
    metric_id VARCHAR(512) NOT NULL,
    metric_value VARCHAR(255),
    UNIQUE (exp_id, trial_id, ts, metric_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);
