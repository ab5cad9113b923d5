"""Migration files: reading and checking them (pure functions).

A file `migrations/NNNN_slug.sql` holds headers (`-- migration: NNNN slug`, `purpose`, `serves_from`,
`transaction`, `locks`, `destructive`, and where they apply `nothing`, `adopts`) and statements that end with `;`. They
run as they stand, without the comments around them. What the engine's own client might read otherwise is refused,
since the same text goes into scripts.

`serves_from` is the oldest schema version whose applications can work on the database from the first statement of the
migration on: the version before where it only adds what they do not know, else its own. The history keeps it, so that
those applications, which do not have this file, can go by it.
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
from .locks import EFFECTS, NO_LOCK, STOPS, Lock, parse_locks
from .reading import SqlFile, SqlStatement, Syntax, load_syntax, read_sql

_VERSION = re.compile(r"\d{4}", re.ASCII)
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_HEADER = re.compile(r"(migration|purpose|serves_from|transaction|locks|destructive|nothing|adopts):\s*(.*)")
_REQUIRED = ("migration", "purpose", "serves_from", "transaction", "locks", "destructive")

_TRANSACTION = re.compile(r"(?:BEGIN|START TRANSACTION|COMMIT|ROLLBACK|END|ABORT|SAVEPOINT|RELEASE)\b")

_BIND = re.compile(r":\w")
_ACCEPT = re.compile(r"--\s*accept:")

_RESTORE = "Fix the file, or restore the one of the release."


@dataclass(frozen=True)
class Migration:
    """One migration file: what it is for, what it costs, and its statements."""

    version: int
    slug: str
    purpose: str
    serves_from: int
    """The oldest schema version whose applications can work from the first statement of this migration on."""
    transaction: bool
    locks: tuple[Lock, ...]
    locks_text: str
    """The locks as the file says them."""
    destructive: bool
    nothing: str
    adopts: str
    statements: tuple[str, ...]
    checksum: str

    def __str__(self) -> str:
        return f"{self.version:04d}_{self.slug}"


def checksum(text: str) -> str:
    """sha256 over the text with line ends and trailing blanks normalised, so that a checkout's line ends do not
    count; nor do the comments that accept what lint finds, which change nothing that runs."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    lines = [line for line in lines if not _ACCEPT.match(line)]
    return hashlib.sha256("\n".join(lines).rstrip("\n").encode("utf-8")).hexdigest()


def parse_migration(text: str, filename: str, syntax: Syntax = Syntax()) -> Migration:  # noqa: B008 - it is frozen
    """The migration in `text`, read as an engine with that syntax reads it. Raises MigrationFileInvalid naming the
    file, the line and what is wrong with it."""
    match = _FILE.fullmatch(filename)
    if not match:
        raise MigrationFileInvalid(f"{filename}: the name is not NNNN_slug.sql.", _RESTORE)
    file = read_sql(text, syntax)
    _check_readable(file, filename)
    for statement in file.statements:
        _check_statement(statement, filename, syntax)
    headers: dict[str, str] = {}
    first = file.statements[0].line if file.statements else None
    for comment in file.head:
        header = _HEADER.match(comment.text)
        if header and (first is None or comment.line < first):
            key, value = header.groups()
            headers[key] = f"{headers[key]} {value}" if key in headers else value
    return _migration(filename, match, headers, [statement.source for statement in file.statements], text)


def _check_readable(file: SqlFile, filename: str) -> None:
    if file.unclosed:
        where = f"{filename}, line {file.unclosed.line}"
        raise MigrationFileInvalid(f"{where}: nothing closes {file.unclosed.text} before a statement ends.", _RESTORE)
    if file.commands:
        where, command = f"{filename}, line {file.commands[0].line}", file.commands[0].text
        raise MigrationFileInvalid(f"{where}: {command} is for a client, not for the database.", _RESTORE)


def _check_statement(statement: SqlStatement, filename: str, syntax: Syntax) -> None:
    words = {word.text: word for word in reversed(statement.words) if not word.quoted}
    reason, word = "", statement.words[0]
    if _TRANSACTION.match(statement.text) and not statement.words[0].quoted:
        reason = f"{word.text} is left to the migrator, which begins and ends transactions."
    elif "\\" in words:
        reason, word = "a backslash outside of strings is for a client.", words["\\"]
    elif bind := next((word for word in statement.words if _BIND.match(word.text) and not word.quoted), None):
        reason, word = f"a client may put a variable in the place of {bind.text}; leave a blank behind ':'.", bind
    elif ";" in words and not syntax.bodies:
        reason, word = "this engine's client would end the statement here, in the middle of a body.", words[";"]
    elif not statement.ended:
        reason = "the last statement does not end with ';'."
    if reason:
        raise MigrationFileInvalid(f"{filename}, line {word.line}: {reason}", _RESTORE)


def _migration(
    filename: str, match: re.Match[str], headers: dict[str, str], statements: Sequence[str], text: str
) -> Migration:
    for key in _REQUIRED:
        if not headers.get(key):
            raise MigrationFileInvalid(f"{filename}: header '{key}' is missing.", _RESTORE)
    if headers["migration"] != f"{match[1]} {match[2]}":
        raise MigrationFileInvalid(f"{filename}: its header says migration {headers['migration']!r}.", _RESTORE)
    serves_from = headers["serves_from"]
    if not _VERSION.fullmatch(serves_from) or not 1 <= int(serves_from) <= int(match[1]):
        raise MigrationFileInvalid(
            f"{filename}: header 'serves_from' is not a version, of four digits, up to its own.", _RESTORE
        )
    for key, values in (("transaction", ("on", "off")), ("destructive", ("no", "yes"))):
        if headers[key] not in values:
            raise MigrationFileInvalid(
                f"{filename}: header '{key}' is neither {values[0]!r} nor {values[1]!r}.", _RESTORE
            )
    if bool(statements) == bool(headers.get("nothing")):
        raise MigrationFileInvalid(
            f"{filename}: either it has statements, or a header 'nothing' that says why not.", _RESTORE
        )
    try:
        locks = parse_locks(headers["locks"])
    except ValueError as exc:
        raise MigrationFileInvalid(
            f"{filename}: header 'locks' has a sentence that is not of its form: {str(exc)!r}.",
            f"A sentence: LOCK on TABLES stops {' or '.join(STOPS)}; {' or '.join(EFFECTS)}; at once or N s per "
            f"1,000,000 rows. Or: {' Or: '.join(NO_LOCK)}",
        ) from None
    return Migration(
        version=int(match[1]),
        slug=match[2],
        purpose=headers["purpose"],
        serves_from=int(headers["serves_from"]),
        transaction=headers["transaction"] == "on",
        locks=locks,
        locks_text=headers["locks"],
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
    files, syntax = sorted((ROOT / folder).glob("*.sql")), load_syntax((ROOT / folder).parent)
    migrations = tuple(parse_migration(file.read_text(encoding="utf-8"), file.name, syntax) for file in files)
    if not migrations:
        raise MigrationFileInvalid(f"No migration files in {folder}.", _RESTORE)
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise MigrationFileInvalid(
                f"{migration}.sql: number {expected:04d} is expected here.", f"No gaps, no doubles. {_RESTORE}"
            )
    return migrations
