-- The demo's workload: source files are taken in, indexed, queried and edited, in a database whose settings are tuned.
--
-- The settings stand first: they cannot be bound, so every allowed value is a statement `pragma_<name>_<value>`.
-- The order of the names is the order in which they are set (the page size must be set before anything is written);
-- the order of the values is that of the search, which moves to neighbours.

-- name: pragma_page_size_1024
-- returns: none
-- params: -
-- why: The smallest page tried: many small reads.
PRAGMA page_size = 1024;

-- name: pragma_page_size_4096
-- returns: none
-- params: -
-- why: The engine's default.
PRAGMA page_size = 4096;

-- name: pragma_page_size_8192
-- returns: none
-- params: -
-- why: Twice the default.
PRAGMA page_size = 8192;

-- name: pragma_page_size_16384
-- returns: none
-- params: -
-- why: Four times the default.
PRAGMA page_size = 16384;

-- name: pragma_page_size_32768
-- returns: none
-- params: -
-- why: Eight times the default.
PRAGMA page_size = 32768;

-- name: pragma_page_size_65536
-- returns: none
-- params: -
-- why: The largest page there is.
PRAGMA page_size = 65536;

-- name: read_page_size
-- returns: scalar
-- params: -
-- why: What is in force now; a setting may be refused in silence.
PRAGMA page_size;

-- name: pragma_journal_mode_delete
-- returns: none
-- params: -
-- why: The engine's default: a rollback journal, deleted at each commit.
PRAGMA journal_mode = DELETE;

-- name: pragma_journal_mode_truncate
-- returns: none
-- params: -
-- why: The journal is cut to nothing instead of deleted.
PRAGMA journal_mode = TRUNCATE;

-- name: pragma_journal_mode_persist
-- returns: none
-- params: -
-- why: The journal's header is overwritten instead.
PRAGMA journal_mode = PERSIST;

-- name: pragma_journal_mode_memory
-- returns: none
-- params: -
-- why: The journal is kept in memory: a crash of the process in mid-commit can damage the file.
PRAGMA journal_mode = MEMORY;

-- name: pragma_journal_mode_wal
-- returns: none
-- params: -
-- why: A write-ahead log: one append per commit, moved into the file by checkpoints.
PRAGMA journal_mode = WAL;

-- name: read_journal_mode
-- returns: scalar
-- params: -
-- why: What is in force now; a setting may be refused in silence.
PRAGMA journal_mode;

-- name: pragma_synchronous_off
-- returns: none
-- params: -
-- why: Nothing is flushed: a power cut can damage the file.
PRAGMA synchronous = OFF;

-- name: pragma_synchronous_normal
-- returns: none
-- params: -
-- why: Flushes at the most critical moments only.
PRAGMA synchronous = NORMAL;

-- name: pragma_synchronous_full
-- returns: none
-- params: -
-- why: The engine's default: flushes at each commit.
PRAGMA synchronous = FULL;

-- name: pragma_synchronous_extra
-- returns: none
-- params: -
-- why: Also flushes the folder after the journal is deleted.
PRAGMA synchronous = EXTRA;

-- name: read_synchronous
-- returns: scalar
-- params: -
-- why: What is in force now; a setting may be refused in silence.
PRAGMA synchronous;

-- name: pragma_cache_size_500
-- returns: none
-- params: -
-- why: 500 KiB, a quarter of the default.
PRAGMA cache_size = -500;

-- name: pragma_cache_size_2000
-- returns: none
-- params: -
-- why: The engine's default, about 2 MB (a negative number counts KiB).
PRAGMA cache_size = -2000;

-- name: pragma_cache_size_8000
-- returns: none
-- params: -
-- why: Four times the default.
PRAGMA cache_size = -8000;

-- name: pragma_cache_size_32000
-- returns: none
-- params: -
-- why: Sixteen times the default.
PRAGMA cache_size = -32000;

-- name: read_cache_size
-- returns: scalar
-- params: -
-- why: What is in force now; a setting may be refused in silence.
PRAGMA cache_size;

-- name: pragma_mmap_size_0
-- returns: none
-- params: -
-- why: The engine's default: no memory mapping.
PRAGMA mmap_size = 0;

-- name: pragma_mmap_size_16777216
-- returns: none
-- params: -
-- why: The first 16 MiB are mapped.
PRAGMA mmap_size = 16777216;

-- name: pragma_mmap_size_67108864
-- returns: none
-- params: -
-- why: The first 64 MiB are mapped.
PRAGMA mmap_size = 67108864;

