"""What a server says when it refuses a migration reaches whoever has to mend it: all the names, and no value."""

from __future__ import annotations

import json

import pytest

from deploy.commands import Run, changed, refused, statement_of
from engines.databases import Database, on_servers
from trialstore.contract.helpers import bare, migrate_to
from trialstore.sql.migrations import load_migrations

EXACT = "/*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */"
VALUE = "s3cret entry"

# What an administrator has that stands in the way of 0010; the servers' codes, and the names in what it says.
IN_THE_WAY = {
    "postgresql": (["CREATE VIEW dba_values AS SELECT exp_id, metric_value FROM trial_result"], "0A000", '"exp_id"'),
    "mysql": (
        [
            "CREATE TABLE dba_values AS SELECT exp_id, trial_id FROM trial",
            "ALTER TABLE dba_values ADD FOREIGN KEY (exp_id, trial_id) REFERENCES trial (exp_id, trial_id)",
        ],
        "error 1833|error 3780",  # MariaDB; MySQL
        "'exp_id'",
    ),
}
TWO_WITH_ONE_KEY = {
    "postgresql": "CREATE UNIQUE INDEX dba_unique ON experiment (git_repo)",
    "mysql": "CREATE UNIQUE INDEX dba_unique ON experiment (git_repo(20))",
}
NO_NUMBER = {
    "postgresql": "ALTER TABLE experiment ALTER COLUMN git_repo TYPE INTEGER USING git_repo::integer",
    "mysql": "ALTER TABLE experiment MODIFY COLUMN git_repo INTEGER",
}


@on_servers
def test_the_server_names_what_stands_in_the_way(
    server_database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements, codes, column = IN_THE_WAY[server_database.server.engine]
    config = server_database.config()
    with bare(config) as storage, storage.database.session() as session:
        migrator = storage.database.migrator
        if server_database.server.engine == "mysql":  # as mlos_bench leaves it, so that 0010 has something to change
            migrator.migrations = changed(migrator.migrations, (EXACT, "utf8mb4_general_ci"))
        session.prepare(write=True)
        migrator.apply(session, 9)
    for statement in statements:
        server_database.admin(statement)
    # As if somebody had done it just after the look at what stands in the way.
    monkeypatch.setattr("trialstore.sql.migrator.check_ready", lambda *_: None)
    result = run(config, "apply", "--json")
    error = json.loads(result.stdout)["error"]
    assert error["class"] == "MigrationFailed"
    assert error["code"] in codes.split("|")
    refused(result, 1, "0010_exact_comparison, statement", "dba_values", column, error["code"])
    assert error["step"].startswith(f"{server_database.server.engine}/migrations/0010_exact_comparison.sql, statement ")
    assert "dba_values" in error["message"]
    assert error["hint"]


@on_servers
@pytest.mark.parametrize("values", ["a key twice", "no number"])
def test_a_value_that_the_server_repeats_is_left_out(
    server_database: Database, run: Run, monkeypatch: pytest.MonkeyPatch, values: str
) -> None:
    engine = server_database.server.engine
    config = server_database.config()
    migrate_to(config, 4)
    for name in ("one", "two"):
        server_database.admin(
            "INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit)"
            f" VALUES ('{name}', '', '', '{VALUE}', '')"
        )
    statement = (TWO_WITH_ONE_KEY if values == "a key twice" else NO_NUMBER)[engine]
    edited = changed(load_migrations(f"{engine}/migrations"), (statement_of(engine, 5, 2), statement))
    monkeypatch.setattr("trialstore.sql.migrator.load_migrations", lambda folder: edited)
    result = run(config, "apply", "--json")
    told = refused(result, 1, "Migration 0005_typed_values, statement 2 of 4: ")
    assert VALUE not in told + result.stdout
    assert ("dba_unique" if values == "a key twice" else "column") in told


def test_a_refusal_is_json_where_json_is_asked_for(run: Run, empty: dict[str, object]) -> None:
    result = run(empty, "apply", "--json", "--to", "999")
    refused(result, 1, "There is no schema version 999")
    error = json.loads(result.stdout)["error"]
    assert (error["class"], error["code"], error["step"]) == ("MigrationError", None, None)
    assert error["message"].startswith("There is no schema version 999")


SAYS = "ask Dora first"
WATCHED = {
    "postgresql": [
        f"CREATE FUNCTION dba() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION '{SAYS}'; END$$",
        "CREATE TRIGGER dba BEFORE INSERT ON trialstore_schema FOR EACH ROW EXECUTE FUNCTION dba()",
    ],
    "mysql": [
        (
            "CREATE TRIGGER dba BEFORE INSERT ON trialstore_schema FOR EACH ROW"
            f" SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{SAYS}'"
        )
    ],
}


@on_servers
def test_what_a_server_says_when_it_refuses_the_history_is_shown(server_database: Database, run: Run) -> None:
    config = server_database.config()
    migrate_to(config, 10)
    for statement in WATCHED[server_database.server.engine]:
        server_database.admin(statement)
    refused(run(config, "apply"), 1, "history_insert", SAYS)
