-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version 0014.

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

CREATE SQL SECURITY INVOKER VIEW v_attribute AS
SELECT
    x.exp_id, x.trial_id,
    x.attribute_id AS name, x.attribute_value AS text,
    CASE
        WHEN coalesce(x.value_type, 'f') NOT IN ('f', 'i') OR char_length(x.attribute_value) > 400 THEN NULL
        WHEN
            x.attribute_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(x.attribute_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(x.attribute_value AS DOUBLE)
        WHEN x.attribute_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(x.attribute_value AS DOUBLE)
    END AS number,
    CASE x.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM trial_attribute AS x
UNION ALL
SELECT
    y.exp_id, NULL,
    y.attribute_id, y.attribute_value,
    CASE
        WHEN coalesce(y.value_type, 'f') NOT IN ('f', 'i') OR char_length(y.attribute_value) > 400 THEN NULL
        WHEN
            y.attribute_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(y.attribute_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(y.attribute_value AS DOUBLE)
        WHEN y.attribute_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(y.attribute_value AS DOUBLE)
    END,
    CASE y.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END
FROM experiment_attribute AS y;

CREATE SQL SECURITY INVOKER VIEW v_config AS
SELECT
    p.config_id,
    p.param_id AS name, p.param_value AS text,
    CASE
        WHEN coalesce(p.value_type, 'f') NOT IN ('f', 'i') OR char_length(p.param_value) > 400 THEN NULL
        WHEN
            p.param_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(p.param_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(p.param_value AS DOUBLE)
        WHEN p.param_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(p.param_value AS DOUBLE)
    END AS number,
    CASE p.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM config_param AS p;

CREATE SQL SECURITY INVOKER VIEW v_context AS
SELECT
    k.context_id,
    k.key_id AS name, k.key_value AS text,
    CASE
        WHEN coalesce(k.value_type, 'f') NOT IN ('f', 'i') OR char_length(k.key_value) > 400 THEN NULL
        WHEN
            k.key_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(k.key_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(k.key_value AS DOUBLE)
        WHEN k.key_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(k.key_value AS DOUBLE)
    END AS number,
    CASE k.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM context_value AS k;

CREATE SQL SECURITY INVOKER VIEW v_experiment AS
SELECT
    e.exp_id, e.description, e.root_env_config, e.git_repo, e.git_commit,
    (
        SELECT
            group_concat(
                concat(o.optimization_target, ' ', o.optimization_direction)
                ORDER BY CASE WHEN o.weight IS NULL THEN 1 ELSE 0 END, o.weight DESC, o.optimization_target
                SEPARATOR ', '
            )
        FROM objectives AS o
        WHERE o.exp_id = e.exp_id
    ) AS objectives,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
    ) AS trials,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status = 'PENDING'
    ) AS pending,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status = 'READY'
    ) AS ready,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status = 'RUNNING'
    ) AS running,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status = 'SUCCEEDED'
    ) AS succeeded,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status = 'FAILED'
    ) AS failed,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status = 'TIMED_OUT'
    ) AS timed_out,
    (
        SELECT count(*)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status = 'CANCELED'
    ) AS canceled,
    (
        SELECT min(t.ts_start)
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status NOT IN ('PENDING', 'READY')
    ) AS ts_first,
    (
        SELECT max(coalesce(t.ts_end, t.ts_start))
        FROM trial AS t
        WHERE t.exp_id = e.exp_id
            AND t.status NOT IN ('PENDING', 'READY')
    ) AS ts_last
FROM experiment AS e;

CREATE SQL SECURITY INVOKER VIEW v_param AS
SELECT
    t.exp_id, t.trial_id, 'tunable' AS kind,
    p.param_id AS name, p.param_value AS text,
    CASE
        WHEN coalesce(p.value_type, 'f') NOT IN ('f', 'i') OR char_length(p.param_value) > 400 THEN NULL
        WHEN
            p.param_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(p.param_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(p.param_value AS DOUBLE)
        WHEN p.param_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(p.param_value AS DOUBLE)
    END AS number,
    CASE p.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM trial AS t
INNER JOIN config_param AS p
    ON p.config_id = t.config_id
UNION ALL
SELECT
    m.exp_id, m.trial_id, 'metadata',
    m.param_id, m.param_value,
    CASE
        WHEN coalesce(m.value_type, 'f') NOT IN ('f', 'i') OR char_length(m.param_value) > 400 THEN NULL
        WHEN
            m.param_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(m.param_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(m.param_value AS DOUBLE)
        WHEN m.param_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(m.param_value AS DOUBLE)
    END,
    CASE m.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END
FROM trial_param AS m;

CREATE SQL SECURITY INVOKER VIEW v_result AS
SELECT
    r.exp_id, r.trial_id, t.config_id, t.status,
    r.metric_id AS metric, r.metric_value AS text,
    CASE
        WHEN coalesce(r.value_type, 'f') NOT IN ('f', 'i') OR char_length(r.metric_value) > 400 THEN NULL
        WHEN
            r.metric_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(r.metric_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(r.metric_value AS DOUBLE)
        WHEN r.metric_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(r.metric_value AS DOUBLE)
    END AS number,
    CASE r.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type,
    o.optimization_direction AS direction
FROM trial_result AS r
LEFT JOIN trial AS t
    ON t.exp_id = r.exp_id
    AND t.trial_id = r.trial_id
LEFT JOIN objectives AS o
    ON o.exp_id = r.exp_id
    AND o.optimization_target = r.metric_id;

CREATE SQL SECURITY INVOKER VIEW v_status AS
SELECT s.exp_id, s.trial_id, s.ts, s.status
FROM trial_status AS s;

CREATE SQL SECURITY INVOKER VIEW v_telemetry AS
SELECT
    r.exp_id, r.trial_id, r.ts,
    r.metric_id AS metric, r.metric_value AS text,
    CASE
        WHEN coalesce(r.value_type, 'f') NOT IN ('f', 'i') OR char_length(r.metric_value) > 400 THEN NULL
        WHEN
            r.metric_value
            NOT REGEXP '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(r.metric_value AS DOUBLE)) < 1.7976931348623157e308 THEN CAST(r.metric_value AS DOUBLE)
        WHEN r.metric_value REGEXP '^[+-]?1[.]7976931348623157e[+]?308$' THEN CAST(r.metric_value AS DOUBLE)
    END AS number,
    CASE r.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM trial_telemetry AS r;

CREATE SQL SECURITY INVOKER VIEW v_trial AS
SELECT
    t.exp_id, t.trial_id, t.config_id,
    (
        SELECT min(g.trial_id)
        FROM trial AS g
        WHERE g.config_id = t.config_id
            AND g.exp_id = t.exp_id
    ) AS group_id,
    t.trial_runner_id AS runner_id, t.status, t.ts_start, t.ts_end,
    timestampdiff(MICROSECOND, t.ts_start, t.ts_end) / 1e6 AS duration_s,
    CASE
        WHEN t.status NOT IN ('PENDING', 'READY')
            THEN (
                SELECT timestampdiff(MICROSECOND, min(s.ts), t.ts_start) / 1e6
                FROM trial_status AS s
                WHERE s.exp_id = t.exp_id
                    AND s.trial_id = t.trial_id
                    AND s.status IN ('PENDING', 'READY')
            )
    END AS queued_s,
    coalesce(c.key_value, e.git_commit) AS git_commit, t.context_id
FROM trial AS t
LEFT JOIN experiment AS e
    ON e.exp_id = t.exp_id
LEFT JOIN context_value AS c
    ON c.context_id = t.context_id
    AND c.key_id = 'git_commit';
