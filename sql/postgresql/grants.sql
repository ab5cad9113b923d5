-- noqa: disable=references.quoting,capitalisation.identifiers
-- The rights of the three roles of a trialstore database, in the schema "public". Run it as a superuser, or as the
-- database's owner who is a member of the role that is to own the tables, in the database itself:
--
--     psql --no-psqlrc --file=FILE 'host=HOST dbname=DATABASE'
--
-- The roles must exist; how they log in is up to you:
--
--     CREATE ROLE NAME LOGIN PASSWORD 'SECRET';
--
-- It may be run again, and should be after the first 'trialstore schema apply', which makes the last statement here
-- find the table that it is about. It takes away the rights on the database and the schema that everybody has as a
-- member of PUBLIC. Tables that were made before by another role, as those of mlos_bench, must belong to the owner
-- before they can be upgraded (ALTER TABLE NAME OWNER TO OWNER).

-- client: \set ON_ERROR_STOP on
BEGIN;

REVOKE ALL ON DATABASE "trialstore_database" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- The owner makes and changes the tables ('trialstore schema apply', or a script). To see who holds the migration lock
-- it may be made a member of pg_read_all_stats.
GRANT CONNECT ON DATABASE "trialstore_database" TO "trialstore_owner";
GRANT USAGE, CREATE ON SCHEMA public TO "trialstore_owner";

-- The application adds rows and changes them, and never deletes one. Its schema_policy is "verify".
GRANT CONNECT ON DATABASE "trialstore_database" TO "trialstore_app";
GRANT USAGE ON SCHEMA public TO "trialstore_app";
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO "trialstore_app";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "trialstore_app";

-- The reader looks at experiments, and at the state of the schema.
GRANT CONNECT ON DATABASE "trialstore_database" TO "trialstore_reader";
GRANT USAGE ON SCHEMA public TO "trialstore_reader";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO "trialstore_reader";

-- The same for the tables that the owner has yet to make.
ALTER DEFAULT PRIVILEGES FOR ROLE "trialstore_owner" IN SCHEMA public
GRANT SELECT, INSERT, UPDATE ON TABLES TO "trialstore_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "trialstore_owner" IN SCHEMA public
GRANT USAGE ON SEQUENCES TO "trialstore_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "trialstore_owner" IN SCHEMA public
GRANT SELECT ON TABLES TO "trialstore_reader";

-- The history of the schema is the owner's alone to write, once it is there.
DO $$
BEGIN
    IF to_regclass('public.trialstore_schema') IS NOT NULL THEN
        REVOKE INSERT, UPDATE ON public.trialstore_schema FROM "trialstore_app";
    END IF;
END
$$;

COMMIT;
