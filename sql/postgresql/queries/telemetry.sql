-- Telemetry by choice: of some trials and metrics, in a span of time, whole or as a sample. Lists come as JSON, and
-- `metrics` is NULL for all. A number is what has the type of one and is finite; of what has no type, what JSON takes
-- for a number. OFFSET 0 has the text of a point read once, not for each aggregate.
-- noqa: disable=AM09
-- own: How a JSON list is unfolded, how times become numbers, and what is said of a text that is no number, differ by
-- own: engine.

-- name: telemetry_chosen
-- returns: many
-- params: exp_id text, ids json, metrics json ["cpu"], since time, until time 2026-01-01
-- why: The points of some trials, in the order of their unique key.
SELECT t.trial_id, t.ts, t.metric_id, t.metric_value, t.value_type
FROM trial_telemetry AS t
WHERE t.exp_id = :exp_id
    AND t.trial_id IN (
        SELECT CAST(i.id AS INTEGER)
        FROM json_array_elements_text(CAST(:ids AS JSON)) AS i (id)
    )
    AND t.ts BETWEEN :since AND :until
    AND (
        CAST(:metrics AS JSON) IS NULL
        OR t.metric_id IN (
            SELECT m.name
            FROM json_array_elements_text(CAST(:metrics AS JSON)) AS m (name)
        )
    )
ORDER BY t.trial_id, t.ts, t.metric_id;

-- name: telemetry_sample
-- returns: many
-- params: exp_id text, ids json, metrics json ["cpu"], since time, until time 2026-01-01, buckets int 1000
-- why: For each metric, and each part of the time from a trial's first to its last point, how many points there are,
-- why: and the least, mean and greatest of those that are numbers. The sum is of 2^-32ths, so that it cannot overflow;
-- why: what is too near to 0 for that counts as 0.
WITH reach AS MATERIALIZED (
    SELECT
        CAST(i.id AS INTEGER) AS trial_id,
        (
            SELECT date_part('epoch', a.ts)
            FROM trial_telemetry AS a
            WHERE a.exp_id = :exp_id
                AND a.trial_id = CAST(i.id AS INTEGER)
                AND a.ts BETWEEN :since AND :until
            ORDER BY a.ts
            LIMIT 1
        ) AS begins,
        (
            SELECT date_part('epoch', z.ts)
            FROM trial_telemetry AS z
            WHERE z.exp_id = :exp_id
                AND z.trial_id = CAST(i.id AS INTEGER)
                AND z.ts BETWEEN :since AND :until
            ORDER BY z.ts DESC
            LIMIT 1
        ) AS ends
    FROM json_array_elements_text(CAST(:ids AS JSON)) AS i (id)
),

span AS MATERIALIZED (
    SELECT trial_id, begins AS origin, greatest((ends - begins) / CAST(:buckets AS INTEGER), 0.000001) AS width
    FROM reach
    WHERE begins IS NOT NULL
),

chosen AS (
    SELECT
        t.trial_id, t.metric_id, t.ts,
        least(floor((date_part('epoch', t.ts) - s.origin) / s.width), CAST(:buckets AS INTEGER) - 1) AS bucket,
        CASE
            WHEN length(t.metric_value) > 300 THEN NULL
            WHEN t.value_type IN ('i', 'f')
                THEN CASE
                    WHEN t.metric_value NOT IN ('nan', 'inf', '-inf') THEN CAST(t.metric_value AS DOUBLE PRECISION)
                END
            WHEN t.value_type IS NULL AND t.metric_value ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9][0-9]?)?$'
                THEN CAST(t.metric_value AS DOUBLE PRECISION)
        END AS number
    FROM span AS s
    INNER JOIN trial_telemetry AS t
        ON t.exp_id = :exp_id
        AND t.trial_id = s.trial_id
        AND t.ts BETWEEN :since AND :until
    WHERE (
            CAST(:metrics AS JSON) IS NULL
            OR t.metric_id IN (
                SELECT m.name
                FROM json_array_elements_text(CAST(:metrics AS JSON)) AS m (name)
            )
        )
    OFFSET 0
)

SELECT
    trial_id, metric_id, min(ts) AS ts_first, max(ts) AS ts_last,
    count(*) AS points, count(number) AS numbers, min(number) AS least,
    sum(CASE WHEN abs(number) > 1e-280 THEN number * 2.3283064365386963e-10 ELSE 0 END)
    / nullif(count(number), 0) * 4294967296.0 AS mean, max(number) AS greatest
FROM chosen
GROUP BY trial_id, metric_id, bucket
ORDER BY trial_id, metric_id, bucket;
