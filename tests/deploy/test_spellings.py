"""How servers spell one and the same structure, which is no difference from it.

Each case is the catalogue of a server as it would be had another version made it: the rows of information_schema are
copied from a real server into tables, spelled as that version does, and read by the statements of this library. Seen on
real servers are MariaDB 10.11 and 11.8 and MySQL 9.7, which the tests also verify as they are; the others are from the
documentation of those versions (display widths, DEFAULT_GENERATED, current_timestamp(), NULL as a default).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from engines.databases import Database, engines
from trialstore.contract.helpers import migrate_to
from trialstore.sql.migrations import load_migrations
from trialstore.sql.session import Session
from trialstore.sql.structure import Difference, compare, expected_facts, read_facts
from trialstore.storage import SqlStorage

NEWEST = len(load_migrations("mysql/migrations"))
VIEWS = {
    "columns": "table_schema", "tables": "table_schema", "statistics": "table_schema",
    "key_column_usage": "table_schema", "referential_constraints": "constraint_schema",
    "views": "table_schema",
    "table_constraints": "table_schema", "check_constraints": "constraint_schema", "triggers": "event_object_schema",
}  # fmt: skip
INTEGERS = "UPDATE copied_columns SET column_type = '{}' WHERE data_type = 'int'"
NO_DEFAULT = "UPDATE copied_columns SET column_default = {} WHERE column_default IS NULL OR column_default = 'NULL'"
UPPER = "UPDATE copied_columns SET extra = upper(extra)"
RULES = "UPDATE copied_referential_constraints SET delete_rule = '{0}', update_rule = '{0}'"
SPELLINGS = {
    "MySQL 8.0.13": [INTEGERS.format("int(11)"), NO_DEFAULT.format("NULL"), RULES.format("NO ACTION")],
    "MySQL 8.0.19 to 9.7": [INTEGERS.format("int"), NO_DEFAULT.format("NULL"), RULES.format("NO ACTION")],
    "MySQL made by a dump of an older one": [INTEGERS.format("int(10)"), RULES.format("RESTRICT")],
    "MariaDB 10.6 to 11.8": [INTEGERS.format("int(11)"), NO_DEFAULT.format("'NULL'"), RULES.format("RESTRICT")],
    "MariaDB 12": [INTEGERS.format("int(11)"), NO_DEFAULT.format("'NULL'"), RULES.format("NO ACTION")],
    "another letter case": [UPPER],
}  # fmt: skip
ON_UPDATE = {
    "MySQL": "DEFAULT_GENERATED on update CURRENT_TIMESTAMP(6)",
    "MariaDB": "on update current_timestamp(6)",
}


class Copied:
    """A session whose statements read the copied rows."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def many(self, name: str) -> Sequence[Any]:
        """The rows of a statement of the catalogue."""
        statement = self.session.catalogue[name]
        sql = statement.sql.replace("information_schema.", "copied_")
        ready = self.session.statements.compile(replace(statement, sql=sql))
        cursor = self.session.driver_connection.cursor()
        cursor.execute(ready.sql, ())
        return list(map(ready.row_class(cursor), cursor.fetchall()))


def differences(database: Database, statements: Sequence[str], before: Sequence[str] = ()) -> list[Difference]:
    """How a database at the newest version differs, with its catalogue spelled otherwise."""
    config = database.config()
    migrate_to(config, NEWEST)
    for statement in before:
        database.admin(statement)
    copies = [
        f"CREATE TABLE copied_{view} AS SELECT * FROM information_schema.{view} WHERE {column} = %s"
        for view, column in VIEWS.items()
    ]
    for copy in copies:
        database.admin(copy, database.name)
    for view in VIEWS:  # what the catalogue compares by itself is of several collations in copies
        database.admin(f"ALTER TABLE copied_{view} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    for statement in statements:
        database.admin(statement)
    with SqlStorage(config) as storage:
        found = storage.database.read(lambda tx: read_facts(Copied(tx)))  # type: ignore[arg-type]
    return [one for one in compare(expected_facts("mysql/migrations", NEWEST), found) if not one.harmless]


@engines("mysql")
@pytest.mark.parametrize("version", SPELLINGS)
def test_a_spelling_is_no_difference(server_database: Database, version: str) -> None:
    if version.startswith("MariaDB") and server_database.server.name != "mariadb":
        pytest.skip("to MySQL, a default 'NULL' is a text")
    assert differences(server_database, SPELLINGS[version]) == []


@engines("mysql")
@pytest.mark.parametrize("server", ON_UPDATE)
def test_a_time_that_changes_by_itself_is_one_in_every_spelling(server_database: Database, server: str) -> None:
    change = (
        f"UPDATE copied_columns SET extra = '{ON_UPDATE[server]}' WHERE table_name = 'trial' AND column_name = 'ts_end'"
    )
    assert [str(one) for one in differences(server_database, [change])] == [
        "different: column trial.ts_end: expected datetime(6), found datetime(6) on update current_timestamp(6)"
    ]


@engines("mysql")
def test_a_default_is_shown_as_the_server_spells_it(server_database: Database) -> None:
    change = (
        "UPDATE copied_columns SET column_default = 'current_timestamp()', extra = 'DEFAULT_GENERATED'"
        " WHERE table_name = 'trial' AND column_name = 'ts_end'"
    )
    assert [str(one) for one in differences(server_database, [change])] == [
        "different: column trial.ts_end: expected datetime(6), found datetime(6) default current_timestamp()"
    ]


@engines("mysql")
@pytest.mark.parametrize("default", ["'NULL'", "'null'", "''"])
def test_a_text_as_default_is_a_difference(server_database: Database, default: str) -> None:
    change = f"ALTER TABLE trial_status ALTER COLUMN status SET DEFAULT {default}"
    (found,) = differences(server_database, [], [change])
    assert str(found).startswith("different: column trial_status.status: expected varchar(16) not null")
