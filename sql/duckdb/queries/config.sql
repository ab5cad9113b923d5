-- name: config_insert
-- returns: id
-- params: config_hash
-- why: A new config. When another transaction stored the same one first this fails, and the call is run again: ON
-- why: CONFLICT would say so more gently, and takes twice as long.
INSERT INTO config (config_hash)
VALUES (:config_hash)
RETURNING config_id;
