"""Writes the schema that all migrations together yield, as SQL for reading and review.

`python -m trialstore.storage.schema.dump URL` prints it for the empty database at URL; `sql/<engine>/schema.sql` is
this output, and a test compares the two. With `--structure` before the URL it prints the facts that each migration
yields, which are `sql/<engine>/structure.txt`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from trialstore.sql.lint import load_rules
from trialstore.sql.reading import read_sql
from trialstore.sql.session import Session
from trialstore.sql.structure import facts_text, read_facts
from trialstore.sql.touching import Does, Thing, touches
from trialstore.storage.config.keys import check_config, config_from_url
from trialstore.storage.database.connections import Database

from .policy import migrate, update_schema

_HEAD = """\
-- Generated from the migrations of this folder; do not edit. The test suite compares it with what the migrations yield.
-- What a database looks like at schema version {version}.
"""


def schema_text(database: Database) -> str:
    """The definitions of all tables, indexes and views of a database, in this order, each group by name."""

    def read(tx: Session) -> str:
        version = tx.many("history_list")[-1].version
        objects = [row.definition for row in tx.many("schema_objects")]
        objects += _views(database, version)
        return _HEAD.format(version=f"{version:04d}") + "".join(f"\n{definition};\n" for definition in objects)

    return database.read(read)


def _views(database: Database, version: int) -> list[str]:
    """The definitions of the views by name, as the migrations write them: servers spell them in ways of their own."""
    syntax = load_rules(Path(database.dialect.migrations_folder).parent).syntax
    found: dict[str, str] = {}
    for migration in database.migrator.migrations[:version]:
        for statement in migration.statements:
            for touch in touches(read_sql(statement, syntax).statements[0]):
                if touch.thing is Thing.VIEW and touch.does is Does.ADDS:
                    found[touch.table] = statement
                elif touch.thing is Thing.VIEW:
                    found.pop(touch.table, None)
    return [found[name] for name in sorted(found)]


def structure_text(database: Database) -> str:
    """The facts that hold at each version, of an empty database that is brought up to date step by step."""
    by_version = {}
    for migration in database.migrator.migrations:
        migrate(database, migration.version)
        by_version[migration.version] = database.read(read_facts)
    return facts_text(by_version)


def main(*arguments: str) -> None:
    """Bring the database at the URL up to date and print its schema."""
    database = Database(check_config({**config_from_url(arguments[-1]), "schema_policy": "update"}))
    if arguments[0] == "--structure":
        sys.stdout.write(structure_text(database))
    else:
        update_schema(database)
        sys.stdout.write(schema_text(database))
    database.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
