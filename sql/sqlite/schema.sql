-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version 0014.

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

CREATE VIEW v_attribute AS
SELECT
    x.exp_id, x.trial_id,
    x.attribute_id AS name, x.attribute_value AS text,
    CASE
        WHEN
            coalesce(x.value_type, 'f') IN ('f', 'i')
            AND length(x.attribute_value) <= 400
            AND x.attribute_value > CAST(-9e999 AS REAL)
            AND x.attribute_value < CAST(9e999 AS REAL)
            THEN CAST(x.attribute_value AS REAL)
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
        WHEN
            coalesce(y.value_type, 'f') IN ('f', 'i')
            AND length(y.attribute_value) <= 400
            AND y.attribute_value > CAST(-9e999 AS REAL)
            AND y.attribute_value < CAST(9e999 AS REAL)
            THEN CAST(y.attribute_value AS REAL)
    END,
    CASE y.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END
FROM experiment_attribute AS y;

CREATE VIEW v_config AS
SELECT
    p.config_id,
    p.param_id AS name, p.param_value AS text,
    CASE
        WHEN
            coalesce(p.value_type, 'f') IN ('f', 'i')
            AND length(p.param_value) <= 400
            AND p.param_value > CAST(-9e999 AS REAL)
            AND p.param_value < CAST(9e999 AS REAL)
            THEN CAST(p.param_value AS REAL)
    END AS number,
    CASE p.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM config_param AS p;

CREATE VIEW v_context AS
SELECT
    k.context_id,
    k.key_id AS name, k.key_value AS text,
    CASE
        WHEN
            coalesce(k.value_type, 'f') IN ('f', 'i')
            AND length(k.key_value) <= 400
            AND k.key_value > CAST(-9e999 AS REAL)
            AND k.key_value < CAST(9e999 AS REAL)
            THEN CAST(k.key_value AS REAL)
    END AS number,
    CASE k.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM context_value AS k;

CREATE VIEW v_experiment AS
SELECT
    e.exp_id, e.description, e.root_env_config, e.git_repo, e.git_commit,
    (
        SELECT group_concat(n.line, ', ')
        FROM (
            SELECT o.optimization_target || ' ' || o.optimization_direction AS line
            FROM objectives AS o
            WHERE o.exp_id = e.exp_id
            ORDER BY CASE WHEN o.weight IS NULL THEN 1 ELSE 0 END, o.weight DESC, o.optimization_target
        ) AS n
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

CREATE VIEW v_param AS
SELECT
    t.exp_id, t.trial_id, 'tunable' AS kind,
    p.param_id AS name, p.param_value AS text,
    CASE
        WHEN
            coalesce(p.value_type, 'f') IN ('f', 'i')
            AND length(p.param_value) <= 400
            AND p.param_value > CAST(-9e999 AS REAL)
            AND p.param_value < CAST(9e999 AS REAL)
            THEN CAST(p.param_value AS REAL)
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
        WHEN
            coalesce(m.value_type, 'f') IN ('f', 'i')
            AND length(m.param_value) <= 400
            AND m.param_value > CAST(-9e999 AS REAL)
            AND m.param_value < CAST(9e999 AS REAL)
            THEN CAST(m.param_value AS REAL)
    END,
    CASE m.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END
FROM trial_param AS m;

CREATE VIEW v_result AS
SELECT
    r.exp_id, r.trial_id, t.config_id, t.status,
    r.metric_id AS metric, r.metric_value AS text,
    CASE
        WHEN
            coalesce(r.value_type, 'f') IN ('f', 'i')
            AND length(r.metric_value) <= 400
            AND r.metric_value > CAST(-9e999 AS REAL)
            AND r.metric_value < CAST(9e999 AS REAL)
            THEN CAST(r.metric_value AS REAL)
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

CREATE VIEW v_status AS
SELECT s.exp_id, s.trial_id, s.ts, s.status
FROM trial_status AS s;

CREATE VIEW v_telemetry AS
SELECT
    r.exp_id, r.trial_id, r.ts,
    r.metric_id AS metric, r.metric_value AS text,
    CASE
        WHEN
            coalesce(r.value_type, 'f') IN ('f', 'i')
            AND length(r.metric_value) <= 400
            AND r.metric_value > CAST(-9e999 AS REAL)
            AND r.metric_value < CAST(9e999 AS REAL)
            THEN CAST(r.metric_value AS REAL)
    END AS number,
    CASE r.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM trial_telemetry AS r;

CREATE VIEW v_trial AS
SELECT
    t.exp_id, t.trial_id, t.config_id,
    (
        SELECT min(g.trial_id)
        FROM trial AS g
        WHERE g.config_id = t.config_id
            AND g.exp_id = t.exp_id
    ) AS group_id,
    t.trial_runner_id AS runner_id, t.status, t.ts_start, t.ts_end,
    round((julianday(substr(t.ts_end, 1, 19)) - julianday(substr(t.ts_start, 1, 19))) * 86400)
    + (CAST(substr(t.ts_end, 21, 6) AS INTEGER) - CAST(substr(t.ts_start, 21, 6) AS INTEGER)) / 1e6 AS duration_s,
    CASE
        WHEN t.status NOT IN ('PENDING', 'READY')
            THEN (
                SELECT
                    round((julianday(substr(t.ts_start, 1, 19)) - julianday(substr(min(s.ts), 1, 19))) * 86400)
                    + (CAST(substr(t.ts_start, 21, 6) AS INTEGER) - CAST(substr(min(s.ts), 21, 6) AS INTEGER)) / 1e6
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
