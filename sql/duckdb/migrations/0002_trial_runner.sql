-- migration: 0002 trial_runner
-- purpose: Which runner (worker) a trial is assigned to.
-- transaction: on
-- locks: Changes the table's definition only, no rows; no other process has the file open.
-- destructive: no

ALTER TABLE trial ADD COLUMN trial_runner_id INTEGER;
