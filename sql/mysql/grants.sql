-- noqa: disable=PRS,references.quoting,references.special_chars
-- The rights of the three accounts of a trialstore database. Run it as an account that may grant them:
--
--     mariadb --comments --host=HOST --user=ADMINISTRATOR --password < FILE      (MariaDB)
--     mysql --comments --host=HOST --user=ADMINISTRATOR --password < FILE        (MySQL)
--
-- The accounts must exist; how they log in is up to you:
--
--     CREATE USER NAME@'%' IDENTIFIED BY 'SECRET';
--
-- It may be run again. An underscore in the database's name has a backslash before it, for it would stand for any
-- character here (but on a MySQL with partial_revokes: there take the backslash away). Seeing who holds the migration
-- lock needs the right PROCESS, which covers the whole server and is therefore not granted here.

-- Without this, MariaDB would create an account that does not exist, and without a password.
SET SESSION sql_mode = concat('STRICT_ALL_TABLES' /*M!100600 , ',NO_AUTO_CREATE_USER' */);

-- The owner makes and changes the tables ('trialstore schema apply', or a script, which keeps a temporary one).
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE TEMPORARY TABLES
ON `trialstore\_database`.* TO `trialstore_owner`@`%`;

-- The application adds rows and changes them, and never deletes one. Its schema_policy is "verify".
GRANT SELECT, INSERT, UPDATE ON `trialstore\_database`.* TO `trialstore_app`@`%`;

-- The reader looks at experiments, and at the state of the schema.
GRANT SELECT ON `trialstore\_database`.* TO `trialstore_reader`@`%`;
