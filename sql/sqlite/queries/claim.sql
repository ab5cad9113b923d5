-- Trials taken by workers. Leases are counted by the clock of this host, which all processes share that have the file
-- open. SQLite's clock counts milliseconds: of two events of a trial in the same one, the later is kept. Lists of ids
-- come as JSON.
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
    AND ts_start <= coalesce(:ts, strftime('%Y-%m-%d %H:%M:%f999', 'now'))
    AND ts_end IS NULL
    AND (trial_runner_id IS NULL OR trial_runner_id = :trial_runner_id)
    AND trial_id NOT IN (
        SELECT j.value
        FROM json_each(:left_out) AS j
    )
ORDER BY ts_start, trial_id
LIMIT :most;

-- name: claim_take
-- returns: none
-- params: exp_id text, ids json, trial_runner_id int, lease_us int 300000000, claim_id text 7f3a
-- why: Takes the trials that were found, until the lease ends; each claim of a trial gets the next fencing number.
UPDATE trial
SET
    status = 'READY', trial_runner_id = :trial_runner_id, claim_id = :claim_id,
    lease_fence = coalesce(lease_fence, 0) + 1,
    lease_ends = strftime('%Y-%m-%d %H:%M:%f000', 'now', CAST(:lease_us / 1000000.0 AS TEXT) || ' seconds')
WHERE exp_id = :exp_id
    AND trial_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    );

-- name: cancel_find
-- returns: many
-- params: exp_id text, ids json
-- why: The status of some trials, and whether a claim holds them, before the free ones are canceled.
SELECT trial_id, status, CASE WHEN lease_ends IS NULL THEN 0 ELSE 1 END AS held
FROM trial
WHERE exp_id = :exp_id
    AND trial_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    )
ORDER BY trial_id;

-- name: cancel_take
-- returns: none
-- params: exp_id text, ids json
-- why: Cancels the trials that were found to be free.
UPDATE trial
SET status = 'CANCELED', ts_end = strftime('%Y-%m-%d %H:%M:%f000', 'now')
WHERE exp_id = :exp_id
    AND trial_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    );

-- name: lease_release
-- returns: none
-- params: exp_id text, ids json
-- why: Releases trials. Their fencing number stays, so that the next claim gets the next one.
UPDATE trial
SET status = 'PENDING', trial_runner_id = NULL, lease_ends = NULL, claim_id = NULL
WHERE exp_id = :exp_id
    AND trial_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    );

-- name: claim_event
-- returns: none
-- params: exp_id text, ids json, status text RUNNING
-- why: Adds the new status of these trials to their history. Without WHERE, SQLite would read ON CONFLICT as part of a
-- why: join.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
SELECT :exp_id, j.value, strftime('%Y-%m-%d %H:%M:%f000', 'now'), :status
FROM json_each(:ids) AS j
WHERE 1 = 1
ON CONFLICT (exp_id, trial_id, ts) DO UPDATE SET status = excluded.status;

-- name: claim_repeated
-- returns: many
-- params: exp_id text, ids json, claim_id text 7f3a
-- why: Which of these trials an earlier attempt of the same call has taken, whose commit got no answer.
SELECT trial_id, config_id, lease_fence AS fence
FROM trial
WHERE exp_id = :exp_id
    AND claim_id = :claim_id
    AND trial_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    )
ORDER BY trial_id;

-- name: lease_renew
-- returns: count
-- params: exp_id text, trial_id int, fence int, lease_us int 300000000
-- why: Extends a lease; 0 rows when the trial is no longer held by this claim.
UPDATE trial
SET lease_ends = strftime('%Y-%m-%d %H:%M:%f000', 'now', CAST(:lease_us / 1000000.0 AS TEXT) || ' seconds')
WHERE exp_id = :exp_id
    AND trial_id = :trial_id
    AND lease_fence = :fence
    AND lease_ends IS NOT NULL;

-- name: lease_expired
-- returns: many
-- params: exp_id text, ts time
-- why: Trials whose lease has ended by the given time, or by the clock if none is given.
SELECT trial_id, lease_fence AS fence
FROM trial
WHERE exp_id = :exp_id
    AND status IN ('READY', 'RUNNING')
    AND lease_ends <= coalesce(:ts, strftime('%Y-%m-%d %H:%M:%f999', 'now'))
ORDER BY ts_start, trial_id;

-- name: config_params_of_trials
-- returns: many
-- params: exp_id text, ids json
-- why: The configs of some trials with their values, in one statement.
SELECT DISTINCT t.config_id, p.param_id, p.param_value, p.value_type
FROM trial AS t
LEFT JOIN config_param AS p
    ON p.config_id = t.config_id
WHERE t.exp_id = :exp_id
    AND t.trial_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    )
ORDER BY t.config_id, p.param_id;

-- name: trial_params_of_trials
-- returns: many
-- params: exp_id text, ids json
-- why: The metadata of some trials, in one statement.
SELECT p.trial_id, p.param_id, p.param_value, p.value_type
FROM trial_param AS p
WHERE p.exp_id = :exp_id
    AND p.trial_id IN (
        SELECT j.value
        FROM json_each(:ids) AS j
    )
ORDER BY p.trial_id, p.param_id;

-- name: config_find_all
-- returns: many
-- params: hashes json
-- why: The configs with these hashes, as far as they exist, in one statement. A config that has a parameter was stored
-- why: by another transaction, with all its parameters.
SELECT
    config_id, config_hash,
    (
        SELECT p.param_id
        FROM config_param AS p
        WHERE p.config_id = config.config_id
        ORDER BY p.param_id
        LIMIT 1
    ) AS first_param
FROM config
WHERE config_hash IN (
        SELECT j.value
        FROM json_each(:hashes) AS j
    );
