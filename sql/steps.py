"""The migration sequence, as data: which migrations a database needs, and the steps that each of them takes.

Pure functions of the files and the history. The migrator carries the steps out, a script prints them, and `trialstore
schema plan` lists their statements, so that the three cannot differ.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trialstore.dialects.errors import (
    MigrationChecksumMismatch,
    MigrationError,
    MigrationIncomplete,
    SchemaDrift,
    SchemaTooNew,
)

from .history import ADOPTED, DONE, RUNNING, UNFINISHED, HistoryRow, unfinished_rows
from .migrations import Migration

_BESIDE_WRITERS = re.compile(r"((?:CREATE(?: UNIQUE)?|DROP) INDEX )CONCURRENTLY ")


class Action(enum.Enum):
    """What a step does."""

    RECORD = "adds the row of the migration to the history, in the step's state"
    EXECUTE = "runs a statement of the migration"
    PROGRESS = "writes into the row how many statements are done"
    MARK = "writes the step's state into the row"


@dataclass(frozen=True)
class Step:
    """One thing to do for a migration."""

    action: Action
    migration: Migration
    number: int = 0
    """Of EXECUTE the number of the statement, from 1; of RECORD and PROGRESS how many statements are done."""
    state: str = ""
    """Of RECORD and MARK, one of the states of the history."""
    in_doubt: bool = False
    """An earlier run was killed at this statement, and may have carried it out."""
    commits: bool = False
    """Commit after this step; otherwise its changes are committed with those of the steps that follow."""
    outside: bool = False
    """Of EXECUTE, it runs outside of a transaction, beside writers. An earlier run may have done it, or part of it."""

    def __str__(self) -> str:
        return f"{self.migration}, {self.position}"

    @property
    def position(self) -> str:
        """Of EXECUTE, which of the statements it is, for people."""
        return f"statement {self.number} of {len(self.migration.statements)}"

    @property
    def place(self) -> str:
        """Of EXECUTE, the name of the file, and which of its statements it is."""
        return f"{self.migration}.sql, {self.position}"

    @property
    def statement(self) -> str:
        """Of EXECUTE, the SQL text. What could run beside writers does not do so in a transaction."""
        text = self.migration.statements[self.number - 1]
        return text if self.outside else _BESIDE_WRITERS.sub(r"\1", text)


def steps(
    migration: Migration, *, transactional: bool, begun: HistoryRow | None = None, alone: bool = False
) -> Iterator[Step]:
    """What carries out a migration, in order.

    Where DDL is `transactional`, the statements and the row that says so are committed together. A migration without a
    transaction may begin with statements that run outside of one, beside writers; they can be run again after each
    failure, and nothing is recorded of them. With `alone`, where there are no writers, or no way to run them so, they
    are part of the transaction.

    Where DDL is not transactional, the row comes first, and counts the statements that are done, so that `begun`, the
    row of an earlier run that was stopped, says where to go on: if that run was killed, the statement after the last
    recorded one may have been carried out; if a statement was refused, it was not.
    """
    last = len(migration.statements)
    if transactional:
        for number in range(1, last + 1):
            beside_writers = _BESIDE_WRITERS.match(migration.statements[number - 1]) is not None
            outside = beside_writers and not (alone or migration.transaction)
            yield Step(Action.EXECUTE, migration, number, outside=outside)
        yield Step(Action.RECORD, migration, last, DONE)
        return
    done = begun.statements_done if begun else 0
    in_doubt = done + 1 if begun and begun.state == RUNNING else 0
    if begun is None:
        yield Step(Action.RECORD, migration, 0, RUNNING, commits=True)
    else:
        yield Step(Action.MARK, migration, state=RUNNING, commits=True)
    for number in range(done + 1, last + 1):
        yield Step(Action.EXECUTE, migration, number, in_doubt=number == in_doubt)
        yield Step(Action.PROGRESS, migration, number, commits=True)
    yield Step(Action.MARK, migration, state=DONE)


def adoption_steps(migrations: Sequence[Migration]) -> Iterator[Step]:
    """What records migrations as adopted: mlos_bench has brought the database to what they yield."""
    for migration in migrations:
        yield Step(Action.RECORD, migration, len(migration.statements), ADOPTED)


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
                "Upgrade trialstore to the version that wrote it."
                + (" Until then applications can go on with this one." if serves(history, len(migrations)) else ""),
            )
        migration = migrations[row.version - 1]
        if row.version != position:
            raise SchemaDrift(
                f"The schema history lacks version {position:04d}.",
                "Restore the table trialstore_schema, or run 'trialstore schema adopt', which checks the tables and "
                "records what is lost.",
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


def serves(history: Sequence[HistoryRow], version: int) -> bool:
    """Whether applications that know the schema up to that version can work on the database, by what newer migrations,
    finished or not, say of themselves."""
    newer = [row for row in history if row.version > version]
    return all(row.serves_from is not None and row.serves_from <= version for row in newer)


def who_can_run(migration: Migration) -> str:
    """A sentence that says which applications can work while a migration is begun and not finished."""
    if migration.serves_from >= migration.version:
        return "No application can run until it is finished."
    return f"Applications of schema version {migration.version - 1} can go on meanwhile."


def without_gaps(migrations: Sequence[Migration], history: Sequence[HistoryRow]) -> list[HistoryRow]:
    """The history as it would be if no row before its last were lost."""
    rows = {row.version: row for row in history}
    lost = (
        HistoryRow(one.version, one.slug, one.checksum, ADOPTED, len(one.statements), one.serves_from)
        for one in migrations[: max(rows, default=0)]
    )
    return sorted({**{row.version: row for row in lost}, **rows}.values(), key=lambda row: row.version)


def up_to(migrations: Sequence[Migration], to: int | None) -> tuple[Migration, ...]:
    """Those of the migrations that lead to version `to` (None: all)."""
    return tuple(migration for migration in migrations if to is None or migration.version <= to)


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
