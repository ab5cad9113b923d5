"""What engines have in common whose databases are files of this machine, or the memory of this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from .base import Dialect
from .errors import ConfigError, ConnectError

MEMORY = ":memory:"


class FileDialect(Dialect):
    """A file, or memory (`:memory:` or no database at all)."""

    default_policy: ClassVar[str] = "update"
    in_process: ClassVar[bool] = True
    # What a process knows of its open files, locks included, is memory that a fork copies, while the locks stay with
    # the parent: a child that uses what it inherited believes in locks that it does not hold.
    close_before_fork: ClassVar[bool] = True

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        for key in ("host", "port", "username", "password"):
            if self.settings.get(key) not in (None, ""):
                raise ConfigError(
                    f"config.{key}: {self.name} has no {key}.", "Leave it out; 'database' names the file."
                )
        database = self.settings.get("database") or MEMORY
        if "\0" in database or any(len(part.encode()) > 255 for part in Path(database.partition("?")[0]).parts):
            raise ConfigError(
                "config.database is no name that a file can have.", "Give a shorter one, without NUL characters."
            )
        # Made absolute now, so that a later chdir, or a child started elsewhere, opens the same file.
        self.path = None if database == MEMORY or self.is_uri(database) else Path(database).absolute()
        self.database = str(self.path or database)

    def is_uri(self, database: str) -> bool:
        """Whether the name of the database is more than a path."""
        return False

    def in_memory(self) -> bool:
        return self.database == MEMORY

    def check_path(self) -> None:
        """Raise ConfigError for a path that no database can have."""
        if self.path is not None and self.path.is_dir():
            raise ConfigError(
                f"config.database: {self.path} is a folder.", "Name a file, for instance one in that folder."
            )
        if self.path is not None and not self.path.parent.is_dir():
            raise ConfigError(
                f"config.database: the folder {self.path.parent} does not exist.", "Create the folder first."
            )

    def file(self) -> Path | None:
        """The file of the database, None in memory."""
        return self.path

    def check_exists(self) -> None:
        file = None if self.in_memory() else self.file()
        if file is None:
            raise ConnectError("An in-memory database starts empty: there is nothing to open.", "Name a file.")
        if not file.exists():
            raise ConnectError(f"There is no database file {file}.", "Check the path; writing commands create it.")
