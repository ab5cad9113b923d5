-- migration: 0014 views
-- purpose: What analysts read, with values as numbers: experiments, trials, configs, parameters, results, telemetry,
-- purpose: status events, attributes, contexts. The same columns, in the same order and of the same types, everywhere.
-- serves_from: 0010
-- transaction: on
-- locks: No lock on tables that exist.
-- destructive: no

-- With the rights of the views' owner, as the server does it unless told otherwise.
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

-- A trial is queued from when it was first made ready to run until it started.
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

-- A number is text of type i or f, or of none (written by mlos_bench), that is one as a whole, and that a double can
-- hold. The server refuses casts of all other text. Nearly all numbers are of the first form, which always fits; of the
-- second one, numeric tells whether it does.
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

CREATE VIEW v_status AS
SELECT s.exp_id, s.trial_id, s.ts, s.status
FROM trial_status AS s;

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
