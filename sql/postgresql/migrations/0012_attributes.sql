-- migration: 0012 attributes
-- purpose: What people say of an experiment and of a trial afterwards: tags, notes, and values that may change, also
-- purpose: those of completed trials. Metadata (trial_param) are written once instead, with the trial.
-- serves_from: 0010
-- transaction: on
-- locks: SHARE ROW EXCLUSIVE on experiment, trial stops writers; is referred to; at once.
-- destructive: no

CREATE TABLE experiment_attribute (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    attribute_id VARCHAR(512) COLLATE "C" NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, attribute_id),
    FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)
);

CREATE TABLE trial_attribute (
    exp_id VARCHAR(512) COLLATE "C" NOT NULL,
    trial_id INTEGER NOT NULL,
    attribute_id VARCHAR(512) COLLATE "C" NOT NULL,
    attribute_value TEXT,
    value_type CHAR(1),
    PRIMARY KEY (exp_id, trial_id, attribute_id),
    FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)
);
