"""What a database holds before anything is done to it: a history of ours, tables of mlos_bench, or neither."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trialstore.dialects.errors import ErrorKind, QueryError, SchemaDrift, listed

from .history import ADOPTED, HISTORY_TABLE, HistoryRow, exists, table_names
from .migrations import Migration
from .session import Session
from .structure import MLOS_BENCH_MARK, Difference, differences

BASE_TABLES = frozenset(
    [
        "experiment",
        "objectives",
        "config",
        "config_param",
        "trial",
        "trial_param",
        "trial_status",
        "trial_result",
        "trial_telemetry",
    ]
)


LOST_HISTORY = (
    "If trialstore made the tables and the table trialstore_schema was lost since, 'trialstore schema adopt' checks "
    "them and records them again."
)


class Found(enum.Enum):
    """What a database holds before anything is done to it."""

    OURS = "a schema with our history"
    MLOS_BENCH = "tables of mlos_bench, not adopted yet"
    OTHER = "tables of another application only"
    EMPTY = "no tables"


@dataclass(frozen=True)
class SchemaState:
    """What the database holds, the version it is at (0 if none), and the migrations it still needs; `interrupted` if
    the first of them has begun."""

    found: Found
    version: int
    pending: tuple[Migration, ...]
    interrupted: bool = False

    @property
    def current(self) -> bool:
        """Nothing is pending."""
        return not self.pending


def inspect_tables(session: Session, migrations: Sequence[Migration]) -> tuple[Found, int]:
    """What a database without history holds, and the version to which mlos_bench has brought it (0: none).

    Raises SchemaDrift where the revision that it says is none of mlos_bench's.
    """
    tables = table_names(session) - {HISTORY_TABLE}
    if not tables & BASE_TABLES:
        return (Found.OTHER if tables else Found.EMPTY), 0
    if MLOS_BENCH_MARK not in tables:
        return Found.MLOS_BENCH, 1
    version = marked_version(session, migrations)
    if version is None:
        raise SchemaDrift(
            "There are tables of our names and no history of ours, and the table alembic_version holds a revision that "
            "is not one of mlos_bench's storage schema.",
            f"Use another database if this one belongs to another application. {LOST_HISTORY}",
        )
    return Found.MLOS_BENCH, version


def marked_version(session: Session, migrations: Sequence[Migration]) -> int | None:
    """The version that mlos_bench's revision stands for; None where it is none of its revisions, which other
    applications write into a table of that name, too."""
    revisions = {migration.adopts: migration.version for migration in migrations if migration.adopts}
    marks = [revisions.get(row.version_num) for row in session.many("mlos_bench_revision")]
    return max((mark for mark in marks if mark is not None), default=None)


def check_tables(session: Session, folder: str | Path, version: int) -> None:
    """Raise SchemaDrift, which lists the differences, unless mlos_bench's tables are built as that version says."""
    found = differences(session, folder, version, history=False, by_mlos_bench=True)
    harmful = [one for one in found if not one.harmless]
    if harmful:
        what = listed(harmful, str, "; ")
        raise SchemaDrift(
            f"The database has tables with trialstore's names that are not built as version {version:04d} says: "
            f"{what}.",
            "If mlos_bench wrote it, repair its schema (its table alembic_version must say at which revision it is; "
            f"'trialstore schema verify' lists all differences). {LOST_HISTORY} Else use another database.",
        )


def check_mark(session: Session, migrations: Sequence[Migration], version: int) -> None:
    """Raise SchemaDrift where mlos_bench has gone on with its own chain after the history was begun. A table
    alembic_version that cannot be read, or is another application's, says nothing about ours. The transaction cannot
    go on then."""
    if version >= max(migration.version for migration in migrations if migration.adopts or migration.version == 1):
        return
    try:
        marked = marked_version(session, migrations) if MLOS_BENCH_MARK in table_names(session) else None
    except QueryError as exc:
        if exc.kind not in (ErrorKind.PERMISSION, ErrorKind.MISSING_OBJECT):
            raise
        return
    if marked is not None and marked > version:
        raise SchemaDrift(
            f"The history says version {version:04d}, but mlos_bench has brought the database to what is "
            f"{marked:04d} here.",
            "Run 'trialstore schema adopt' to take over those steps as well.",
        )


def built_version(session: Session, migrations: Sequence[Migration], folder: str | Path, least: int) -> int:
    """The version that the tables are built as, `least` or newer; of those that differ in nothing, the oldest whose
    migration does something.

    Raises SchemaDrift, which lists the differences from the version that comes closest.
    """
    closest: tuple[int, int, list[Difference]] | None = None
    recorded = exists(session)
    for by_mlos_bench in (False, True):
        for version in range(len(migrations), max(least, 1) - 1, -1):
            found = differences(session, folder, version, history=recorded, by_mlos_bench=by_mlos_bench)
            harmful = [one for one in found if not one.harmless]
            if not harmful:
                idle = itertools.takewhile(lambda one: one.nothing, reversed(migrations[max(least, 1) : version]))
                return version - len(list(idle))
            if closest is None or len(harmful) < closest[0]:
                closest = (len(harmful), version, harmful)
    if closest is None:
        raise AssertionError(least)
    raise SchemaDrift(
        f"The tables are built as no version says; version {closest[1]:04d} comes closest: "
        f"{listed(closest[2], str, '; ')}.",
        "Undo that, or use another database.",
    )


def around(
    session: Session, folder: str | Path, rows: Sequence[HistoryRow], version: int
) -> tuple[list[Difference], list[Difference]]:
    """How the database differs from the version of its history's last row, and from the one before `version`."""
    adopted = any(row.state == ADOPTED for row in rows)
    return (
        differences(session, folder, rows[-1].version, by_mlos_bench=adopted),
        differences(session, folder, version - 1, by_mlos_bench=adopted),
    )


def is_untouched(to_this: Iterable[Difference], to_before: Iterable[Difference]) -> bool:
    """Nothing of a migration was carried out: the database differs from the version before by harmless additions
    only."""
    return set(to_before) <= {one for one in to_this if one.harmless}
