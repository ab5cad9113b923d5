"""A migration that stopped in the middle: who can work meanwhile, and what is said of it."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from deploy.commands import Run, ok, refused
from engines.databases import NOTICED_S, Database, on_servers
from trialstore.contract.helpers import bare, execute, migrate_to, query
from trialstore.contract.modes import Config
from trialstore.sql.migrations import Migration, load_migrations
from trialstore.storage import MigrationFailed, SchemaTooNew, SqlStorage
from upgrade.databases import history

NEWEST = len(load_migrations("sqlite/migrations"))
SLOW = {
    "postgresql": "SELECT pg_sleep(600)",
    "mysql": "SELECT count(*) FROM {0} AS a, {0} AS b, {0} AS c, {0} AS d".format("information_schema.collations"),
}
RUNNING = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT count(*) FROM inf%'",
}
END = {
    "postgresql": {"session": "SELECT pg_terminate_backend({id})", "statement": "SELECT pg_cancel_backend({id})"},
    "mysql": {"session": "KILL {id}", "statement": "KILL QUERY {id}"},
}
BROKEN = "DELETE FROM no_such_table"


@pytest.fixture
def chain(engine: str, monkeypatch: pytest.MonkeyPatch) -> list[Migration]:
    """The migrations that the library has, to be changed."""
    migrations = list(load_migrations(f"{engine}/migrations"))
    monkeypatch.setattr("trialstore.sql.migrator.load_migrations", lambda _folder: tuple(migrations))
    return migrations


def with_last(migrations: list[Migration], version: int, statement: str) -> None:
    """Let the migration of that version, and it alone, end in another statement."""
    migration = migrations[version - 1]
    migrations[version - 1] = replace(migration, statements=(*migration.statements, statement))
    del migrations[version:]


def old_application(config: Config, version: int) -> SqlStorage:
    """A storage of a library that knows the schema up to that version."""
    old = SqlStorage({**config, "schema_policy": "verify", "lazy_schema_create": True})
    old.database.migrator.migrations = old.database.migrator.migrations[:version]
    return old


# --- who can work -----------------------------------------------------------------------------------------------------


def test_the_application_of_the_version_before_goes_on_after_a_failure(
    engine: str, empty: Config, chain: list[Migration], run: Run
) -> None:
    migrate_to(empty, NEWEST - 1)
    with_last(chain, NEWEST, BROKEN)
    told = refused(run(empty, "apply"), 1, f"{chain[-1]}, statement {len(chain[-1].statements)} of")
    assert f"Applications of schema version {NEWEST - 1} can go on" in told
    with bare(empty) as storage:
        half = storage.database.dialect.transactional_ddl is False
        assert history(storage)[-1][:2] == ((NEWEST, "failed") if half else (NEWEST - 1, "done"))
    with old_application(empty, NEWEST - 1) as old:
        assert query(old, "SELECT max(version) FROM trialstore_schema") == [(NEWEST if half else NEWEST - 1,)]
        old.update_schema()
        assert len(old.experiments) == 0
    if half:
        assert f"schema version {NEWEST - 1} can go on" in ok(run(empty, "status"), 4)
        oldest = max(migration.serves_from for migration in chain[1:])
        with pytest.raises(SchemaTooNew) as caught, old_application(empty, oldest - 1) as older:
            len(older.experiments)
        assert "can go on" not in caught.value.hint


def test_a_new_schema_serves_the_application_of_the_version_before(empty: Config, run: Run) -> None:
    migrate_to(empty, NEWEST)
    oldest = max(migration.serves_from for migration in load_migrations("sqlite/migrations")[1:])
    assert oldest < NEWEST
    with old_application(empty, oldest) as old:
        assert len(old.experiments) == 0
    with old_application(empty, oldest - 1) as older, pytest.raises(SchemaTooNew):
        len(older.experiments)


@pytest.mark.parametrize("engine", [pytest.param("mysql", marks=pytest.mark.engine("mysql"))])
def test_no_application_works_while_the_foreign_keys_are_gone(empty: Config, chain: list[Migration], run: Run) -> None:
    migrate_to(empty, 9)
    with_last(chain, 10, BROKEN)
    refused(
        run(empty, "apply"),
        1,
        f"{len(chain[-1].statements) - 1} of {len(chain[-1].statements)} statements are done",
        "No application can run",
    )
    with old_application(empty, 9) as old, pytest.raises(SchemaTooNew) as caught:
        len(old.experiments)
    assert "can go on" not in caught.value.hint


@pytest.mark.parametrize("row", [1, 2])
def test_an_application_does_not_guess_about_migrations_that_say_nothing(empty: Config, row: int) -> None:
    migrate_to(empty, NEWEST)
    with bare(empty) as storage:
        execute(storage, f"UPDATE trialstore_schema SET serves_from = NULL WHERE version = {NEWEST - row + 1}")
    with old_application(empty, NEWEST - 2) as old, pytest.raises(SchemaTooNew):
        len(old.experiments)


# --- what ended it ----------------------------------------------------------------------------------------------------


@on_servers
@pytest.mark.parametrize("what", ["session", "statement"])
def test_an_apply_that_somebody_ends_stops_and_says_so(
    server_database: Database, chain: list[Migration], what: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, config = server_database.server.engine, server_database.config()
    migrate_to(config, 4)
    full, slow = list(chain), SLOW[engine]
    chain[4] = replace(chain[4], statements=(chain[4].statements[0], slow, *chain[4].statements[2:]))
    errors: list[BaseException] = []

    def apply() -> None:
        try:
            with SqlStorage({**config, "schema_policy": "update"}):
                pass
        except BaseException as exc:  # noqa: BLE001 - looked at below
            errors.append(exc)

    thread = threading.Thread(target=apply)
    thread.start()
    late = time.monotonic() + NOTICED_S
    while not (found := server_database.admin(RUNNING[engine])):
        assert time.monotonic() < late, "the statement does not run"
    server_database.admin(END[engine][what].format(id=found[0][0]))
    thread.join(NOTICED_S)
    assert not thread.is_alive(), "the migration went on by itself"
    (error,) = errors
    assert isinstance(error, MigrationFailed)
    assert "0005_typed_values, statement 2 of 4" in error.message
    assert "schema version 4 can go on" in error.hint
    assert ("KILL" if what == "session" else "ended") in error.hint
    assert server_database.admin(RUNNING[engine]) == []
    chain[:] = full
    told = ok(run(config, "apply"))
    went_on = "Went on with migration 0005_typed_values, statement 2 of 4" in told
    assert went_on is (engine == "mysql")
    ok(run(config, "verify", "--strict"))


# --- the clock --------------------------------------------------------------------------------------------------------


@on_servers
def test_times_of_the_history_are_the_servers(
    server_database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(dt.datetime):
        """The clock of a host that is years behind."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr("trialstore.sql.history.dt", SimpleNamespace(datetime=Late, timezone=dt.timezone))
    before = dt.datetime.now(dt.timezone.utc)
    told = json.loads(ok(run(server_database.config(), "apply", "--json")))
    after = dt.datetime.now(dt.timezone.utc)
    for row in told["history"]:
        started, finished = (dt.datetime.fromisoformat(row[key]) for key in ("started_at", "finished_at"))
        assert before <= started <= finished <= after
