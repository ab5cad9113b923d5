-- name: config_insert
-- returns: id
-- params: config_hash text 7f3a
-- why: A new config. If another transaction stored the same one first, this fails and the call is run again: ON
-- why: CONFLICT would avoid that, but takes twice as long.
INSERT INTO config (config_hash)
VALUES (:config_hash)
RETURNING config_id;
