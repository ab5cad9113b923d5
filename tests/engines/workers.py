"""What child processes of the engines' tests run."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from typing import Any

from processes.helpers import listen, say
from trialstore.contract.helpers import finish, make_experiment
from trialstore.storage import SqlStorage


def hold_migration_lock(pipe: Connection, config: dict[str, Any]) -> None:
    """Hold the lock that migrators take, until told to release it."""
    with SqlStorage({**config, "lazy_schema_create": True}) as storage:
        database = storage.database
        with database.session() as session, database.dialect.begin_migration(session):
            say(pipe, "locked")
            listen(pipe, "release")
            session.rollback()


def hold_open(pipe: Connection, config: dict[str, Any]) -> list[str]:
    """Have a storage open and in use until told to release it; the experiments that it then sees."""
    with SqlStorage(config) as storage:
        found = list(storage.experiments)
        say(pipe, "open")
        listen(pipe, "release")
        return found


def add_trial(_pipe: Connection, storage: SqlStorage) -> tuple[int, int]:
    """Add a trial by a storage of the parent's, and close it."""
    with storage, make_experiment(storage) as experiment:
        return os.getpid(), finish(experiment.new_trial({})).trial_id


def refused_storage(_pipe: Connection, storage: SqlStorage) -> str:
    """What using a storage of the parent's is refused with."""
    try:
        return f"no error: {list(storage.experiments)}"
    except Exception as error:  # noqa: BLE001 - the parent looks at it
        return f"{type(error).__name__}: {error}"
