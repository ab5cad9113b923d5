"""A fleet: processes that create trials and processes that claim and run them, all at once, and the account of it.

Each of them has a log file of its own, to which it adds what was acknowledged to it before it goes on; what is written
there outlives a kill. In the end `assert_account` holds the logs against the database.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from processes.helpers import LIMIT, Child, make_experiment
from processes.workers import at, tunables_of
from trialstore.contract.helpers import ask
from trialstore.storage import LeaseLost, NewTrial, SqlStorage, Status, Storage

CONFIGS = 20
POINTS = 5
GLANCE_S = 0.02
"""How long who waits for something sleeps before the next look."""


def full_size(trials: int, processes: int) -> tuple[int, int]:
    """How many trials and processes: what the environment says, else what is given."""
    return tuple(  # type: ignore[return-value]
        int(os.environ.get(f"TRIALSTORE_TEST_FLEET_{name}", default))
        for name, default in (("TRIALS", trials), ("PROCESSES", processes))
    )


# --- what the processes run -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """What one process is to do."""

    name: str
    number: int
    config: dict[str, Any]
    folder: Path
    trials: int | None = None
    """Creators: how many to make; None: until told to stop, with a pause after each call."""
    lease: dt.timedelta = dt.timedelta(minutes=5)
    may_lose: bool = False
    """Workers: leases may run out, so that trials must be taken back, and may be lost."""


class Log:
    """A file of what was acknowledged, one JSON list a line."""

    def __init__(self, job: Job) -> None:
        self._file = os.open(job.folder / f"{job.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *entry: Any) -> None:
        """Add an entry; it is in the file when this returns."""
        os.write(self._file, json.dumps(entry).encode() + b"\n")


def create(pipe: Connection, job: Job) -> int:
    """Create trials, some one by one and some together, until there are enough; how many."""
    chance, log, made = random.Random(f"create {job.name}"), Log(job), 0
    with SqlStorage(job.config) as storage, make_experiment(storage) as experiment:
        log.write("entered")
        for number in itertools.count():
            if made == job.trials or _told(pipe):
                return made
            size = chance.choice((1, 1, 2, 5))
            if job.trials is not None:
                size = min(size, job.trials - made)
            call = f"{job.name}.{number}"
            log.write("made", call, _create(experiment, call, size, chance))
            made += size
            if job.trials is None:
                time.sleep(3 * GLANCE_S)
    raise AssertionError("unreachable")


def _create(experiment: Storage.Experiment, call: str, size: int, chance: random.Random) -> list[int]:
    new = [
        NewTrial(tunables_of(chance.randrange(CONFIGS)), at(0), {"call": call, "place": place, "size": size})
        for place in range(size)
    ]
    if size > 1:
        return [trial.trial_id for trial in experiment.new_trials(new)]
    return [experiment.new_trial(new[0].tunables, new[0].ts_start, dict(new[0].config or {})).trial_id]


def work(pipe: Connection, job: Job) -> int:
    """Claim trials and run them until told to stop; how many were brought to their end."""
    chance, log, done = random.Random(f"work {job.name}"), Log(job), 0
    with SqlStorage(job.config) as storage, make_experiment(storage) as experiment:
        log.write("entered")
        while not _told(pipe):
            trials = experiment.claim_trials(job.number, limit=chance.randint(1, 3), lease=job.lease)
            for trial in trials:
                log.write("taken", trial.trial_id, trial.lease_fence)
            for trial in trials:
                try:
                    run(trial, job.name, log)
                    done += 1
                except LeaseLost:
                    if not job.may_lose:
                        raise
                    log.write("lost", trial.trial_id, trial.lease_fence)
            if not trials:
                if job.may_lose:
                    experiment.release_expired()
                time.sleep(GLANCE_S)
    return done


def run(trial: Storage.Trial, name: str, log: Log) -> None:
    """Bring a claimed trial to its end."""
    claim = (trial.trial_id, trial.lease_fence)
    trial.update(Status.RUNNING, _now())
    log.write("started", *claim)
    trial.update_telemetry(Status.RUNNING, _now(), points_of(*claim))
    log.write("sent", *claim)
    trial.update(Status.SUCCEEDED, _now(), results_of(*claim, name))
    log.write("done", *claim)


def points_of(trial_id: int, fence: int | None) -> list[tuple[dt.datetime, str, Any]]:
    """The telemetry of a trial under one claim."""
    return [(at(point), f"load {fence}", trial_id + point / 8) for point in range(POINTS)]


def results_of(trial_id: int, fence: int | None, name: str) -> dict[str, Any]:
    """The final metrics of a trial, by which it can be told who brought it to its end."""
    return {"score": trial_id * 1.5, "fence": fence, "worker": name}


def _told(pipe: Connection) -> bool:
    return pipe.poll() and pipe.recv() == "stop"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


# --- the parent's side ------------------------------------------------------------------------------------------------


@dataclass
class Fleet:
    """Creators and workers, each with one of the configs in turn, ended when the block is left."""

    folder: Path
    configs: Sequence[dict[str, Any]]
    lease: dt.timedelta = dt.timedelta(minutes=5)
    may_lose: bool = False
    killed: set[str] = field(default_factory=set)
    creators: dict[str, Child] = field(default_factory=dict)
    workers: dict[str, Child] = field(default_factory=dict)
    made: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _wanted: dict[str, int | None] = field(default_factory=dict)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, creators: int, workers: int, trials: int | None = None) -> None:
        """Start so many of each; the creators share the number of trials, or create until they are told to stop."""
        for place in range(creators):
            share = None if trials is None else trials * (place + 1) // creators - trials * place // creators
            self.start_creator(share)
        for _ in range(workers):
            self.start_worker()

    def start_creator(self, trials: int | None) -> None:
        """Start one more creator."""
        job = self._job("creator", trials)
        self.creators[job.name] = self._child(create, job)
        self._wanted[job.name] = trials

    def start_worker(self) -> None:
        """Start one more worker."""
        job = self._job("worker", None)
        self.workers[job.name] = self._child(work, job)

    def _job(self, kind: str, trials: int | None) -> Job:
        number = next(self._numbers)
        config = self.configs[number % len(self.configs)]
        return Job(f"{kind}{number}", number, config, self.folder, trials, self.lease, self.may_lose)

    def _child(self, function: Any, job: Job) -> Child:
        return self._stack.enter_context(Child(function, job))

    def kill(self, name: str) -> None:
        """Kill a process (SIGKILL), unless it has ended by itself, and let another one take its place."""
        if name in self.workers:
            self.workers.pop(name).kill()
            self.start_worker()
        else:
            child = self.creators[name]
            child.kill()
            if child.process.exitcode == 0:
                return
            del self.creators[name]
            made = sum(len(entry[2]) for entry in read_log(self.folder / f"{name}.log") if entry[0] == "made")
            wanted = self._wanted[name]
            self.made += made
            self.start_creator(None if wanted is None else wanted - made)
        self.killed.add(name)

    def count(self, kind: str) -> int:
        """How many entries of this kind there are in all logs."""
        word = f'["{kind}"'.encode()
        return sum(path.read_bytes().count(word) for path in self.folder.glob("*.log"))

    def wait_for_more(self, count: int, kind: str = "done") -> None:
        """Wait until so many more were acknowledged."""
        goal = self.count(kind) + count
        for _ in self._while_it_moves():
            if self.count(kind) >= goal:
                return

    def wait_for_all(self) -> None:
        """Wait until all have entered the experiment: a server that never answered is not waited for."""
        for _ in self._while_it_moves():
            if self.count("entered") >= len(self.creators) + len(self.workers):
                return

    def finish(self, storage: SqlStorage) -> None:
        """Let the creators come to their end, then wait until no trial is left, then stop the workers."""
        for name, child in self.creators.items():
            if self._wanted[name] is None:
                child.tell("stop")
        for _ in self._while_it_moves(watch=self.workers):
            if all(child.pipe.poll() for child in self.creators.values()):
                break
        self.made += sum(child.result() for child in self.creators.values())
        counts = "SELECT count(*), count(CASE WHEN status = 'SUCCEEDED' THEN 1 END) FROM trial"
        for _ in self._while_it_moves(watch=self.workers):
            # The node of a cluster that is asked may know less than others do.
            ((there, succeeded),) = look(storage, counts)
            if self.made <= there == succeeded:
                break
        for child in self.workers.values():
            child.tell("stop")
        for child in self.workers.values():
            child.result()

    def _while_it_moves(self, watch: Mapping[str, Child] | None = None) -> Iterator[None]:
        """Looks with a pause between them, as long as entries are added to the logs, and no process has failed."""
        size, late = -1, 0.0
        while True:
            yield
            for child in {**self.creators, **self.workers}.values() if watch is None else watch.values():
                if child.pipe.poll() and child in self.workers.values():
                    child.result()
                    raise AssertionError("a worker has ended by itself")
            new = sum(path.stat().st_size for path in self.folder.glob("*.log"))
            if new != size:
                size, late = new, time.monotonic() + LIMIT
            assert time.monotonic() < late, "nothing was acknowledged any more"
            time.sleep(GLANCE_S)


def look(storage: SqlStorage, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement written for a test, over a connection that is as good as the library's."""
    return storage.database.read(lambda tx: ask(tx, sql))


