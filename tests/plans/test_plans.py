"""Every statement of the catalogue, planned by each engine on a filled database: none reads a large table whole."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from matrix import first_mode
from plans import views
from plans.filling import LARGE, SIZES, TRIALS, analyze, fill
from plans.scans import CHECKS, IN_JSON, Keys, finds_nothing
from trialstore.sql.catalogue import EXPLAIN, Catalogue, parse_statements
from trialstore.storage import CatalogueError, SqlStorage
from trialstore.storage.cli.sql import explain_statement

_LIST = {"experiment_activity": "a list of experiments counts the trials of all of them"}
EXCEPTIONS: dict[str, dict[str, str]] = {
    "sqlite": {**_LIST},
    "duckdb": {"trial_list_of_config_anywhere": "it reads the one column that has the configs of all trials"},
    "postgresql": {
        **_LIST,
        "experiment_best": "it takes a JSON list for a hundred experiments, which is a page of them",
    },
    "mysql": dict.fromkeys(
        ("before_0010", "before_0010_lineage"), "they are asked before a migration that copies these tables"
    ),
}
"""Engine → statement that may scan a large table → why that is right."""

_EVERYWHERE = {"explain", "history_create"}
WITHOUT_PLAN: dict[str, set[str]] = {
    "sqlite": {
        *_EVERYWHERE,
        *("begin_read", "begin_write", "session_foreign_keys", "session_synchronous"),
        *(f"session_journal_{mode}" for mode in ("delete", "persist", "truncate", "wal")),
    },
    "duckdb": {
        *(*_EVERYWHERE, "session_calendar", "session_default_collation", "session_default_order"),
        "session_preserve_identifier_case",
    },
    "postgresql": {*_EVERYWHERE, "begin_read", "begin_write", "schema_create", "migration_tables_lock"},
    "mysql": {
        *(*_EVERYWHERE, "begin_read", "begin_write", "migration_timeouts", "migration_key_rules_set"),
        *("session_causal", "session_group_causal", "session_isolation", "session_settings", "snapshot_next"),
        "schema_public_rights",
    },
}
"""Statements that an engine makes no plan for: settings, transactions, definitions."""

OF_A_PLUGIN = {"migration_holders_listed"}
"""Statements that read a table which MariaDB has with a plugin only."""

NO_ROWS = {
    *("migration_lock_holder", "migration_may_record", "claim_event", "schema_hindrances", "search_trials"),
    *("experiment_best", "schema_rights", "before_0010", "before_0010_lineage"),
}
"""Statements that an engine may know to find nothing, as a whole or in a part: because no migrator is at work, nothing
happened just now, they are there to be refused, a part is for MariaDB or MySQL alone, only one of the orders that the
statement knows is asked for, or no metric is an objective."""

SMALLEST = {
    "exp_id": f"experiment_{len(SIZES) - 1}",
    "trial_id": str(SIZES[-1] // 2),
    "last_trial_id": str(SIZES[-1] // 2),
    "config_id": str((TRIALS - SIZES[-1] // 2) // 10),
    "source_exp_id": f"experiment_{len(SIZES) - 2}",
    "source_trial_id": str(SIZES[-2] // 2),
}
"""Values from the smallest experiment; those that the library chooses by itself are of the largest one."""

BAD = """
-- name: bad_filter
-- returns: many
-- params: ts time
-- why: No index begins with that column.
SELECT trial_id
FROM trial
WHERE ts_end = :ts;

-- name: bad_second_column
-- returns: many
-- params: trial_id int
-- why: The column is in keys, but does not come first.
SELECT metric_id
FROM trial_result AS r
WHERE trial_id = :trial_id;

-- name: bad_covering
-- returns: scalar
-- params: -
-- why: An index holds the answer, and is read from end to end.
SELECT count(DISTINCT trial_id) AS ids
FROM trial;

-- name: bad_join
-- returns: many
-- params: exp_id text
-- why: One side is limited by a key, the other one is not.
SELECT s.trial_id
FROM trial AS t
INNER JOIN trial_status AS s
    ON s.status = t.status
WHERE t.exp_id = :exp_id;

-- name: bad_subquery
-- returns: many
-- params: metric_id text
-- why: The scan is in a part of the statement.
SELECT c.config_hash
FROM config AS c
WHERE c.config_id = (
    SELECT count(*)
    FROM trial_telemetry AS p
    WHERE p.metric_id = :metric_id
);

-- name: bad_derived
-- returns: many
-- params: metric_id text
-- why: The scan is in a derived table, whose rows are few.
SELECT c.config_hash
FROM (
    SELECT r.trial_id, count(*) AS metrics
    FROM trial_result AS r
    WHERE r.metric_id = :metric_id
    GROUP BY r.trial_id
) AS d
INNER JOIN config AS c
    ON c.config_id = d.metrics;

