-- Telemetry by choice: of some trials and metrics, in a span of time, whole or as a sample. Lists come as JSON, and
-- `metrics` is NULL for all. A number is what has the type of one and is finite; of what has no type, what JSON takes
-- for a number.
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
        SELECT i.value
        FROM json_each(:ids) AS i
    )
    AND t.ts BETWEEN :since AND :until
    AND (
        :metrics IS NULL
        OR t.metric_id IN (
            SELECT m.value
            FROM json_each(:metrics) AS m
        )
    )
ORDER BY t.trial_id, t.ts, t.metric_id;

-- name: telemetry_sample
-- returns: many
-- params: exp_id text, ids json, metrics json ["cpu"], since time, until time 2026-01-01, buckets int 1000
-- why: For each metric, and each part of the time from a trial's first to its last point, how many points there are,
-- why: and the least, mean and greatest of those that are numbers. The sum is of 2^-32ths, so that it cannot overflow.
WITH reach AS MATERIALIZED (
    SELECT
        i.value AS trial_id,
        (
            SELECT min(a.ts)
            FROM trial_telemetry AS a
            WHERE a.exp_id = :exp_id
                AND a.trial_id = i.value
                AND a.ts BETWEEN :since AND :until
        ) AS begins,
        (
            SELECT max(z.ts)
            FROM trial_telemetry AS z
            WHERE z.exp_id = :exp_id
                AND z.trial_id = i.value
                AND z.ts BETWEEN :since AND :until
        ) AS ends
    FROM json_each(:ids) AS i
),

span AS MATERIALIZED (
    SELECT
        trial_id,
        strftime('%s', substr(begins, 1, 19)) * 1000000 + substr(begins, 21, 6) AS origin,
        (
            strftime('%s', substr(ends, 1, 19)) * 1000000 + substr(ends, 21, 6)
            - strftime('%s', substr(begins, 1, 19)) * 1000000 - substr(begins, 21, 6)
        ) / :buckets + 1 AS width
    FROM reach
    WHERE begins IS NOT NULL
),

chosen AS (
    SELECT
        t.trial_id, t.metric_id, t.ts,
        (strftime('%s', substr(t.ts, 1, 19)) * 1000000 + substr(t.ts, 21, 6) - s.origin) / s.width AS bucket,
        CASE
            WHEN length(t.metric_value) > 300 THEN NULL
            WHEN t.value_type IN ('i', 'f')
                THEN CASE WHEN t.metric_value NOT IN ('nan', 'inf', '-inf') THEN CAST(t.metric_value AS REAL) END
            WHEN t.value_type IS NULL AND json_valid(t.metric_value)
                THEN CASE
                    WHEN json_type(t.metric_value) IN ('integer', 'real') THEN CAST(t.metric_value AS REAL)
                END
        END AS number
    FROM span AS s
    INNER JOIN trial_telemetry AS t
        ON t.exp_id = :exp_id
        AND t.trial_id = s.trial_id
        AND t.ts BETWEEN :since AND :until
    WHERE (
            :metrics IS NULL
            OR t.metric_id IN (
                SELECT m.value
                FROM json_each(:metrics) AS m
            )
        )
)

SELECT
    trial_id, metric_id, min(ts) AS ts_first, max(ts) AS ts_last,
    count(*) AS points, count(number) AS numbers, min(number) AS least,
    sum(number * 2.3283064365386963e-10) / count(number) * 4294967296.0 AS mean, max(number) AS greatest
FROM chosen
GROUP BY trial_id, metric_id, bucket
ORDER BY trial_id, metric_id, bucket;
