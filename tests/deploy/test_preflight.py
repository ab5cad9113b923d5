"""What would stop a migration half way is named before its first statement, all of it, and nothing is changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from deploy.commands import Run, changed, ok, refused, snapshot
from engines.databases import Database, engines, on_servers, refusal
from trialstore.contract.helpers import bare, execute, migrate_to, query
from trialstore.contract.modes import Config
from trialstore.sql.migrations import load_migrations
from trialstore.storage import MigrationBlocked, SqlStorage

EXACT = "/*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */"
LINEAGE_ENDS = (
    "(exp_id, source_exp_id, source_trial_id)\n) ENGINE = InnoDB ROW_FORMAT = DYNAMIC\nDEFAULT CHARACTER SET utf8mb4"
)


@dataclass(frozen=True)
class Case:
    """What an administrator does to a database at a version, what is said of it, and how it is undone."""

    version: int
    does: tuple[str, ...]
    says: tuple[str, ...]
    undoes: tuple[str, ...]


FUNCTION = "CREATE FUNCTION dba() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"


def partitioned(by: str) -> tuple[str, str]:
    """An administrator's own partitions of the telemetry; what was there is kept aside."""
    return (
        "ALTER TABLE trial_telemetry RENAME TO kept",
        (
            "CREATE TABLE trial_telemetry (exp_id VARCHAR(512) NOT NULL, trial_id INTEGER NOT NULL,"
            " ts TIMESTAMP WITH TIME ZONE NOT NULL, metric_id VARCHAR(512) NOT NULL, metric_value TEXT,"
            f" value_type CHAR(1)) PARTITION BY {by}"
        ),
    )


