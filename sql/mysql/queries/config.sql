-- INSERT IGNORE takes the place of the other engines' ON CONFLICT. It would cut values and let references be missing,
-- but hashes of configs always have one length and refer to nothing. It locks a config that is there already for
-- sharing only; ON DUPLICATE KEY would lock it against everybody who has just found it and stores a trial of it.

-- name: config_insert
-- returns: id
-- params: config_hash text 7f3a
-- why: A new config, whose id the server sends with the number of rows: none when another process stored it first.
INSERT IGNORE INTO config (config_hash)
VALUES (:config_hash);

-- name: config_insert_all
-- returns: count
-- params: config_hash text 7f3a
-- why: Several new configs, whose ids are then found by config_find_all; fewer when another process stored one first.
INSERT IGNORE INTO config (config_hash)
VALUES (:config_hash);
