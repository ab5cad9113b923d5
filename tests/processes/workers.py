"""What the children of the process tests run. The first argument is always the pipe to the parent."""

from __future__ import annotations

import datetime as dt
import gc
import itertools
import logging
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any

from processes.helpers import LIMIT, listen, make_experiment, say
from trialstore.contract.helpers import watch
from trialstore.storage import Busy, SqlStorage, Status, Storage, StorageError

T0 = dt.datetime(2025, 3, 1, 8, 0, 0, 123456, tzinfo=dt.timezone.utc)
STAGES = ("new", "running", "telemetry", "done")
"""What a trial goes through, in this order."""
POINTS = 5


def at(seconds: float) -> dt.datetime:
    """A moment that many seconds after T0."""
    return T0 + dt.timedelta(seconds=seconds)


# --- one whole trial --------------------------------------------------------------------------------------------------


def tunables_of(number: int) -> dict[str, Any]:
    """Values of a config, told by a number."""
    return {"size": number, "mode": f"mode {number}", "ratio": number / 4}


def metadata_of(number: int) -> dict[str, Any]:
    """Metadata of the trial that ran the config of this number."""
    return {"number": number, "text": str(number), "list": [number, {"half": number / 2}]}


def results_of(trial_id: int) -> dict[str, Any]:
    """The final metrics of a trial."""
    return {"score": trial_id * 1.5, "text": str(trial_id), "id": trial_id, "even": trial_id % 2 == 0, "none": None}


def telemetry_of(trial_id: int) -> list[tuple[dt.datetime, str, Any]]:
    """The points of a trial, in the order in which they come back."""
    return [(at(2 + point), "load", trial_id + point / 8) for point in range(POINTS)]


def run_trial(experiment: Storage.Experiment, number: int, done: Callable[[str, int], None]) -> Storage.Trial:
    """Create a trial and bring it to its end; `done` is called after each step that has returned."""
    trial = experiment.new_trial(tunables_of(number), ts_start=at(0), config=metadata_of(number))
    done("new", trial.trial_id)
    trial.update(Status.RUNNING, at(1))
    done("running", trial.trial_id)
    trial.update_telemetry(Status.RUNNING, at(2), telemetry_of(trial.trial_id))
    done("telemetry", trial.trial_id)
    trial.update(Status.SUCCEEDED, at(9), results_of(trial.trial_id))
    done("done", trial.trial_id)
    return trial


def nobody(_stage: str, _trial_id: int) -> None:
    """For who need not know of steps."""


def run_trials(experiment: Storage.Experiment, count: int, configs: int) -> list[tuple[int, int, int]]:
    """That many whole trials over that many configs; `(trial_id, config_id, number of the config)` of each."""
    made = []
    for number in (index % configs for index in range(count)):
        trial = run_trial(experiment, number, nobody)
        made.append((trial.trial_id, trial.tunable_config_id, number))
    return made


# --- opening ----------------------------------------------------------------------------------------------------------


