-- name: history_list
-- returns: many
-- params: -
-- why: The one statement that opening an up-to-date database costs.
SELECT
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user,
    library_version
FROM trialstore_schema
ORDER BY version;

-- name: history_insert
-- returns: none
-- params: version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, library_version
-- why: One row a migration, written in its transaction where DDL is transactional, before its first statement if not.
INSERT INTO trialstore_schema (
    version, slug, checksum, state, statements_done, started_at, finished_at, duration_ms, database_user,
    library_version
)
VALUES (
    :version, :slug, :checksum, :state, :statements_done, :started_at, :finished_at, :duration_ms, CURRENT_USER,
    :library_version
);

-- name: history_progress
-- returns: count
-- params: version, statements_done
-- why: Where DDL cannot be rolled back, each statement is recorded when it is done, so that a killed run can go on
-- why: there.
UPDATE trialstore_schema
SET statements_done = :statements_done
WHERE version = :version;

-- name: history_finish
-- returns: count
-- params: version, state, finished_at, duration_ms
-- why: A migration that runs step by step is done, or one of its statements was refused, or it goes on after that.
UPDATE trialstore_schema
SET state = :state, finished_at = :finished_at, duration_ms = :duration_ms
WHERE version = :version;

-- name: history_delete
-- returns: count
-- params: version
-- why: A migration of which nothing was carried out has not begun: its first statement was refused, or the
-- why: administrator says so.
DELETE FROM trialstore_schema
WHERE version = :version;

-- name: reference_revision
-- returns: one
-- params: -
-- why: At which step of its chain the reference left this database.
SELECT version_num
FROM alembic_version;
