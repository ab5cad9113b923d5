-- Trials taken by workers. Leases are counted by the server's clock, in UTC; rows that another worker is taking at the
-- same moment are passed over. Lists of ids come as JSON, and are joined before the trials: MariaDB would look for them
-- among all trials of the experiment, and lock those. The linter's grammar knows neither SKIP LOCKED nor this.
-- noqa: disable=PRS,CP03
-- own: How the clock is read, and how a list of ids is unfolded, differs by engine.

-- name: claim_find
-- returns: many
-- params: exp_id text, trial_runner_id int, ts time, most int 10, left_out json
-- why: Trials that are due by the given time, or by the clock if none is given, and that have no runner or this one;
-- why: oldest first. Those in left_out cannot be run, as the caller knows, or have been found by this call already.
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
-- returns: none
-- params: exp_id text, ids json, trial_runner_id int, lease_us int 300000000, claim_id text 7f3a
-- why: Takes the trials that were found, until the lease ends; each claim of a trial gets the next fencing number.
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
-- params: exp_id text, ids json
-- why: The status of some trials, and whether a claim holds them, before the free ones are canceled.
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
-- returns: none
-- params: exp_id text, ids json
-- why: Cancels the trials that were found to be free.
UPDATE json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
STRAIGHT_JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
SET t.status = 'CANCELED', t.ts_end = utc_timestamp(6);

-- name: lease_release
-- returns: none
-- params: exp_id text, ids json
-- why: Releases trials. Their fencing number stays, so that the next claim gets the next one.
UPDATE json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
STRAIGHT_JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
SET t.status = 'PENDING', t.trial_runner_id = NULL, t.lease_ends = NULL, t.claim_id = NULL;

-- name: claim_event
-- returns: none
-- params: exp_id text, ids json, status text RUNNING
-- why: Adds the new status of these trials to their history.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
SELECT :exp_id, j.id, utc_timestamp(6), :status
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
ON DUPLICATE KEY UPDATE status = :status;

-- name: claim_repeated
-- returns: many
-- params: exp_id text, ids json, claim_id text 7f3a
-- why: Which of these trials an earlier attempt of the same call has taken, whose commit got no answer.
SELECT t.trial_id, t.config_id, t.lease_fence AS fence
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
INNER JOIN trial AS t
    ON t.exp_id = :exp_id
    AND t.trial_id = j.id
WHERE t.claim_id = :claim_id
ORDER BY t.trial_id;

-- name: lease_renew
-- returns: count
-- params: exp_id text, trial_id int, fence int, lease_us int 300000000
-- why: Extends a lease; 0 rows when the trial is no longer held by this claim.
UPDATE trial
SET lease_ends = utc_timestamp(6) + INTERVAL :lease_us MICROSECOND
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
    AND lease_fence = :fence
    AND lease_ends IS NOT NULL;

-- name: lease_expired
-- returns: many
-- params: exp_id text, ts time
-- why: Trials whose lease has ended by the given time, or by the clock if none is given; a trial that its holder is
-- why: writing to at this moment is skipped.
SELECT trial_id, lease_fence AS fence
FROM trial
WHERE exp_id = :exp_id
    AND status IN ('READY', 'RUNNING')
    AND lease_ends <= coalesce(:ts, utc_timestamp(6))
ORDER BY ts_start, trial_id
FOR UPDATE SKIP LOCKED;

-- name: config_params_of_trials
-- returns: many
-- params: exp_id text, ids json
-- why: The configs of some trials with their values, in one statement.
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
-- params: exp_id text, ids json
-- why: The metadata of some trials, in one statement.
SELECT p.trial_id, p.param_id, p.param_value, p.value_type
FROM json_table(:ids, '$[*]' COLUMNS (id INTEGER PATH '$')) AS j
INNER JOIN trial_param AS p
    ON p.exp_id = :exp_id
    AND p.trial_id = j.id
ORDER BY p.trial_id, p.param_id;

-- name: config_find_all
-- returns: many
-- params: hashes json
-- why: The configs with these hashes, as far as they exist, in one statement; as ASCII, because text out of JSON has no
-- why: character set in common with the column otherwise. A config that has a parameter was stored by another
-- why: transaction, with all its parameters.
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
