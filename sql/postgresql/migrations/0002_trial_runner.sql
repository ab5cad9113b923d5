-- migration: 0002 trial_runner
-- purpose: Which runner (worker) a trial is assigned to.
-- serves_from: 0001
-- transaction: on
-- locks: ACCESS EXCLUSIVE on trial stops everyone; changes the definition; at once.
-- destructive: no
-- adopts: f83fb8ae7fc4

ALTER TABLE trial ADD COLUMN trial_runner_id INTEGER;