-- name: bad_semi_join
-- returns: many
-- params: ts time
-- why: The scan is in a subquery that an engine may make a table of.
SELECT c.config_hash
FROM config AS c
WHERE c.config_id IN (
    SELECT t.trial_runner_id
    FROM trial AS t
    WHERE t.ts_end = :ts
);

-- name: bad_update
-- returns: count
-- params: metric_id text
-- why: It would change all rows of all experiments.
UPDATE trial_result
SET value_type = 'f'
WHERE metric_id = :metric_id;

-- name: bad_delete
-- returns: count
-- params: param_id text
-- why: It would delete rows of all experiments.
DELETE FROM trial_param
WHERE param_id = :param_id;

-- name: bad_copy
-- returns: count
-- params: status text RUNNING
-- why: It would copy rows of all experiments.
INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id)
SELECT exp_id, trial_id, exp_id, trial_id
FROM trial AS t
WHERE t.status <> :status;
"""
STORED = {
    "ts": "2025-01-01T10:00:00",
    "metric_id": "name_1",
    "metrics": '["name_1"]',
    "param_id": "name_1",
    "status": "PENDING",
}
"""Values that are there: an engine may know by its statistics that there are no others, and then reads nothing."""
BAD_STATEMENTS = {statement.name: statement for statement in parse_statements(BAD)}


@dataclass
class Filled:
    """A filled database of an engine."""

    engine: str
    storage: SqlStorage
    keys: Keys = field(default_factory=dict)

    def prepare(self) -> None:
        """Add the bad statements to the catalogue, and learn the keys of the database."""
        statements = self.storage.database.statements
        asking = statements.catalogue[EXPLAIN]
        if self.engine in IN_JSON:
            asking = replace(asking, sql=f"{IN_JSON[self.engine]}\nSELECT 1")
        statements.catalogue = Catalogue({**statements.catalogue, EXPLAIN: asking, **BAD_STATEMENTS})
        keys: dict[str, dict[str, str]] = {}
        for row in self.storage.database.read(lambda tx: tx.many("schema_keys")):
            if row.position == 1 and row.key_type != "FOREIGN KEY":
                keys.setdefault(row.table_name, {})[row.key_name] = row.column_name
        self.keys = keys

    @property
    def catalogue(self) -> Catalogue:
        """What the library can run, and the bad statements."""
        return self.storage.database.statements.catalogue

    def plan(self, name: str, values: dict[str, str]) -> Sequence[Any]:
        """The engine's plan for a statement, with those of the values that it takes."""
        params = self.catalogue[name].params
        return explain_statement(self.storage, name, [f"{key}={values[key]}" for key in params if key in values])[1]

    def scans(self, name: str, *cases: dict[str, str]) -> list[str]:
        """Large tables that the engine would read whole, in any of the cases."""
        statement, check = self.catalogue[name], CHECKS[self.engine]
        return [found for values in cases for found in check(statement, self.plan(name, values), self.keys)]

    @functools.cached_property
    def all_scans(self) -> dict[str, list[str]]:
        """The statements of the library that scan, with what they scan, in the largest experiment or the smallest."""
        found = {name: self.scans(name, {}, SMALLEST) for name in checked(self)}
        return {name: scans for name, scans in found.items() if scans}


def checked(filled: Filled) -> list[str]:
    """The statements of the library that have a plan."""
    return [
        name for name in filled.catalogue if name not in WITHOUT_PLAN[filled.engine] | OF_A_PLUGIN | set(BAD_STATEMENTS)
    ]


