"""What a database holds before anything is done to it: a history of ours, tables of mlos_bench, or neither."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trialstore.dialects.errors import SchemaDrift, listed

from .history import HISTORY_TABLE, table_names
from .migrations import Migration
from .session import Session
from .structure import MLOS_BENCH_MARK, differences

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
            "The table alembic_version holds a revision that is not one of mlos_bench's storage schema.",
            "Use another database: this one seems to belong to another application.",
        )
    return Found.MLOS_BENCH, version


def marked_version(session: Session, migrations: Sequence[Migration]) -> int | None:
    """The version that mlos_bench's revision stands for; None where it is none of its revisions."""
    row = session.one("mlos_bench_revision")
    revisions = {migration.adopts: migration.version for migration in migrations if migration.adopts}
    return None if row is None else revisions.get(row.version_num)


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
            "'trialstore schema verify' lists all differences). Else use another database.",
        )


def check_mark(session: Session, migrations: Sequence[Migration], version: int) -> None:
    """Raise SchemaDrift where mlos_bench has gone on with its own chain after the history was begun."""
    if version >= max(migration.version for migration in migrations if migration.adopts or migration.version == 1):
        return
    marked = marked_version(session, migrations) if MLOS_BENCH_MARK in table_names(session) else None
    if marked is not None and marked > version:
        raise SchemaDrift(
            f"The history says version {version:04d}, but mlos_bench has brought the database to what is "
            f"{marked:04d} here.",
            "Run 'trialstore schema adopt' to take over those steps as well.",
        )
