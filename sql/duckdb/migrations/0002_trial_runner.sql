-- migration: 0002 trial_runner
-- purpose: Which runner (worker) a trial is assigned to.
-- serves_from: 0001
-- transaction: on
-- locks: EXCLUSIVE on all tables stops everyone; changes the definition; at once.
-- destructive: no

ALTER TABLE trial ADD COLUMN trial_runner_id INTEGER;
