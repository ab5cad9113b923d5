-- migration: 0003 experiment_driver
-- purpose: When an experiment ran, its status, and the host and process that drove it.
-- serves_from: 0002
-- transaction: off
-- locks: SHARED_UPGRADABLE on experiment stops nobody; changes the definition; at once.
-- destructive: no
-- adopts: 8928a401115b

ALTER TABLE experiment
ADD COLUMN ts_start DATETIME,
ADD COLUMN ts_end DATETIME,
ADD COLUMN status VARCHAR(16),
ADD COLUMN driver_name VARCHAR(40),
ADD COLUMN driver_pid INTEGER,
ALGORITHM = INSTANT;
