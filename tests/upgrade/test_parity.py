"""All engines hold the same logical schema, in what they are not declared to differ in."""

from __future__ import annotations

from typing import Any

import pytest

from trialstore.contract.helpers import bare, execute
from trialstore.sql.inspection import BASE_TABLES
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage
from upgrade.databases import Structure, drop_views, structure
from upgrade.logical_schema import DIFFERENCES, TYPES, Difference, deviations, logical

ENGINES = sorted(TYPES["id"])


def test_an_engine_holds_the_logical_schema(engine: str, fresh: Structure) -> None:
    assert deviations(engine, fresh) == {}


def test_every_engine_counts_the_same_migrations() -> None:
    chains = {tuple(map(str, load_migrations(f"{engine}/migrations"))) for engine in ENGINES}
    assert len(chains) == 1


def test_the_logical_schema_has_every_table_and_every_type() -> None:
    assert {table for table, _ in logical()} >= BASE_TABLES
    assert all(sorted(types) == ENGINES for types in TYPES.values())
    assert all(difference.why for difference in DIFFERENCES)


def test_ids_are_as_long_as_the_library_lets_them_be(engine: str, empty: dict[str, Any]) -> None:
    with bare(empty) as storage:
        length = storage.database.dialect.id_length
    kept = TYPES["id"][engine]
    assert f"({length})" in kept or "(" not in kept


# The comparison notices


CHANGES = {
    "a column more": ("ALTER TABLE trial_result ADD COLUMN extra INTEGER", "trial_result", "+ extra "),
    "a column less": ("ALTER TABLE trial_result DROP COLUMN value_type", "trial_result", "- value_type "),
    "a column by another name": ("ALTER TABLE trial_param RENAME COLUMN value_type TO kind", "trial_param", "+ kind "),
    "an index more": ("CREATE INDEX ix_source ON trial_lineage (source_exp_id)", "trial_lineage", "+ index (source_"),
    "a unique key more": (
        "CREATE UNIQUE INDEX ux_source ON trial_lineage (source_trial_id, exp_id)",
        "trial_lineage",
        "+ unique (source_trial_id, exp_id)",
    ),
    "a table more": ("CREATE TABLE extra (id INTEGER NOT NULL, PRIMARY KEY (id))", "extra", "+ primary key (id)"),
    "a table less": ("DROP TABLE trial_telemetry", "trial_telemetry", "- foreign key (exp_id, trial_id) to trial"),
}
# What not every engine can change.
OF_SERVERS = {
    "postgresql": {
        "another type": (
            "ALTER TABLE trial ALTER COLUMN trial_runner_id TYPE BIGINT",
            "trial",
            "+ trial_runner_id bigint",
        ),
        "another collation": (
            "ALTER TABLE trial ALTER COLUMN exp_id TYPE VARCHAR(512)",
            "trial",
            "+ exp_id character varying(512) not null",
        ),
        "a default": ("ALTER TABLE trial ALTER COLUMN status SET DEFAULT 'READY'", "trial", "+ status character var"),
        "no NULL": (
            "ALTER TABLE trial_param ALTER COLUMN param_value SET NOT NULL",
            "trial_param",
            "- param_value text",
        ),
        "a foreign key less": (
            "ALTER TABLE trial DROP CONSTRAINT trial_config_id_fkey",
            "trial",
            "- foreign key (config_id) to config (config_id)",
        ),
    },
    "mysql": {
        "another type": ("ALTER TABLE trial MODIFY trial_runner_id BIGINT", "trial", "- trial_runner_id int"),
        "another precision": ("ALTER TABLE trial MODIFY ts_end DATETIME", "trial", "+ ts_end datetime"),
        "another collation": (
            "ALTER TABLE trial_lineage MODIFY source_exp_id VARCHAR(255) COLLATE utf8mb4_general_ci NOT NULL",
            "trial_lineage",
            "+ source_exp_id varchar(255) collate utf8mb4_general_ci not null",
        ),
        "a default": (
            "ALTER TABLE trial MODIFY trial_runner_id INT DEFAULT 7",
            "trial",
            "+ trial_runner_id int default 7",
        ),
        "no NULL": ("ALTER TABLE trial MODIFY ts_end DATETIME(6) NOT NULL", "trial", "+ ts_end datetime(6) not null"),
        "a foreign key less": (
            "ALTER TABLE trial DROP FOREIGN KEY trial_ibfk_2",
            "trial",
            "- foreign key (config_id) to config (config_id)",
        ),
    },
}


def test_a_schema_that_was_changed_is_told_by_what_changed(engine: str, empty: dict[str, Any]) -> None:
    changes = {**CHANGES, **OF_SERVERS.get(engine, {})}
    # One database for all: each change is another place.
    unused = {}
    with SqlStorage(empty) as storage:
        drop_views(storage)
        for name, (statement, table, line) in changes.items():
            execute(storage, statement)
            unused[name] = [found for found in deviations(engine, structure(storage)).get(table, ()) if line in found]
    assert all(unused.values()), unused


@pytest.mark.parametrize("declared", DIFFERENCES, ids=lambda each: f"{each.table}-{each.instead_of[:7]}")
def test_a_declared_difference_that_is_gone_is_told(fresh: Structure, engine: str, declared: Difference) -> None:
    """On an engine that does as all others, or if it came to do so, the declaration is wrong."""
    if engine in declared.engines:
        others = tuple(each for each in DIFFERENCES if each is not declared)
        assert f"- {declared.instead_of}" in deviations(engine, fresh, others)[declared.table]
    else:
        stale = Difference((engine,), declared.table, declared.instead_of, declared.there_is, "")
        assert f"+ {declared.instead_of}" in deviations(engine, fresh, (*DIFFERENCES, stale))[declared.table]