KEY_OF_STATUS = "trial_status_exp_id_trial_id_ts_key"
TEXT = "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
CASES: dict[str, dict[str, Case]] = {
    "postgresql": {
        "view": Case(
            9,
            ("CREATE VIEW dba AS SELECT exp_id, metric_value FROM trial_result",),
            ("view public.dba depends on column trial_result.exp_id", "0010_exact_comparison, statement 7 of 9"),
            ("DROP VIEW dba",),
        ),
        "materialized view": Case(
            5,
            ("CREATE MATERIALIZED VIEW dba AS SELECT metric_value FROM trial_telemetry",),
            ("materialized view public.dba depends on column trial_telemetry.metric_value", "0006_long_values"),
            ("DROP MATERIALIZED VIEW dba",),
        ),
        "rule": Case(
            9,
            ("CREATE RULE dba AS ON INSERT TO trial DO ALSO SELECT NEW.exp_id",),
            ("rule dba on public.trial depends on column trial.exp_id",),
            ("DROP RULE dba ON trial",),
        ),
        "trigger of a column": Case(
            9,
            (FUNCTION, "CREATE TRIGGER dba AFTER UPDATE OF exp_id ON trial FOR EACH ROW EXECUTE FUNCTION dba()"),
            ("trigger dba on public.trial depends on column trial.exp_id",),
            ("DROP TRIGGER dba ON trial",),
        ),
        "policy": Case(
            9,
            ("CREATE POLICY dba ON trial USING (exp_id = current_user)",),
            ("policy dba on public.trial depends on column trial.exp_id",),
            ("DROP POLICY dba ON trial",),
        ),
        "generated column": Case(
            9,
            ("ALTER TABLE trial ADD dba TEXT GENERATED ALWAYS AS (exp_id || 'x') STORED",),
            ("generated column public.trial.dba depends on column trial.exp_id",),
            ("ALTER TABLE trial DROP dba",),
        ),
        "column of the type of rows": Case(
            9,
            ("CREATE TABLE dba (one trial, many experiment[])",),
            ("column dba.one depends on column trial.exp_id", "column dba.many depends on column experiment.exp_id"),
            ("DROP TABLE dba",),
        ),
        "columns of types that hold rows": Case(
            9,
            (
                "CREATE DOMAIN part AS trial",
                "CREATE TYPE whole AS (parts part[])",
                "CREATE TABLE dba (one part, another whole)",
            ),
            ("column dba.one depends on column trial.exp_id", "column dba.another depends on column trial.exp_id"),
            ("DROP TABLE dba",),
        ),
        "partition key": Case(
            9,
            (
                *partitioned("HASH (lower(exp_id), metric_id)"),
                "CREATE TABLE dba PARTITION OF trial_telemetry FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            ),
            (
                "the partition key of trial_telemetry depends on column trial_telemetry.exp_id",
                "the partition key of trial_telemetry depends on column trial_telemetry.metric_id",
            ),
            ("DROP TABLE trial_telemetry", "ALTER TABLE kept RENAME TO trial_telemetry"),
        ),
        "view of a partition": Case(
            9,
            (
                *partitioned("RANGE (ts)"),
                "CREATE TABLE part PARTITION OF trial_telemetry DEFAULT",
                "CREATE VIEW dba AS SELECT metric_id FROM part",
            ),
            ("view public.dba depends on column trial_telemetry.metric_id (0010_exact_comparison, statement 8 of 9)",),
            ("DROP VIEW dba", "DROP TABLE trial_telemetry", "ALTER TABLE kept RENAME TO trial_telemetry"),
        ),
        "inherited column": Case(
            9,
            ("CREATE TABLE dba (exp_id VARCHAR(512) NOT NULL)", "ALTER TABLE trial INHERIT dba"),
            ("the table dba depends on column trial.exp_id (0010_exact_comparison, statement 4 of 9)",),
            ("ALTER TABLE trial NO INHERIT dba",),
        ),
        "column of a table that inherits": Case(
            10,
            ("CREATE TABLE dba (lease_ends INTEGER) INHERITS (trial)",),
            ("there is a column dba.lease_ends already (0011_leases, statement 1 of 1)",),
            ("DROP TABLE dba",),
        ),
        "names that the server gives": Case(
            12,
            (
                "CREATE SEQUENCE context_context_id_seq",
                "CREATE TABLE dba (number INTEGER CONSTRAINT context_pkey PRIMARY KEY)",
                "CREATE VIEW context_context_hash_key AS SELECT 1 AS one",
            ),
            (
                "a sequence context_context_id_seq is there, and a sequence of that name is to be made",
                "an index context_pkey is there, and an index of that name is to be made",
                "a view context_context_hash_key is there, and an index of that name is to be made",
            ),
            ("DROP SEQUENCE context_context_id_seq", "DROP TABLE dba", "DROP VIEW context_context_hash_key"),
        ),
        "foreign key to a unique key": Case(
            6,
            (
                (
                    "CREATE TABLE dba (exp_id VARCHAR(512), trial_id INTEGER, ts TIMESTAMP WITH TIME ZONE,"
                    " CONSTRAINT mine FOREIGN KEY (exp_id, trial_id, ts)"
                    " REFERENCES trial_status (exp_id, trial_id, ts))"
                ),
            ),
            (f"foreign key mine of dba depends on {KEY_OF_STATUS} (0007_event_keys, statement 1 of 2)",),
            ("DROP TABLE dba",),
        ),
        "replica identity": Case(
            6,
            (f"ALTER TABLE trial_status REPLICA IDENTITY USING INDEX {KEY_OF_STATUS}",),
            (f"the replica identity of trial_status depends on {KEY_OF_STATUS}",),
            ("ALTER TABLE trial_status REPLICA IDENTITY DEFAULT",),
        ),
        "renamed key": Case(
            6,
            (f"ALTER TABLE trial_status RENAME CONSTRAINT {KEY_OF_STATUS} TO dba",),
            (f"there is no constraint {KEY_OF_STATUS} of trial_status, but one named dba",),
            (f"ALTER TABLE trial_status RENAME CONSTRAINT dba TO {KEY_OF_STATUS}",),
        ),
        "index instead of a constraint": Case(
            6,
            (
                f"ALTER TABLE trial_status DROP CONSTRAINT {KEY_OF_STATUS}",
                f"CREATE UNIQUE INDEX {KEY_OF_STATUS} ON trial_status (exp_id, trial_id, ts)",
            ),
            (f"there is no constraint {KEY_OF_STATUS} of trial_status, but one named index {KEY_OF_STATUS}",),
            (
                f"DROP INDEX {KEY_OF_STATUS}",
                f"ALTER TABLE trial_status ADD CONSTRAINT {KEY_OF_STATUS} UNIQUE (exp_id, trial_id, ts)",
            ),
        ),
        "primary key of their own": Case(
            6,
            ("ALTER TABLE trial_telemetry ADD CONSTRAINT dba PRIMARY KEY (exp_id, trial_id, ts, metric_id)",),
            ("trial_telemetry has a primary key already (0007_event_keys, statement 2 of 2)",),
            ("ALTER TABLE trial_telemetry DROP CONSTRAINT dba",),
        ),
        "names that are taken": Case(
            7,
            ("CREATE VIEW ix_trial_due AS SELECT 1 AS one", "CREATE DOMAIN trial_lineage AS INTEGER"),
            ("a view ix_trial_due is there", "a type trial_lineage is there, and a table of that name is to be made"),
            ("DROP VIEW ix_trial_due", "DROP DOMAIN trial_lineage"),
        ),
    },
    "mysql": {
        "foreign key of another table": Case(
            9,
            (
                "CREATE TABLE dba AS SELECT exp_id, trial_id FROM trial",
                (
                    "ALTER TABLE dba ADD CONSTRAINT mine"
                    " FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)"
                ),
            ),
            ("foreign key mine of dba depends on column trial.exp_id (0010_exact_comparison, statement 11 of",),
            ("ALTER TABLE dba DROP FOREIGN KEY mine",),
        ),
        "foreign key of our table": Case(
            9,
            ("ALTER TABLE trial ADD CONSTRAINT mine FOREIGN KEY (exp_id) REFERENCES experiment (exp_id)",),
            ("foreign key mine of trial depends on column experiment.exp_id", "0010_exact_comparison"),
            ("ALTER TABLE trial DROP FOREIGN KEY mine",),
        ),
        "renamed foreign key": Case(
            9,
            (
                (
                    "ALTER TABLE trial_status DROP FOREIGN KEY trial_status_ibfk_1, ADD CONSTRAINT _trial_status_ibfk_1"
                    " FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)"
                ),
            ),
            (
                "there is no foreign key trial_status_ibfk_1 of trial_status, but one named _trial_status_ibfk_1",
                "foreign key _trial_status_ibfk_1 of trial_status depends on column trial.exp_id",
            ),
            (
                (
                    "ALTER TABLE trial_status DROP FOREIGN KEY _trial_status_ibfk_1, ADD CONSTRAINT trial_status_ibfk_1"
                    " FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)"
                ),
            ),
        ),
        "renamed key": Case(
            7,
            ("ALTER TABLE trial RENAME INDEX config_id TO dba",),
            ("there is no key or index config_id of trial, but one named dba (0008_query_indexes, statement 2 of 2)",),
            ("ALTER TABLE trial RENAME INDEX dba TO config_id",),
        ),
        "key to a time": Case(
            3,
            (
                (
                    f"CREATE TABLE dba (exp_id {TEXT}, trial_id INTEGER, ts DATETIME, CONSTRAINT mine"
                    " FOREIGN KEY (exp_id, trial_id, ts) REFERENCES trial_status (exp_id, trial_id, ts))"
                ),
            ),
            ("foreign key mine of dba depends on column trial_status.ts (0004_datetime_precision, statement 3 of 4)",),
            ("DROP TABLE dba",),
        ),
        "primary key of their own": Case(
            6,
            ("ALTER TABLE trial_status ADD dba INTEGER AUTO_INCREMENT PRIMARY KEY",),
            ("trial_status has a primary key already (0007_event_keys, statement 1 of 2)",),
            ("ALTER TABLE trial_status DROP dba",),
        ),
        "column and names that are taken": Case(
            7,
            (
                "CREATE VIEW trial_lineage AS SELECT 1 AS one",
                "ALTER TABLE trial ADD lease_ends INTEGER",
                "ALTER TABLE trial ADD INDEX ix_trial_due (trial_id)",
            ),
            (
                "a view trial_lineage is there, and a table of that name is to be made",
                "there is a column trial.lease_ends already (0011_leases",
                "there is a key or index ix_trial_due of trial already (0008_query_indexes",
            ),
            (
                "DROP VIEW trial_lineage",
                "ALTER TABLE trial DROP INDEX ix_trial_due",
                "ALTER TABLE trial DROP lease_ends",
            ),
        ),
        "names of foreign keys that are taken": Case(
            9,
            (
                "CREATE TABLE dba_one (i INT PRIMARY KEY)",
                (
                    "CREATE TABLE dba (i INT, j INT,"
                    " CONSTRAINT trial_lineage_ibfk_1 FOREIGN KEY (i) REFERENCES dba_one (i),"
                    " CONSTRAINT trial_attribute_ibfk_1 FOREIGN KEY (j) REFERENCES dba_one (i))"
                ),
            ),
            (
                (
                    "a foreign key trial_lineage_ibfk_1 of dba is there, and a foreign key of that name is to be made "
                    "(0010_exact_comparison, statement 23 of 23)"
                ),
                "a foreign key trial_attribute_ibfk_1 of dba is there, and a foreign key of that name is to be made",
            ),
            ("DROP TABLE dba",),
        ),
        "unique index on a value": Case(
            5,
            ("CREATE UNIQUE INDEX dba ON trial_telemetry (metric_value)",),
            (
                "index on its whole length, dba depends on column trial_telemetry.metric_value",
                "(0006_long_values, statement 4 of 4)",
            ),
            ("DROP INDEX dba ON trial_telemetry",),
        ),
        "index that four bytes a character make too long": Case(
            9,
            (
                "ALTER TABLE trial ADD one VARCHAR(600) CHARACTER SET latin1",
                "ALTER TABLE trial ADD two VARCHAR(600) CHARACTER SET latin1, ADD INDEX dba (one, two)",
            ),
            ("table trial has an index that utf8mb4 makes too long, dba (0010_exact_comparison, statement 11 of 23)",),
            ("DROP INDEX dba ON trial", "ALTER TABLE trial DROP one, DROP two"),
        ),
        "rows in the old format": Case(
            9,
            (
                "ALTER TABLE config CONVERT TO CHARACTER SET latin1, ROW_FORMAT = COMPACT",
                "ALTER TABLE config ADD dba VARCHAR(700) CHARACTER SET latin1, ADD INDEX ix_dba (dba)",
            ),
            ("table config has an index that utf8mb4 makes too long, ix_dba (0010_exact_comparison, statement 9 of",),
            ("DROP INDEX ix_dba ON config", "ALTER TABLE config DROP dba, ROW_FORMAT = DYNAMIC"),
        ),
        "full-text index": Case(
            10,
            ("CREATE FULLTEXT INDEX dba ON trial (exp_id)",),
            ("table trial has a full-text index dba (0011_leases, statement 1 of 1)",),
            ("DROP INDEX dba ON trial", "ALTER TABLE trial FORCE"),
        ),
    },
    "sqlite": {
        "names that are taken": Case(
            7,
            ("CREATE TABLE dba (x)", "CREATE INDEX ix_trial_due ON dba (x)", "CREATE VIEW trial_lineage AS SELECT 1"),
            (
                "an index ix_trial_due is there, and an index of that name",
                "a view trial_lineage is there, and a table of that name is to be made",
            ),
            ("DROP INDEX ix_trial_due", "DROP VIEW trial_lineage"),
        ),
        "missing column": Case(
            7,
            ("ALTER TABLE trial RENAME COLUMN config_id TO dba",),
            ("there is no column trial.config_id (0008_query_indexes, statement 2 of 2)",),
            ("ALTER TABLE trial RENAME COLUMN dba TO config_id",),
        ),
    },
    "duckdb": {
        "names that are taken": Case(
            8,
            ("CREATE VIEW trial_lineage AS SELECT 1 AS one",),
            ("a view trial_lineage is there, and a table of that name is to be made (0009_trial_lineage",),
            ("DROP VIEW trial_lineage",),
        ),
    },
}


def make(config: Config, version: int) -> None:
    """Bring an empty database to a version; MySQL's with the collation of servers, as mlos_bench leaves it."""
    with bare(config) as storage:
        migrator = storage.database.migrator
        if "mysql" in config["drivername"] and version < 10:
            # 0009 makes its table with the exact collation whatever the others have.
            ends = [f"{LINEAGE_ENDS} COLLATE {collation}" for collation in ("utf8mb4_general_ci", EXACT)]
            migrator.migrations = changed(migrator.migrations, (EXACT, "utf8mb4_general_ci"), (ends[0], ends[1]))
        with storage.database.session() as session:
            session.prepare(write=True)
            migrator.apply(session, version)


@pytest.mark.parametrize(
    ("engine", "case"),
    [
        pytest.param(engine, case, id=f"{engine}-{name}", marks=pytest.mark.engine(engine))
        for engine, cases in CASES.items()
        for name, case in cases.items()
    ],
)
def test_all_that_is_in_the_way_is_named_before_anything_is_changed(empty: Config, case: Case, run: Run) -> None:
    make(empty, case.version)
    with bare(empty) as storage:
        execute(storage, *case.does)
    before = snapshot(empty)
    refused(run(empty, "plan"), 1, "Nothing was changed", *case.says)
    refused(run(empty, "apply"), 1, "Nothing was changed", *case.says)
    error = refusal(lambda: SqlStorage({**empty, "schema_policy": "update"}))
    assert isinstance(error, MigrationBlocked)
    assert all(words in error.message for words in case.says)
    assert snapshot(empty) == before
    with bare(empty) as storage:
        execute(storage, *case.undoes)
    ok(run(empty, "apply"))
    assert "as the migrations say" in ok(run(empty, "verify"))


OURS = ("v_experiment", "v_result", "v_trial")


@engines("postgresql")
@pytest.mark.parametrize("dropped", [0, 2, 3])
def test_a_migration_changes_what_our_views_read_once_it_has_dropped_them(
    server_database: Database, dropped: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = list(load_migrations("postgresql/migrations"))
    views = {sql.split()[2]: sql for sql in migrations[13].statements}
    statements = (
        *(f"DROP VIEW {name}" for name in OURS[:dropped]),
        "ALTER TABLE trial ALTER COLUMN status TYPE TEXT",
        *(views[name] for name in OURS[:dropped]),
    )
    config = server_database.config()
    migrate_to(config, len(migrations))
    later = replace(migrations[-1], version=len(migrations) + 1, slug="wider_status", statements=statements)
    monkeypatch.setattr("trialstore.sql.migrator.load_migrations", lambda _folder: (*migrations, later))
    if dropped == len(OURS):
        ok(run(config, "apply"))
        server_database.admin("SELECT status FROM v_trial")
    else:
        left = [f"view public.{name} depends on column trial.status" for name in OURS[dropped:]]
        refused(run(config, "apply"), 1, "Nothing was changed", *left)


@pytest.mark.parametrize("kind", ["VIEW v_trial AS SELECT 1 AS n", "TABLE v_trial (n INTEGER)"])
def test_what_has_the_name_of_a_view_of_ours_is_named(empty: Config, kind: str, run: Run) -> None:
    make(empty, 13)
    with bare(empty) as storage:
        execute(storage, f"CREATE {kind}")
    word = kind.partition(" ")[0]
    is_there = f"{word.lower()} v_trial is there, and a view of that name is to be made"
    refused(run(empty, "apply"), 1, "Nothing was changed", is_there)
    with bare(empty) as storage:
        execute(storage, f"DROP {word} v_trial")
    ok(run(empty, "apply"))


@on_servers
def test_all_obstacles_are_listed_as_json_with_the_first_step(server_database: Database, run: Run) -> None:
    engine, config = server_database.server.engine, server_database.config()
    make(config, 7)
    for name in ("claim_id", "creation_id", "lease_ends"):
        server_database.admin(f"ALTER TABLE trial ADD {name} INTEGER")
    error = json.loads(run(config, "apply", "--json").stdout)["error"]
    assert (error["class"], error["code"]) == ("MigrationBlocked", None)
    assert error["step"] == f"{engine}/migrations/0011_leases.sql, statement 1 of 1"
    assert error["message"].count(" already (0011_leases, statement 1 of 1)") == 3
    assert error["hint"]
    # What no step touches up to the version that is asked for is not in the way.
    ok(run(config, "apply", "--to", "10"))


@engines("postgresql")
def test_what_the_server_changes_by_itself_stands_in_nobodys_way(server_database: Database, run: Run) -> None:
    config = server_database.config()
    migrate_to(config, 6)
    for statement in (
        "CREATE TABLE dba (exp_id VARCHAR(512), trial_id INTEGER, FOREIGN KEY (exp_id, trial_id) REFERENCES trial)",
        FUNCTION,
        "CREATE TRIGGER dba AFTER UPDATE ON trial FOR EACH ROW EXECUTE FUNCTION dba()",
        "CREATE VIEW numbers AS SELECT config_id FROM trial",
        "CREATE INDEX ix_dba ON trial (lower(exp_id)) WHERE exp_id <> 'x'",
        "ALTER TABLE trial ADD CHECK (exp_id <> 'x')",
        "CREATE STATISTICS dba ON exp_id, trial_id FROM trial",
        "CREATE POLICY dba ON trial USING (trial_id = 1)",
        "CREATE TABLE child () INHERITS (trial)",
    ):
        server_database.admin(statement)
    ok(run(config, "apply"))


# What one of the two servers refuses, and the other does.
OF_ONE = {
    "mariadb": {
        "index on a virtual column": Case(
            10,
            ("ALTER TABLE trial ADD dba INTEGER AS (trial_id + 1) VIRTUAL, ADD INDEX ix_dba (dba)",),
            ("table trial has an index on a virtual column, ix_dba (0011_leases, statement 1 of 1)",),
            ("ALTER TABLE trial DROP INDEX ix_dba, DROP dba",),
        ),
        "unique key that is too long for an index": Case(
            9,
            ("ALTER TABLE trial_result ADD dba TEXT, ADD UNIQUE INDEX ix_dba (dba)",),
            ("table trial_result has a unique key that is too long for an index, ix_dba (0010_exact_comparison",),
            ("ALTER TABLE trial_result DROP INDEX ix_dba, DROP dba",),
        ),
    },
    "mysql": {
        "index on a value": Case(
            5,
            ("CREATE INDEX dba ON trial_result (metric_value)",),
            ("index on its whole length, dba depends on column trial_result.metric_value (0006_long_values",),
            ("DROP INDEX dba ON trial_result",),
        ),
        "full-text index": Case(
            6,
            ("CREATE FULLTEXT INDEX dba ON trial_status (status)",),
            ("table trial_status has an index of type fulltext dba (0007_event_keys, statement 1 of 2)",),
            ("DROP INDEX dba ON trial_status", "ALTER TABLE trial_status FORCE"),
        ),
        "spatial index": Case(
            6,
            ("ALTER TABLE trial_status ADD dba POINT NOT NULL SRID 0, ADD SPATIAL INDEX ix_dba (dba)",),
            ("table trial_status has an index of type spatial ix_dba (0007_event_keys, statement 1 of 2)",),
            ("ALTER TABLE trial_status DROP INDEX ix_dba, DROP dba",),
        ),
    },
}


@engines("mysql")
@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(name, case, id=f"{name}-{what}") for name, cases in OF_ONE.items() for what, case in cases.items()],
)
def test_what_one_of_two_servers_refuses_is_named_there_alone(
    server_database: Database, run: Run, name: str, case: Case
) -> None:
    if server_database.server.name != name:
        pytest.skip(f"{name} refuses it")
    config = server_database.config()
    make(config, case.version)
    for statement in case.does:
        server_database.admin(statement)
    before = snapshot(config)
    refused(run(config, "apply"), 1, "Nothing was changed", *case.says)
    assert snapshot(config) == before
    for statement in case.undoes:
        server_database.admin(statement)
    ok(run(config, "apply"))


