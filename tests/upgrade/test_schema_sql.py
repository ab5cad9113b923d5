"""The committed schema.sql of each engine says what its migrations yield."""

from __future__ import annotations

from pathlib import Path

import pytest

import trialstore.sql
from trialstore.storage import SqlStorage
from trialstore.storage.schema_dump import schema_text

SQL = Path(trialstore.sql.__file__).parent


@pytest.mark.parametrize("engine", ["sqlite"])
def test_schema_sql_is_what_the_migrations_yield(engine: str) -> None:
    with SqlStorage({"drivername": engine}) as storage:
        assert (SQL / engine / "schema.sql").read_text(encoding="utf-8") == schema_text(storage._database)
