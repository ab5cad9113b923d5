"""Upgrades whose process is killed: the next one goes on where it stopped, and no row is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from processes.helpers import LIMIT, Child
from trialstore.contract.helpers import bare, execute, migrate_to
from trialstore.storage import MigrationFailed, SqlStorage
from trialstore.storage.schema.deployment import verify_schema
from upgrade.databases import Structure, assert_kept, content, fill, history, orphans, structure
from upgrade.killed import adopt_and_die, upgrade_and_die
from upgrade.reference import Reference


def let_die(function: Callable[..., Any], *args: Any) -> None:
    with Child(function, *args) as child:
        child.process.join(LIMIT)
        assert child.process.exitcode == -9


def assert_goes_on(config: dict[str, Any], before: Any, fresh: Structure) -> None:
    """The next one to open the database completes what was begun."""
    with SqlStorage(config) as storage:
        assert_kept(before, storage)
        assert orphans(storage) == []
        assert structure(storage) == fresh
        assert {row[1] for row in history(storage)} <= {"done", "adopted"}
        assert len(storage.experiments["Exp-7-0"].results_df) == 18


MIDDLE = [("before", 2), ("after", 2), ("before", 4), ("end", 4)]


@pytest.mark.parametrize(("moment", "statement"), MIDDLE)
def test_an_upgrade_killed_in_the_middle_of_a_migration_is_completed_by_the_next(
    empty: dict[str, Any], fresh: Structure, moment: str, statement: int
) -> None:
    migrate_to(empty, 4)
    with bare(empty) as storage:
        before, old = fill(storage), structure(storage)
        whole = storage.database.dialect.transactional_ddl
    let_die(upgrade_and_die, empty, moment, 5, statement)
    with bare(empty) as storage:
        assert_kept(before, storage)
        if whole:
            assert structure(storage) == old
            assert history(storage)[-1][:2] == (4, "done")
        else:
            done = statement - (moment != "end")
            assert history(storage)[-1] == (5, "running", done)
    assert_goes_on(empty, before, fresh)


# Where each statement stands on its own, the one in doubt is tried again: each kind of statement that fails when it is
# run twice must bear that.
IN_DOUBT = {
    "create table": (9, 1),
    "add several columns": (3, 1),
    "add primary key and drop unique key": (7, 2),
    "add index and drop index": (8, 2),
    "drop foreign key": (10, 2),
    "modify column and add foreign key": (10, 17),
}


@pytest.mark.engine("mysql")
@pytest.mark.parametrize("engine", ["mysql"])
@pytest.mark.parametrize(("version", "statement"), IN_DOUBT.values(), ids=IN_DOUBT)
def test_a_statement_that_was_run_and_not_recorded_is_tried_again(
    empty: dict[str, Any], fresh: Structure, version: int, statement: int
) -> None:
    migrate_to(empty, version - 1)
    with bare(empty) as storage:
        before = fill(storage)
    let_die(upgrade_and_die, empty, "after", version, statement)
    with bare(empty) as storage:
        assert history(storage)[-1] == (version, "running", statement - 1)
    assert_goes_on(empty, before, fresh)


@pytest.mark.engine("mysql")
@pytest.mark.parametrize("engine", ["mysql"])
def test_a_statement_that_was_refused_once_is_in_doubt_when_its_second_run_is_killed(
    empty: dict[str, Any], fresh: Structure
) -> None:
    migrate_to(empty, 4)
    with bare(empty) as storage:
        before = fill(storage)
        execute(storage, "ALTER TABLE trial_param ADD COLUMN value_type CHAR(1)")
        with pytest.MonkeyPatch.context() as patched:
            # As if the column had been added just after the look at what stands in the way.
            patched.setattr("trialstore.sql.migrator.check_ready", lambda *_: None)
            with pytest.raises(MigrationFailed):
                SqlStorage(empty)
        execute(storage, "ALTER TABLE trial_param DROP COLUMN value_type")
    let_die(upgrade_and_die, empty, "after", 5, 2)
    assert_goes_on(empty, before, fresh)


def test_an_adoption_that_is_killed_is_done_by_the_next(
    reference: Reference, loaded: dict[str, Any], fresh_twin: Structure
) -> None:
    with bare(loaded) as storage:
        before = content(storage)
    let_die(adopt_and_die, loaded)
    assert_goes_on(loaded, before, fresh_twin)
    with bare(loaded) as storage:
        assert [row[1] for row in history(storage)].count("adopted") == reference.version


def test_apply_killed_after_every_single_statement_of_every_migration(empty: dict[str, Any], fresh: Structure) -> None:
    with bare(empty) as storage:
        migrations = storage.database.migrator.migrations
    for number in range(1, len(migrations[0].statements) + 1):
        let_die(upgrade_and_die, empty, "after", 1, number)
    migrate_to(empty, 1)
    with bare(empty) as storage:
        before = fill(storage)
    # Each child first completes what the ones before it began.
    for migration in migrations[1:]:
        for number in range(1, len(migration.statements) + 1):
            let_die(upgrade_and_die, empty, "after", migration.version, number)
            with bare(empty) as storage:
                assert_kept(before, storage)
    assert_goes_on(empty, before, fresh)
    with bare(empty) as storage:
        assert verify_schema(storage.database).differences == ()
