"""Another process that holds the write lock, and what the library does about it."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from processes import workers
from processes.checks import assert_kept, assert_values, stages
from processes.helpers import (
    Child,
    build_at_version,
    checked_out,
    file_config,
    history,
    make_experiment,
    raw,
    rows,
    together,
)
from trialstore.contract.helpers import watch
from trialstore.dialects.errors import ErrorKind
from trialstore.sql.session import Session
from trialstore.storage import Busy, MigrationLocked, QueryError, SqlStorage, Storage, ValueRejected
from trialstore.storage.database import connections as database_module

pytestmark = pytest.mark.engine("sqlite")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trials.sqlite"


@pytest.fixture
def storage(path: Path) -> Iterator[SqlStorage]:
    with SqlStorage(file_config(path, busy_timeout=0.02, context=False)) as opened:
        yield opened


@pytest.fixture
def experiment(storage: SqlStorage) -> Iterator[Storage.Experiment]:
    with make_experiment(storage) as entered:
        workers.run_trial(entered, 0, workers.nobody)
        yield entered


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts that are over at once; how many attempts there are does not change."""
    monkeypatch.setattr(database_module, "LONGEST_WAIT_S", 0.001)


def hold(path: Path, begin: str = "BEGIN IMMEDIATE") -> Child:
    """A process that holds the write lock, or what else this statement takes, until it is told to release it."""
    child = Child(workers.hold_lock, str(path), begin)
    child.hear("locked")
    return child


class Begins:
    """Counts write transactions that the engine of a storage tries to open, and calls a function at the first."""

    def __init__(self, storage: SqlStorage, first: Callable[[], None] = lambda: None) -> None:
        self.count = 0
        self._first = first
        watch(storage, self)

    def __call__(self, statement: str) -> None:
        if statement.startswith("BEGIN IMMEDIATE"):
            self.count += 1
            if self.count == 1:
                self._first()


