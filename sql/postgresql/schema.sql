-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version 0014.

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

CREATE VIEW v_attribute AS
SELECT
    x.exp_id, x.trial_id,
    x.attribute_id AS name, x.attribute_value AS text,
    CASE
        WHEN coalesce(x.value_type, 'f') NOT IN ('f', 'i') OR length(x.attribute_value) > 400 THEN NULL
        WHEN
            length(x.attribute_value) <= 40
            AND x.attribute_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(x.attribute_value AS DOUBLE PRECISION)
        WHEN
            x.attribute_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(x.attribute_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(x.attribute_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(x.attribute_value AS DOUBLE PRECISION)
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
        WHEN coalesce(y.value_type, 'f') NOT IN ('f', 'i') OR length(y.attribute_value) > 400 THEN NULL
        WHEN
            length(y.attribute_value) <= 40
            AND y.attribute_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(y.attribute_value AS DOUBLE PRECISION)
        WHEN
            y.attribute_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(y.attribute_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(y.attribute_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(y.attribute_value AS DOUBLE PRECISION)
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
        WHEN coalesce(p.value_type, 'f') NOT IN ('f', 'i') OR length(p.param_value) > 400 THEN NULL
        WHEN
            length(p.param_value) <= 40
            AND p.param_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(p.param_value AS DOUBLE PRECISION)
        WHEN
            p.param_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(p.param_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(p.param_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(p.param_value AS DOUBLE PRECISION)
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
        WHEN coalesce(k.value_type, 'f') NOT IN ('f', 'i') OR length(k.key_value) > 400 THEN NULL
        WHEN
            length(k.key_value) <= 40
            AND k.key_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(k.key_value AS DOUBLE PRECISION)
        WHEN
            k.key_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(k.key_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(k.key_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(k.key_value AS DOUBLE PRECISION)
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
        SELECT
            string_agg(
                concat(o.optimization_target, ' ', o.optimization_direction), ', '
                ORDER BY CASE WHEN o.weight IS NULL THEN 1 ELSE 0 END, o.weight DESC, o.optimization_target
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

CREATE VIEW v_param AS
SELECT
    t.exp_id, t.trial_id, 'tunable' AS kind,
    p.param_id AS name, p.param_value AS text,
    CASE
        WHEN coalesce(p.value_type, 'f') NOT IN ('f', 'i') OR length(p.param_value) > 400 THEN NULL
        WHEN
            length(p.param_value) <= 40
            AND p.param_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(p.param_value AS DOUBLE PRECISION)
        WHEN
            p.param_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(p.param_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(p.param_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(p.param_value AS DOUBLE PRECISION)
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
        WHEN coalesce(m.value_type, 'f') NOT IN ('f', 'i') OR length(m.param_value) > 400 THEN NULL
        WHEN
            length(m.param_value) <= 40
            AND m.param_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(m.param_value AS DOUBLE PRECISION)
        WHEN
            m.param_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(m.param_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(m.param_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(m.param_value AS DOUBLE PRECISION)
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
        WHEN coalesce(r.value_type, 'f') NOT IN ('f', 'i') OR length(r.metric_value) > 400 THEN NULL
        WHEN
            length(r.metric_value) <= 40
            AND r.metric_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(r.metric_value AS DOUBLE PRECISION)
        WHEN
            r.metric_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(r.metric_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(r.metric_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(r.metric_value AS DOUBLE PRECISION)
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
        WHEN coalesce(r.value_type, 'f') NOT IN ('f', 'i') OR length(r.metric_value) > 400 THEN NULL
        WHEN
            length(r.metric_value) <= 40
            AND r.metric_value
            ~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?[[:space:]]*$'
            THEN CAST(r.metric_value AS DOUBLE PRECISION)
        WHEN
            r.metric_value
            !~ '^[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?[[:space:]]*$'
            THEN NULL
        WHEN abs(CAST(r.metric_value AS NUMERIC)) > CAST('1.7976931348623157e308' AS NUMERIC) THEN NULL
        WHEN abs(CAST(r.metric_value AS NUMERIC)) < CAST('2.5e-324' AS NUMERIC) THEN 0
        ELSE CAST(r.metric_value AS DOUBLE PRECISION)
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
    CAST(extract(EPOCH FROM t.ts_end - t.ts_start) AS DOUBLE PRECISION) AS duration_s,
    CASE
        WHEN t.status NOT IN ('PENDING', 'READY')
            THEN (
                SELECT CAST(extract(EPOCH FROM t.ts_start - min(s.ts)) AS DOUBLE PRECISION)
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
