-- migration: 0003 experiment_driver
-- purpose: When an experiment ran, its status, and the host and process that drove it.
-- serves_from: 0002
-- transaction: on
-- locks: RESERVED on all tables stops writers; changes the definition; at once.
-- destructive: no
-- adopts: 8928a401115b

ALTER TABLE experiment ADD COLUMN ts_start DATETIME;
ALTER TABLE experiment ADD COLUMN ts_end DATETIME;
ALTER TABLE experiment ADD COLUMN status VARCHAR(16);
ALTER TABLE experiment ADD COLUMN driver_name VARCHAR(40);
ALTER TABLE experiment ADD COLUMN driver_pid INTEGER;
