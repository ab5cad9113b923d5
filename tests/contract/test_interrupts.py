"""An exception that comes from outside, at any step of a write: nothing stays locked or taken from the pool, also while
somebody keeps the traceback with all its frames.

Ctrl-C and timers raise in whatever line runs. Here a trace function does, in lines of this library, of SQLAlchemy and
of the drivers.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import sqlalchemy

import trialstore.sql.session
from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.storage import SqlStorage, Status, Storage

POINTS = int(os.environ.get("TRIALSTORE_INTERRUPTS", "16"))
"""How many steps of each write an exception comes at."""
ROOT = Path(trialstore.sql.session.__file__).parents[1]
PACKAGES = Path(sqlalchemy.__file__).parents[1]
WHERE = tuple(
    f"{folder}{os.sep}"
    for folder in (
        *(ROOT / name for name in ("storage", "sql", "dialects")),
        *(PACKAGES / name for name in ("sqlalchemy", "pymysql", "psycopg", "duckdb_engine")),
    )
)


class Alarm(Exception):
    """What an application raises when its time is up."""


class Interrupt:
    """Raises an exception at one step of a call; counts the steps of a call that has fewer."""

    def __init__(self, exception: type[BaseException], step: int) -> None:
        self.exception = exception
        self.step = step
        self.steps = 0

    def run(self, call: Callable[[], Any]) -> BaseException | None:
        """The exception, with its traceback; None where the call has fewer steps."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            call()
        except self.exception as exc:
            return exc
        finally:
            sys.settrace(before)
        assert self.steps < self.step, "an exception of the application's was swallowed"
        return None

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if event == "call" and (not file.startswith(WHERE) or frame.f_code.co_name == "__del__"):
            return None
        if event == "call" and self.exception is Alarm and "sqlalchemy" in file:
            return None  # which logs an Exception that comes while it takes a connection back, and goes on
        self.steps += 1
        if self.steps == self.step:
            if _in_callback(frame):
                self.step += 1
                return self._trace
            raise self.exception
        return self._trace


def _in_callback(frame: FrameType | None) -> bool:
    """Whether a driver's C code has called this, to hand on a server's notice: Python drops what is raised there."""
    while frame is not None:
        if frame.f_code.co_name == "_notice_handler":
            return True
        frame = frame.f_back
    return False


class Writes:
    """Writes that can be made any number of times, whether the one before was interrupted or not."""

    def __init__(self, experiment: Storage.Experiment, source: Storage.Experiment) -> None:
        self.experiment, self.source = experiment, source
        self.trial = experiment.new_trial({})
        self.number = 0

    def prepare(self, name: str) -> Callable[[], Any]:
        """The write of that name, with all that it needs."""
        self.number += 1
        call: Callable[[], Any] = getattr(self, name)()
        return call

    def new_trial(self) -> Callable[[], Any]:
        number = self.number
        return lambda: self.experiment.new_trial({"cache": number}, config={"n": number})

    def merge(self) -> Callable[[], Any]:
        trial = self.source.new_trial({"cache": 1000 + self.number})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(n), "m", n) for n in range(5)])
        finish(trial)
        return lambda: self.experiment.merge(["Source"])

    def update(self) -> Callable[[], Any]:
        trial = self.experiment.new_trial({})
        return lambda: finish(trial)

    def update_telemetry(self) -> Callable[[], Any]:
        ts = 100 * self.number
        return lambda: self.trial.update_telemetry(Status.RUNNING, at(ts), [(at(ts + n), "m", n) for n in range(3)])

    def claim_trials(self) -> Callable[[], Any]:
        self.experiment.new_trial({})
        return lambda: self.experiment.claim_trials(1)

    def add_new_config_data(self) -> Callable[[], Any]:
        number = self.number
        return lambda: self.trial.add_new_config_data({f"key{number}": number})


@pytest.fixture
def writes(storage: SqlStorage) -> Iterator[Writes]:
    with ExitStack() as stack:
        yield Writes(
            stack.enter_context(make_experiment(storage)), stack.enter_context(make_experiment(storage, "Source"))
        )


def another(storage: SqlStorage, stack: ExitStack) -> SqlStorage:
    """A second storage of the same database that does not wait; the same one in memory."""
    config = storage.database.config
    if config.dialect.in_memory():
        return storage
    other = SqlStorage({**config.dialect.settings, "drivername": config.drivername, "busy_timeout": 0.5})
    return stack.enter_context(other)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("exception", [KeyboardInterrupt, Alarm])
@pytest.mark.parametrize(
    "name", ["new_trial", "merge", "update", "update_telemetry", "claim_trials", "add_new_config_data"]
)
def test_an_interrupted_write_leaves_nothing_locked(
    storage: SqlStorage, writes: Writes, name: str, exception: type[BaseException]
) -> None:
    writes.prepare(name)()
    counting = Interrupt(exception, sys.maxsize)
    counting.run(writes.prepare(name))
    assert counting.steps > 100
    kept = []
    with ExitStack() as stack:
        experiment = stack.enter_context(make_experiment(another(storage, stack)))
        for point in range(POINTS):
            step = 1 + (point * counting.steps + len(name)) // POINTS
            error = Interrupt(exception, step).run(writes.prepare(name))
            kept.append(error)
            pool = storage.database.engine.pool
            assert storage.database.open_sessions == pool.checkedout() == 0, step  # type: ignore[attr-defined]
            experiment.new_trial({"cache": -point})
    assert sum(error is not None for error in kept) > POINTS // 2
    kept.clear()
    gc.collect()  # while warnings about connections that nobody closed are ignored
    finish(writes.experiment.new_trial({}))


def read_all(storage: SqlStorage) -> None:
    for _ in storage.experiments["Exp"].trials[1].telemetry_batches(2):
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("exception", [KeyboardInterrupt, Alarm])
def test_an_interrupted_read_leaves_nothing_taken(
    storage: SqlStorage, writes: Writes, exception: type[BaseException]
) -> None:
    pytest.importorskip("pyarrow", reason="streams need the extra 'arrow'")
    writes.prepare("update_telemetry")()
    read_all(storage)
    counting = Interrupt(exception, sys.maxsize)
    counting.run(lambda: read_all(storage))
    kept = []
    for point in range(POINTS):
        step = 1 + point * counting.steps // POINTS
        kept.append(Interrupt(exception, step).run(lambda: read_all(storage)))
        pool = storage.database.engine.pool
        assert storage.database.open_sessions == pool.checkedout() == 0, step  # type: ignore[attr-defined]
        writes.prepare("new_trial")()
    assert any(kept)
    kept.clear()
    gc.collect()
