"""`trialstore schema verify`: drift made on purpose is found and named, on every engine."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

import pytest
from sqlalchemy.exc import DatabaseError

from deploy.commands import Run, migrate_as, ok, refused, snapshot
from trialstore.contract.helpers import bare, execute, migrate_to
from trialstore.contract.modes import Config
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage

NEWEST = len(load_migrations("sqlite/migrations"))


@dataclass(frozen=True)
class Drift:
    """A change to a database: of the text of the migrations, or by a statement afterwards; and what is said of it."""

    line: str
    change: tuple[str, str] | None = None
    statement: str = ""
    also: tuple[str, ...] = ()
    """Additions that the engine makes by itself."""


COMMIT = ("git_commit VARCHAR(40)", "git_commit VARCHAR(80)")
HASH_KEY = (",\n    UNIQUE (config_hash)", "")
REFERENCES = "PRIMARY KEY (config_id, param_id),\n    FOREIGN KEY (config_id) REFERENCES config (config_id)"
NO_REFERENCE = (REFERENCES, "PRIMARY KEY (config_id, param_id)")
CASCADING = (REFERENCES, f"{REFERENCES} ON DELETE CASCADE")
PARAM_KEY = ("    PRIMARY KEY (exp_id, trial_id, param_id),\n", "")
EXTRA_COLUMN = ("git_commit VARCHAR(40) NOT NULL,", "git_commit VARCHAR(40) NOT NULL,\n    color INTEGER,")
NOT_NULL = ("description VARCHAR(1024)", "description VARCHAR(1024) NOT NULL")
CASCADE = ("different: foreign key of config_param (config_id): "
           "expected to config (config_id), found to config (config_id) on delete cascade")  # fmt: skip
NO_HASH_KEY = "missing: unique key of config (config_hash)"
NO_PARAM_REFERENCE = "missing: foreign key of config_param (config_id): to config (config_id)"
NO_PARAM_KEY = "missing: primary key of trial_param (exp_id, trial_id, param_id)"
DUE = "(exp_id, status, ts_start, trial_id)"
NO_INDEX = f"missing: index of trial {DUE}"
INVISIBLE = "/*!80022 INVISIBLE */ /*M!100600 IGNORED */"
RENAMED = (
    "different: name of index of trial (exp_id, status, ts_start, trial_id): expected ix_trial_due, found dba_trial_due"
)
RENAMED_KEY = "different: name of foreign key of config_param (config_id): expected {}, found dba_fk"
NO_TABLE = Drift("missing: table trial_lineage", statement="DROP TABLE trial_lineage")


def column(name: str, expected: str, found: str) -> str:
    return f"different: column {name}: expected {expected}, found {found}"


DRIFTS: dict[str, dict[str, Drift]] = {
    "sqlite": {
        "dropped index": Drift(NO_INDEX, statement="DROP INDEX ix_trial_due"),
        "changed type": Drift(column("experiment.git_commit", "varchar(40) not null", "varchar(80) not null"), COMMIT),
        "changed nullability": Drift(
            column("experiment.description", "varchar(1024)", "varchar(1024) not null"), NOT_NULL
        ),
        "extra column": Drift("extra: column experiment.color: integer", EXTRA_COLUMN),
        "changed default": Drift(  # SQLite numbers config_id by itself: no column has one
            column("trial.status", "varchar(16) not null", "varchar(16) not null default 'NEW'"),
            ("status VARCHAR(16) NOT NULL,\n    PRIMARY", "status VARCHAR(16) NOT NULL DEFAULT 'NEW',\n    PRIMARY"),
        ),
        "missing unique key": Drift(NO_HASH_KEY, HASH_KEY),
        "missing primary key": Drift(NO_PARAM_KEY, PARAM_KEY),
        "dropped foreign key": Drift(NO_PARAM_REFERENCE, NO_REFERENCE),
        "cascading foreign key": Drift(CASCADE, CASCADING),
        "check": Drift(
            "extra: check constraint of experiment (in its definition)",
            ("git_commit VARCHAR(40) NOT NULL", "git_commit VARCHAR(40) NOT NULL CHECK (git_commit <> '')"),
        ),
        "text that compares otherwise": Drift(
            "extra: collation of experiment (in its definition)",
            ("git_commit VARCHAR(40) NOT NULL", "git_commit VARCHAR(40) COLLATE NOCASE NOT NULL"),
        ),
        "generated column": Drift(
            "extra: column trial.dba: integer generated",
            statement="ALTER TABLE trial ADD dba INTEGER GENERATED ALWAYS AS (trial_id + 1)",
        ),
        "trigger": Drift(
            "extra: trigger of trial (dba)",
            statement="CREATE TRIGGER dba AFTER INSERT ON trial BEGIN SELECT 1;END",
        ),
        "partial unique index": Drift(
            "extra: unique key of trial (ts_start): where a condition holds",
            statement="CREATE UNIQUE INDEX dba ON trial (ts_start) WHERE status = 'NEW'",
        ),
        "missing table": NO_TABLE,
    },
    # Indexes are none of DuckDB's migrations' (parity tests say why), and its foreign keys never cascade.
    "duckdb": {
        "changed type": Drift(
            column("experiment.driver_pid", "integer", "bigint"), ("driver_pid INTEGER", "driver_pid BIGINT")
        ),
        "changed nullability": Drift(column("experiment.description", "varchar", "varchar not null"), NOT_NULL),
        "extra column": Drift("extra: column experiment.color: integer", EXTRA_COLUMN),
        "changed default": Drift(
            column("config.config_id", "integer not null default nextval('config_id_seq')", "integer not null"),
            (" DEFAULT nextval('config_id_seq')", ""),
        ),
        "missing unique key": Drift(NO_HASH_KEY, HASH_KEY),
        "missing primary key": Drift(NO_PARAM_KEY, PARAM_KEY),
        "dropped foreign key": Drift(NO_PARAM_REFERENCE, NO_REFERENCE),
        "check": Drift(
            "extra: check constraint of experiment (git_commit): CHECK((git_commit != ''))",
            ("git_commit VARCHAR(40) NOT NULL", "git_commit VARCHAR(40) NOT NULL CHECK (git_commit <> '')"),
        ),
        "missing table": NO_TABLE,
    },
    "postgresql": {
        "dropped index": Drift(NO_INDEX, statement="DROP INDEX ix_trial_due"),
        "changed type": Drift(
            column("experiment.git_commit", "character varying(40) not null", "character varying(80) not null"), COMMIT
        ),
        "changed nullability": Drift(
            column("experiment.description", "character varying(1024)", "character varying(1024) not null"),
            statement="ALTER TABLE experiment ALTER COLUMN description SET NOT NULL",
        ),
        "changed collation": Drift(
            column(
                "trial_lineage.source_exp_id",
                "character varying(512) not null collate C",
                "character varying(512) not null",
            ),
            statement='ALTER TABLE trial_lineage ALTER COLUMN source_exp_id TYPE VARCHAR(512) COLLATE "default"',
        ),
        "extra column": Drift(
            "extra: column experiment.color: integer", statement="ALTER TABLE experiment ADD COLUMN color INTEGER"
        ),
        "changed default": Drift(
            column(
                "config.config_id",
                "integer not null default nextval('config_config_id_seq'::regclass)",
                "integer not null",
            ),
            statement="ALTER TABLE config ALTER COLUMN config_id DROP DEFAULT",
        ),
        "check": Drift(
            "extra: check constraint of trial (dba): CHECK ((trial_id > 0))",
            statement="ALTER TABLE trial ADD CONSTRAINT dba CHECK (trial_id > 0)",
        ),
        "trigger": Drift(
            "extra: trigger of trial (dba): calls suppress_redundant_updates_trigger",
            statement="CREATE TRIGGER dba BEFORE UPDATE ON trial FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        ),
        "rule": Drift(
            "extra: rule of trial (dba)", statement="CREATE RULE dba AS ON DELETE TO trial DO INSTEAD NOTHING"
        ),
        "row-level security": Drift(
            "extra: row-level security of trial (enabled)", statement="ALTER TABLE trial ENABLE ROW LEVEL SECURITY"
        ),
        "unlogged table": Drift(
            "extra: storage of trial_telemetry (unlogged)", statement="ALTER TABLE trial_telemetry SET UNLOGGED"
        ),
        "rows of another table": Drift(
            "extra: inheritance of trial (dba)",
            statement="CREATE TABLE dba () INHERITS (trial)",
            also=("extra: table dba",),
        ),
        "collation of the same name": Drift(
            column(
                "trial_lineage.source_exp_id",
                "character varying(512) not null collate C",
                "character varying(512) not null collate public.C",
            ),
            statement='CREATE COLLATION "C" FROM "POSIX"; '
            'ALTER TABLE trial_lineage ALTER COLUMN source_exp_id TYPE VARCHAR(512) COLLATE public."C"',
        ),
        "partial index": Drift(
            f"different: {NO_INDEX.removeprefix('missing: ')}: expected , found where (trial_id > 0)",
            statement=f"DROP INDEX ix_trial_due; CREATE INDEX ix_trial_due ON trial {DUE} WHERE trial_id > 0",
        ),
        "index sorted otherwise": Drift(
            NO_INDEX,
            statement="DROP INDEX ix_trial_due; "
            " CREATE INDEX ix_trial_due ON trial (exp_id, status DESC, ts_start NULLS FIRST, trial_id)",
            also=("extra: index of trial (exp_id, status desc, ts_start nulls first, trial_id)",),
        ),
        "index compared otherwise": Drift(
            NO_INDEX,
            statement="DROP INDEX ix_trial_due; "
            "CREATE INDEX ix_trial_due ON trial"
            ' (exp_id, status COLLATE "POSIX" varchar_pattern_ops, ts_start, trial_id)',
            also=("extra: index of trial (exp_id, status collate POSIX varchar_pattern_ops, ts_start, trial_id)",),
        ),
        "foreign key that is not enforced": Drift(
            "different: foreign key of config_param (config_id): "
            "expected to config (config_id), found to config (config_id) disabled",
            statement="ALTER TABLE config_param DISABLE TRIGGER ALL",
        ),
        "generated column": Drift(
            "extra: column trial.dba: integer generated as (trial_id + 1)",
            statement="ALTER TABLE trial ADD dba INTEGER GENERATED ALWAYS AS (trial_id + 1) STORED",
        ),
        "renamed index": Drift(RENAMED, statement="ALTER INDEX ix_trial_due RENAME TO dba_trial_due"),
        "renamed foreign key": Drift(
            RENAMED_KEY.format("config_param_config_id_fkey"),
            statement="ALTER TABLE config_param RENAME CONSTRAINT config_param_config_id_fkey TO dba_fk",
        ),
        "missing unique key": Drift(NO_HASH_KEY, statement="ALTER TABLE config DROP CONSTRAINT config_config_hash_key"),
        "missing primary key": Drift(
            NO_PARAM_KEY, statement="ALTER TABLE trial_param DROP CONSTRAINT trial_param_pkey"
        ),
        "dropped foreign key": Drift(
            NO_PARAM_REFERENCE, statement="ALTER TABLE config_param DROP CONSTRAINT config_param_config_id_fkey"
        ),
        "cascading foreign key": Drift(CASCADE, CASCADING),
        "missing table": NO_TABLE,
    },
    "mysql": {
        "dropped index": Drift(NO_INDEX, statement="DROP INDEX ix_trial_due ON trial"),
        "invisible index": Drift(
            NO_INDEX,
            statement=f"ALTER TABLE trial ALTER INDEX ix_trial_due {INVISIBLE}",
            also=("extra: invisible index of trial (exp_id, status, ts_start, trial_id)",),
        ),
        "invisible unique key": Drift(
            f"{NO_HASH_KEY}\nextra: invisible unique key of config (config_hash)",
            statement=f"ALTER TABLE config ALTER INDEX config_hash {INVISIBLE}",
        ),
        "changed type": Drift(
            column(
                "experiment.git_commit",
                "varchar(40) not null collate utf8mb4 by byte",
                "varchar(80) not null collate utf8mb4 by byte",
            ),
            COMMIT,
        ),
        "changed nullability": Drift(
            column(
                "experiment.description",
                "varchar(1024) collate utf8mb4 by byte",
                "varchar(1024) not null collate utf8mb4 by byte",
            ),
            NOT_NULL,
        ),
        "changed collation": Drift(
            column(
                "trial.status",
                "varchar(16) not null collate utf8mb4 by byte",
                "varchar(16) not null collate utf8mb4_unicode_ci",
            ),
            statement="ALTER TABLE trial MODIFY COLUMN status VARCHAR(16) COLLATE utf8mb4_unicode_ci NOT NULL",
        ),
        "extra column": Drift("extra: column experiment.color: int", EXTRA_COLUMN),
        "changed default": Drift(
            column("config.config_id", "int not null default auto_increment", "int not null"),
            ("config_id INTEGER NOT NULL AUTO_INCREMENT", "config_id INTEGER NOT NULL"),
        ),
        "check": Drift(
            # MariaDB, and MySQL.
            "|".join(
                f"extra: check constraint of trial (dba): {check}" for check in ("`trial_id` > 0", "(`trial_id` > 0)")
            ),
            statement="ALTER TABLE trial ADD CONSTRAINT dba CHECK (trial_id > 0)",
        ),
        "trigger": Drift(
            "extra: trigger of trial (dba): before insert",
            statement="CREATE TRIGGER dba BEFORE INSERT ON trial FOR EACH ROW SET NEW.status = 'NEW'",
        ),
        "storage engine": Drift(
            "extra: storage of trialstore_schema (engine MyISAM)",
            statement="ALTER TABLE trialstore_schema ENGINE = MyISAM",
        ),
        "compressed rows": Drift(
            "extra: storage of trial_result (compressed rows)",
            statement="ALTER TABLE trial_result ROW_FORMAT = COMPRESSED",
        ),
        "time that changes by itself": Drift(
            column("trial.ts_end", "datetime(6)", "datetime(6) on update current_timestamp(6)"),
            statement="ALTER TABLE trial MODIFY COLUMN ts_end DATETIME(6) NULL ON UPDATE CURRENT_TIMESTAMP(6)",
        ),
        "default collation": Drift(
            "extra: default collation of trial (utf8mb4_unicode_ci)",
            statement="ALTER TABLE trial DEFAULT COLLATE utf8mb4_unicode_ci",
        ),
        "renamed index": Drift(RENAMED, statement="ALTER TABLE trial RENAME INDEX ix_trial_due TO dba_trial_due"),
        "renamed foreign key": Drift(
            RENAMED_KEY.format("config_param_ibfk_1"),
            statement="ALTER TABLE config_param DROP FOREIGN KEY config_param_ibfk_1, ADD CONSTRAINT dba_fk"
            " FOREIGN KEY (config_id) REFERENCES config (config_id)",
        ),
        "missing unique key": Drift(NO_HASH_KEY, statement="ALTER TABLE config DROP INDEX config_hash"),
        "shortened unique key": Drift(
            f"{NO_HASH_KEY}\nextra: unique key of config (config_hash(8))",
            ("UNIQUE KEY config_hash (config_hash)", "UNIQUE KEY config_hash (config_hash(8))"),
        ),
        "missing primary key": Drift(NO_PARAM_KEY, PARAM_KEY, also=("extra: index of trial_param (exp_id, trial_id)",)),
        "dropped foreign key": Drift(
            NO_PARAM_REFERENCE, statement="ALTER TABLE config_param DROP FOREIGN KEY config_param_ibfk_1"
        ),
        "cascading foreign key": Drift(
            CASCADE,
            (
                "config_param_ibfk_1 FOREIGN KEY (config_id) REFERENCES config (config_id)",
                "config_param_ibfk_1 FOREIGN KEY (config_id) REFERENCES config (config_id) ON DELETE CASCADE",
            ),
        ),
        "missing table": NO_TABLE,
    },
}
CASES = [
    pytest.param(engine, drift, id=f"{engine}-{name}", marks=pytest.mark.engine(engine))
    for engine, drifts in DRIFTS.items()
    for name, drift in drifts.items()
]


@pytest.mark.parametrize(("engine", "drift"), CASES)
def test_a_difference_is_found_and_named(empty: Config, drift: Drift, run: Run) -> None:
    migrate_as(empty, *([drift.change] if drift.change else []))
    if drift.statement:
        with bare(empty) as storage:
            execute(storage, *drift.statement.split("; "))
    output = ok(run(empty, "verify"), 4).splitlines()
    lines = next((line for line in drift.line.split("|") if line in output), drift.line).splitlines()
    additions = ["Not of this library (a difference with --strict only):", *drift.also] if drift.also else []
    assert output[:-1] == [*lines, *additions]
    count = f"{len(lines)} difference{'s' * (len(lines) > 1)}"
    assert output[-1].endswith(f": {count} from version {NEWEST:04d} (newest: {NEWEST:04d}).")
    told = json.loads(ok(run(empty, "verify", "--json"), 4))
    assert [one["line"] for one in told["differences"]] == lines


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_what_the_migrations_made_has_no_difference_at_any_version(empty: Config, version: int, run: Run) -> None:
    migrate_to(empty, version)
    assert f"as the migrations say at version {version:04d}" in ok(run(empty, "verify", "--strict"))
    told = json.loads(ok(run(empty, "verify", "--json")))
    assert (told["version"], told["newest"], told["differences"], told["additions"]) == (version, NEWEST, [], [])


def test_additions_of_the_administrator_are_told_apart(empty: Config, run: Run) -> None:
    SqlStorage(empty).dispose()
    with bare(empty) as storage:
        execute(
            storage,
            "CREATE TABLE invoice (number INTEGER)",
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "CREATE INDEX own ON trial_result (metric_id)",
        )
    additions = ["extra: index of trial_result (metric_id)", "extra: table invoice"]
    output = ok(run(empty, "verify")).splitlines()
    assert output[:-1] == ["Not of this library (a difference with --strict only):", *additions]
    strict = ok(run(empty, "verify", "--strict"), 4).splitlines()
    assert strict[:-1] == ["Not of this library:", *additions]
    assert ": 2 differences from version" in strict[-1]


STATUS = "SELECT s.exp_id, s.trial_id, s.ts, s.status FROM trial_status AS s"
REPLACED = "different: view v_status: expected its definition, found another one"
VIEWS = {
    "dropped": (("DROP VIEW v_trial",), ["missing: view v_trial"]),
    "a table in its place": (("DROP VIEW v_config", "CREATE TABLE v_config (id INTEGER)"), ["missing: view v_config"]),
    "with a filter": (
        ("DROP VIEW v_status", f"CREATE VIEW v_status AS {STATUS} WHERE s.status <> 'FAILED'"),
        [REPLACED],
    ),
    "of another table": (
        ("DROP VIEW v_status", "CREATE VIEW v_status AS SELECT exp_id, trial_id, ts_start AS ts, status FROM trial"),
        [REPLACED],
    ),
    "another constant": (
        (
            "DROP VIEW v_status",
            "CREATE VIEW v_status AS SELECT exp_id, trial_id, ts, 'READY' AS status FROM trial_status",
        ),
        [REPLACED],
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_that_was_dropped_or_replaced_is_named(empty: Config, name: str, run: Run) -> None:
    statements, lines = VIEWS[name]
    SqlStorage(empty).dispose()
    with bare(empty) as storage:
        execute(storage, *statements)
    output = [line for line in ok(run(empty, "verify"), 4).splitlines()[:-1] if "column" not in line]
    for line, expected in zip(output, lines, strict=False):
        assert line.startswith(expected)
    assert [
        line for line in output[len(lines) :] if not line.startswith(("Not of this", "extra: table v_config"))
    ] == []


def test_views_of_the_administrator_are_no_difference_even_broken_ones(empty: Config, run: Run) -> None:
    SqlStorage(empty).dispose()
    with bare(empty) as storage:
        execute(
            storage,
            "CREATE TABLE gone (n INTEGER)",
            "CREATE VIEW broken AS SELECT n FROM gone",
            "CREATE VIEW own AS SELECT exp_id FROM trial",
        )
        with suppress(DatabaseError):  # a server may keep what a view reads
            execute(storage, "DROP TABLE gone")
    told = json.loads(ok(run(empty, "verify", "--json")))
    assert told["differences"] == []


@pytest.mark.parametrize("engine", [pytest.param("sqlite", marks=pytest.mark.engine("sqlite"))])
def test_a_view_that_cannot_be_read_any_more_does_not_hide_why(empty: Config, run: Run) -> None:
    SqlStorage(empty).dispose()
    with bare(empty) as storage:
        execute(storage, "DROP TABLE trial_telemetry")
    assert ok(run(empty, "verify"), 4).splitlines()[0] == "missing: table trial_telemetry"


def test_a_unique_key_of_the_administrator_is_a_difference(empty: Config, run: Run) -> None:
    SqlStorage(empty).dispose()
    with bare(empty) as storage:
        execute(storage, "CREATE UNIQUE INDEX own ON trial_lineage (source_trial_id)")
    assert ok(run(empty, "verify"), 4).splitlines()[0] == "extra: unique key of trial_lineage (source_trial_id)"


def test_there_is_nothing_to_compare_in_a_database_without_our_tables(empty: Config, engine: str, run: Run) -> None:
    words = ["There is no database file"] if engine in ("sqlite", "duckdb") else ["holds no tables"]
    refused(run(empty, "verify"), 1, *words)
    with bare(empty) as storage:
        execute(storage, "CREATE TABLE invoice (number INTEGER)")
    before = snapshot(empty)
    refused(run(empty, "verify"), 1, "tables of another application only")
    assert snapshot(empty) == before
