"""Migration files: reading them, checking them, and planning which of them a database still needs (pure functions).

A file `migrations/NNNN_slug.sql` holds headers (`-- migration: NNNN slug`, `purpose`, `transaction`, `locks`,
`destructive`, and where they apply `nothing`, `adopts`) and statements that end with `;` at the end of a line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from trialstore.dialects.errors import (
    MigrationChecksumMismatch,
    MigrationError,
    MigrationFileInvalid,
    MigrationIncomplete,
    SchemaDrift,
    SchemaTooNew,
)

from .catalogue import ROOT

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_HEADER = re.compile(r"--\s*(migration|purpose|transaction|locks|destructive|nothing|adopts):\s*(.*?)\s*$")
_REQUIRED = ("migration", "purpose", "transaction", "locks", "destructive")

_RESTORE = "Mend the file, or restore the one of the release."

DONE = "done"
ADOPTED = "adopted"
RUNNING = "running"
FAILED = "failed"
UNFINISHED = (RUNNING, FAILED)


@dataclass(frozen=True)
class Migration:
    """One migration file: what it is for, what it costs, and its statements."""

    version: int
    slug: str
    purpose: str
    transaction: bool
    locks: str
    destructive: bool
    nothing: str
    adopts: str
    statements: tuple[str, ...]
    checksum: str

    def __str__(self) -> str:
        return f"{self.version:04d}_{self.slug}"


@dataclass(frozen=True)
class HistoryRow:
    """What the history table says of one migration."""

    version: int
    slug: str
    checksum: str
    state: str
    statements_done: int


def checksum(text: str) -> str:
    """sha256 over the text with line ends and trailing blanks normalised, so that a checkout's line ends do not
    count."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return hashlib.sha256("\n".join(lines).rstrip("\n").encode("utf-8")).hexdigest()


def parse_migration(text: str, filename: str) -> Migration:
    """The migration in `text`. Raises MigrationFileInvalid naming the file and what is wrong with it."""
    match = _FILE.fullmatch(filename)
    if not match:
        raise MigrationFileInvalid(f"{filename}: the name is not NNNN_slug.sql.", _RESTORE)
    headers: dict[str, str] = {}
    statements: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header and not statements and not lines:
            key, value = header.groups()
            headers[key] = f"{headers[key]} {value}" if key in headers else value
        elif line.strip() and not line.lstrip().startswith("--"):
            lines.append(line.rstrip())
            if line.rstrip().endswith(";"):
                statements.append("\n".join(lines)[:-1].rstrip())
                lines = []
    if lines:
        raise MigrationFileInvalid(
            f"{filename}: the last statement does not end with ';' at the end of a line.", _RESTORE
        )
    return _migration(filename, match, headers, statements, text)


def _migration(
    filename: str, match: re.Match[str], headers: dict[str, str], statements: Sequence[str], text: str
) -> Migration:
    for key in _REQUIRED:
        if not headers.get(key):
            raise MigrationFileInvalid(f"{filename}: header '{key}' is missing.", _RESTORE)
    if headers["migration"] != f"{match[1]} {match[2]}":
        raise MigrationFileInvalid(f"{filename}: its header says migration {headers['migration']!r}.", _RESTORE)
    for key, values in (("transaction", ("on", "off")), ("destructive", ("no", "yes"))):
        if headers[key] not in values:
            raise MigrationFileInvalid(
                f"{filename}: header '{key}' is neither {values[0]!r} nor {values[1]!r}.", _RESTORE
            )
    if bool(statements) == bool(headers.get("nothing")):
        raise MigrationFileInvalid(
            f"{filename}: either it has statements, or a header 'nothing' that says why not.", _RESTORE
        )
    return Migration(
        version=int(match[1]),
        slug=match[2],
        purpose=headers["purpose"],
        transaction=headers["transaction"] == "on",
        locks=headers["locks"],
        destructive=headers["destructive"] == "yes",
        nothing=headers.get("nothing", ""),
        adopts=headers.get("adopts", ""),
        statements=tuple(statements),
        checksum=checksum(text),
    )


@lru_cache(maxsize=32)
def load_migrations(folder: str | Path) -> tuple[Migration, ...]:
    """All migrations of a folder (relative ones are below this package) in order; they are numbered 1, 2, 3, …
    without gaps.

    Raises MigrationFileInvalid when a file, or their numbering, breaks the rules.
    """
    files = sorted((ROOT / folder).glob("*.sql"))
    migrations = tuple(parse_migration(file.read_text(encoding="utf-8"), file.name) for file in files)
    if not migrations:
        raise MigrationFileInvalid(f"No migration files in {folder}.", _RESTORE)
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise MigrationFileInvalid(
                f"{migration}.sql: number {expected:04d} is expected here.", f"No gaps, no doubles. {_RESTORE}"
            )
    return migrations


def plan(
    migrations: Sequence[Migration], history: Sequence[HistoryRow], *, resumable: bool = False
) -> tuple[Migration, ...]:
    """The migrations that a database with this history still needs; empty when it is up to date.

    Where `resumable` (each statement is recorded, since DDL cannot be rolled back), an unfinished last row (`running`,
    or `failed` if a statement was refused) is the first of them. Refuses a history that these files cannot have
    written: SchemaTooNew (rows of a newer library), SchemaDrift (gaps, other slugs), MigrationChecksumMismatch (a file
    that was edited after it was applied), MigrationIncomplete (an unfinished row).
    """
    for position, row in enumerate(history, start=1):
        if row.version > len(migrations):
            raise SchemaTooNew(
                f"The database is at schema version {history[-1].version}; this library knows {len(migrations)}.",
                "Upgrade trialstore to the version that wrote it.",
            )
        migration = migrations[row.version - 1]
        if row.version != position:
            raise SchemaDrift(
                f"The schema history lacks version {position:04d}.", "Restore the table trialstore_schema."
            )
        if row.slug != migration.slug:
            raise SchemaDrift(
                f"The schema history has {row.version:04d}_{row.slug} where this library has {migration}.",
                "The database belongs to another chain of migrations.",
            )
        unfinished = resumable and row.state in UNFINISHED and position == len(history)
        if row.state not in (DONE, ADOPTED) and not unfinished:
            raise MigrationIncomplete(
                f"Migration {migration} was begun and not finished ({row.statements_done} statements done).",
                f"Run 'trialstore schema resolve {row.version}', which shows what it left behind.",
            )
        if row.checksum != migration.checksum:
            raise MigrationChecksumMismatch(
                f"Migration {migration} differs from the one that was applied to this database.",
                "A released migration is never edited: restore the file, and put the change into a new one.",
            )
    return tuple(migrations[len(history) - len(unfinished_rows(history)) :])


def unfinished_rows(history: Sequence[HistoryRow]) -> Sequence[HistoryRow]:
    """The last row, if its migration was begun and not finished."""
    return [row for row in history[-1:] if row.state in UNFINISHED]


def check_target(migrations: Sequence[Migration], version: int, to: int | None) -> None:
    """Raise MigrationError unless a database at `version` can be brought to version `to` (None: the newest)."""
    if to is None:
        return
    if to > len(migrations):
        raise MigrationError(
            f"There is no schema version {to}: the newest that this library knows is {len(migrations)}.",
            "Give that or a smaller one, or upgrade trialstore.",
        )
    if to < version:
        raise MigrationError(
            f"The database is at schema version {version}, which is past version {to}.",
            "Migrations go forward only; to go back, restore a backup.",
        )
