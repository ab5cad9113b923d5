"""The committed schema.sql and structure.txt of each engine say what its migrations yield; schema.sql yields it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trialstore.sql
from trialstore.contract.helpers import bare, execute
from trialstore.storage import SqlStorage
from trialstore.storage.schema.dump import schema_text, structure_text
from upgrade.databases import Structure, structure

SQL = Path(trialstore.sql.__file__).parent


def committed(engine: str, name: str = "schema.sql") -> str:
    return (SQL / engine / name).read_text(encoding="utf-8")


def test_schema_sql_is_what_the_migrations_yield(engine: str, empty: dict[str, Any]) -> None:
    with SqlStorage(empty) as storage:
        assert schema_text(storage.database) == committed(engine)


def test_schema_sql_run_in_an_empty_database_yields_what_the_migrations_do(
    engine: str, empty: dict[str, Any], fresh: Structure
) -> None:
    code = "\n".join(line for line in committed(engine).splitlines() if not line.startswith("--"))
    with bare(empty) as storage:
        execute(storage, *(statement for statement in code.split(";\n") if statement.strip()))
        found = structure(storage)
    assert found.columns == fresh.columns
    assert found.keys == fresh.keys


def test_structure_txt_is_what_each_migration_yields(engine: str, empty: dict[str, Any]) -> None:
    with bare(empty) as storage:
        assert structure_text(storage.database) == committed(engine, "structure.txt")