@engines("mysql")
def test_what_an_interrupted_migration_has_done_is_not_missed(server_database: Database, run: Run) -> None:
    config = server_database.config()
    make(config, 9)
    server_database.admin("ALTER TABLE trial_telemetry RENAME COLUMN metric_value TO dba")
    with bare(config) as storage:
        migrator = storage.database.migrator
        wrong = ("MODIFY COLUMN param_value TEXT,\nADD", "MODIFY COLUMN no INT,\nADD")
        migrator.migrations = changed(migrator.migrations, wrong)
        with storage.database.session() as session:
            session.prepare(write=True)
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr("trialstore.sql.migrator.check_ready", lambda *_: None)
                error = refusal(lambda: migrator.apply(session))
    assert ", statement 19 of 23" in error.message
    gone = "there is no column trial_telemetry.metric_value (0010_exact_comparison, statement 22 of 23)"
    refused(run(config, "apply"), 1, gone)
    with bare(config) as storage:
        last = query(storage, "SELECT state, statements_done FROM trialstore_schema WHERE version = 10")
    assert last == [("failed", 18)]
    server_database.admin("ALTER TABLE trial_telemetry RENAME COLUMN dba TO metric_value")
    ok(run(config, "apply"))
    ok(run(config, "verify", "--strict"))
