"""What the children of the kill tests run: upgrades that end in the middle, as a machine that loses its power does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from trialstore.sql import migrator
from trialstore.sql.history import DONE
from trialstore.sql.migrations import Migration
from trialstore.sql.steps import Action, Step, adoption_steps, steps
from trialstore.storage import SqlStorage


def upgrade_and_die(_pipe: Any, config: dict[str, Any], moment: str, version: int, statement: int) -> None:
    """Bring a database up to date, and be killed at a moment of a migration: "before" that statement of it is run,
    "after" that but before this is recorded, or at its "end", before the migration is recorded as done."""

    def deadly_steps(migration: Migration, **given: Any) -> Iterator[Step]:
        for step in steps(migration, **given):
            here = (step.action, migration.version, step.number) == (Action.EXECUTE, version, statement)
            _die_if(here and moment == "before")
            _die_if((moment, migration.version, step.state) == ("end", version, DONE))
            yield step
            _die_if(here and moment == "after")

    _only_when_carried_out(deadly_steps)
    SqlStorage(config).dispose()


def _only_when_carried_out(deadly_steps: Callable[..., Iterator[Step]]) -> None:
    """Let the migrator have these steps, except where it only looks what they would need."""
    check_ready = migrator.Migrator.check_ready

    def look(self: migrator.Migrator, *given: Any) -> None:
        migrator.steps = steps
        check_ready(self, *given)
        migrator.steps = deadly_steps

    migrator.steps, migrator.Migrator.check_ready = deadly_steps, look  # type: ignore[method-assign]


def adopt_and_die(_pipe: Any, config: dict[str, Any]) -> None:
    """Adopt a database of mlos_bench, and be killed when the first of its versions is recorded."""

    def deadly_steps(adopted: Sequence[Migration]) -> Iterator[Step]:
        for step in adoption_steps(adopted):
            _die_if(step.migration.version > 1)
            yield step

    migrator.adoption_steps = deadly_steps
    SqlStorage(config).dispose()


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
