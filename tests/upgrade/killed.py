"""What the children of the kill tests run: upgrades that end in the middle, as a machine that loses its power does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from trialstore.sql import history
from trialstore.sql.migrations import ADOPTED, DONE
from trialstore.sql.migrator import Migrator
from trialstore.storage import SqlStorage


def upgrade_and_die(_pipe: Any, config: dict[str, Any], moment: str, version: int, statement: int) -> None:
    """Bring a database up to date, and be killed at a moment of a migration: "before" that statement of it is run,
    "after" that but before this is recorded, or at its "end", before the migration is recorded as done."""
    run = Migrator._run

    def dying_run(self: Migrator, session: Any, migration: Any, number: int, *args: Any, **more: Any) -> None:
        here = (migration.version, number) == (version, statement)
        _die_if(here and moment == "before")
        run(self, session, migration, number, *args, **more)
        _die_if(here and moment == "after")

    def dying_at_end(recorder: Callable[..., None]) -> Callable[..., None]:
        def call(session: Any, migration: Any, state: str, *args: Any, **more: Any) -> None:
            _die_if((moment, getattr(migration, "version", migration), state) == ("end", version, DONE))
            recorder(session, migration, state, *args, **more)

        return call

    Migrator._run = dying_run  # type: ignore[method-assign,assignment]
    history.record = dying_at_end(history.record)
    history.mark = dying_at_end(history.mark)
    SqlStorage(config).dispose()


def adopt_and_die(_pipe: Any, config: dict[str, Any]) -> None:
    """Adopt a database of the reference, and be killed when the first of its versions is recorded."""
    record = history.record

    def dying_record(session: Any, migration: Any, state: str, *args: Any) -> None:
        _die_if(state == ADOPTED and migration.version > 1)
        record(session, migration, state, *args)

    history.record = dying_record
    SqlStorage(config).dispose()


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
