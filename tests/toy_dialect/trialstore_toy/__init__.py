"""A dialect for an engine that is SQLite by another name, with one statement of its own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from trialstore.dialects.sqlite import SQLiteDialect


class ToyDialect(SQLiteDialect):
    """The URL is `toy:///file`; the SQL is that of SQLite, and over it what lies in this package."""

    name: ClassVar[str] = "toy"
    sql_folders: ClassVar[tuple[str | Path, ...]] = (*SQLiteDialect.sql_folders, Path(__file__).parent / "queries")
    least_versions: ClassVar[dict[str, tuple[int, ...]]] = {"toy": (3, 35)}
