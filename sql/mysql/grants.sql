-- noqa: disable=PRS,references.quoting,references.special_chars
-- The rights of the three accounts of an experiment store. Run it as an account that may grant them:
--
--     mariadb --comments --host=HOST --user=ADMINISTRATOR --password < FILE      (MariaDB)
--     mysql --comments --host=HOST --user=ADMINISTRATOR --password < FILE        (MySQL)
--
-- The accounts must exist; how they log in is up to you:
--
--     CREATE USER NAME@'%' IDENTIFIED BY 'SECRET';
--
-- It may be run again, and should be after upgrades of the library: it names the tables one by one, also those that are
-- not there yet, and leaves others of the database alone. For the owner the database's name is a pattern: an underscore
-- in it has a backslash before it, for it would stand for any character (but on a MySQL with partial_revokes: there
-- take the backslash away). Seeing who holds the migration lock needs the right PROCESS, which covers the whole
-- server and is therefore not granted here.

SET NAMES utf8mb4;

-- Without this, MariaDB would create an account that does not exist, and without a password.
SET SESSION sql_mode = concat('STRICT_ALL_TABLES' /*M!100600 , ',NO_AUTO_CREATE_USER' */);

-- The owner makes and changes the tables ('trialstore schema apply', or a script, which keeps a temporary one).
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE TEMPORARY TABLES, CREATE VIEW,
SHOW VIEW
ON `trialstore\_database`.* TO `trialstore_owner`@`%`;

-- The application adds rows and changes them, and deletes none but attributes. Its schema_policy is "verify". The
-- history of the schema is the owner's alone to write. Views are run with the rights of who asks, so that the tables are
-- granted, too; SHOW VIEW lets 'trialstore schema verify' compare views, and EXPLAIN tell the plans of queries on them.
-- CREATE, which is taken back at once, lets a table be named before it is there.
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.config TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.config FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.config_param TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.config_param FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.context TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.context FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.context_value TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.context_value FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.experiment TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.experiment FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `trialstore_database`.experiment_attribute TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.experiment_attribute FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.objectives TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.objectives FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.trial TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trial FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `trialstore_database`.trial_attribute TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_attribute FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.trial_lineage TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_lineage FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.trial_param TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_param FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.trial_result TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_result FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.trial_status TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_status FROM `trialstore_app`@`%`;
GRANT SELECT, INSERT, UPDATE, CREATE ON `trialstore_database`.trial_telemetry TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_telemetry FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_attribute TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_attribute FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_config TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_config FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_context TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_context FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_experiment TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_experiment FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_param TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_param FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_result TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_result FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_status TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_status FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_telemetry TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_telemetry FROM `trialstore_app`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_trial TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.v_trial FROM `trialstore_app`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trialstore_schema TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.trialstore_schema FROM `trialstore_app`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.alembic_version TO `trialstore_app`@`%`;
REVOKE CREATE ON `trialstore_database`.alembic_version FROM `trialstore_app`@`%`;

-- The reader looks at experiments, and at the state of the schema.
GRANT SELECT, CREATE ON `trialstore_database`.config TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.config FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.config_param TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.config_param FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.context TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.context FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.context_value TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.context_value FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.experiment TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.experiment FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.experiment_attribute TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.experiment_attribute FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.objectives TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.objectives FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trial TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trial FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trial_attribute TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_attribute FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trial_lineage TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_lineage FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trial_param TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_param FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trial_result TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_result FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trial_status TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_status FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trial_telemetry TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trial_telemetry FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_attribute TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_attribute FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_config TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_config FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_context TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_context FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_experiment TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_experiment FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_param TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_param FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_result TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_result FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_status TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_status FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_telemetry TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_telemetry FROM `trialstore_reader`@`%`;
GRANT SELECT, SHOW VIEW, CREATE ON `trialstore_database`.v_trial TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.v_trial FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.trialstore_schema TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.trialstore_schema FROM `trialstore_reader`@`%`;
GRANT SELECT, CREATE ON `trialstore_database`.alembic_version TO `trialstore_reader`@`%`;
REVOKE CREATE ON `trialstore_database`.alembic_version FROM `trialstore_reader`@`%`;
