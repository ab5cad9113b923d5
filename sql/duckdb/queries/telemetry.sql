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
        SELECT unnest(CAST(:ids AS INTEGER[]))
    )
    AND t.ts BETWEEN :since AND :until
    AND (
        CAST(:metrics AS JSON) IS NULL
        OR list_contains(from_json(CAST(:metrics AS JSON), '["VARCHAR"]'), t.metric_id)
    )
ORDER BY t.trial_id, t.ts, t.metric_id;

-- name: telemetry_sample
-- returns: many
-- params: exp_id text, ids json, metrics json ["cpu"], since time, until time 2026-01-01, buckets int 1000
-- why: For each metric, and each part of the time from a trial's first to its last point, how many points there are,
-- why: and the least, mean and greatest of those that are numbers. The sum is of 2^-32ths, so that it cannot overflow.
WITH span AS MATERIALIZED (
    SELECT trial_id, epoch_us(min(ts)) AS origin, (epoch_us(max(ts)) - epoch_us(min(ts))) // :buckets + 1 AS width
    FROM trial_telemetry
    WHERE exp_id = :exp_id
        AND trial_id IN (
            SELECT unnest(CAST(:ids AS INTEGER[]))
        )
        AND ts BETWEEN :since AND :until
    GROUP BY trial_id
),

chosen AS (
    SELECT
        t.trial_id, t.metric_id, t.ts, (epoch_us(t.ts) - s.origin) // s.width AS bucket,
        CASE
            WHEN isfinite(try_cast(t.metric_value AS DOUBLE)) AND coalesce(t.value_type <> 's', TRUE)
                THEN try_cast(t.metric_value AS DOUBLE)
        END AS number
    FROM trial_telemetry AS t
    INNER JOIN span AS s
        ON s.trial_id = t.trial_id
    WHERE t.exp_id = :exp_id
        AND t.ts BETWEEN :since AND :until
        AND (
            CAST(:metrics AS JSON) IS NULL
            OR list_contains(from_json(CAST(:metrics AS JSON), '["VARCHAR"]'), t.metric_id)
        )
)

SELECT
    trial_id, metric_id, min(ts) AS ts_first, max(ts) AS ts_last,
    count(*) AS points, count(number) AS numbers, min(number) AS least,
    sum(number * 2.3283064365386963e-10) / count(number) * 4294967296.0 AS mean, max(number) AS greatest
FROM chosen
GROUP BY trial_id, metric_id, bucket
ORDER BY trial_id, metric_id, bucket;