-- name: pragma_mmap_size_268435456
-- returns: none
-- params: -
-- why: The first 256 MiB are mapped.
PRAGMA mmap_size = 268435456;

-- name: read_mmap_size
-- returns: scalar
-- params: -
-- why: What is in force now; a setting may be refused in silence.
PRAGMA mmap_size;

-- name: begin
-- returns: none
-- params: -
-- why: There is one connection only, so it does not matter when the write lock is taken.
BEGIN TRANSACTION;

-- name: commit
-- returns: none
-- params: -
-- why: What the journal mode and the flushing are paid for.
COMMIT;

-- name: create_source_file
-- returns: none
-- params: -
-- why: One row per file.
CREATE TABLE source_file (
    file_id INTEGER NOT NULL PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    revision INTEGER NOT NULL
);

-- name: create_source_line
-- returns: none
-- params: -
-- why: The bulk of the data: one row per line.
CREATE TABLE source_line (
    file_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    content TEXT NOT NULL,
    FOREIGN KEY (file_id) REFERENCES source_file (file_id)
);

-- name: create_word_count
-- returns: none
-- params: -
-- why: How often a word stands in a file: many short rows.
CREATE TABLE word_count (
    word TEXT NOT NULL,
    file_id INTEGER NOT NULL,
    occurrences INTEGER NOT NULL,
    FOREIGN KEY (file_id) REFERENCES source_file (file_id)
);

-- name: insert_file
-- returns: none
-- params: file_id int, path text, size_bytes int
-- why: A file, as it was found.
INSERT INTO source_file (file_id, path, size_bytes, revision)
VALUES (:file_id, :path, :size_bytes, 0);

-- name: insert_line
-- returns: none
-- params: file_id int, line_no int, content text
-- why: Runs once per line.
INSERT INTO source_line (file_id, line_no, content)
VALUES (:file_id, :line_no, :content);

-- name: insert_word
-- returns: none
-- params: word text, file_id int, occurrences int
-- why: Runs once per word of a file.
INSERT INTO word_count (word, file_id, occurrences)
VALUES (:word, :file_id, :occurrences);

-- name: index_lines
-- returns: none
-- params: -
-- why: Built after the rows are in, as a bulk load does.
CREATE UNIQUE INDEX source_line_by_file ON source_line (file_id, line_no);

-- name: index_words
-- returns: none
-- params: -
-- why: Sorts all words, which needs more memory than a small cache has.
CREATE UNIQUE INDEX word_count_by_word ON word_count (word, file_id);

-- name: query_files_with_word
-- returns: many
-- params: word text
-- why: A short lookup through an index and a join.
SELECT
    f.path,
    w.occurrences
FROM word_count AS w
INNER JOIN source_file AS f
    ON f.file_id = w.file_id
WHERE w.word = :word
ORDER BY w.occurrences DESC, f.path
LIMIT 20;

-- name: query_words_of_file
-- returns: many
-- params: file_id int
-- why: Words that a file shares with others: many lookups at scattered places.
SELECT
    w.word,
    count(*) AS files
FROM source_line AS s
INNER JOIN word_count AS w
    ON w.word = trim(s.content)
WHERE s.file_id = :file_id
GROUP BY w.word
ORDER BY files DESC, w.word
LIMIT 20;

-- name: query_lines_containing
-- returns: many
-- params: word text
-- why: A scan of the whole table.
SELECT
    count(*) AS matches,
    sum(length(content)) AS characters
FROM source_line
WHERE instr(content, :word) > 0;

-- name: update_file
-- returns: none
-- params: file_id int
-- why: One row by its key.
UPDATE source_file
SET revision = revision + 1
WHERE file_id = :file_id;

-- name: update_lines
-- returns: none
-- params: file_id int, line_no int
-- why: A run of rows grows, so that pages split.
UPDATE source_line
SET content = content || '  # edited'
WHERE file_id = :file_id
    AND line_no <= :line_no;

-- name: update_words
-- returns: none
-- params: file_id int, word text
-- why: One row by an index.
UPDATE word_count
SET occurrences = occurrences + 1
WHERE word = :word
    AND file_id = :file_id;

-- name: count_rows
-- returns: one
-- params: -
-- why: What is stored in the end, to be compared with what went in.
SELECT
    (
        SELECT count(*)
        FROM source_file
    ) AS files,
    (
        SELECT count(*)
        FROM source_line
    ) AS line_rows,
    (
        SELECT count(*)
        FROM word_count
    ) AS word_rows,
    (
        SELECT sum(revision)
        FROM source_file
    ) AS edits;