WRITES: dict[str, Callable[[Storage.Experiment, Storage.Trial], Any]] = {
    "new_trial": lambda experiment, _trial: experiment.new_trial({"size": 1}),
    "start": lambda _experiment, trial: trial.update(workers.Status.RUNNING, workers.at(1)),
    "finish": lambda _experiment, trial: trial.update(workers.Status.SUCCEEDED, workers.at(1), {"score": 1}),
    "telemetry": lambda _experiment, trial: trial.update_telemetry(
        workers.Status.RUNNING, workers.at(1), [(workers.at(1), "load", 1)]
    ),
    "metadata": lambda _experiment, trial: trial.add_new_config_data({"more": 1}),
    "runner": lambda _experiment, trial: trial.set_trial_runner(1),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.usefixtures("short_waits")
def test_a_write_that_cannot_get_the_lock_says_busy_and_writes_nothing(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path, write: str
) -> None:
    trial = experiment.new_trial({"size": 0})
    with raw(path) as connection:
        before = list(connection.iterdump())
    begins = Begins(storage)
    with hold(path) as holder:
        with pytest.raises(Busy) as caught:
            WRITES[write](experiment, trial)
        assert "busy_timeout" in caught.value.hint
        assert 1 < begins.count <= database_module.MAX_ATTEMPTS
        assert checked_out(storage) == 0
        holder.tell("release")
        holder.result()
    with raw(path) as connection:
        assert list(connection.iterdump()) == before
    assert (trial.status, trial.trial_runner_id, trial.config()) == (
        workers.Status.PENDING,
        None,
        {"experiment_id": "Shared", "trial_id": 2},
    )
    WRITES[write](experiment, trial)


@pytest.mark.parametrize("by_kill", [False, True])
def test_a_write_succeeds_when_the_lock_is_released_while_it_waits(path: Path, by_kill: bool) -> None:
    with (
        SqlStorage(file_config(path, busy_timeout=30, context=False)) as storage,
        make_experiment(storage) as experiment,
        hold(path) as holder,
    ):
        # Only at the moment at which the write asks for the lock is the holder told to let go of it.
        begins = Begins(storage, holder.kill if by_kill else lambda: holder.tell("release"))
        assert workers.run_trial(experiment, 1, workers.nobody).trial_id == 1
        assert begins.count == 4
        if not by_kill:
            holder.result()
    assert stages(path) == {1: "done"}


def test_a_write_succeeds_when_the_lock_is_released_between_its_attempts(
    storage: SqlStorage, experiment: Storage.Experiment, path: Path
) -> None:
    class Release(logging.Handler):
        told = False

        def emit(self, record: logging.LogRecord) -> None:
            if record.msg.startswith("Attempt") and not self.told:
                self.told = True
                holder.tell("release")
                holder.result()

    logger, release = logging.getLogger("trialstore"), Release()
    logger.addHandler(release)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        with hold(path) as holder:
            assert workers.run_trial(experiment, 1, workers.nobody).trial_id == 2
    finally:
        logger.setLevel(level)
        logger.removeHandler(release)
    assert release.told
    assert stages(path) == {1: "done", 2: "done"}


@pytest.mark.usefixtures("experiment")
def test_readers_are_not_blocked_by_a_writer(path: Path) -> None:
    # Without WAL, an exclusive transaction, and each commit, shuts readers out.
    with hold(path, "BEGIN EXCLUSIVE") as holder:
        with SqlStorage(file_config(path, busy_timeout=0)) as reader:
            begins = Begins(reader)
            assert assert_values(reader, path) == {1: 0}
            found = reader.get_experiment_by_id("Shared", {"size": 0, "mode": "", "ratio": 0.0}, {"score": "min"})
            assert found is not None
            assert found.load()[0] == [1]
            assert list(found.pending_trials(workers.at(100), running=True)) == []
            assert begins.count == 0
        holder.tell("release")
        holder.result()


def test_a_writer_is_not_blocked_by_a_reader(storage: SqlStorage, path: Path) -> None:
    with hold(path, "BEGIN DEFERRED") as reader, make_experiment(storage) as experiment:
        begins = Begins(storage)
        assert workers.run_trial(experiment, 0, workers.nobody).trial_id == 1
        assert begins.count == 4
        reader.tell("release")
        reader.result()
    assert stages(path) == {1: "done"}


# --- the schema -------------------------------------------------------------------------------------------------------


def by_first_use(config: dict[str, Any]) -> None:
    with SqlStorage({**config, "lazy_schema_create": True}) as storage:
        assert storage.experiments == {}


def by_update_schema(config: dict[str, Any]) -> None:
    with SqlStorage({**config, "lazy_schema_create": True}) as storage:
        storage.update_schema()


@pytest.mark.parametrize("open_it", [SqlStorage, by_first_use, by_update_schema])
@pytest.mark.parametrize(
    ("version", "journal_mode"),
    [(4, "wal"), pytest.param(4, "delete", id="4-as-the-reference-leaves-it"), pytest.param(0, "", id="empty")],
)
@pytest.mark.usefixtures("short_waits")
def test_a_schema_that_cannot_be_locked_names_the_process_that_holds_it(
    path: Path, version: int, journal_mode: str, open_it: Callable[[dict[str, Any]], Any]
) -> None:
    if version:
        build_at_version(path, version, journal_mode=journal_mode)
    config = file_config(path, busy_timeout=0.02)
    with hold(path) as holder:
        with pytest.raises(MigrationLocked) as caught:
            open_it(config)
        assert caught.value.hint
        if Path("/proc/locks").exists():  # Linux tells who holds a lock
            assert re.search(rf"process {holder.pid}\b", caught.value.message)
        holder.tell("release")
        holder.result()
    if version:
        assert len(history(path)) == version
    with SqlStorage(config) as storage:
        assert storage.experiments == {}
    assert len(history(path)) > version


def test_a_database_that_is_up_to_date_opens_while_its_lock_is_held(path: Path) -> None:
    SqlStorage(file_config(path)).dispose()
    with hold(path) as holder:
        with SqlStorage(file_config(path, busy_timeout=0)) as storage:
            storage.update_schema()
            assert storage.experiments == {}
        holder.tell("release")
        holder.result()


# --- running again ----------------------------------------------------------------------------------------------------


def test_processes_that_do_not_wait_for_locks_get_there_by_trying_again(path: Path) -> None:
    config = file_config(path, busy_timeout=0)
    SqlStorage(config).dispose()
    told = together(workers.write_trials_unless_busy, [(config, 25)] * 4)
    acknowledged: dict[int, str] = {}
    for made, _ in told:
        assert acknowledged.keys().isdisjoint(made)
        acknowledged |= made
    found = assert_kept(path, acknowledged)
    assert found == acknowledged  # what met Busy is not there
    assert sum(busy for _, busy in told) == sum(stage != "done" for stage in found.values()) + 100 - len(found)
    assert "done" in found.values()
    with SqlStorage(config) as storage:
        assert_values(storage, path)


class Refusing:
    """A function for `Database.write` that inserts a config, and is refused the first few times."""

    def __init__(self, error: BaseException, times: int) -> None:
        self.error = error
        self.times = times
        self.calls = 0

    def __call__(self, tx: Session) -> str:
        self.calls += 1
        assert tx.count("config_insert_all", config_hash="one") == 1
        if self.calls <= self.times:
            raise self.error
        return "written"


def configs(path: Path) -> int:
    return int(rows(path, "SELECT count(*) FROM config")[0][0])


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind.retryable])
@pytest.mark.usefixtures("short_waits")
def test_a_write_is_run_again_as_a_whole(storage: SqlStorage, path: Path, kind: ErrorKind) -> None:
    function = Refusing(QueryError("Refused.", "", kind), 3)
    assert storage.database.write(function) == "written"
    assert function.calls == 4
    assert configs(path) == 1
    assert checked_out(storage) == 0


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind.retryable])
@pytest.mark.usefixtures("short_waits")
def test_a_write_is_not_run_again_for_ever(storage: SqlStorage, path: Path, kind: ErrorKind) -> None:
    function = Refusing(QueryError("Refused.", "", kind), 1_000_000)
    with pytest.raises(QueryError, match="Refused"):
        storage.database.write(function)
    assert function.calls == database_module.MAX_ATTEMPTS
    assert configs(path) == 0
    assert checked_out(storage) == 0


