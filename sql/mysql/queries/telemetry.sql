-- Telemetry by choice: of some trials and metrics, in a span of time, whole or as a sample. Lists come as JSON, and
-- `metrics` is NULL for all. A number is what has the type of one and is finite; of what has no type, what JSON takes
-- for a number. The linter's grammar does not know json_table.
-- noqa: disable=PRS,CP03,RF01,AL05
-- own: How a JSON list is unfolded, how times become numbers, and what is said of a text that is no number, differ by
-- own: engine.

-- name: telemetry_chosen
-- returns: many
-- params: exp_id text, ids json, metrics json ["cpu"], since time, until time 2026-01-01
-- why: The points of some trials, in the order of their unique key.
SELECT t.trial_id, t.ts, t.metric_id, t.metric_value, t.value_type
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS i
STRAIGHT_JOIN trial_telemetry AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = i.id
    AND t.ts BETWEEN :since AND :until
WHERE (
        :metrics IS NULL
        OR t.metric_id IN (
            SELECT m.name
            FROM json_table(coalesce(:metrics, '[]'), '$[*]' COLUMNS (name VARCHAR(255) PATH '$')) AS m
        )
    )
ORDER BY t.trial_id, t.ts, t.metric_id;

-- name: telemetry_sample
-- returns: many
-- params: exp_id text, ids json, metrics json ["cpu"], since time, until time 2026-01-01, buckets int 1000
-- why: For each metric, and each part of the time from a trial's first to its last point, how many points there are,
-- why: and the least, mean and greatest of those that are numbers. The sum is of 2^-32ths, so that it cannot overflow.
WITH reach AS (
    SELECT
        i.id AS trial_id,
        (
            SELECT a.ts
            FROM trial_telemetry AS a
            WHERE a.exp_id = :exp_id
                AND a.trial_id = i.id
                AND a.ts BETWEEN :since AND :until
            ORDER BY a.ts
            LIMIT 1
        ) AS begins,
        (
            SELECT z.ts
            FROM trial_telemetry AS z
            WHERE z.exp_id = :exp_id
                AND z.trial_id = i.id
                AND z.ts BETWEEN :since AND :until
            ORDER BY z.ts DESC
            LIMIT 1
        ) AS ends
    FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS i
),

span AS (
    SELECT trial_id, begins AS origin, timestampdiff(MICROSECOND, begins, ends) DIV :buckets + 1 AS width
    FROM reach
    WHERE begins IS NOT NULL
),

chosen AS (
    SELECT
        t.trial_id, t.metric_id, t.ts, timestampdiff(MICROSECOND, s.origin, t.ts) DIV s.width AS bucket,
        CASE
            WHEN char_length(t.metric_value) > 300 THEN NULL
            WHEN t.value_type IN ('i', 'f')
                THEN CASE WHEN t.metric_value NOT IN ('nan', 'inf', '-inf') THEN CAST(t.metric_value AS DOUBLE) END
            WHEN t.value_type IS NULL AND t.metric_value REGEXP '^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9][0-9]?)?$'
                THEN CAST(t.metric_value AS DOUBLE)
        END AS number
    FROM span AS s
    STRAIGHT_JOIN trial_telemetry AS t
        ON t.exp_id = :exp_id
        AND t.trial_id = s.trial_id
        AND t.ts BETWEEN :since AND :until
    WHERE (
            :metrics IS NULL
            OR t.metric_id IN (
                SELECT m.name
                FROM json_table(coalesce(:metrics, '[]'), '$[*]' COLUMNS (name VARCHAR(255) PATH '$')) AS m
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