class AppliedMigrations(logging.Handler):
    """Counts the migrations that the library says it has applied."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.msg.startswith("Applied migration")


def open_storage(_pipe: Connection, config: dict[str, Any]) -> tuple[int, list[str]]:
    """How many migrations opening the storage applied, and the experiments that are then there."""
    applied = AppliedMigrations()
    logger = logging.getLogger("trialstore")
    logger.setLevel(logging.INFO)
    logger.addHandler(applied)
    with SqlStorage(config) as storage:
        return applied.count, list(storage.experiments)


def create_schema(pipe: Connection, config: dict[str, Any]) -> None:
    """Create the schema, and say when that begins."""
    os.write(pipe.fileno(), b"begin\n")
    SqlStorage(config).dispose()


def create_schema_until_statement(_pipe: Connection, config: dict[str, Any], number: int) -> None:
    """Create the schema, and be killed just before that statement."""
    with SqlStorage({**config, "lazy_schema_create": True}) as storage:
        die_before(storage, number)
        storage.update_schema()


# --- writing ----------------------------------------------------------------------------------------------------------


def write_trials(_pipe: Connection, config: dict[str, Any], count: int, configs: int) -> list[tuple[int, int, int]]:
    """Enter the shared experiment and run trials."""
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        return run_trials(experiment, count, configs)


def write_trials_unless_busy(_pipe: Connection, config: dict[str, Any], count: int) -> tuple[dict[int, str], int]:
    """Try to run trials, giving each up when it meets Busy; the last stage of each, and how often that was."""
    stages: dict[int, str] = {}
    busy = 0
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        for number in range(count):
            try:
                run_trial(experiment, number, lambda stage, trial_id: stages.update({trial_id: stage}))
            except Busy:
                busy += 1
        assert storage.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    return stages, busy


def write_until_killed(pipe: Connection, config: dict[str, Any], seed: int) -> None:
    """Run trials for ever; a line in the pipe for each step that has returned."""
    chance = random.Random(seed)

    def acknowledge(stage: str, trial_id: int) -> None:
        os.write(pipe.fileno(), f"{stage} {trial_id}\n".encode())

    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        acknowledge("entered", 0)
        for _ in itertools.count():
            run_trial(experiment, chance.randrange(1000), acknowledge)


def write_until_statement(pipe: Connection, config: dict[str, Any], number: int) -> None:
    """Run one trial of a new config, and be killed just before that statement."""

    def acknowledge(stage: str, trial_id: int) -> None:
        os.write(pipe.fileno(), f"{stage} {trial_id}\n".encode())

    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        die_before(storage, number)
        run_trial(experiment, 1_000_000 + number, acknowledge)


def die_before(storage: SqlStorage, number: int) -> None:
    """Let this process be killed just before the n-th statement or commit from now on."""
    left = itertools.count(number - 1, -1)

    def count(*_: Any) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    watch(storage, count)


# --- locks ------------------------------------------------------------------------------------------------------------


def hold_lock(pipe: Connection, path: str, begin: str) -> None:
    """Hold the lock that this statement takes until the parent says that it is enough."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=LIMIT)) as connection:
        connection.execute(begin)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        say(pipe, "locked")
        listen(pipe, "release")
        connection.execute("ROLLBACK")


# --- what a child inherits, or is given -------------------------------------------------------------------------------


def write_on_own_connections(
    _pipe: Connection, experiment: Storage.Experiment, foreign: list[int], count: int
) -> tuple[list[int], int]:
    """Run trials; their ids, and how often a connection was used that another process had opened."""
    made = [trial[0] for trial in run_trials(experiment, count, 7)]
    return made, len(foreign)


def write_in_turns(pipe: Connection, experiment: Storage.Experiment) -> list[int]:
    """One whole trial each time that the parent says so, until it says stop; their ids."""
    gc.disable()  # garbage that happens to be collected would close what was inherited, and hide that it matters
    made = []
    while True:
        assert pipe.poll(LIMIT)
        if pipe.recv() == "stop":
            return made
        made.append(run_trial(experiment, 3, nobody).trial_id)
        say(pipe, "written")


def let_go(_pipe: Connection, storage: SqlStorage, used: bool) -> None:
    """Give up all that the parent had opened."""
    if used:
        assert list(storage.experiments) == ["Shared"]
    storage.dispose()
    del storage
    gc.collect()


def write_or_say_why_not(pipe: Connection, given: Storage.Experiment | dict[str, Any]) -> str | int:
    """Write to an experiment of the parent, or with a storage of this config: the id of a whole trial, or the name of
    the library's error that says why it cannot be."""
    listen(pipe, "go")
    try:
        if isinstance(given, Storage.Experiment):
            return run_trial(given, 5, nobody).trial_id
        with SqlStorage(given) as storage, make_experiment(storage) as experiment:
            return run_trial(experiment, 5, nobody).trial_id
    except StorageError as exc:
        return type(exc).__name__


def use_memory(_pipe: Connection, storage: SqlStorage, experiment: Storage.Experiment) -> list[tuple[str, str, str]]:
    """What the library says to each use of a storage in the parent's memory."""
    uses: list[Callable[[], Any]] = [lambda: storage.experiments, experiment.load, lambda: experiment.new_trial({})]
    told = []
    for use in uses:
        try:
            use()
        except StorageError as exc:
            told.append((type(exc).__name__, exc.message, exc.hint))
    storage.dispose()
    return told


def finish_given(_pipe: Connection, experiment: Storage.Experiment, trial: Storage.Trial) -> tuple[int, list[int]]:
    """Complete a trial that the parent made, and run more in its experiment."""
    trial.update(Status.RUNNING, at(1))
    trial.update_telemetry(Status.RUNNING, at(2), telemetry_of(trial.trial_id))
    trial.update(Status.SUCCEEDED, at(9), results_of(trial.trial_id))
    more = [made[0] for made in run_trials(experiment, 3, 3)]
    experiment.database.dispose()  # type: ignore[attr-defined]
    trial.database.dispose()  # type: ignore[attr-defined]
    return os.getpid(), more
