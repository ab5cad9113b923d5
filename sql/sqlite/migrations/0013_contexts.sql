-- migration: 0013 contexts
-- purpose: What trials ran on: machine, system, versions, commit. Equal contexts are one row, found by their hash; a
-- purpose: trial says which it had when it started.
-- serves_from: 0010
-- transaction: on
-- locks: RESERVED on all tables stops writers; changes the definition; at once.
-- destructive: no

-- context_id is an alias of the rowid: SQLite numbers it by itself.
CREATE TABLE context (
    context_id INTEGER NOT NULL,
    context_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (context_id),
    UNIQUE (context_hash)
);

CREATE TABLE context_value (
    context_id INTEGER NOT NULL,
    key_id VARCHAR(512) NOT NULL,
    key_value VARCHAR(1024),
    value_type CHAR(1),
    PRIMARY KEY (context_id, key_id),
    FOREIGN KEY (context_id) REFERENCES context (context_id)
);

-- NULL where the trial has not started, or nobody wrote it.
ALTER TABLE trial ADD COLUMN context_id INTEGER REFERENCES context (context_id);