# --- the account ------------------------------------------------------------------------------------------------------


def read_log(path: Path) -> list[list[Any]]:
    """The entries of a log; who was killed before the first one has none."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()] if path.exists() else []


def assert_account(storage: SqlStorage, fleet: Fleet) -> int:
    """All that was acknowledged is in the database, once, and nothing else but what killed processes had under way.

    Every trial is at its end. Returns how many there are.
    """
    logs = {path.stem: read_log(path) for path in fleet.folder.glob("*.log")}
    killed = fleet.killed
    trials = {
        row[0]: row[1:]
        for row in look(
            storage, "SELECT trial_id, status, lease_ends IS NULL, lease_fence FROM trial ORDER BY trial_id"
        )
    }
    assert list(trials) == list(range(1, len(trials) + 1))
    fences = {trial_id: fence for trial_id, (_, _, fence) in trials.items()}
    assert {trial_id: row for trial_id, row in trials.items() if row[:2] != ("SUCCEEDED", True)} == {}
    _assert_created(storage, logs, killed)
    _assert_claimed(logs, fences)
    _assert_completed(storage, logs, fences, killed)
    _assert_telemetry(storage, logs, fences)
    _assert_history(storage, fences)
    if not fleet.may_lose:
        assert set(fences.values()) == {1}, "a trial was claimed twice"
    return len(trials)


Logs = Mapping[str, Sequence[Sequence[Any]]]


def _entries(logs: Logs, kind: str) -> list[tuple[str, Sequence[Any]]]:
    return [(name, entry[1:]) for name, log in logs.items() for entry in log if entry[0] == kind]


def _assert_created(storage: SqlStorage, logs: Logs, killed: set[str]) -> None:
    """Each call that returned made its trials once; of the others each killed creator had at most one under way."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for trial_id, param, value in look(storage, "SELECT trial_id, param_id, param_value FROM trial_param"):
        found[trial_id][param] = value
    calls: dict[str, list[int]] = defaultdict(list)
    for trial_id in sorted(found):
        calls[found[trial_id]["call"]].append(trial_id)
        assert found[trial_id]["place"] == str(len(calls[found[trial_id]["call"]]) - 1)
    for call, ids in calls.items():
        assert {found[trial_id]["size"] for trial_id in ids} == {str(len(ids))}, f"{call} is there in part, or twice"
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    acknowledged = {call: ids for _, (call, ids) in _entries(logs, "made")}
    assert {call: calls.get(call) for call in acknowledged} == acknowledged
    unanswered = Counter(call.partition(".")[0] for call in calls.keys() - acknowledged.keys())
    assert unanswered.keys() <= killed
    assert set(unanswered.values()) <= {1}
    half = """
        SELECT c.config_id FROM config AS c LEFT JOIN config_param AS p ON p.config_id = c.config_id
        GROUP BY c.config_id HAVING count(p.param_id) <> 3
    """
    assert look(storage, half) == []
    assert look(storage, "SELECT count(*) FROM config")[0][0] <= CONFIGS


