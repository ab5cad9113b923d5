"""`trialstore schema resolve`: what an unfinished migration left behind, and the two ways out of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.commands import Run, ok, refused, snapshot, statement_of
from trialstore.contract.helpers import bare, execute, migrate_to, query
from trialstore.contract.modes import Config
from trialstore.sql.migrations import load_migrations
from upgrade.databases import Structure, assert_kept, fill, history, structure

NEWEST = len(load_migrations("sqlite/migrations"))
INSERT = """
    INSERT INTO trialstore_schema (
        version, slug, checksum, state, statements_done, started_at, library_version
    )
    SELECT 5, 'typed_values', '{checksum}', '{state}', {done}, started_at, library_version
    FROM trialstore_schema WHERE version = 1
"""


def unfinished(config: Config, engine: str, *, state: str = "running", recorded: int, ran: int) -> Any:
    """A database at version 4 whose migration 5 was begun; the rows that it holds."""
    migrate_to(config, 4)
    migration = load_migrations(f"{engine}/migrations")[4]
    with bare(config) as storage:
        before = fill(storage)
        execute(storage, INSERT.format(checksum=migration.checksum, state=state, done=recorded))
        execute(storage, *migration.statements[:ran])
    return before


def assert_finished(config: Config, before: Any, fresh: Structure, run: Run) -> None:
    ok(run(config, "apply"))
    ok(run(config, "verify", "--strict"))
    with bare(config) as storage:
        assert_kept(before, storage)
        assert structure(storage) == fresh
        assert [row[:2] for row in history(storage)] == [(number, "done") for number in range(1, NEWEST + 1)]


def test_what_it_found_is_shown_and_nothing_done_without_a_choice(engine: str, empty: Config, run: Run) -> None:
    unfinished(empty, engine, recorded=1, ran=2)
    before = snapshot(empty)
    result = run(empty, "resolve", "5")
    assert (result.exit_code, result.stderr) == (2, "Choose --done or --retry.\n")
    lines = result.stdout.splitlines()
    assert lines[:2] == ["Migration 0005_typed_values is running: 1 of 4 statements are done.", "Statement 2:"]
    statement = f"{statement_of(engine, 5, 2)};".splitlines()
    assert lines[2 : 2 + len(statement)] == statement
    this, earlier = lines.index("Differences from version 0005:"), lines.index("Differences from version 0004:")
    subjects = [[line.split(": ")[1] for line in part] for part in (lines[this + 1 : earlier], lines[earlier + 1 :])]
    assert subjects == [
        ["column trial_result.value_type", "column trial_telemetry.value_type"],
        ["column config_param.value_type", "column trial_param.value_type"],
    ]
    assert json.loads(run(empty, "resolve", "5", "--json").stdout)["next_statement"] == statement_of(engine, 5, 2)
    assert snapshot(empty) == before


@pytest.mark.parametrize("state", ["running", "failed"])
def test_done_is_refused_while_something_lacks(engine: str, empty: Config, state: str, run: Run) -> None:
    unfinished(empty, engine, state=state, recorded=1, ran=3)
    before = snapshot(empty)
    told = "missing: column trial_telemetry.value_type"
    refused(run(empty, "resolve", "5", "--done"), 4, "cannot be taken for done", told, "--force")
    assert run(empty, "resolve", "5", "--retry", "--force").exit_code == 2
    assert snapshot(empty) == before
    assert ok(run(empty, "resolve", "5", "--done", "--force")).endswith("0005_typed_values is recorded as done.\n")
    with bare(empty) as storage:
        assert history(storage)[-1] == (5, "done", 4)
    assert "missing: column trial_telemetry.value_type" in ok(run(empty, "verify"), 4)


@pytest.mark.parametrize("state", ["running", "failed"])
def test_done_records_what_was_completed_by_hand(
    engine: str, empty: Config, fresh: Structure, state: str, run: Run
) -> None:
    before = unfinished(empty, engine, state=state, recorded=1, ran=4)
    assert ok(run(empty, "resolve", "5", "--done")).endswith("0005_typed_values is recorded as done.\n")
    told = json.loads(ok(run(empty, "status", "--json"), 3))
    assert told["history"][-1]["finished_at"] is not None
    assert_finished(empty, before, fresh, run)


@pytest.mark.parametrize("state", ["running", "failed"])
@pytest.mark.parametrize("recorded", [0, 2])
def test_retry_runs_all_of_it_where_nothing_was_done(
    engine: str, empty: Config, fresh: Structure, state: str, recorded: int, run: Run
) -> None:
    before = unfinished(empty, engine, state=state, recorded=recorded, ran=0)
    assert "the next apply runs all of it" in ok(run(empty, "resolve", "5", "--retry"))
    with bare(empty) as storage:
        assert history(storage)[-1][:2] == (4, "done")
    assert_finished(empty, before, fresh, run)


@pytest.mark.parametrize("state", ["running", "failed"])
@pytest.mark.parametrize("ran", [1, 2])
def test_retry_goes_on_where_it_stopped(
    engine: str, empty: Config, fresh: Structure, state: str, ran: int, run: Run
) -> None:
    """Also where the statement that had failed has been run by hand since."""
    before = unfinished(empty, engine, state=state, recorded=1, ran=ran)
    with bare(empty) as storage:
        whole = storage.database.dialect.transactional_ddl
    output = ok(run(empty, "resolve", "5", "--retry"))
    if whole:  # it never leaves a half behind: who did that by hand must undo it
        assert "What it left behind may stand in its way" in output
        result = run(empty, "apply")
        assert (result.exit_code, "0005_typed_values, statement 1" in result.stderr) == (1, True)
        with bare(empty) as storage:
            for table in ("config_param", "trial_param")[:ran]:
                execute(storage, f"ALTER TABLE {table} DROP COLUMN value_type")
    else:
        assert "goes on with statement 2 at the next apply" in output
    assert_finished(empty, before, fresh, run)


@pytest.mark.parametrize("choice", ["--done", "--retry"])
def test_a_version_that_is_not_unfinished_is_refused(empty: Config, choice: str, run: Run) -> None:
    migrate_to(empty, 5)
    before = snapshot(empty)
    refused(run(empty, "resolve", "5", choice), 1, "nothing to resolve: version 0005 is done")
    refused(run(empty, "resolve", "6", choice), 1, "nothing to resolve: version 0006 is not in the history")
    assert run(empty, "resolve", "0", choice).exit_code == 2
    assert run(empty, "resolve", "five", choice).exit_code == 2
    assert snapshot(empty) == before


@pytest.mark.parametrize("choice", ["--done", "--retry"])
def test_a_migration_whose_file_was_edited_is_refused(engine: str, empty: Config, choice: str, run: Run) -> None:
    unfinished(empty, engine, recorded=4, ran=4)
    with bare(empty) as storage:
        execute(storage, "UPDATE trialstore_schema SET checksum = 'other' WHERE version = 5")
    before = snapshot(empty)
    refused(run(empty, "resolve", "5", choice), 4, "0005_typed_values differs")
    assert snapshot(empty) == before


def test_an_unfinished_row_below_finished_ones_can_only_be_completed(empty: Config, run: Run) -> None:
    migrate_to(empty, 7)
    with bare(empty) as storage:
        execute(storage, "UPDATE trialstore_schema SET state = 'failed' WHERE version = 5")
    before = snapshot(empty)
    refused(run(empty, "apply"), 4, "0005_typed_values", "trialstore schema resolve 5")
    refused(run(empty, "resolve", "5", "--retry"), 1, "later ones are recorded")
    assert snapshot(empty) == before
    ok(run(empty, "resolve", "5", "--done"))
    with bare(empty) as storage:
        assert query(storage, "SELECT DISTINCT state FROM trialstore_schema") == [("done",)]
