-- migration: 0009 trial_lineage
-- purpose: Where a trial that was merged into an experiment was first run, so that merging again adds only what is new.
-- serves_from: 0008
-- transaction: on
-- locks: EXCLUSIVE on all tables stops everyone; changes the definition; at once.
-- destructive: no

-- The source has no foreign key: its experiment may live in another database, or be deleted later.
CREATE TABLE trial_lineage (
    exp_id VARCHAR(512) NOT NULL,
    trial_id INTEGER NOT NULL,
    source_exp_id VARCHAR(512) NOT NULL,
    source_trial_id INTEGER NOT NULL,
    PRIMARY KEY (exp_id, trial_id),
    UNIQUE (exp_id, source_exp_id, source_trial_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);