def _assert_claimed(logs: Logs, fences: Mapping[int, int]) -> None:
    """Nobody got a claim that another one got too."""
    taken = Counter(tuple(claim) for _, claim in _entries(logs, "taken"))
    assert {claim: times for claim, times in taken.items() if times > 1} == {}
    assert {claim for claim in taken if claim[1] > fences[claim[0]]} == set()


def _assert_completed(storage: SqlStorage, logs: Logs, fences: Mapping[int, int], killed: set[str]) -> None:
    """Each trial has one result: that of the holder of its last claim, to whom it was acknowledged unless it died."""
    results: dict[int, dict[str, str]] = defaultdict(dict)
    for trial_id, metric, value in look(storage, "SELECT trial_id, metric_id, metric_value FROM trial_result"):
        results[trial_id][metric] = value
    done = _entries(logs, "done")
    by = {claim[0]: (name, claim[1]) for name, claim in done}
    assert len(by) == len(done), "a trial was brought to its end twice"
    unanswered = Counter()
    for trial_id, fence in fences.items():
        worker = results[trial_id]["worker"]
        wanted = {metric: str(value) for metric, value in results_of(trial_id, fence, worker).items()}
        assert results[trial_id] == wanted
        if trial_id in by:
            assert by[trial_id] == (worker, fence)
        else:
            unanswered[worker] += 1
    assert results.keys() == fences.keys()
    assert unanswered.keys() <= killed
    assert set(unanswered.values()) <= {1}


