-- migration: 0005 typed_values
-- purpose: The type of each stored value, so that it comes back as what it was: i int, f float, b bool, s text, j JSON,
-- purpose: e and n text and JSON with escapes. NULL where the value is NULL, or where its writer knows no types: such a
-- purpose: value is read by what it looks like.
-- serves_from: 0004
-- transaction: on
-- locks: ACCESS EXCLUSIVE on config_param, trial_param, trial_result, trial_telemetry stops everyone; changes the
-- locks: definition; at once.
-- destructive: no

ALTER TABLE config_param ADD COLUMN value_type CHAR(1);
ALTER TABLE trial_param ADD COLUMN value_type CHAR(1);
ALTER TABLE trial_result ADD COLUMN value_type CHAR(1);
ALTER TABLE trial_telemetry ADD COLUMN value_type CHAR(1);
