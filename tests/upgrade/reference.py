"""The databases that mlos_bench wrote, and loading them into their engines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from trialstore.contract.helpers import bare

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED: dict[str, Any] = json.loads((FIXTURES / "reference-head.expected.json").read_text(encoding="utf-8"))
MARK = "alembic_version"


@dataclass(frozen=True)
class Reference:
    """A file that holds a database of mlos_bench, the revision it is at, and which of our versions that is."""

    name: str
    engine: str
    revision: str = "b61aa446e724"
    version: int = 4

    @property
    def path(self) -> Path:
        return FIXTURES / self.name

    def load(self, config: dict[str, Any], *replace: str) -> None:
        """Put the database into the empty one of this config; of a dump, with the first text replaced by the second."""
        if self.engine == "sqlite":
            shutil.copyfile(self.path, config["database"])
            return
        dump = self.path.read_text(encoding="utf-8")
        with bare(config) as storage, storage.database.engine.connect() as connection:
            _LOADERS[self.engine](connection, dump.replace(*replace) if replace else dump)


HEAD = Reference("reference-head.sqlite", "sqlite")
OLD = Reference("reference-0.6.2.sqlite", "sqlite", "f83fb8ae7fc4", 2)
MYSQL = Reference("reference-head.mysql.sql", "mysql")
REFERENCES = (HEAD, OLD, Reference("reference-head.postgresql.sql", "postgresql"), MYSQL)


def _load_mysql(connection: Connection, dump: str) -> None:
    for statement in dump.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement).close()


def _load_postgresql(connection: Connection, dump: str) -> None:
    """Run what pg_dump wrote for psql: statements, and rows behind those that copy them."""
    cursor = connection.connection.cursor()
    lines = iter(dump.splitlines(keepends=True))
    for statement in _statements(lines):
        if statement.startswith("COPY "):
            with cursor.copy(statement) as copy:
                for line in iter(lines.__next__, "\\.\n"):
                    copy.write(line)
        else:
            cursor.execute(statement)
    cursor.close()


def _statements(lines: Iterator[str]) -> Iterator[str]:
    """Statements as they come; who takes one may take lines that follow it. Commands to psql are left out."""
    statement = ""
    for line in lines:
        if not line.startswith(("--", "\\")):
            statement += line
        if statement.endswith(";\n"):
            yield statement.strip()
            statement = ""


_LOADERS: dict[str, Callable[[Connection, str], None]] = {"mysql": _load_mysql, "postgresql": _load_postgresql}
