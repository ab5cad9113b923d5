"""What the children of the kill tests run: upgrades that end in the middle, as a machine that loses its power does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from trialstore.sql.migrations import ADOPTED, DONE
from trialstore.sql.migrator import Migrator
from trialstore.storage import SqlStorage


def upgrade_and_die(_pipe: Any, config: dict[str, Any], moment: str, version: int, statement: int) -> None:
    """Bring a database up to date, and be killed at a moment of a migration: "before" that statement of it is run,
    "after" that but before this is recorded, or at its "end", before the migration is recorded as done."""
    run, record, mark = Migrator._run, Migrator._record, Migrator._mark

    def dying_run(self: Migrator, session: Any, migration: Any, number: int, *args: Any, **more: Any) -> None:
        here = (migration.version, number) == (version, statement)
        _die_if(here and moment == "before")
        run(self, session, migration, number, *args, **more)
        _die_if(here and moment == "after")

    def dying_at_end(recorder: Callable[..., None]) -> Callable[..., None]:
        def call(self: Migrator, session: Any, migration: Any, state: str, *args: Any) -> None:
            _die_if((moment, migration.version, state) == ("end", version, DONE))
            recorder(self, session, migration, state, *args)

        return call

    Migrator._run = dying_run  # type: ignore[method-assign,assignment]
    Migrator._record = dying_at_end(record)  # type: ignore[method-assign]
    Migrator._mark = dying_at_end(mark)  # type: ignore[method-assign]
    SqlStorage(config).dispose()


def adopt_and_die(_pipe: Any, config: dict[str, Any]) -> None:
    """Adopt a database of the reference, and be killed when the first of its versions is recorded."""
    record = Migrator._record

    def dying_record(self: Migrator, session: Any, migration: Any, state: str, *args: Any) -> None:
        _die_if(state == ADOPTED and migration.version > 1)
        record(self, session, migration, state, *args)

    Migrator._record = dying_record  # type: ignore[method-assign]
    SqlStorage(config).dispose()


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
