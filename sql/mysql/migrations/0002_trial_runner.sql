-- migration: 0002 trial_runner
-- purpose: Which runner (worker) a trial is assigned to.
-- transaction: off
-- locks: Changes the table's definition only, no rows; a metadata lock for milliseconds at any size. A server that
-- locks: cannot do so refuses it (ALGORITHM = INSTANT).
-- destructive: no
-- adopts: f83fb8ae7fc4

ALTER TABLE trial
ADD COLUMN trial_runner_id INTEGER,
ALGORITHM = INSTANT;
