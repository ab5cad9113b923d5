"""What is MySQL's and MariaDB's own: two names for each, and modes that cut values."""

from __future__ import annotations

import pytest

from engines.databases import Database, engines
from trialstore.contract.helpers import ask, make_experiment
from trialstore.storage import SqlStorage, ValueRejected

pytestmark = engines("mysql")


# Names


@pytest.mark.parametrize("drivername", ["mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"])
def test_every_name_works_and_the_server_says_which_one_it_is(database: Database, drivername: str) -> None:
    with SqlStorage({**database.config(), "drivername": drivername}) as storage:
        make_experiment(storage).__enter__()
        assert list(storage.experiments) == ["Exp"]
        with storage.database.session() as session:
            found = storage.database.dialect.identify(session.driver_connection)
    name, version = database.server.version.split()
    assert found.flavour == name.lower()
    assert ".".join(map(str, found.version)) == version


# Modes


def test_a_connection_is_strict_and_in_utc_though_the_server_is_neither(database: Database) -> None:
    server_mode, server_zone = database.admin("SELECT @@GLOBAL.sql_mode, @@GLOBAL.time_zone")[0]
    with SqlStorage(database.config()) as storage, storage.database.session() as session:
        (row,) = ask(session, "SELECT @@sql_mode, @@time_zone, @@character_set_client")
    assert row is not None
    assert "STRICT_ALL_TABLES" in row[0]
    assert tuple(row[1:]) == ("+00:00", "utf8mb4")
    if database.server.private:
        assert (server_mode, server_zone) == ("", "+05:45")


@pytest.mark.parametrize(
    ("column", "value"),
    [("description", "x" * 1025), ("git_commit", "x" * 41), ("exp_id", "é" * 256), ("root_env_config", None)],
)
def test_a_value_that_the_server_would_cut_is_refused(database: Database, column: str, value: str | None) -> None:
    row = {"exp_id": "New", "description": "", "root_env_config": "", "git_repo": "", "git_commit": "", column: value}
    with SqlStorage(database.filled()) as storage:
        with pytest.raises(ValueRejected):
            storage.database.write(lambda tx: tx.count("experiment_insert", **row))
        assert list(storage.experiments) == ["Exp"]


def test_tables_compare_by_byte_though_the_database_does_not(database: Database) -> None:
    with SqlStorage(database.config()):
        pass
    rows = database.admin(
        "SELECT DISTINCT c.collation_name FROM information_schema.columns AS c "
        "INNER JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name "
        "WHERE c.table_schema = database() AND t.table_type = 'BASE TABLE' AND t.table_name <> 'trialstore_schema' "
        "AND c.collation_name IS NOT NULL"
    )
    assert all(name.endswith("_bin") for (name,) in rows), rows
    engines_of_tables = (
        "SELECT DISTINCT engine FROM information_schema.tables "
        "WHERE table_schema = database() AND table_type = 'BASE TABLE'"
    )
    assert database.admin(engines_of_tables) == [("InnoDB",)]
