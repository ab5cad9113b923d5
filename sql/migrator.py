"""The migrator: finds out what a database holds, and brings it up to date under one lock.

Order of things: plan → lock → read the history again inside the lock → refuse what cannot be ours, and what stands in
the way of a step (`preflight.py`) → carry out the steps (`steps.py`) of each pending migration.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import (
    Busy,
    CommitUnknown,
    ErrorKind,
    MigrationFailed,
    PermissionDenied,
    QueryError,
    SchemaDrift,
    SchemaMissing,
    StorageError,
)
from trialstore.dialects.text import logger

from . import history
from .history import FAILED, HISTORY_TABLE, RUNNING, HistoryRow, unfinished_rows
from .inspection import (
    BASE_TABLES,
    Found,
    SchemaState,
    around,
    built_version,
    check_mark,
    check_tables,
    inspect_tables,
    is_untouched,
)
from .locks import STOPS
from .migrations import Migration, load_migrations
from .preflight import check_ready
from .rights import lacking_rights
from .session import Session
from .steps import Action, Step, adoption_steps, check_target, plan, serves, steps, up_to, who_can_run, without_gaps

_LOG = logger(__name__)
_BUSY_HINT = (
    "End the session that uses the table (on a server by pg_terminate_backend or KILL: ending its program may leave "
    "the lock), or raise 'migration_lock_timeout' in the config (for a file: 'busy_timeout'), then run this again: it "
    "goes on where this one stopped."
)


_NAME, _OURS = re.compile(r"\w+"), BASE_TABLES | {"trial_lineage"}
_LIMIT_HINT = "Raise 'migration_statement_timeout' in the config if that is what ended it."
_STOPS = (ErrorKind.BUSY, ErrorKind.ENDED, ErrorKind.DISCONNECTED)
"""What may pass, but ends a migration: it may be somebody's wish, or has to be told before it is tried again."""
_HISTORY_HINT = (
    f"Look at the table {HISTORY_TABLE} (triggers, rules, checks of your own, room on the disk), mend that, and run "
    "this again: it goes on where it stopped."
)
ENDED_HINT = (
    "Find out who ended the session (KILL, pg_terminate_backend, a restart: the server's log says so); then run "
    "'trialstore schema apply', which looks what was done and goes on from there."
)


class StatementBusy(Busy):
    """A statement of a migration waited too long for a lock on a table (not for the migration lock)."""

    blockers = ""
    """By whom the tables are held, or may be, in words for people; empty where that is not known."""
    tables: Sequence[str] = ()
    """Those that the statement names; all, if it names none."""


