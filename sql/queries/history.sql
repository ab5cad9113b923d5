-- name: history_list
-- returns: many
-- params: -
-- why: The one statement that opening an up-to-date database costs.
SELECT
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user,
    library_version, serves_from
FROM trialstore_schema
ORDER BY version;

-- name: history_insert
-- returns: none
-- params: version int, slug text, checksum text, state text applied, statements_done int, started_at time,
-- params: finished_at time, duration_ms int, library_version text, serves_from int
-- why: One row per migration, written in the migration's transaction where DDL is transactional, otherwise before its
-- why: first statement.
INSERT INTO trialstore_schema (
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user,
    library_version, serves_from
)
VALUES (
    :version, :slug, :checksum, :state, :statements_done, :started_at, :finished_at, :duration_ms, CURRENT_USER,
    :library_version, :serves_from
);

-- name: history_progress
-- returns: none
-- params: version int, statements_done int
-- why: Where DDL cannot be rolled back, each statement is recorded when it is done, so that a killed run can go on
-- why: there.
UPDATE trialstore_schema
SET statements_done = :statements_done
WHERE version = :version;

-- name: history_finish
-- returns: none
-- params: version int, state text applied, finished_at time, duration_ms int
-- why: Changes the state of a migration that runs statement by statement: done, failed, or running again.
UPDATE trialstore_schema
SET state = :state, finished_at = :finished_at, duration_ms = :duration_ms
WHERE version = :version;

-- name: history_delete
-- returns: none
-- params: version int
-- why: Nothing of the migration was carried out: its first statement was refused, or the administrator says so.
DELETE FROM trialstore_schema
WHERE version = :version;

-- name: mlos_bench_revision
-- returns: many
-- params: -
-- why: The revision of its own schema at which mlos_bench left this database.
SELECT version_num
FROM alembic_version;
