-- noqa: disable=references.quoting,capitalisation.identifiers
-- The rights of the three roles of an experiment store, in the schema "trialstore_namespace". Run it as a superuser, or
-- as the database's owner who is a member of the role that is to own the tables, in the database itself:
--
--     psql --no-psqlrc --file=FILE 'host=HOST dbname=DATABASE'
--
-- The roles must exist; how they log in is up to you:
--
--     CREATE ROLE NAME LOGIN PASSWORD 'SECRET';
--
-- It may be run again, and should be after the first 'trialstore schema apply' and after upgrades: it names the tables
-- one by one, and passes over those that are not there yet. Tables of other applications in the schema are left alone.
-- Tables that were made before by another role, as those of mlos_bench, must belong to the owner before they can be
-- upgraded (ALTER TABLE NAME OWNER TO OWNER).

-- client: \set ON_ERROR_STOP on
SET client_encoding TO 'UTF8';
SET client_min_messages TO warning;

BEGIN;

-- if: create_schema
CREATE SCHEMA IF NOT EXISTS "trialstore_namespace";

-- end
-- if: revoke_public
-- Everybody's rights, as a member of PUBLIC: to connect to the database, to make temporary tables, and to use the
-- schema. Other users of the database must have been granted theirs by name. 'trialstore schema grants --keep-public'
-- makes this script without these lines.
REVOKE ALL ON DATABASE "trialstore_database" FROM PUBLIC;
REVOKE ALL ON SCHEMA "trialstore_namespace" FROM PUBLIC;

-- end
-- The owner makes and changes the tables ('trialstore schema apply', or a script). To see who holds the migration lock
-- it may be made a member of pg_read_all_stats.
GRANT CONNECT ON DATABASE "trialstore_database" TO "trialstore_owner";
GRANT USAGE, CREATE ON SCHEMA "trialstore_namespace" TO "trialstore_owner";

-- The application adds rows and changes them, and deletes none but attributes. Its schema_policy is "verify".
GRANT CONNECT ON DATABASE "trialstore_database" TO "trialstore_app";
GRANT USAGE ON SCHEMA "trialstore_namespace" TO "trialstore_app";

-- The reader looks at experiments, and at the state of the schema.
GRANT CONNECT ON DATABASE "trialstore_database" TO "trialstore_reader";
GRANT USAGE ON SCHEMA "trialstore_namespace" TO "trialstore_reader";

-- For the tables that the owner has yet to make in this schema.
ALTER DEFAULT PRIVILEGES FOR ROLE "trialstore_owner" IN SCHEMA "trialstore_namespace"
GRANT SELECT, INSERT, UPDATE ON TABLES TO "trialstore_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "trialstore_owner" IN SCHEMA "trialstore_namespace"
GRANT USAGE ON SEQUENCES TO "trialstore_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "trialstore_owner" IN SCHEMA "trialstore_namespace"
GRANT SELECT ON TABLES TO "trialstore_reader";

-- For those that are there. Both look at the history of the schema, which is the owner's alone to write, and at the
-- revision that mlos_bench has left.
SET LOCAL search_path TO "trialstore_namespace", pg_temp;

DO $trialstore$
BEGIN
    IF to_regclass('config') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON config TO "trialstore_app";
        GRANT SELECT ON config TO "trialstore_reader";
    END IF;
    IF to_regclass('config_config_id_seq') IS NOT NULL THEN
        GRANT USAGE ON SEQUENCE config_config_id_seq TO "trialstore_app";
    END IF;
    IF to_regclass('config_param') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON config_param TO "trialstore_app";
        GRANT SELECT ON config_param TO "trialstore_reader";
    END IF;
    IF to_regclass('context') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON context TO "trialstore_app";
        GRANT SELECT ON context TO "trialstore_reader";
    END IF;
    IF to_regclass('context_context_id_seq') IS NOT NULL THEN
        GRANT USAGE ON SEQUENCE context_context_id_seq TO "trialstore_app";
    END IF;
    IF to_regclass('context_value') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON context_value TO "trialstore_app";
        GRANT SELECT ON context_value TO "trialstore_reader";
    END IF;
    IF to_regclass('experiment') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON experiment TO "trialstore_app";
        GRANT SELECT ON experiment TO "trialstore_reader";
    END IF;
    IF to_regclass('experiment_attribute') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON experiment_attribute TO "trialstore_app";
        GRANT SELECT ON experiment_attribute TO "trialstore_reader";
    END IF;
    IF to_regclass('objectives') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON objectives TO "trialstore_app";
        GRANT SELECT ON objectives TO "trialstore_reader";
    END IF;
    IF to_regclass('trial') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON trial TO "trialstore_app";
        GRANT SELECT ON trial TO "trialstore_reader";
    END IF;
    IF to_regclass('trial_attribute') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON trial_attribute TO "trialstore_app";
        GRANT SELECT ON trial_attribute TO "trialstore_reader";
    END IF;
    IF to_regclass('trial_lineage') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON trial_lineage TO "trialstore_app";
        GRANT SELECT ON trial_lineage TO "trialstore_reader";
    END IF;
    IF to_regclass('trial_param') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON trial_param TO "trialstore_app";
        GRANT SELECT ON trial_param TO "trialstore_reader";
    END IF;
    IF to_regclass('trial_result') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON trial_result TO "trialstore_app";
        GRANT SELECT ON trial_result TO "trialstore_reader";
    END IF;
    IF to_regclass('trial_status') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON trial_status TO "trialstore_app";
        GRANT SELECT ON trial_status TO "trialstore_reader";
    END IF;
    IF to_regclass('trial_telemetry') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON trial_telemetry TO "trialstore_app";
        GRANT SELECT ON trial_telemetry TO "trialstore_reader";
    END IF;
    IF to_regclass('v_attribute') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_attribute FROM "trialstore_app";
        GRANT SELECT ON v_attribute TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_config') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_config FROM "trialstore_app";
        GRANT SELECT ON v_config TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_context') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_context FROM "trialstore_app";
        GRANT SELECT ON v_context TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_experiment') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_experiment FROM "trialstore_app";
        GRANT SELECT ON v_experiment TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_param') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_param FROM "trialstore_app";
        GRANT SELECT ON v_param TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_result') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_result FROM "trialstore_app";
        GRANT SELECT ON v_result TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_status') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_status FROM "trialstore_app";
        GRANT SELECT ON v_status TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_telemetry') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_telemetry FROM "trialstore_app";
        GRANT SELECT ON v_telemetry TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('v_trial') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON v_trial FROM "trialstore_app";
        GRANT SELECT ON v_trial TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('trialstore_schema') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON trialstore_schema FROM "trialstore_app";
        GRANT SELECT ON trialstore_schema TO "trialstore_app", "trialstore_reader";
    END IF;
    IF to_regclass('alembic_version') IS NOT NULL THEN
        GRANT SELECT ON alembic_version TO "trialstore_app", "trialstore_reader";
    END IF;
END
$trialstore$;

COMMIT;
