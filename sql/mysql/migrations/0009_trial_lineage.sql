-- migration: 0009 trial_lineage
-- purpose: Where a trial that was merged into an experiment was first run, so that merging again adds only what is new.
-- serves_from: 0008
-- transaction: off
-- locks: No lock on tables that exist.
-- destructive: no

-- The source has no foreign key: its experiment may live in another database, or be deleted later. The one to trial is
-- added by 0010, since until then that table may compare text in another way.
CREATE TABLE trial_lineage (
    exp_id VARCHAR(255) NOT NULL,
    trial_id INTEGER NOT NULL,
    source_exp_id VARCHAR(255) NOT NULL,
    source_trial_id INTEGER NOT NULL,
    PRIMARY KEY (exp_id, trial_id),
    UNIQUE KEY source (exp_id, source_exp_id, source_trial_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
DEFAULT CHARACTER SET utf8mb4 COLLATE /*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */;
