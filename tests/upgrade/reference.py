"""The databases that the reference wrote, and looking into them past the library."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from trialstore.storage import SqlStorage

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED: dict[str, Any] = json.loads((FIXTURES / "reference-head.expected.json").read_text(encoding="utf-8"))
REVISIONS = {"reference-head.sqlite": ("b61aa446e724", 4), "reference-0.6.2.sqlite": ("f83fb8ae7fc4", 2)}


def opened(file: Path, **more: Any) -> SqlStorage:
    return SqlStorage({"drivername": "sqlite", "database": str(file), **more})


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def rows(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def content(file: Path) -> dict[str, Any]:
    """Columns and rows of every table."""
    with closing(sqlite3.connect(file)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in sorted(names):
            cursor = connection.execute(f"SELECT * FROM {name}")
            found[name] = ([column[0] for column in cursor.description], sorted(cursor.fetchall(), key=repr))
        return found