class Migrator:
    """Plans and applies the migrations of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.migrations = load_migrations(dialect.migrations_folder)

    def read_state(self, session: Session, *, for_work: bool = False) -> SchemaState:
        """What the database holds and needs; one SELECT when it is up to date, and never a change.

        Raises the errors of `steps.plan` for a history that these files cannot have written. `for_work` asks whether
        an application can work: then migrations of newer libraries on which this one can work do not count.
        """
        session.begin(write=False)
        try:
            rows = history.read(session)
        except QueryError as exc:
            if exc.kind is not ErrorKind.MISSING_OBJECT:
                raise
            session.rollback()
            session.begin(write=False)
            # Another process may have begun to create the schema since then.
            rows = history.read_if_any(session)
        try:
            if not rows:
                found, version = inspect_tables(session, self.migrations)
                return SchemaState(found, version, self.migrations[version:])
            if for_work and serves(rows, len(self.migrations)):
                rows = rows[: len(self.migrations)]
            begun = unfinished_rows(rows)
            state = SchemaState(Found.OURS, rows[-1].version - len(begun), self._plan(rows), bool(begun))
            if state.pending and not begun:
                check_mark(session, self.migrations, state.version)
            return state
        finally:
            session.rollback()

    def check_state(self, session: Session, state: SchemaState) -> None:
        """Raise SchemaDrift where mlos_bench's tables, not adopted yet, are not built as their version says."""
        if state.found is Found.MLOS_BENCH:
            check_tables(session, self.dialect.migrations_folder, state.version)

    def check_ready(self, session: Session, pending: Sequence[Migration], begun: HistoryRow | None = None) -> None:
        """Raise MigrationBlocked where the database is not as these migrations need it, the first of them maybe begun,
        PermissionDenied where only rights of this login are missing; the message lists all of it."""
        check_ready(session, self.dialect.migrations_folder, self._steps(pending, begun))

    def find_refusals(
        self, session: Session, pending: Sequence[Migration], begun: HistoryRow | None = None
    ) -> list[str]:
        """Why this login could not apply these migrations, while others could; empty if it could.

        Raises MigrationBlocked as `check_ready` does, and MigrationError where the server would refuse one half-way,
        whoever runs it.
        """
        self.dialect.check_settings(session)
        to_do = self._steps(pending, begun)
        check_ready(session, self.dialect.migrations_folder, to_do, rights=False)
        lacking = lacking_rights(session, self.dialect.migrations_folder, to_do)
        return [*filter(None, [self.dialect.login_refusal(session)]), *lacking]

    def _steps(self, pending: Sequence[Migration], begun: HistoryRow | None) -> list[Step]:
        transactional, begun_of = self.dialect.transactional_ddl, {m.version: begun for m in pending[:1]}
        return [
            step
            for migration in pending
            for step in steps(migration, transactional=transactional, begun=begun_of.get(migration.version))
        ]

    def adoptable(self, session: Session) -> tuple[Migration, ...]:
        """The versions that the database is built as and its history lacks: those to which mlos_bench has brought it,
        and those of ours whose rows were lost.

        Raises SchemaMissing where there are no tables of ours, SchemaDrift where they are not built as a version
        says, and the errors of `steps.plan`.
        """
        rows = history.read_if_any(session)
        whole = without_gaps(self.migrations, rows)
        plan(self.migrations, whole)
        folder, last = self.dialect.migrations_folder, len(whole)
        try:
            version = self._marked(session, last)
        except SchemaDrift:
            ours = None if rows else self._ours(session)
            if ours is None:
                raise
            version = ours
        if version <= last:
            version = built_version(session, self.migrations, folder, last)
        known = {row.version for row in rows}
        return tuple(one for one in self.migrations[:version] if one.version not in known)

    def _marked(self, session: Session, last: int) -> int:
        """The version to which mlos_bench has brought its tables, as long as the history, up to the `last` one, does
        not say more."""
        found, version = inspect_tables(session, self.migrations)
        if found is not Found.MLOS_BENCH:
            raise SchemaMissing(
                f"The database holds {found.value}: there is nothing to adopt.", "Check which one it is."
            )
        if version > last:
            check_tables(session, self.dialect.migrations_folder, version)
        return version

    def _ours(self, session: Session) -> int | None:
        """The version that the tables are built as, if mlos_bench can have made no such tables; else None."""
        theirs = max(one.version for one in self.migrations if one.adopts or one.version == 1)
        try:
            return built_version(session, self.migrations, self.dialect.migrations_folder, theirs + 1)
        except SchemaDrift:
            return None

    def adopt(self, session: Session) -> tuple[Migration, ...]:
        """Record what is adoptable, and run no migration; what was recorded."""
        with self.locked(session), self.dialect.migration_settings(session):
            adopted = self.adoptable(session)
            if adopted:
                self.dialect.check_migration(session)
                history.create(session)
                self._carry_out(session, adoption_steps(adopted))
        return adopted

    def apply(self, session: Session, to: int | None = None, applied: list[Migration] | None = None) -> list[Migration]:
        """Bring the database up to date, or to version `to`; the migrations that this call applied, empty if another
        process was faster. They are put into `applied` as each is committed, if that is given.

        Raises MigrationLocked when others hold the lock for too long, MigrationFailed with the database's message
        when a statement is refused (that migration is then undone as a whole, where the engine can do that) or the
        connection is ended, which somebody may have wished: nothing is then tried again; MigrationBlocked where it can
        be seen before the first statement that one would be refused, MigrationError for a version `to` that the
        database has passed or that there is not, and the errors of `read_state`.
        """
        applied = [] if applied is None else applied
        try:
            self._apply(session, to, applied)
        except QueryError as exc:
            if not isinstance(exc, CommitUnknown) and exc.kind is not ErrorKind.DISCONNECTED:
                raise
            error = MigrationFailed(f"The migration was cut short: {exc.message}", ENDED_HINT)
            error.code, error.cut_short = exc.code, True
        else:
            return applied
        raise error

    def _apply(self, session: Session, to: int | None, applied: list[Migration]) -> None:
        with self._lock_held(session):
            first: tuple[Migration, ...] = ()
            with self.locked(session):
                version = self._prepare(session, to)
                if version == 0 and self.dialect.transactional_ddl:
                    # An empty database is filled in one transaction: nobody ever meets, or is left with, half a schema.
                    first = self._plan(history.read(session), to)
                    for pending in first:
                        self._run_migration(session, pending, None, alone=True)
            applied += first
            while (migration := self._run_next(session, to)) is not None:
                applied.append(migration)
                _renew(session)

    @contextmanager
    def _lock_held(self, session: Session) -> Iterator[None]:
        """Where DDL cannot be rolled back, the migration lock is held from the first migration to the last, so that
        another migrator that waits for it finds all of them done; server settings that would stop migrations are
        changed before the first.
        """
        if self.dialect.transactional_ddl:
            yield
        else:
            with self.dialect.begin_migration(session), self.dialect.migration_settings(session):
                yield

    def take_back(self, session: Session) -> bool:
        """Take back what an interrupted run has recorded of a migration whose first statement it could not begin, as
        when its session was ended while it waited for a table; whether there was such a thing.

        For the migration lock, which that run's session holds until the server has ended it, others are waited for.
        """
        with self.locked(session):
            rows = history.read_if_any(session)
            begun = next(iter(unfinished_rows(rows)), None)
            if (
                begun is None
                or begun.state != RUNNING
                or begun.statements_done
                or not is_untouched(*around(session, self.dialect.migrations_folder, rows, begun.version))
            ):
                return False
            history.delete(session, begun.version)
        return True

    def wait(self, session: Session) -> None:
        """Return when no other migrator is at work."""
        with self.locked(session):
            pass

    @contextmanager
    def locked(self, session: Session) -> Iterator[None]:
        """A transaction under the migration lock, committed in the end or undone. Raises Busy where others hold that
        lock, and StatementBusy where they hold the history."""
        with self.dialect.begin_migration(session):
            try:
                yield
                session.commit()
            except BaseException as exc:
                session.rollback()
                if type(exc) is not Busy or self.dialect.in_process:
                    raise
                busy = exc
            else:
                return
        error = StatementBusy(f"The table {HISTORY_TABLE} is in use: {busy.message}", _BUSY_HINT, ErrorKind.BUSY)
        error.tables, error.code = [HISTORY_TABLE], busy.code
        raise error

    def _plan(self, rows: Sequence[HistoryRow], to: int | None = None) -> tuple[Migration, ...]:
        return up_to(plan(self.migrations, rows, resumable=not self.dialect.transactional_ddl), to)

    def _prepare(self, session: Session, to: int | None) -> int:
        """Create the history, and record what mlos_bench has left; the version that the database is at."""
        rows = history.read_if_any(session)
        if rows:
            begun = unfinished_rows(rows)
            check_target(self.migrations, rows[-1].version - len(begun), to)
            pending = self._plan(rows, to)
            if pending:
                self.dialect.check_migration(session)
            self.check_ready(session, pending, next(iter(begun), None))
            return rows[-1].version
        found, version = inspect_tables(session, self.migrations)
        if found is Found.MLOS_BENCH:
            check_tables(session, self.dialect.migrations_folder, version)
        check_target(self.migrations, version, to)
        self.dialect.check_migration(session)
        self.check_ready(session, up_to(self.migrations[version:], to))
        history.create(session)
        self._carry_out(session, adoption_steps(self.migrations[:version]))
        return version

    def _run_next(self, session: Session, to: int | None) -> Migration | None:
        """Run the first migration that is pending once the lock is held; None if there is none."""
        with self.locked(session):
            rows = history.read(session)
            pending = self._plan(rows, to)
            if not pending:
                return None
            beside = self.dialect.runs_outside
            to_do = list(steps(pending[0], transactional=self.dialect.transactional_ddl)) if beside else []
            outside = [step for step in to_do if step.outside]
            if not outside:
                begun = next(iter(unfinished_rows(rows)), None)
                self._take_tables(session, pending[0])
                self._run_migration(session, pending[0], begun, alone=not beside)
                return pending[0]
            self.dialect.keep_migration_lock(session)
        with self.dialect.outside_transactions(session):
            for step in outside:
                self._run(session, step)
            with self.locked(session):
                self._take_tables(session, pending[0])
                self._carry_out(session, [step for step in to_do if not step.outside])
        _LOG.info("Applied migration %s", pending[0])
        return pending[0]

    def _run_migration(
        self, session: Session, migration: Migration, begun: HistoryRow | None, *, alone: bool = False
    ) -> None:
        to_do = steps(migration, transactional=self.dialect.transactional_ddl, begun=begun, alone=alone)
        self._carry_out(session, to_do, begun)
        _LOG.info("Applied migration %s", migration)

    def _carry_out(self, session: Session, to_do: Iterable[Step], begun: HistoryRow | None = None) -> None:
        """Carry out the steps of a migration, or those of an adoption; `begun` is the row of an earlier run."""
        started, clock = history.clock(session), time.monotonic()
        for step in to_do:
            version = step.migration.version
            with _recorded(step):
                if step.action is Action.EXECUTE:
                    self._execute(session, step, begun)
                elif step.action is Action.PROGRESS:
                    history.progress(session, version, step.number)
                elif step.action is Action.RECORD:
                    history.record(session, step.migration, step.state, started, _took(step, clock), step.number)
                else:
                    finished = step.state not in history.UNFINISHED
                    history.mark(session, version, step.state, finished=finished, duration_ms=_took(step, clock))
            if step.action is Action.RECORD and step.state == history.ADOPTED:
                _LOG.info("Adopted schema version %s as mlos_bench left it", step.migration)
            if step.commits:
                session.commit()

    def _execute(self, session: Session, step: Step, begun: HistoryRow | None) -> None:
        try:
            self._run(session, step)
        except (MigrationFailed, StatementBusy):
            connected = session.driver_connection is not None
            if connected and not self.dialect.transactional_ddl and not step.in_doubt:
                self._mark_refused(session, step.migration, untouched=step.number == 1)
            raise

    def _mark_refused(self, session: Session, migration: Migration, *, untouched: bool) -> None:
        """A statement was refused; if nothing was changed before it, the migration has not begun."""
        try:
            if untouched:
                history.delete(session, migration.version)
        except PermissionDenied:
            untouched = False
        if not untouched:
            history.mark(session, migration.version, FAILED)
        session.commit()

    def _take_tables(self, session: Session, migration: Migration) -> None:
        """Lock what a migration of a database in use will lock, where it is more than one table."""
        locks = [lock for lock in migration.locks if lock.stops != STOPS[0]]
        if sum(len(lock.tables) for lock in locks) < 2 and not any(lock.remakes_keys for lock in locks):
            return
        first = Step(Action.EXECUTE, migration, 1)
        for lock in locks:
            try:
                self.dialect.take_tables(session, lock.tables, lock.mode, referring=lock.remakes_keys)
            except QueryError as exc:
                if exc.kind.retryable and exc.kind not in _STOPS:
                    raise
                _, _, why = exc.message.partition(": ")
                error = self._refused(first, exc.with_message(f"{first.position}: {why}"), exc.kind)
                if isinstance(error, StatementBusy):
                    error.tables = lock.tables
                raise error from None

    def _run(self, session: Session, step: Step) -> None:
        try:
            session.run_migration(step.statement, step.position)
        except StorageError as exc:
            kind = exc.kind if isinstance(exc, QueryError) else ErrorKind.OTHER
            if step.in_doubt and kind in (ErrorKind.OBJECT_EXISTS, ErrorKind.MISSING_OBJECT):
                _LOG.info("Migration %s had been carried out", step)
                return
            if kind.retryable and kind not in _STOPS:
                raise
            raise self._refused(step, exc, kind) from None
        if step.outside or not self.dialect.transactional_ddl:
            _renew(session)

    def _refused(self, step: Step, exc: StorageError, kind: ErrorKind) -> StorageError:
        message = f"Migration {step.migration}, {exc.message}"
        error: StorageError
        if kind is ErrorKind.DISCONNECTED:
            error = failed = MigrationFailed(message, self._cut_short(step))
            failed.cut_short = True
        elif kind is ErrorKind.BUSY:
            error = busy = StatementBusy(message, f"{_BUSY_HINT} {self._who_can_run(step)}", kind)
            busy.tables = sorted(_OURS & set(_NAME.findall(step.statement.lower())) or _OURS)
        else:
            hint = f"{exc.hint} {_LIMIT_HINT}" if kind is ErrorKind.ENDED else exc.hint
            error = MigrationFailed(message, f"{self._kept(step)} {hint}".rstrip())
        error.code, error.step = exc.code, f"{self.dialect.migrations_folder}/{step.place}"
        return error

    def _kept(self, step: Step) -> str:
        """What a statement that is refused leaves behind, what to do then, and who can work meanwhile."""
        if step.outside:
            left = "The index may be there and not be valid; fix the cause and run it again: it is made anew."
            return f"{left} {self._who_can_run(step)}"
        if self.dialect.transactional_ddl:
            return f"Nothing of this migration was kept; fix the cause and run it again. {self._who_can_run(step)}"
        return (
            f"{step.number - 1} of {len(step.migration.statements)} statements are done; fix the cause and run it "
            f"again: it continues with this one. {self._who_can_run(step)}"
        )

    def _cut_short(self, step: Step) -> str:
        """What is left of a migration whose connection was ended, which may have been somebody's wish."""
        left = "Nothing of this migration was kept."
        if not self.dialect.transactional_ddl:
            left = (
                f"{step.number - 1} of {len(step.migration.statements)} statements are recorded as done; this one may "
                "have been carried out, too."
            )
        return f"{left} {self._who_can_run(step)} {ENDED_HINT}"

    def _who_can_run(self, step: Step) -> str:
        if self.dialect.transactional_ddl or (step.number == 1 and not step.in_doubt):
            return f"Applications of schema version {step.migration.version - 1} can go on."
        return who_can_run(step.migration)


@contextmanager
def _recorded(step: Step) -> Iterator[None]:
    """Say of an error that it is the history's, which has something in its way, as a trigger of an administrator's."""
    try:
        yield
    except QueryError as exc:
        if step.action is Action.EXECUTE or exc.kind.retryable or exc.hint:
            raise
        error = MigrationFailed(f"Migration {step.migration} could not be recorded: {exc.message}", _HISTORY_HINT)
        error.code = exc.code
    else:
        return
    raise error


def _renew(session: Session) -> None:
    """Something was done that stays: from here on all of the time for locks may be waited again."""
    if session.patience is not None:
        session.patience.renew()


def _took(step: Step, clock: float) -> int | None:
    """The milliseconds since the clock's time, of a step that ends a migration; an adoption takes none."""
    if step.state == RUNNING:
        return None
    return 0 if step.state == history.ADOPTED else round((time.monotonic() - clock) * 1000)
