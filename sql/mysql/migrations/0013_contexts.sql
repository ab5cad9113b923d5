-- migration: 0013 contexts
-- purpose: What trials ran on: machine, system, versions, commit. Equal contexts are one row, found by their hash; a
-- purpose: trial says which it had when it started.
-- serves_from: 0010
-- transaction: off
-- locks: SHARED_UPGRADABLE on trial stops nobody; changes the definition; at once.
-- destructive: no

CREATE TABLE context (
    context_id INTEGER NOT NULL AUTO_INCREMENT,
    context_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (context_id),
    UNIQUE KEY context_hash (context_hash)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

CREATE TABLE context_value (
    context_id INTEGER NOT NULL,
    key_id VARCHAR(255) NOT NULL,
    key_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (context_id, key_id),
    CONSTRAINT context_value_ibfk_1 FOREIGN KEY (context_id) REFERENCES context (context_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;

-- NULL where the trial has not started, or nobody wrote it. No foreign key: the server would write the table anew for
-- it, and writers would wait.
ALTER TABLE trial ADD COLUMN context_id INTEGER, ALGORITHM = INSTANT;