@pytest.mark.parametrize(
    "error",
    [
        *(QueryError("Refused.", "", kind) for kind in ErrorKind if not kind.retryable),
        ValueRejected("Refused."),
        KeyError("Refused."),
        KeyboardInterrupt("Refused."),
    ],
    ids=lambda error: getattr(getattr(error, "kind", None), "name", type(error).__name__),
)
def test_a_write_that_fails_otherwise_is_not_run_again(storage: SqlStorage, path: Path, error: BaseException) -> None:
    function = Refusing(error, 1)
    with pytest.raises(type(error), match="Refused"):
        storage.database.write(function)
    assert function.calls == 1
    assert configs(path) == 0
    assert checked_out(storage) == 0
    assert storage.database.write(function) == "written"
    assert configs(path) == 1


@pytest.mark.parametrize("step", ["begin", "commit", "prepare"])
@pytest.mark.usefixtures("short_waits")
def test_a_write_refused_at_its_ends_is_run_again_and_leaks_no_connection(
    storage: SqlStorage, path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    refusals = iter([Busy("Refused.", "", ErrorKind.BUSY)] * 2)
    proper = getattr(Session, step)

    def refuse(session: Session, **known: Any) -> None:
        for refusal in refusals:
            raise refusal
        proper(session, **known)

    monkeypatch.setattr(Session, step, refuse)
    function = Refusing(KeyError(), 0)
    assert storage.database.write(function) == "written"
    assert function.calls == (3 if step == "commit" else 1)
    assert configs(path) == 1
    assert checked_out(storage) == 0


def test_many_failed_writes_and_reads_leak_no_connection(storage: SqlStorage) -> None:
    function = Refusing(KeyError("Refused."), 1_000_000)
    for _ in range(100):  # more than the pool could lend
        for run in (storage.database.write, storage.database.read):
            with pytest.raises(KeyError):
                run(function)
    assert checked_out(storage) == 0


def test_a_killed_holder_leaves_no_lock(experiment: Storage.Experiment, path: Path) -> None:
    with hold(path) as holder:
        holder.kill()
        assert holder.process.exitcode == -signal.SIGKILL
        assert workers.run_trial(experiment, 1, workers.nobody).trial_id == 2
    assert stages(path) == {1: "done", 2: "done"}
