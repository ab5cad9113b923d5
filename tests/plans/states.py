"""Databases in four states of what the engine knows of the tables, with statements that were prepared meanwhile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from matrix import first_mode
from plans.filling import LARGE, analyze, fill
from trialstore.contract.helpers import at, make_experiment
from trialstore.storage import SqlStorage, Status, Storage

STATES = {
    "none": "prepared on empty tables of which nothing was known, and never analyzed",
    "stale": "analyzed when the tables were empty, prepared for the first trial",
    "bulk": "analyzed and prepared when the tables were small",
    "fresh": "analyzed when the tables were full, prepared after that",
}
FIRST_CONFIG = 1_000_000
"""Ids of configs that are filled in begin there: the library gives its own ones lower ids."""
SMALL = (300, 200)
"""Sizes of the experiments before a bulk load."""
TUNABLES = {f"name_{number}": number for number in range(4)}
"""Tunables as in the experiments that are filled in."""

# The server must not gather statistics by itself.
_ASK_NOTHING = {
    "postgresql": "ALTER TABLE {} SET (autovacuum_enabled = off)",
    "mysql": "ALTER TABLE {} STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0",
}


def experiment(storage: SqlStorage, name: str) -> Storage.Experiment:
    """An experiment that takes trials like those that are filled in."""
    return make_experiment(storage, name, tunables=TUNABLES, opt_targets={"name_1": "min"})


@contextmanager
def database(
    engine: str, state: str, folder: Path, use: Callable[[SqlStorage], None], sizes: Sequence[int]
) -> Iterator[SqlStorage]:
    """A filled database in a state, with a storage that has one connection, by which `use` has run its statements when
    the state says so."""
    mode = first_mode(engine)
    config = mode.create(folder)
    with ExitStack() as stack:
        if mode.drop is not None:
            stack.callback(mode.drop, config)
        storage = stack.enter_context(SqlStorage(config))
        with closing(storage.database.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            for table in ("experiment", "objectives", *LARGE) if engine in _ASK_NOTHING else ():
                cursor.execute(_ASK_NOTHING[engine].format(table))
        before: Sequence[int] = ()
        if state in ("stale", "bulk"):
            if state == "bulk":
                before = SMALL
                fill(config, SMALL, first_config=FIRST_CONFIG)
            analyze(storage)
        if state == "stale":
            _first_trial(storage)
        if state != "fresh":
            use(storage)
        fill(config, sizes, before, first_config=2 * FIRST_CONFIG)
        if state == "fresh":
            analyze(storage)
            use(storage)
        yield storage


def _first_trial(storage: SqlStorage) -> None:
    with experiment(storage, "first") as exp:
        trial = exp.new_trial(TUNABLES, at(0), {"note": 1})
        trial.update(Status.RUNNING, at(1))
        trial.update_telemetry(Status.RUNNING, at(2), [(at(2), "load", 1.5)])
        trial.update(Status.SUCCEEDED, at(3), {"name_1": 1})
        exp.new_trial(TUNABLES, at(0))


def now() -> dt.datetime:
    """The time that a trial is changed at."""
    return dt.datetime.now(dt.timezone.utc)


def prepare_at_once(storage: SqlStorage) -> None:
    """Let PostgreSQL's only connection keep one plan for each statement from its first run on, whatever the values, as
    long-lived connections do in the end."""
    if storage.database.dialect.name == "postgresql":
        with closing(storage.database.engine.raw_connection()) as pooled:
            connection: Any = pooled.dbapi_connection
            connection.prepare_threshold = 0
            connection.execute("SET plan_cache_mode = force_generic_plan")