class Databases:
    """Filled databases, each made when it is first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._filled: dict[tuple[str, bool], Filled] = {}

    def __call__(self, engine: str, *, statistics: bool = True) -> Filled:
        key = (engine, statistics)
        if key not in self._filled:
            mode = first_mode(engine)
            config = mode.create(self._folder)
            if mode.drop is not None:
                self._stack.callback(mode.drop, config)
            storage = self._stack.enter_context(SqlStorage(config))
            fill(storage)
            if statistics:
                analyze(storage)
            self._filled[key] = Filled(engine, storage)
            self._filled[key].prepare()
        return self._filled[key]


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, server_name: str | None) -> Iterator[Databases]:
    """The filled databases of this run."""
    with ExitStack() as stack:
        yield Databases(tmp_path_factory.mktemp("plans"), stack)


@pytest.fixture
def filled(engine: str, databases: Databases) -> Filled:
    """The filled database of each engine in turn."""
    return databases(engine)


def undeclared(filled: Filled) -> dict[str, list[str]]:
    """Scans that are no declared exception."""
    return {name: scans for name, scans in filled.all_scans.items() if name not in EXCEPTIONS[filled.engine]}


def test_no_statement_reads_a_large_table_whole(filled: Filled) -> None:
    assert undeclared(filled) == {}


DUE: dict[str, dict[str, str]] = {
    "trial_pending": {"status_1": "PENDING", "status_2": "PENDING", "status_3": "PENDING"},
    "claim_find": {},
    "lease_expired": {},
}
"""Statements that find trials to run, with the values that they are run with."""


@pytest.mark.parametrize("name", DUE)
def test_due_trials_are_found_without_reading_the_others_of_their_experiment(filled: Filled, name: str) -> None:
    if filled.engine == "duckdb":
        pytest.skip("DuckDB reads columns of all trials, thousands at a time")
    assert "ix_trial_due" in str([tuple(row) for row in filled.plan(name, DUE[name])])


SEARCHES = (
    {"sort_by": "result"},
    *({"sort_by": "any", "sort_kind": kind} for kind in ("result", "config", "metadata", "attribute", "duration_s")),
)
"""Orders of a search."""


@pytest.mark.parametrize("order", SEARCHES, ids=str)
@pytest.mark.parametrize("field", ["r", "m", "p", "f"])
def test_a_search_reads_no_large_table_whole_whatever_it_looks_for(
    filled: Filled, order: dict[str, str], field: str
) -> None:
    if filled.engine == "duckdb" and order.get("sort_kind") == "config":
        pytest.skip("DuckDB reads the one column that has the names of all configs' values")
    case = {"terms": f'[{{"c":0,"n":1,"w":1,"o":"there","{field}":"name_1"}}]', **order}
    one = {"first_exp_id": SMALLEST["exp_id"], "last_exp_id": SMALLEST["exp_id"]}
    assert filled.scans("search_trials", {**case, **one}) == []


@pytest.mark.parametrize("name", views.QUERIES)
def test_a_query_on_a_view_reads_no_large_table_whole(filled: Filled, name: str) -> None:
    assert views.scans_of(filled.storage, filled.keys, views.QUERIES[name]) == []


@pytest.mark.parametrize("name", views.SCANNING)
def test_the_check_catches_a_query_on_a_view_that_scans(filled: Filled, name: str) -> None:
    assert views.scans_of(filled.storage, filled.keys, views.SCANNING[name])


def test_every_declared_exception_is_still_one(filled: Filled) -> None:
    assert set(EXCEPTIONS[filled.engine]) - set(filled.all_scans) == set()


def test_every_statement_is_checked_or_declared_to_have_no_plan(filled: Filled) -> None:
    library = Catalogue({name: one for name, one in filled.catalogue.items() if name not in BAD_STATEMENTS})
    assert WITHOUT_PLAN[filled.engine] <= set(library)
    assert {name for name in library if not has_plan(library, name)} == WITHOUT_PLAN[filled.engine]
    assert len(checked(filled)) == len(library) - len(WITHOUT_PLAN[filled.engine] | OF_A_PLUGIN & set(library))


def has_plan(catalogue: Catalogue, name: str) -> bool:
    try:
        catalogue.explained(name)
    except CatalogueError:
        return False
    return True


def test_the_values_leave_the_engine_something_to_look_for(filled: Filled) -> None:
    there = {"metrics": STORED["metrics"]}
    plans = {name: [filled.plan(name, values) for values in (there, {**SMALLEST, **there})] for name in checked(filled)}
    empty = {name for name, cases in plans.items() if any(map(finds_nothing, cases))}
    assert empty <= NO_ROWS


@pytest.mark.parametrize("name", BAD_STATEMENTS)
def test_the_check_catches_a_statement_that_scans(filled: Filled, name: str) -> None:
    assert filled.scans(name, STORED)


def test_the_database_is_as_large_as_the_checks_believe(filled: Filled) -> None:
    with filled.storage.database.engine.connect() as connection:
        counts = {table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in LARGE}
    assert counts["trial"] == TRIALS == 100_000
    assert min(counts.values()) >= 10_000
    assert len(filled.storage.experiments) == len(SIZES)


@pytest.mark.engine("sqlite")
def test_sqlite_needs_no_statistics_for_good_plans(databases: Databases) -> None:
    # The library never runs ANALYZE, and SQLite does not by itself.
    assert undeclared(databases("sqlite", statistics=False)) == {}


@pytest.mark.engine("duckdb")
def test_duckdb_hands_the_values_of_a_join_down_to_the_scan(databases: Databases) -> None:
    statement = """
        EXPLAIN ANALYZE
        SELECT p.param_id
        FROM (SELECT DISTINCT config_id FROM trial WHERE exp_id = 'experiment_9') AS c
        INNER JOIN config_param AS p ON p.config_id = c.config_id
        """
    with databases("duckdb").storage.database.engine.connect() as connection:
        (row,) = connection.exec_driver_sql(statement).fetchall()
    assert "Dynamic Filters" in row[1]