def _assert_telemetry(storage: SqlStorage, logs: Logs, fences: Mapping[int, int]) -> None:
    """All points of each claim that sent any are there, once; those of the last claim always are."""
    points: dict[tuple[int, str], list[str]] = defaultdict(list)
    sql = "SELECT trial_id, metric_id, metric_value FROM trial_telemetry ORDER BY trial_id, metric_id, ts"
    for trial_id, metric, value in look(storage, sql):
        points[trial_id, metric].append(value)
    for (trial_id, metric), values in points.items():
        fence = int(metric.removeprefix("load "))
        assert values == [str(value) for _, _, value in points_of(trial_id, fence)]
        assert fence <= fences[trial_id]
    last = {(trial_id, f"load {fence}") for trial_id, fence in fences.items()}
    sent = {(trial_id, f"load {fence}") for _, (trial_id, fence) in _entries(logs, "sent")}
    assert last | sent <= points.keys()
    if set(fences.values()) == {1}:
        assert points.keys() == last


def _assert_history(storage: SqlStorage, fences: Mapping[int, int]) -> None:
    """The history of each trial ends with its success, and tells of each step once where nobody was lost."""
    events: dict[int, list[str]] = defaultdict(list)
    for trial_id, status in look(storage, "SELECT trial_id, status FROM trial_status ORDER BY trial_id, ts"):
        events[trial_id].append(status)
    for trial_id, fence in fences.items():
        assert (events[trial_id][-1], events[trial_id].count("SUCCEEDED")) == ("SUCCEEDED", 1)
        if fence == 1:
            assert events[trial_id] == ["READY", "RUNNING", "RUNNING", "SUCCEEDED"]
