-- What a connection runs beside the statements that all engines share.
-- own: Settings, the opening of transactions and locks without a table differ by engine.

-- name: begin_read
-- returns: none
-- params: -
-- why: One snapshot for all statements of a reading call.
BEGIN DEFERRED;

-- name: begin_write
-- returns: none
-- params: -
-- why: Takes the write lock first; a transaction that reads before it writes fails at once if another wrote meanwhile.
BEGIN IMMEDIATE;

-- name: session_foreign_keys
-- returns: none
-- params: -
-- why: SQLite checks foreign keys only where the connection asks for it.
PRAGMA foreign_keys = ON;

-- name: session_synchronous
-- returns: none
-- params: -
-- why: A commit is on disk when it returns, also in WAL mode, so that a power cut loses nothing that was acknowledged.
PRAGMA synchronous = FULL;

-- name: session_journal_wal
-- returns: one
-- params: -
-- why: Readers and the one writer do not block each other. Answers with the mode that is then in force.
PRAGMA journal_mode = WAL;

-- name: session_journal_delete
-- returns: one
-- params: -
-- why: For network file systems, which lack the shared memory that WAL needs.
PRAGMA journal_mode = DELETE;

-- name: session_journal_truncate
-- returns: one
-- params: -
-- why: As delete, but the journal file stays, which some file systems do faster.
PRAGMA journal_mode = TRUNCATE;

-- name: session_journal_persist
-- returns: one
-- params: -
-- why: As delete, but the journal's header is overwritten, which some file systems do faster.
PRAGMA journal_mode = PERSIST;
