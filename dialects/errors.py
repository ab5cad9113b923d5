"""Every error that trialstore raises on purpose.

All derive from `StorageError`, carry a message and a hint that says what to do next, can be pickled, and never
contain a password or a stored value. They live on the ground floor so that each layer can raise them;
`trialstore.storage` re-exports them.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .text import clean_lines

if TYPE_CHECKING:
    from typing_extensions import Self


class ErrorKind(enum.Enum):
    """What a driver's error means, whatever the engine; a dialect's `classify` maps each error to one of these."""

    DUPLICATE = "duplicate"
    MISSING_REFERENCE = "missing reference"
    MISSING_OBJECT = "missing object"
    OBJECT_EXISTS = "object exists"
    PERMISSION = "permission"
    BUSY = "busy"
    ENDED = "ended by somebody, or by a limit on its time"
    DEADLOCK = "deadlock or serialization failure"
    DISCONNECTED = "disconnected"
    CANNOT_CONNECT = "cannot connect"
    UNREACHABLE = "unreachable"
    BAD_VALUE = "bad value"
    OTHER = "other"

    @property
    def retryable(self) -> bool:
        """Whether the transaction is undone (unless its commit was on the way), and may succeed when run again."""
        return self in (ErrorKind.BUSY, ErrorKind.ENDED, ErrorKind.DEADLOCK, ErrorKind.DISCONNECTED)


class StorageError(Exception):
    """Base of all errors of trialstore: `message` says what happened, `hint` what to do about it (may be empty).

    Both are clean of control characters, whatever names they repeat; only lines, as of a statement, stay lines.
    """

    code = ""
    """Where the database refused something: its own code for that (an SQLSTATE, "error 1205", SQLite's name)."""
    step = ""
    """Where that was in a migration: its file, and which of its statements."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = clean_lines(message)
        self.hint = clean_lines(hint)
        super().__init__(self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.message} Hint: {self.hint}" if self.hint else self.message

    def with_message(self, message: str) -> Self:
        """The same error in other words: hint, code and step stay."""
        twin = type(self)(message, *self.args[1:])
        twin.code, twin.step = self.code, self.step
        return twin

    def with_hint(self, hint: str) -> Self:
        """The same error with another hint: message, code and step stay."""
        twin = type(self)(self.message, hint, *self.args[2:])
        twin.code, twin.step = self.code, self.step
        return twin


class ConfigError(StorageError, ValueError):
    """The configuration is wrong: an unknown key, a wrong type, a missing variable, an engine or driver that is not
    there."""


class UnknownTunable(ConfigError, KeyError):
    """There is no tunable parameter, or no group, of that name."""


class CatalogueError(StorageError):
    """A query file breaks the rules of the catalogue."""


class ConnectError(StorageError):
    """The database could not be reached or opened."""


class ServerUnreachable(ConnectError):
    """No server answers: it is down, or restarts. A storage that was connected before waits for it."""


class SchemaError(StorageError):
    """The database's schema is not the one that this version of the library works with."""


class SchemaMissing(SchemaError):
    """The database holds no schema of ours, and the schema policy does not allow creating it."""


class SchemaTooOld(SchemaError):
    """Migrations are pending, and the schema policy does not allow applying them."""


class SchemaTooNew(SchemaError):
    """The database was brought up to date by a newer version of the library."""


class SchemaDrift(SchemaError):
    """The database's structure or history does not match the migrations."""


class MigrationError(SchemaError):
    """A migration cannot be planned or applied."""


class MigrationFileInvalid(MigrationError):
    """A migration file breaks the rules for such files (name, header, numbering, statement ends)."""


class MigrationChecksumMismatch(MigrationError):
    """A migration that was applied differs from the file of the same number that ships with the library."""


class MigrationLocked(MigrationError):
    """Another process held the migration lock for longer than the wait allowed."""


class MigrationIncomplete(MigrationError):
    """The history holds a migration that was begun and not finished."""


class MigrationBlocked(MigrationError):
    """The database is not as the pending migrations need it, or others have what depends on what they change; the
    message lists it. Nothing was changed."""


class MigrationFailed(MigrationError):
    """A statement of a migration was refused by the database."""

    cut_short = False
    """It was not refused: the connection was ended meanwhile."""


class QueryError(StorageError):
    """The database refused a statement; `kind` says what that means, whatever the engine."""

    def __init__(self, message: str, hint: str = "", kind: ErrorKind | None = None) -> None:
        super().__init__(message, hint)
        self.kind = kind or ErrorKind.OTHER
        self.args = (self.message, self.hint, self.kind)


class ValueRejected(QueryError, ValueError):
    """A value cannot be stored: wrong type, too long, or not representable. Nothing was written."""


class PermissionDenied(QueryError):
    """The database user (or the file's mode) does not allow the statement."""


class Busy(QueryError):
    """Other writers held the database for longer than the retries allowed."""


class CommitUnknown(QueryError):
    """The connection was lost while a commit was on its way: the transaction may have been carried out, or not."""


class DuplicateKey(QueryError):
    """A row with the same key exists already."""


class MissingReference(QueryError):
    """A row refers to another one that does not exist."""


class TrialError(StorageError):
    """A trial or experiment is not in the state that the call needs. Nothing was written."""


class ExperimentMissing(TrialError, KeyError):
    """The experiment does not exist in this storage."""


class TrialMissing(TrialError, KeyError):
    """The trial, or the tunable config, does not exist in this storage."""


class AlreadyCompleted(TrialError, RuntimeError):
    """The trial is completed already: its status and metrics are final."""


class LeaseLost(TrialError):
    """This process does not hold the trial any more: its lease ran out and the trial was taken back, or it is over."""


class TrialHeld(TrialError):
    """Somebody else holds the trial under a lease: only the holder may write to it."""


MOST_LISTED = 20
"""Most names that an error lists."""
LONGEST_SHOWN = 100
"""Most characters of a name that an error shows."""
LONGEST_COMPARED = 1_000
"""Characters of a name that are compared with the known ones: that takes long for long ones."""


def shown(name: object) -> str:
    """A name as errors show it: text in quotes, a long one cut, a number as it is; of anything else the type alone,
    since only its own code could say more."""
    if issubclass(type(name), str):
        text = str.__str__(name)
        return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}… ({len(text):,} characters)"
    if name is None or type(name) in (bool, float) or (type(name) is int and name.bit_length() <= 64):
        return repr(name)
    return f"of type {type(name).__name__}"


def listed(names: Iterable[object], show: Callable[[Any], str] = shown, between: str = ", ") -> str:
    """The first names, and how many more there are: no message grows with the database."""
    texts = list(names)
    more = len(texts) - MOST_LISTED
    return between.join(map(show, texts[:MOST_LISTED])) + (f" and {more:,} more" if more > 0 else "")


def nearest(name: object, known: Iterable[str]) -> str:
    """A hint that names the known name closest to `name`, or where none is close the known names, if not too many."""
    names = sorted(known)
    wanted = str.__str__(name)[:LONGEST_COMPARED] if issubclass(type(name), str) else ""
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {shown(close[0])}?"
    return f"Known: {listed(names, _unquoted)}." if names else ""


def _unquoted(name: str) -> str:
    return name if name.isprintable() and len(name) <= LONGEST_SHOWN else shown(name)
