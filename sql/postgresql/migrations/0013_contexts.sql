-- migration: 0013 contexts
-- purpose: What trials ran on: machine, system, versions, commit. Equal contexts are one row, found by their hash; a
-- purpose: trial says which it had when it started.
-- serves_from: 0010
-- transaction: on
-- locks: ACCESS EXCLUSIVE on trial stops everyone; changes the definition; at once.
-- destructive: no

CREATE TABLE context (
    context_id SERIAL NOT NULL,
    context_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (context_id),
    UNIQUE (context_hash)
);

CREATE TABLE context_value (
    context_id INTEGER NOT NULL,
    key_id VARCHAR(512) COLLATE "C" NOT NULL,
    key_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (context_id, key_id),
    FOREIGN KEY (context_id) REFERENCES context (context_id)
);

-- NULL where the trial has not started, or nobody wrote it.
-- accept: column-constraint the server does not check a new column without a default: it holds nothing but NULL.
ALTER TABLE trial ADD COLUMN context_id INTEGER REFERENCES context (context_id);
