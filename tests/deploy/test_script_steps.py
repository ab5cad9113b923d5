"""Scripts for databases in use: each migration by itself, beside live writers, and on from where one stopped."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.clients import apply_script
from deploy.commands import statement_of
from engines.databases import Database, engines
from servers.base import Execute
from trialstore.contract.helpers import bare, migrate_to
from trialstore.dialects.errors import ConfigError
from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql.locks import worst
from trialstore.sql.migrations import load_migrations
from trialstore.sql.scripts import make_script
from trialstore.storage import SqlStorage
from upgrade.databases import Structure, assert_kept, fill, history, structure

NEWEST = len(load_migrations("postgresql/migrations"))
FAILS = {
    "postgresql": "CREATE TABLE trial_lineage (number INTEGER)",
    "mysql": "ALTER TABLE trial_telemetry ADD COLUMN value_type CHAR(1)",
}


def script(engine: str, start: int, statement: int = 1) -> str:
    return make_script(engine_class(engine), start, statement=statement).text


@engines("postgresql")
def test_what_was_done_before_it_stopped_stays_and_a_script_from_there_goes_on(
    server_database: Database, fresh: Structure
) -> None:
    config = server_database.config()
    migrate_to(config, 4)
    with bare(config) as storage:
        before = fill(storage)
    server_database.admin(FAILS["postgresql"])
    done = apply_script("postgresql", config, script("postgresql", 4))
    assert done.code == 3
    assert "trial_lineage" in done.errors
    with bare(config) as storage:
        assert [row[:2] for row in history(storage)] == [(version, "done") for version in range(1, 9)]
    done = apply_script("postgresql", config, script("postgresql", 4))
    assert "Nothing was changed: the script is for version 4" in done.errors
    server_database.admin("DROP TABLE trial_lineage")
    done = apply_script("postgresql", config, script("postgresql", 8))
    assert (done.code, done.errors) == (0, "")
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert_kept(before, storage)
        assert structure(storage) == fresh


@engines("postgresql")
def test_each_step_stops_where_another_migrator_was_in_between(server_database: Database) -> None:
    config = server_database.config()
    migrate_to(config, 4)
    # What another one does between two transactions of the script.
    between = "UPDATE trialstore_schema SET checksum = 'other' WHERE version = 5;\n"
    text = script("postgresql", 4)
    at = text.index("COMMIT;\n") + len("COMMIT;\n")
    done = apply_script("postgresql", config, text[:at] + between + text[at:])
    assert done.code == 3
    assert "This step was not begun: it is for version 5" in done.errors
    with bare(config) as storage:
        assert [row[0] for row in history(storage)] == [1, 2, 3, 4, 5]


@engines("postgresql")
@pytest.mark.parametrize("by_script", [True, False])
def test_live_writers_see_no_deadlock_while_the_schema_changes(server_database: Database, by_script: bool) -> None:
    """Two writers, one of which goes from the parents to the children, and one the other way."""
    config = server_database.config()
    migrate_to(config, 4)
    with bare(config) as storage:
        fill(storage)
    trials = server_database.admin("SELECT exp_id, trial_id FROM trial ORDER BY 1, 2 LIMIT 2")
    names = ["experiment", "trial", "trial_status", "trial_result", "trial_param", "trial_telemetry"]
    stop, told = threading.Event(), threading.Semaphore(0)

    def write(tables: list[str], trial: tuple[str, int]) -> int:
        rounds = 0
        with server_database.other() as execute:
            execute("SET lock_timeout = '120s'")
            while not stop.is_set():
                _touch(execute, tables, *trial)
                rounds += 1
                told.release()
        return rounds

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, names, trials[0]), pool.submit(write, names[::-1], trials[1])]
        try:
            for _ in range(10):
                assert told.acquire(timeout=60)
            # On a busy machine the writers leave a gap more rarely than half a minute allows.
            if by_script:
                patient = script("postgresql", 4).replace("'30 s'", "'300 s'")
                assert "'300 s'" in patient
                done = apply_script("postgresql", config, patient)
                assert (done.code, done.errors) == (0, "")
            else:
                SqlStorage({**config, "schema_policy": "update", "migration_lock_timeout": 300}).dispose()
        finally:
            stop.set()
        rounds = [writer.result() for writer in writers]
    assert all(rounds)
    ((deadlocks,),) = server_database.admin("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0


def _touch(execute: Execute, tables: list[str], exp_id: str, trial_id: int) -> None:
    """A transaction that changes a row of each table, in that order, and takes its time between them."""
    execute("BEGIN")
    for table in tables:
        if table == "experiment":
            execute("SELECT 1 FROM experiment WHERE exp_id = %s FOR KEY SHARE", exp_id)
        else:
            execute(f"UPDATE {table} SET exp_id = exp_id WHERE exp_id = %s AND trial_id = %s", exp_id, trial_id)
        execute("SELECT pg_sleep(0.01)")
    execute("COMMIT")


@engines("mysql")
@pytest.mark.parametrize("state", ["running", "failed"])
def test_a_script_goes_on_at_the_statement_where_another_one_stopped(
    server_database: Database, fresh: Structure, state: str
) -> None:
    config = server_database.config()
    migrate_to(config, 4)
    with bare(config) as storage:
        before = fill(storage)
    server_database.admin(FAILS["mysql"])  # stands in the way of the last statement
    done = apply_script("mysql", config, script("mysql", 4))
    assert done.code != 0
    with bare(config) as storage:
        assert history(storage)[-1] == (5, "running", 3)
    server_database.admin("UPDATE trialstore_schema SET state = %s WHERE version = 5", state)
    server_database.admin("ALTER TABLE trial_telemetry DROP COLUMN value_type")
    for wrong in (2, 3):
        done = apply_script("mysql", config, script("mysql", 4, wrong))
        assert f"version 4 and {wrong - 1} statements of 0005" in done.errors
    done = apply_script("mysql", config, script("mysql", 4, 4))
    assert (done.code, done.errors) == (0, "")
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert_kept(before, storage)
        assert structure(storage) == fresh


@engines("mysql")
def test_a_script_for_an_empty_database_goes_on_in_its_first_migration(
    server_database: Database, fresh: Structure
) -> None:
    config, text = server_database.config(), script("mysql", 0)
    third = statement_of("mysql", 1, 3)
    apply_script("mysql", config, text[: text.index(third)])
    with bare(config) as storage:
        assert history(storage) == [(1, "running", 2)]
    done = apply_script("mysql", config, script("mysql", 0, 3))
    assert (done.code, done.errors) == (0, "")
    with bare(config) as storage:
        assert structure(storage) == fresh


@engines("mysql")
def test_the_longest_reason_to_stop_is_shown_to_its_end(server_database: Database) -> None:
    config = server_database.config()
    migrate_to(config, 4)
    done = apply_script("mysql", config, script("mysql", 9, 12))
    assert (
        "is for version 9 and 11 statements of 0010; this database is elsewhere or has another history." in done.errors
    )


@engines("mysql")
def test_why_a_script_stopped_is_the_whole_of_the_error_where_the_server_can_say_so(server_database: Database) -> None:
    if "MariaDB" not in server_database.server.version:
        pytest.skip("MySQL prepares no SIGNAL: there the reason is part of another error")
    config = server_database.config()
    migrate_to(config, 4)
    done = apply_script("mysql", config, script("mysql", 7))
    line = done.errors.splitlines()[-1]
    assert line.startswith("ERROR 1644 (45000)")
    assert line.endswith(
        ": Nothing was changed: the script is for version 7; this database is elsewhere or has another history."
    )


@pytest.mark.parametrize(
    ("dialect", "start", "statement", "words"),
    [
        ("sqlite", 4, 2, "never left half done on sqlite"),
        ("postgresql", 4, 2, "never left half done on postgresql"),
        ("mysql", 4, 5, "has no statement 5: they are 1 to 4"),
    ],
)
def test_a_statement_at_which_no_run_can_have_stopped_is_refused(
    dialect: str, start: int, statement: int, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        make_script(engine_class(dialect), start, statement=statement)


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_the_head_tells_the_worst_lock_and_how_long_all_takes(dialect: str) -> None:
    made = make_script(engine_class(dialect), 4)
    heaviest = worst(lock for migration in made.migrations for lock in migration.locks)
    head = " ".join(line.removeprefix("--").strip() for line in made.text[: made.text.index("\n\n")].splitlines())
    assert f"The worst lock: {heaviest}" in head
    assert " s if each table has 1,000,000 rows." in head
    empty = make_script(engine_class(dialect), 0).text
    assert "In all: it locks no table that others use." in empty
