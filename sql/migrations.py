"""Migration files: reading and checking them (pure functions).

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

from trialstore.dialects.errors import MigrationFileInvalid

from .catalogue import ROOT

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_HEADER = re.compile(r"--\s*(migration|purpose|transaction|locks|destructive|nothing|adopts):\s*(.*?)\s*$")
_REQUIRED = ("migration", "purpose", "transaction", "locks", "destructive")

_RESTORE = "Fix the file, or restore the one of the release."


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
