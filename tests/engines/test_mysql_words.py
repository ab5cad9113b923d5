"""What the lint knows of MySQL's and MariaDB's words, asked of the servers; and what MySQL calls deprecated."""

from __future__ import annotations

from typing import Any

import pytest

from engines.databases import EVERYTHING, Database, connection, engines, user_of
from servers.base import DatabaseServer, Execute
from trialstore.contract.helpers import TARGETS, at, make_experiment
from trialstore.storage import SqlStorage, Status
from unit.mysql_common_part import FUNCTIONS, RESERVED_ANYWHERE

pytestmark = engines("mysql")

UNKNOWN_FUNCTION = (1305, 1630)


def refused(execute: Execute, sql: str) -> int:
    """The number of the error of a statement; 0 for none."""
    import pymysql

    try:
        execute(sql)
    except pymysql.MySQLError as error:
        return int(error.args[0])
    return 0


def test_all_words_that_the_server_reserves_are_known(server: DatabaseServer) -> None:
    words = [word for (word,) in server.admin("SELECT word FROM information_schema.keywords")]
    words = [word.upper() for word in words if word.isidentifier()]
    assert len(words) > 500
    with server.session("information_schema") as execute:
        # Elsewhere names of tables and aliases may be what names of columns may not.
        reserved = [w for w in words if refused(execute, f"SELECT {w}.{w} AS {w} FROM (SELECT 1 AS {w}) AS {w}")]
    assert set(reserved) - RESERVED_ANYWHERE == set()
    assert len(reserved) > 200


def test_all_functions_that_statements_may_call_are_the_servers(server: DatabaseServer) -> None:
    with server.session("information_schema") as execute:
        unknown = [name for name in FUNCTIONS if refused(execute, f"SELECT {name}()") in UNKNOWN_FUNCTION]
    assert set(unknown) - {"json_table"} == set()  # which stands after FROM only


@pytest.mark.server("mysql")
def test_nothing_that_the_library_says_is_deprecated(database: Database) -> None:
    count = (
        "SELECT error_name, sum_error_raised FROM performance_schema.events_errors_summary_by_user_by_error "
        "WHERE user = %s AND sum_error_raised > 0 AND (error_name LIKE '%%DEPRECATED%%' OR error_number = 1681)"
    )
    with user_of(database, "secret", EVERYTHING) as user:
        live(database.config(**user))
        assert database.admin(count, user["username"]) == []
        with connection(database.config(**user)) as execute:
            execute("SELECT BINARY 'x'")
        assert database.admin(count, user["username"]) == [("ER_WARN_DEPRECATED_SYNTAX", 1)]


def live(config: dict[str, Any]) -> None:
    """A database's life, from its schema to what is read."""
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({"cache": 1}, config={"note": "x"})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "cpu", 0.5)])
        trial.update(Status.SUCCEEDED, at(2), dict.fromkeys(TARGETS, 1.5))
        experiment.new_trial({"cache": 2}, ts_start=at(0))
        for claimed in experiment.claim_trials(1):
            claimed.renew_lease()
        experiment.release_expired(at(0))
        assert list(experiment.pending_trials(at(9), running=True))
        assert experiment.load()[0]
        assert len(storage.experiments["Exp"].results_df) == 2
        assert len(storage.experiments["Exp"].trials[1].telemetry_df) == 1
        dialect = storage.database.dialect
        with storage.database.session() as session, dialect.begin_migration(session):
            assert dialect.lock_holder(session)
