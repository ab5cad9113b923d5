-- ON DUPLICATE KEY UPDATE takes the place of the other engines' ON CONFLICT. INSERT IGNORE would not do: it cuts values
-- that are too long, and lets references be missing. Setting a column to the value it has changes nothing, and such a
-- row is not counted.

-- name: trial_status_put
-- returns: none
-- params: exp_id text, trial_id int, ts time, status text RUNNING
-- why: A change of status; of two at the same microsecond, the one that is written later is kept.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
VALUES (:exp_id, :trial_id, :ts, :status)
ON DUPLICATE KEY UPDATE status = :status;

-- name: trial_status_add
-- returns: none
-- params: exp_id text, trial_id int, ts time, status text RUNNING
-- why: A status event that is sent with telemetry; sending it again changes nothing.
INSERT INTO trial_status (exp_id, trial_id, ts, status)
VALUES (:exp_id, :trial_id, :ts, :status)
ON DUPLICATE KEY UPDATE ts = ts;

-- name: telemetry_insert
-- returns: count
-- params: exp_id text, trial_id int, ts time, metric_id text, metric_value text, value_type text f
-- why: Timestamped metrics in bulk; a point that is there already is left as it is.
INSERT INTO trial_telemetry (exp_id, trial_id, ts, metric_id, metric_value, value_type)
VALUES (:exp_id, :trial_id, :ts, :metric_id, :metric_value, :value_type)
ON DUPLICATE KEY UPDATE ts = ts;
