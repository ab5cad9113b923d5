"""What MySQL and MariaDB servers have too little of, or refuse late: each is named, and nothing is left half-done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from deploy.clients import apply_script
from deploy.commands import ok, refused, runner
from engines.databases import Database, engines, refusal
from engines.test_mysql_servers import INVISIBLE, KEYS, stores_and_verifies
from engines.test_settings import global_settings, use
from servers.base import DatabaseServer
from servers.mariadb import MariadbServer
from servers.mysql import MysqlServer
from servers.registry import CHOICES, chosen
from trialstore.contract.helpers import finish, make_experiment, migrate_to
from trialstore.dialects.mysql import MySQLDialect
from trialstore.sql.migrations import load_migrations
from trialstore.sql.scripts import make_script
from trialstore.storage import MigrationError, MigrationFailed, QueryError, SchemaDrift, SqlStorage
from upgrade.reference import MYSQL

pytestmark = engines("mysql")
on_mysql = pytest.mark.server("mysql")


# Pages, which keys must fit into


@contextlib.contextmanager
def with_pages(server_name: str | None, size: str) -> Iterator[Database]:
    """An empty database of a server whose pages have another size."""
    choice = CHOICES[server_name or chosen("mysql")]
    kind = MariadbServer if choice.kind is MariadbServer else MysqlServer
    server: DatabaseServer = kind.start(choice.release, [f"--innodb-page-size={size}"])
    try:
        yield Database(server, server.create_database())
    finally:
        server.stop()


@pytest.mark.parametrize("size", ["4k", "8k"])
def test_pages_too_small_for_the_keys_are_named_before_anything_is_written(
    engine: str, server_name: str | None, size: str
) -> None:
    with with_pages(server_name, size) as database:
        error = refusal(lambda: SqlStorage(database.config(schema_policy="update")))
        assert type(error) is MigrationError
        assert f"innodb_page_size) have {size[0]} KB" in error.message
        assert "16 KB" in error.hint
        done = apply_script(engine, database.config(), make_script(MySQLDialect).text)
        assert done.code != 0
        assert "innodb_page_size" in done.errors
        assert database.tables() == []


def test_larger_pages_do_as_well(engine: str, server_name: str | None, tmp_path: Path) -> None:
    with with_pages(server_name, "64k") as database:
        stores_and_verifies(database, tmp_path)


# A binary log of statements, which takes no transactions of ours


@pytest.fixture
def log_of_statements(database: Database) -> Iterator[None]:
    """The server writes statements into its binary log."""
    if not database.admin("SELECT @@GLOBAL.log_bin")[0][0]:
        pytest.skip("the server writes no binary log")
    with global_settings(database, {"binlog_format": "STATEMENT"}):
        yield


@pytest.mark.parametrize("version", [0, 1, 5])
@pytest.mark.usefixtures("log_of_statements")
def test_a_binary_log_of_statements_is_named_before_anything_is_written(
    database: Database, version: int, tmp_path: Path
) -> None:
    config = database.config(schema_policy="update")
    if version == 1:
        made_by_mlos_bench(database)
    elif version:
        with global_settings(database, {"binlog_format": "ROW"}):
            migrate_to(config, version)
    before = database.tables()
    error = refusal(lambda: SqlStorage(config))
    assert type(error) is MigrationError
    assert "binlog_format is STATEMENT" in error.message
    assert "'binlog_format' to ROW" in error.hint
    told = refused(runner(tmp_path)(database.config(), "plan"), 1, "binlog_format is STATEMENT")
    assert "'binlog_format' to ROW" in told
    assert database.tables() == before


@pytest.mark.usefixtures("log_of_statements")
def test_nothing_is_adopted_under_it_and_what_is_up_to_date_can_be_read(database: Database, tmp_path: Path) -> None:
    made_by_mlos_bench(database)
    before = database.tables()
    done = runner(tmp_path)(database.config(), "adopt")
    assert done.exit_code != 0
    assert "binlog_format" in done.stderr
    assert database.tables() == before
    with global_settings(database, {"binlog_format": "ROW"}), SqlStorage(database.config(schema_policy="update")) as it:
        use(it)
    ok(runner(tmp_path)(database.config(), "apply"))  # there is nothing to do
    with SqlStorage(database.config()) as storage:
        assert list(storage.experiments) == ["Exp"]
        assert "'binlog_format' to ROW" in refusal(lambda: make_experiment(storage, "Other").__enter__()).hint


# Tables that mlos_bench has made on a server that adds primary keys of its own


def made_by_mlos_bench(database: Database) -> None:
    """Make its tables as its first version does."""
    for statement in load_migrations("mysql/migrations")[0].statements:
        database.admin(statement)


HIDDEN_KEY = "ADD COLUMN my_row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY FIRST"


@on_mysql
def test_tables_that_were_made_while_the_server_adds_keys_are_adopted(database: Database, tmp_path: Path) -> None:
    with global_settings(database, dict.fromkeys(KEYS, "ON")):
        MYSQL.load(database.config())
        ok(runner(tmp_path)(database.config(), "apply"))
        ok(runner(tmp_path)(database.config(), "verify", "--strict"))
    assert database.admin(INVISIBLE) == []


@on_mysql
@pytest.mark.parametrize("shown", ["ON", "OFF"])
def test_keys_that_the_server_has_added_are_named_though_it_hides_them(database: Database, shown: str) -> None:
    made_by_mlos_bench(database)
    # As older servers do by themselves, for which a unique key does not pass for a primary key.
    database.admin(f"ALTER TABLE trial_status {HIDDEN_KEY}")
    before = database.tables()
    with global_settings(database, {"show_gipk_in_create_table_and_information_schema": shown}):
        error = refusal(lambda: SqlStorage(database.config(schema_policy="update")))
        assert type(error) is SchemaDrift
        assert "primary key of trial_status (my_row_id)" in error.message
        assert database.tables() == before
    database.admin("ALTER TABLE trial_status DROP PRIMARY KEY, DROP COLUMN my_row_id")
    with SqlStorage(database.config(schema_policy="update")) as storage:
        use(storage)


# Columns that are added at once, which MySQL does to a table a number of times only


NO_MORE_COLUMNS = 4092


@on_mysql
def test_a_table_that_takes_no_more_columns_at_once_is_to_be_rebuilt(database: Database) -> None:
    config = database.config(schema_policy="update")
    migrate_to(config, 10)
    with database.other() as execute:

        def change() -> None:
            for _ in range(1000):
                execute("ALTER TABLE trial ADD COLUMN more INTEGER, ALGORITHM = INSTANT")
                execute("ALTER TABLE trial DROP COLUMN more, ALGORITHM = INSTANT")

        with pytest.raises(pymysql.MySQLError) as caught:
            change()
    assert caught.value.args[0] == NO_MORE_COLUMNS
    before = database.admin("SHOW CREATE TABLE trial")
    error = refusal(lambda: SqlStorage(config))
    assert type(error) is MigrationFailed
    assert "0011_leases, statement 1 of 1" in error.message
    assert "Maximum row versions reached" in error.message
    assert database.admin("SHOW CREATE TABLE trial") == before
    rebuild = "ALTER TABLE trial FORCE, ALGORITHM = INPLACE, LOCK = NONE"
    assert rebuild.replace("trial", "…") in error.hint
    database.admin(rebuild)
    with SqlStorage(config) as storage:
        use(storage)


# Memory for sorting


def test_long_values_are_read_with_the_least_memory_for_sorting(database: Database) -> None:
    with global_settings(database, {"sort_buffer_size": "32768"}), SqlStorage(database.config()) as storage:
        long = {f"m{number}": chr(ord("a") + number) * 60_000 for number in range(20)}
        with make_experiment(storage) as experiment:
            finish(experiment.new_trial({"cache": "x" * 60_000}), **long)
        data = storage.experiments["Exp"]
        assert data.results_df["result.m3"].tolist() == [long["m3"]]
        assert data.trials[1].results_dict == {"score": 1.5, **long}


@on_mysql
def test_a_statement_that_needs_more_memory_for_sorting_says_what_to_raise(database: Database) -> None:
    hint = "/*+ SET_VAR(sort_buffer_size = 32768) */"
    statement = f"SELECT {hint} metric_value FROM trial_result ORDER BY value_type, metric_id DESC"
    with SqlStorage(database.config()) as storage:
        with make_experiment(storage) as experiment:
            finish(experiment.new_trial({}), **{f"m{number}": "x" * 60_000 for number in range(20)})
        error = refusal(lambda: storage.database.write(lambda tx: tx.run_migration(statement, "x")))
    assert type(error) is QueryError
    assert error.code == "error 1038"
    assert "'sort_buffer_size'" in error.hint
