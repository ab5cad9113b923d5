-- migration: 0002 trial_runner
-- purpose: Which runner (worker) a trial is assigned to.
-- transaction: on
-- locks: EXCLUSIVE on all tables stops everyone; changes the definition; at once.
-- destructive: no

ALTER TABLE trial ADD COLUMN trial_runner_id INTEGER;
