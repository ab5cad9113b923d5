-- migration: 0014 views
-- purpose: What analysts read, with values as numbers: experiments, trials, configs, parameters, results, telemetry,
-- purpose: status events, attributes, contexts. The same columns, in the same order and of the same types, everywhere.
-- serves_from: 0010
-- transaction: on
-- locks: EXCLUSIVE on all tables stops everyone; changes the definition; at once.
-- destructive: no

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

-- A trial is queued from when it was first made ready to run until it started. Window and join let a filter on exp_id
-- through to the scans, which subqueries would not.
CREATE VIEW v_trial AS
WITH ready AS (
    SELECT f.exp_id, f.trial_id, min(f.ts) AS ts
    FROM trial_status AS f
    WHERE f.status IN ('PENDING', 'READY')
    GROUP BY f.exp_id, f.trial_id
)

SELECT
    t.exp_id, t.trial_id, t.config_id,
    min(t.trial_id) OVER (PARTITION BY t.exp_id, t.config_id) AS group_id,
    t.trial_runner_id AS runner_id, t.status, t.ts_start, t.ts_end,
    CAST(date_diff('microsecond', t.ts_start, t.ts_end) AS DOUBLE) / 1e6 AS duration_s,
    CASE
        WHEN t.status NOT IN ('PENDING', 'READY')
            THEN CAST(date_diff('microsecond', s.ts, t.ts_start) AS DOUBLE) / 1e6
    END AS queued_s,
    coalesce(c.key_value, e.git_commit) AS git_commit, t.context_id
FROM trial AS t
LEFT JOIN ready AS s
    ON s.exp_id = t.exp_id
    AND s.trial_id = t.trial_id
LEFT JOIN experiment AS e
    ON e.exp_id = t.exp_id
LEFT JOIN context_value AS c
    ON c.context_id = t.context_id
    AND c.key_id = 'git_commit';

-- A number is text of type i or f, or of none (written by mlos_bench), that is one as a whole, and finite.
CREATE VIEW v_config AS
SELECT
    p.config_id,
    p.param_id AS name, p.param_value AS text,
    CASE
        WHEN
            coalesce(p.value_type, 'f') IN ('f', 'i')
            AND length(p.param_value) <= 400
            AND regexp_full_match(
                p.param_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(p.param_value AS DOUBLE))
            THEN try_cast(p.param_value AS DOUBLE)
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
        WHEN
            coalesce(p.value_type, 'f') IN ('f', 'i')
            AND length(p.param_value) <= 400
            AND regexp_full_match(
                p.param_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(p.param_value AS DOUBLE))
            THEN try_cast(p.param_value AS DOUBLE)
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
            AND regexp_full_match(
                m.param_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(m.param_value AS DOUBLE))
            THEN try_cast(m.param_value AS DOUBLE)
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
            AND regexp_full_match(
                r.metric_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(r.metric_value AS DOUBLE))
            THEN try_cast(r.metric_value AS DOUBLE)
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
        WHEN
            coalesce(r.value_type, 'f') IN ('f', 'i')
            AND length(r.metric_value) <= 400
            AND regexp_full_match(
                r.metric_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(r.metric_value AS DOUBLE))
            THEN try_cast(r.metric_value AS DOUBLE)
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
        WHEN
            coalesce(x.value_type, 'f') IN ('f', 'i')
            AND length(x.attribute_value) <= 400
            AND regexp_full_match(
                x.attribute_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(x.attribute_value AS DOUBLE))
            THEN try_cast(x.attribute_value AS DOUBLE)
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
            AND regexp_full_match(
                y.attribute_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(y.attribute_value AS DOUBLE))
            THEN try_cast(y.attribute_value AS DOUBLE)
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
        WHEN
            coalesce(k.value_type, 'f') IN ('f', 'i')
            AND length(k.key_value) <= 400
            AND regexp_full_match(
                k.key_value, '[[:space:]]*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[[:space:]]*'
            )
            AND isfinite(try_cast(k.key_value AS DOUBLE))
            THEN try_cast(k.key_value AS DOUBLE)
    END AS number,
    CASE k.value_type
        WHEN 'i' THEN 'int' WHEN 'f' THEN 'float' WHEN 'b' THEN 'bool' WHEN 's' THEN 'str' WHEN 'e' THEN 'str'
        WHEN 'j' THEN 'json' WHEN 'n' THEN 'json'
    END AS type
FROM context_value AS k;
