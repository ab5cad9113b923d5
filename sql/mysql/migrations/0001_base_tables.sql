-- migration: 0001 base_tables
-- purpose: The tables of an experiment store: experiments, objectives, tunable configs, trials and what they yield.
-- purpose: Text compares by byte, trailing blanks included; MySQL and MariaDB have other names for that collation, so
-- purpose: each reads its own out of the comment for it. Keys are too long for other row formats than DYNAMIC.
-- purpose: Same structure as revision d2a708351ba8 of mlos_bench, so that its databases can be adopted at this step.
-- serves_from: 0001
-- transaction: off
-- locks: No lock on tables that exist.
-- destructive: no
-- adopts: d2a708351ba8
-- accept: no-primary-key mlos_bench made trial_status and trial_telemetry without one; 0007 adds both.

CREATE TABLE experiment (
    exp_id VARCHAR(255) NOT NULL,
    description VARCHAR(1024),
    root_env_config VARCHAR(1024) NOT NULL,
    git_repo VARCHAR(1024) NOT NULL,
    git_commit VARCHAR(40) NOT NULL,
    PRIMARY KEY (exp_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE objectives (
    exp_id VARCHAR(255) NOT NULL,
    optimization_target VARCHAR(255) NOT NULL,
    optimization_direction VARCHAR(4) NOT NULL,
    weight FLOAT,
    PRIMARY KEY (exp_id, optimization_target),
    CONSTRAINT objectives_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE config (
    config_id INTEGER NOT NULL AUTO_INCREMENT,
    config_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (config_id),
    UNIQUE KEY config_hash (config_hash)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE config_param (
    config_id INTEGER NOT NULL,
    param_id VARCHAR(255) NOT NULL,
    param_value VARCHAR(1024),
    PRIMARY KEY (config_id, param_id),
    CONSTRAINT config_param_ibfk_1 FOREIGN KEY (config_id) REFERENCES config (config_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

-- Times are in UTC. 0004 makes them exact to the microsecond.
CREATE TABLE trial (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INTEGER NOT NULL,
    config_id INTEGER NOT NULL,
    ts_start DATETIME NOT NULL,
    ts_end DATETIME,
    status VARCHAR(16) NOT NULL,
    PRIMARY KEY (exp_id, trial_id),
    KEY config_id (config_id),
    CONSTRAINT trial_ibfk_1 FOREIGN KEY (exp_id) REFERENCES experiment (exp_id),
    CONSTRAINT trial_ibfk_2 FOREIGN KEY (config_id) REFERENCES config (config_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_param (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INTEGER NOT NULL,
    param_id VARCHAR(255) NOT NULL,
    param_value VARCHAR(1024),
    PRIMARY KEY (exp_id, trial_id, param_id),
    CONSTRAINT trial_param_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_status (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INTEGER NOT NULL,
    ts DATETIME NOT NULL,
    status VARCHAR(16) NOT NULL,
    UNIQUE KEY exp_id (exp_id, trial_id, ts),
    CONSTRAINT trial_status_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_result (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INTEGER NOT NULL,
    metric_id VARCHAR(255) NOT NULL,
    metric_value VARCHAR(255),
    PRIMARY KEY (exp_id, trial_id, metric_id),
    CONSTRAINT trial_result_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE trial_telemetry (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INTEGER NOT NULL,
    ts DATETIME NOT NULL,
    metric_id VARCHAR(255) NOT NULL,
    metric_value VARCHAR(255),
    UNIQUE KEY exp_id (exp_id, trial_id, ts, metric_id),
    CONSTRAINT trial_telemetry_ibfk_1 FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;
