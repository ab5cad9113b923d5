-- migration: 0013 contexts
-- purpose: What trials ran on: machine, system, versions, commit. Equal contexts are one row, found by their hash; a
-- purpose: trial says which it had when it started.
-- serves_from: 0010
-- transaction: on
-- locks: EXCLUSIVE on all tables stops everyone; changes the definition; at once.
-- destructive: no

-- DuckDB has no columns that number themselves.
CREATE SEQUENCE context_id_seq;

CREATE TABLE context (
    context_id INTEGER NOT NULL DEFAULT nextval('context_id_seq'),
    context_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (context_id),
    UNIQUE (context_hash)
);

CREATE TABLE context_value (
    context_id INTEGER NOT NULL,
    key_id VARCHAR(512) NOT NULL,
    key_value VARCHAR,
    value_type CHAR(1),
    PRIMARY KEY (context_id, key_id),
    FOREIGN KEY (context_id) REFERENCES context (context_id)
);

-- NULL where the trial has not started, or nobody wrote it. DuckDB cannot add a column with a foreign key; and a key
-- would have it delete and insert the row, to which others refer, at each change of the column.
ALTER TABLE trial ADD COLUMN context_id INTEGER;
