-- name: context_insert
-- returns: id
-- params: context_hash text 7f3a
-- why: A new context, whose id the server sends with the number of rows: none when another process stored it first.
INSERT IGNORE INTO context (context_hash)
VALUES (:context_hash);
