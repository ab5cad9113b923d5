"""Each statement reads as much where the engine knows nothing, or what was true once, as where it knows all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plans.counting import Count, counted
from plans.filling import LARGE
from plans.scans import tables
from plans.states import STATES, database, prepare_at_once
from trialstore.sql.catalogue import Statement
from trialstore.storage import QueryError, SqlStorage
from trialstore.storage.cli.sql import bind_values, typical_values

SIZES = (5_000, 1_000)
ENGINES = ("sqlite", "postgresql", "mysql")
TOLERANCE = 1.2
# What a plan may read beyond that: another order of the same look-ups, a page more of an index.
ROWS, PAGES = 30, 12
MERGED = ("trial_param", "trial_status", "trial_result", "trial_telemetry")
"""Tables that must not hold the rows that a merge is to copy."""


def run(storage: SqlStorage, statement: Statement) -> None:
    """Run a statement with typical values, and undo it. That values are refused does not matter: there is a plan."""
    with storage.database.session() as session:
        values = typical_values(statement, session)
        values |= {"left_out": "[]", "hashes": '["1", "2"]', "most": 2}
        if statement.name in ("trial_insert", "trial_insert_many"):
            values["trial_id"] = 1_000_000
        bound = bind_values(statement, {key: values[key] for key in statement.params}, storage.database.dialect)
        session.begin(write=True)
        if statement.name.startswith("merge_") and statement.writes:
            for table in MERGED:
                session.run_migration(f"DELETE FROM {table} WHERE exp_id = '{values['exp_id']}'", "delete")
        with_rows = statement.returns in ("many", "one", "scalar")
        try:
            (session.tuples if with_rows else session.execute)(statement.name, **bound)
        except QueryError:
            assert statement.writes
        session.rollback()


def statements(storage: SqlStorage) -> Iterator[Statement]:
    """Statements that touch a large table."""
    for statement in storage.database.statements.catalogue.values():
        if set(tables(statement).values()) & set(LARGE):
            yield statement


def prepare(storage: SqlStorage) -> None:
    """Let each statement get its plan."""
    prepare_at_once(storage)
    for statement in statements(storage):
        run(storage, statement)


def costs(engine: str, state: str, folder: Path) -> dict[str, Count]:
    """What each statement reads in a database of that state."""
    found = {}
    with database(engine, state, folder, prepare, SIZES) as storage:
        storage.experiments  # noqa: B018 - a connection that SQLite has to tell of new tables first
        for statement in statements(storage):
            with counted(storage) as count:
                run(storage, statement)
            found[statement.name] = count
    return found


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, server_name: str | None) -> dict[str, dict[str, Count]]:
    """Engine → what each statement reads where the engine knows all."""
    return {}


@pytest.mark.parametrize("state", [state for state in STATES if state != "fresh"])
def test_no_statement_needs_statistics(
    engine: str,
    state: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    fresh: dict[str, dict[str, Count]],
) -> None:
    if engine not in ENGINES:
        pytest.skip("DuckDB keeps the least and greatest values of each row group by itself, and no plans")
    if engine not in fresh:
        fresh[engine] = costs(engine, "fresh", tmp_path_factory.mktemp("fresh"))
    known = fresh[engine]
    found = costs(engine, state, tmp_path)
    assert len(found) > 40
    assert {
        name: (count, known[name])
        for name, count in found.items()
        if count.rows > TOLERANCE * known[name].rows + ROWS or count.pages > TOLERANCE * known[name].pages + PAGES
    } == {}
