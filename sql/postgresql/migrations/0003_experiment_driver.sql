-- migration: 0003 experiment_driver
-- purpose: When an experiment ran, its status, and the host and process that drove it.
-- serves_from: 0002
-- transaction: on
-- locks: ACCESS EXCLUSIVE on experiment stops everyone; changes the definition; at once.
-- destructive: no
-- adopts: 8928a401115b

ALTER TABLE experiment
ADD COLUMN ts_start TIMESTAMP WITH TIME ZONE,
ADD COLUMN ts_end TIMESTAMP WITH TIME ZONE,
ADD COLUMN status VARCHAR(16),
ADD COLUMN driver_name VARCHAR(40),
ADD COLUMN driver_pid INTEGER;
