-- Trials taken by workers. Leases are counted by the server's clock, in UTC; rows that another worker is taking at the
-- same moment are passed over. Lists of ids come as JSON, and are joined before the trials: MariaDB would look for them
-- among all trials of the experiment, and lock those. The linter's grammar knows neither SKIP LOCKED nor this.
-- noqa: disable=PRS,CP03

-- name: claim_find
-- returns: many
-- params: exp_id, trial_runner_id, ts, most, left_out
-- why: Trials that are due, by the given time or else by the clock, and free or meant for this runner; oldest first.
-- why: Left out are those that the caller knows cannot be run, and those that this call has found already.
-- own: Every engine reads its clock, and lists of ids, in its own words.
SELECT trial_id, config_id, coalesce(lease_fence, 0) + 1 AS fence
FROM trial
WHERE exp_id = :exp_id
    AND status = 'PENDING'
    AND ts_start <= coalesce(:ts, utc_timestamp(6))
    AND ts_end IS NULL
    AND (trial_runner_id IS NULL OR trial_runner_id = :trial_runner_id)
    AND trial_id NOT IN (
        SELECT j.id
        FROM json_table(:left_out, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
    )
ORDER BY ts_start, trial_id
LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: claim_take
-- returns: count
-- params: exp_id, ids, trial_runner_id, lease_us, claim_id
-- why: The trials found are taken until the lease ends; each claim of a trial has the next number.
-- own: Every engine reads its clock, and lists of ids, in its own words.
UPDATE json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
STRAIGHT_JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
SET
    t.status = 'READY', t.trial_runner_id = :trial_runner_id, t.claim_id = :claim_id,
    t.lease_fence = coalesce(t.lease_fence, 0) + 1,
    t.lease_ends = utc_timestamp(6) + INTERVAL :lease_us MICROSECOND;

-- name: cancel_find
-- returns: many
-- params: exp_id, ids
-- why: Where some trials stand, before those that nobody runs or holds are canceled.
-- own: Every engine reads its clock, and lists of ids, in its own words.
SELECT t.trial_id, t.status, CASE WHEN t.lease_ends IS NULL THEN 0 ELSE 1 END AS held
FROM trial AS t
WHERE t.exp_id = :exp_id
    AND t.trial_id IN (
        SELECT j.id
        FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
    )
ORDER BY t.trial_id
FOR UPDATE;

-- name: cancel_take
-- returns: count
-- params: exp_id, ids
-- why: The trials found to be free are canceled.
-- own: Every engine reads its clock, and lists of ids, in its own words.
UPDATE json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
STRAIGHT_JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
SET t.status = 'CANCELED', t.ts_end = utc_timestamp(6);

-- name: lease_release
-- returns: count
-- params: exp_id, ids
-- why: The trials are free again; the next claim still gets the next number.
-- own: Every engine reads its clock, and lists of ids, in its own words.
UPDATE json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
STRAIGHT_JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
SET t.status = 'PENDING', t.trial_runner_id = NULL, t.lease_ends = NULL, t.claim_id = NULL;

-- name: claim_event
-- returns: count
-- params: exp_id, ids, status
-- why: What has become of these trials, for their history.
-- own: Every engine reads its clock, and lists of ids, in its own words.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
SELECT :exp_id, j.id, utc_timestamp(6), :status
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
ON DUPLICATE KEY UPDATE status = :status;

-- name: claim_repeated
-- returns: many
-- params: exp_id, ids, claim_id
-- why: Which trials an earlier run of the same call has taken, whose commit was not answered.
-- own: Every engine reads its clock, and lists of ids, in its own words.
SELECT t.trial_id, t.config_id, t.lease_fence AS fence
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
INNER JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
WHERE t.claim_id = :claim_id
ORDER BY t.trial_id;

-- name: lease_renew
-- returns: count
-- params: exp_id, trial_id, fence, lease_us
-- why: A holder asks for more time; 0 rows when the trial is no longer his.
-- own: Every engine reads its clock, and lists of ids, in its own words.
UPDATE trial
SET lease_ends = utc_timestamp(6) + INTERVAL :lease_us MICROSECOND
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
    AND lease_fence = :fence
    AND lease_ends IS NOT NULL;

-- name: lease_expired
-- returns: many
-- params: exp_id, ts
-- why: Trials whose lease has ended, by the given time or else by the clock; those that their holder is just writing to
-- why: are passed over.
-- own: Every engine reads its clock, and lists of ids, in its own words.
SELECT trial_id, lease_fence AS fence
FROM trial
WHERE exp_id = :exp_id
    AND status IN ('READY', 'RUNNING')
    AND lease_ends <= coalesce(:ts, utc_timestamp(6))
ORDER BY ts_start, trial_id
FOR UPDATE SKIP LOCKED;

-- name: config_params_of_trials
-- returns: many
-- params: exp_id, ids
-- why: The configs of some trials with their values, in one statement.
-- own: Every engine reads its clock, and lists of ids, in its own words.
SELECT DISTINCT t.config_id, p.param_id, p.param_value, p.value_type
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
INNER JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
LEFT JOIN config_param AS p
    ON p.config_id = t.config_id
ORDER BY t.config_id, p.param_id;

-- name: trial_params_of_trials
-- returns: many
-- params: exp_id, ids
-- why: The metadata of some trials, in one statement.
-- own: Every engine reads its clock, and lists of ids, in its own words.
SELECT p.trial_id, p.param_id, p.param_value, p.value_type
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
INNER JOIN trial_param AS p
    ON p.exp_id = :exp_id
    AND p.trial_id = j.id
ORDER BY p.trial_id, p.param_id;

-- name: config_find_all
-- returns: many
-- params: hashes
-- why: The configs with these hashes, as far as there are any, in one statement; as ASCII, because text of JSON has no
-- why: set of characters in common with the column otherwise.
-- why: One that has a parameter was stored by another transaction, which stored all of them.
-- own: Every engine reads its clock, and lists of ids, in its own words.
SELECT
    c.config_id, c.config_hash,
    (
        SELECT p.param_id
        FROM config_param AS p
        WHERE p.config_id = c.config_id
        ORDER BY p.param_id
        LIMIT 1
    ) AS first_param
FROM json_table(:hashes, '$[*]' COLUMNS (hash VARCHAR(64) PATH '$')) AS j
INNER JOIN config AS c
    ON c.config_hash = CONVERT(j.hash USING ascii);
