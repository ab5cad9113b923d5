-- What a connection runs beside the statements that all engines share.

-- name: begin_read
-- returns: none
-- params: -
-- why: One snapshot for all statements of a reading call.
-- own: How a transaction is opened differs by engine.
BEGIN DEFERRED;

-- name: begin_write
-- returns: none
-- params: -
-- why: Takes the write lock first; a transaction that reads before it writes fails at once if another wrote meanwhile.
-- own: How a transaction is opened differs by engine.
BEGIN IMMEDIATE;

-- name: session_foreign_keys
-- returns: none
-- params: -
-- why: SQLite checks foreign keys only where the connection asks for it.
-- own: A setting of this engine.
PRAGMA foreign_keys = ON;

-- name: session_synchronous
-- returns: none
-- params: -
-- why: A commit is on disk when it returns, also in WAL mode, so that a power cut loses nothing that was acknowledged.
-- own: A setting of this engine.
PRAGMA synchronous = FULL;

-- name: session_journal_wal
-- returns: one
-- params: -
-- why: Readers and the one writer do not block each other. Answers with the mode that is then in force.
-- own: A setting of this engine.
PRAGMA journal_mode = WAL;

-- name: session_journal_delete
-- returns: one
-- params: -
-- why: For network file systems, which lack the shared memory that WAL needs.
-- own: A setting of this engine.
PRAGMA journal_mode = DELETE;

-- name: session_journal_truncate
-- returns: one
-- params: -
-- why: As delete, but the journal file stays, which some file systems do faster.
-- own: A setting of this engine.
PRAGMA journal_mode = TRUNCATE;

-- name: session_journal_persist
-- returns: one
-- params: -
-- why: As delete, but the journal's header is overwritten, which some file systems do faster.
-- own: A setting of this engine.
PRAGMA journal_mode = PERSIST;
