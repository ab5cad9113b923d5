"""Two runners call what they like on a few trials, in any order: each call does what a small model of a trial's life
says, and the database holds what the model says, after calls that were refused as well."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from trialstore.contract.helpers import MAPPING, TARGETS, at, make_experiment, query
from trialstore.storage import (
    AlreadyCompleted,
    LeaseLost,
    NewTrial,
    SqlStorage,
    Status,
    Storage,
    StorageError,
    TrialHeld,
    ValueRejected,
)
from trialstore.storage.values.encoding import decode

RUNNERS = (1, 2)
MOST_OPEN = 2  # few trials at a time, so that calls meet on one
MOST_LOOKED_UP = 3  # objects without a claim, and copies of those with one: most have one of their own
COMPLETED = [Status.SUCCEEDED, Status.CANCELED, Status.FAILED, Status.TIMED_OUT]
NOT_COMPLETED = [Status.RUNNING, Status.READY, Status.PENDING, Status.UNKNOWN]

HOUR = dt.timedelta(hours=1)
TICK = dt.timedelta(microseconds=1)
# The clocks of the database and of this host may differ by less than this. Leases and the times at which they are taken
# back differ by far more, so that what has expired depends on neither clock.
SLACK = HOUR / 6

# Times go by names, which read well in a counterexample. None is what the clock tells.
TIMES: dict[str, Any] = {
    "long ago": at(-86_400),
    "first": at(1),
    "second": at(2),
    "now": None,
    "far off": dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc),
}
RUNNER = st.sampled_from(RUNNERS)
DUE = st.sampled_from(["long ago", "now", "far off"])
GIVEN = st.sampled_from(["first", "second", "far off"])
ASKED = st.sampled_from(["now", "first", "far off"])
METADATA = st.sampled_from([{}, {"a": 1}, {"b": [2]}, {"a": 3, "c": "x"}])
NO_METRICS = st.sampled_from([None, {}, None, {"score": 1}])
METRICS = st.sampled_from([None, {}, {"score": 1}, {"score": 2.5, "host": "x"}])
POINTS = st.lists(st.tuples(GIVEN, st.sampled_from(["cpu", "io"]), st.integers(0, 1)), max_size=3)

# All that belongs to the trials of an experiment, in one statement: it is read after each call.
BELONGINGS = " UNION ALL ".join(
    f"SELECT {columns} FROM {table} WHERE exp_id = '{{name}}'"
    for columns, table in (
        ("'event' AS what, trial_id, ts, status AS name, NULL AS value, NULL AS kind", "trial_status"),
        ("'metadata', trial_id, NULL, param_id, param_value, value_type", "trial_param"),
        ("'result', trial_id, NULL, metric_id, metric_value, value_type", "trial_result"),
        ("'telemetry', trial_id, ts, metric_id, metric_value, value_type", "trial_telemetry"),
    )
)

_numbers = itertools.count(1)


# --- the model --------------------------------------------------------------------------------------------------------


def known(ts: dt.datetime | None) -> dt.datetime:
    """A time that must be there."""
    assert ts is not None
    return ts


@dataclass
class Row:
    """All that the database holds of a trial."""

    ts_start: dt.datetime
    metadata: dict[str, Any] = field(default_factory=dict)
    status: Status = Status.PENDING
    runner: int | None = None
    fence: int = 0
    lease_ends: dt.datetime | None = None
    ts_end: dt.datetime | None = None
    results: dict[str, Any] = field(default_factory=dict)
    events: dict[dt.datetime, Status] = field(default_factory=dict)
    telemetry: dict[tuple[dt.datetime, str], Any] = field(default_factory=dict)


@dataclass
class TrialModel:
    """A trial as it should be; what the clock of the database tells is taken over when it is first read."""

    trial_id: int
    row: Row
    released: bool = False  # since its last claim
    new_lease: dt.timedelta | None = None
    new_event: Status | None = None

    @property
    def held(self) -> bool:
        return self.new_lease is not None or self.row.lease_ends is not None

    @property
    def open(self) -> bool:
        return not self.row.status.is_completed()

    def claim(self, runner: int, lease: dt.timedelta) -> None:
        self.row.status, self.row.runner, self.row.fence = Status.READY, runner, self.row.fence + 1
        self.new_lease, self.new_event, self.released = lease, Status.READY, False

    def release(self) -> None:
        self.row.status, self.row.runner, self.row.lease_ends = Status.PENDING, None, None
        self.new_event, self.released = Status.PENDING, True

    def take_over(self, stored: Row) -> None:
        """What the clock told of the last call, if that can be true."""
        now = dt.datetime.now(dt.timezone.utc)
        if self.new_lease is not None:
            assert stored.lease_ends is not None
            assert abs(stored.lease_ends - (now + self.new_lease)) < SLACK
            self.row.lease_ends, self.new_lease = stored.lease_ends, None
        if self.new_event is not None:
            by_clock = [ts for ts in stored.events if abs(ts - now) < SLACK]
            assert by_clock, f"no event of {self.new_event}"
            self.row.events[max(by_clock)] = self.new_event  # of two in one tick of the clock the later one stands
            self.new_event = None


@dataclass
class Handle:
    """An object of a trial, and what it should know and be allowed to do."""

    real: Storage.Trial
    trial: TrialModel
    fence: int | None = None
    status: Status = Status.PENDING
    runner: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, real: Storage.Trial, trial: TrialModel, *, claimed: bool = False) -> Handle:
        """A new object, which knows what is stored."""
        row = trial.row
        return cls(real, trial, row.fence if claimed else None, row.status, row.runner, dict(row.metadata))

    def check_holder(self) -> None:
        """Who has claimed a trial can write until it is released, anybody else only while nobody holds it."""
        if self.fence is None:
            if self.trial.held:
                raise TrialHeld("")
        elif self.fence != self.trial.row.fence or self.trial.released:
            raise LeaseLost("")

    def check_claim(self) -> None:
        """Only who holds the trial has a lease."""
        if self.fence is None or self.fence != self.trial.row.fence or not self.trial.held:
            raise LeaseLost("")

    def start(self, status: Status, ts: dt.datetime, metrics: Any) -> Any:
        if metrics or (self.fence is not None and status not in (Status.READY, Status.RUNNING)):
            raise ValueRejected("")
        self.check_holder()
        row = self.trial.row
        if row.status.is_running() or row.status.is_completed():  # ignored with a warning
            self.status = row.status
        else:
            self.status = row.status = row.events[ts] = status
            row.ts_start = ts
        return metrics

    def complete(self, status: Status, ts: dt.datetime, metrics: Any) -> Any:
        self.check_holder()
        row = self.trial.row
        if row.status.is_completed():
            raise AlreadyCompleted("")
        self.status = row.status = row.events[ts] = status
        row.ts_end, row.lease_ends, row.results = ts, None, dict(metrics or {})
        return metrics

    def append(self, status: Status, ts: dt.datetime, points: list[tuple[dt.datetime, str, Any]]) -> None:
        self.check_holder()
        self.trial.row.events.setdefault(ts, status)
        for moment, metric, value in points:
            self.trial.row.telemetry.setdefault((moment, metric), value)

    def add_metadata(self, new: dict[str, Any]) -> None:
        self.check_holder()
        if set(new) & set(self.trial.row.metadata):
            raise ValueRejected("")
        self.trial.row.metadata.update(new)
        self.metadata.update(new)

    def set_runner(self, runner: int) -> int:
        """Whoever has not claimed the trial may hand it over, held or not; the database says to whom it belongs."""
        if self.fence is not None:
            self.check_holder()
        row = self.trial.row
        if row.runner is None or row.status.is_pending():
            row.runner = runner
        self.runner = row.runner
        assert row.runner is not None
        return row.runner

    def renew(self, lease: dt.timedelta) -> None:
        if self.fence is not None and not lease:
            raise ValueRejected("")
        self.check_claim()
        self.trial.new_lease = lease

    def give_back(self) -> None:
        self.check_claim()
        self.trial.release()
        self.fence, self.status, self.runner = None, Status.PENDING, None


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the class of its error."""
    try:
        return call()
    except StorageError as error:
        return type(error)


# --- the calls --------------------------------------------------------------------------------------------------------


def any_trial(test: Callable[[TrialModel], bool]) -> Callable[[Any], bool]:
    """Whether a call has something to do, because of one of the trials."""
    return lambda machine: any(map(test, machine.trials.values()))


class LifeCycle(RuleBasedStateMachine):
    """One experiment, two runners, each with a storage of its own or both with one."""

    handles = Bundle("handles")
    claims = Bundle("claims")  # those of them that were claimed

    def __init__(self, first: SqlStorage, second: SqlStorage) -> None:
        super().__init__()
        self.storages = first, second
        self.name = f"Life {next(_numbers)}"
        mine = make_experiment(first, self.name).__enter__()
        others = second.get_experiment_by_id(self.name, MAPPING, TARGETS)
        assert others is not None
        self.experiments: dict[int, Storage.Experiment] = dict(zip(RUNNERS, (mine, others), strict=True))
        self.data = second.experiments[self.name]
        self.trials: dict[int, TrialModel] = {}
        self.known: list[Handle] = []
        self.looked_up = 0
        self.copies: list[Any] = []
        self.numbers: set[tuple[int, int]] = set()
        self.ended: dict[int, tuple[Any, ...]] = {}

    def handle(self, real: Storage.Trial, *, claimed: bool = False) -> Handle:
        self.known.append(Handle.of(real, self.trials[real.trial_id], claimed=claimed))
        return self.known[-1]

    def call(self, real: Callable[[], Any], predicted: Callable[[], Any]) -> None:
        expected = outcome(predicted)
        found = outcome(real)
        assert found == expected

    # Trials are made, looked up, handed to other processes.

    @initialize(target=handles, due=st.lists(DUE, min_size=1, max_size=2), metadata=METADATA)
    def first_trials(self, due: list[str], metadata: dict[str, Any]) -> Any:
        return self.make(1, due, metadata)

    @precondition(lambda self: sum(trial.open for trial in self.trials.values()) < MOST_OPEN)
    @rule(target=handles, runner=RUNNER, due=st.lists(DUE, min_size=1, max_size=2), metadata=METADATA)
    def new_trials(self, runner: int, due: list[str], metadata: dict[str, Any]) -> Any:
        return self.make(runner, due, metadata)

    def make(self, runner: int, due: list[str], metadata: dict[str, Any]) -> Any:
        experiment = self.experiments[runner]
        began = dt.datetime.now(dt.timezone.utc)
        if len(due) == 1:
            made = [experiment.new_trial({}, TIMES[due[0]], metadata)]
        else:
            made = experiment.new_trials([NewTrial({}, TIMES[each], metadata) for each in due])
        ended = dt.datetime.now(dt.timezone.utc)
        first = len(self.trials) + 1
        assert [trial.trial_id for trial in made] == list(range(first, first + len(due)))  # dense, whoever makes them
        stored = self.data.trials
        for trial_id, each in enumerate(due, first):
            ts_start = TIMES[each] or known(stored[trial_id].ts_start)
            assert TIMES[each] or began <= ts_start <= ended
            self.trials[trial_id] = TrialModel(trial_id, Row(ts_start, dict(metadata)))
        return multiple(*map(self.handle, made))

    @precondition(lambda self: self.looked_up < MOST_LOOKED_UP)
    @rule(target=handles, runner=RUNNER, back=st.integers(-1, 1))
    def get_trial_by_id(self, runner: int, back: int) -> Any:
        trial_id = len(self.trials) - back
        found = self.experiments[runner].get_trial_by_id(trial_id)
        assert (found is not None) == (trial_id in self.trials)
        self.looked_up += found is not None
        return multiple() if found is None else self.handle(found)

    @precondition(lambda self: self.storages[0] is not self.storages[1])  # what is in memory cannot be pickled
    @precondition(lambda self: len(self.copies) < MOST_LOOKED_UP)
    @rule(targets=(handles, claims), handle=claims)
    def pickled_copy(self, handle: Handle) -> Handle:
        real = pickle.loads(pickle.dumps(handle.real))
        self.copies.append(real)
        self.known.append(copy.copy(handle))
        self.known[-1].real, self.known[-1].metadata = real, dict(handle.metadata)
        return self.known[-1]

    # Trials are taken, and given or taken back.

    @precondition(any_trial(lambda trial: trial.row.status.is_pending()))
    @rule(targets=(handles, claims), runner=RUNNER)
    def claim_a_trial(self, runner: int) -> Any:
        return self.claim(runner, 1, HOUR, "far off")

    @precondition(any_trial(lambda trial: trial.row.status.is_pending()))
    @rule(
        targets=(handles, claims), runner=RUNNER, limit=st.integers(1, 2), hours=st.sampled_from([1, 1000]), asked=ASKED
    )
    def claim_trials(self, runner: int, limit: int, hours: int, asked: str) -> Any:
        return self.claim(runner, limit, hours * HOUR, asked)

    def claim(self, runner: int, limit: int, lease: dt.timedelta, asked: str) -> Any:
        claimed = self.experiments[runner].claim_trials(runner, limit=limit, lease=lease, timestamp=TIMES[asked])
        due = sorted(self.due(asked, runner), key=lambda trial: (trial.row.ts_start, trial.trial_id))[:limit]
        for trial in due:
            trial.claim(runner, lease)
        assert [(each.trial_id, each.lease_fence) for each in claimed] == [
            (trial.trial_id, trial.row.fence) for trial in due
        ]
        for trial in due:  # no claim has the number of another, so no two of them can write
            assert (trial.trial_id, trial.row.fence) not in self.numbers
            self.numbers.add((trial.trial_id, trial.row.fence))
        return multiple(*(self.handle(each, claimed=True) for each in claimed))

    def due(self, asked: str, runner: int) -> list[TrialModel]:
        """Trials that a runner can claim."""
        limit = TIMES[asked] or dt.datetime.now(dt.timezone.utc)
        return [
            trial
            for trial in self.trials.values()
            if trial.row.status.is_pending() and trial.row.ts_start <= limit and trial.row.runner in (None, runner)
        ]

    @rule(handle=claims, hours=st.sampled_from([1, 1000, 1, 0]))
    def renew_lease(self, handle: Handle, hours: int) -> None:
        self.call(lambda: handle.real.renew_lease(hours * HOUR), lambda: handle.renew(hours * HOUR))

    @rule(handle=claims)
    def release_lease(self, handle: Handle) -> None:
        self.call(handle.real.release_lease, handle.give_back)

    @precondition(any_trial(lambda trial: trial.held))
    @rule(runner=RUNNER, in_hours=st.sampled_from([0, 10, 2000]))
    def release_expired(self, runner: int, in_hours: int) -> None:
        moment = dt.datetime.now(dt.timezone.utc) + in_hours * HOUR
        self.take_back(runner, moment, moment if in_hours else None)

    @precondition(any_trial(lambda trial: trial.held))
    @rule(runner=RUNNER, early=st.booleans())
    def release_expired_at_the_end_of_a_lease(self, runner: int, early: bool) -> None:
        ends = min(trial.row.lease_ends for trial in self.trials.values() if trial.row.lease_ends is not None)
        moment = ends - TICK if early else ends
        self.take_back(runner, moment, moment)

    def take_back(self, runner: int, moment: dt.datetime, timestamp: dt.datetime | None) -> None:
        ended = [
            trial
            for trial in self.trials.values()
            if trial.row.lease_ends is not None and trial.row.lease_ends <= moment
        ]
        for trial in ended:
            trial.release()
        assert self.experiments[runner].release_expired(timestamp) == [trial.trial_id for trial in ended]

    # Trials are written to, by who holds them and by who does not (any more).

    @rule(handle=handles, status=st.sampled_from(NOT_COMPLETED), given=GIVEN, metrics=NO_METRICS)
    def start(self, handle: Handle, status: Status, given: str, metrics: Any) -> None:
        ts = TIMES[given]
        self.call(lambda: handle.real.update(status, ts, metrics), lambda: handle.start(status, ts, metrics))

    @rule(handle=claims, given=GIVEN)
    def run(self, handle: Handle, given: str) -> None:
        self.start(handle, Status.RUNNING, given, None)

    @precondition(any_trial(lambda trial: trial.open))
    @rule(handle=handles, status=st.sampled_from(COMPLETED), given=GIVEN, metrics=METRICS)
    def complete(self, handle: Handle, status: Status, given: str, metrics: Any) -> None:
        ts = TIMES[given]
        self.call(lambda: handle.real.update(status, ts, metrics), lambda: handle.complete(status, ts, metrics))

    @precondition(any_trial(lambda trial: trial.open))
    @rule(handle=claims, given=GIVEN)
    def succeed(self, handle: Handle, given: str) -> None:
        self.complete(handle, Status.SUCCEEDED, given, {"score": 1})

    @rule(handle=handles, status=st.sampled_from([Status.RUNNING, Status.FAILED]), given=GIVEN, points=POINTS)
    def update_telemetry(self, handle: Handle, status: Status, given: str, points: list[tuple[str, str, int]]) -> None:
        ts, timed = TIMES[given], [(TIMES[moment], metric, value) for moment, metric, value in points]
        self.call(lambda: handle.real.update_telemetry(status, ts, timed), lambda: handle.append(status, ts, timed))

    @rule(handle=handles, new=METADATA)
    def add_new_config_data(self, handle: Handle, new: dict[str, Any]) -> None:
        self.call(lambda: handle.real.add_new_config_data(new), lambda: handle.add_metadata(new))

    @rule(handle=handles, runner=RUNNER)
    def set_trial_runner(self, handle: Handle, runner: int) -> None:
        self.call(lambda: handle.real.set_trial_runner(runner), lambda: handle.set_runner(runner))

    # What holds after each call, and what the library's other ways to read say.

    @invariant()
    def agrees(self) -> None:
        """The database with the model, each object with what it was told, and each ended trial with how it ended."""
        stored = self.stored()
        assert list(stored) == list(self.trials)
        for trial_id, row in stored.items():
            self.trials[trial_id].take_over(row)
            found, expected = vars(row), vars(self.trials[trial_id].row)
            assert {name: value for name, value in found.items() if value != expected[name]} == {}, expected
            if row.status.is_completed():  # said apart from the model: nothing that comes later changes this
                end = row.status, row.ts_end, row.results
                assert self.ended.setdefault(trial_id, end) == end
        for handle in self.known:
            real = handle.real
            assert (real.status, real.trial_runner_id, real.lease_fence) == (handle.status, handle.runner, handle.fence)
            ids = {"experiment_id": self.name, "trial_id": handle.trial.trial_id}
            runner = {} if handle.runner is None else {"trial_runner_id": handle.runner}
            assert real.config() == {**handle.metadata, **ids, **runner}

    def stored(self) -> dict[int, Row]:
        """What the database holds of each trial."""
        decode_ts = self.storages[1].database.dialect.decode_ts
        leases = {
            trial_id: (fence or 0, None if ends is None else decode_ts(ends))
            for trial_id, fence, ends in query(
                self.storages[1], f"SELECT trial_id, lease_fence, lease_ends FROM trial WHERE exp_id = '{self.name}'"
            )
        }
        trials = self.data.trials
        stored = {
            trial_id: Row(
                ts_start=known(trial.ts_start),
                status=trial.status,
                runner=trial.trial_runner_id,
                fence=leases[trial_id][0],
                lease_ends=leases[trial_id][1],
                ts_end=trial.ts_end,
            )
            for trial_id, trial in trials.items()
        }
        for what, trial_id, ts, name, text, kind in query(self.storages[1], BELONGINGS.format(name=self.name)):
            row = stored[trial_id]
            if what == "event":
                row.events[decode_ts(ts)] = Status[name]
            elif what == "metadata":
                row.metadata[name] = decode(text, kind)
            elif what == "result":
                row.results[name] = decode(text, kind)
            else:
                row.telemetry[decode_ts(ts), name] = decode(text, kind)
        return stored

    @rule(runner=RUNNER)
    def read(self, runner: int) -> None:
        experiment, rows = self.experiments[runner], {n: trial.row for n, trial in self.trials.items()}
        trials = self.data.trials
        assert {n: trial.results_dict for n, trial in trials.items()} == {n: row.results for n, row in rows.items()}
        assert {n: trial.metadata_dict for n, trial in trials.items()} == {n: row.metadata for n, row in rows.items()}
        for n, row in rows.items():
            assert experiment.load_telemetry(n) == [(*point, row.telemetry[point]) for point in sorted(row.telemetry)]
        ids, _, scores, status = experiment.load()
        assert ids == [n for n, row in rows.items() if row.status in COMPLETED and row.status is not Status.CANCELED]
        assert status == [rows[n].status for n in ids]
        assert scores == [rows[n].results if rows[n].status.is_succeeded() else None for n in ids]

    @rule(runner=RUNNER, given=GIVEN, running=st.booleans(), assigned=st.sampled_from([None, True, False]))
    def pending_trials(self, runner: int, given: str, running: bool, assigned: bool | None) -> None:
        pending = self.experiments[runner].pending_trials(TIMES[given], running=running, trial_runner_assigned=assigned)
        statuses = [Status.PENDING, Status.READY, Status.RUNNING] if running else [Status.PENDING]
        assert [trial.trial_id for trial in pending] == [
            trial_id
            for trial_id, trial in self.trials.items()
            if trial.row.status in statuses
            and trial.row.ts_start <= TIMES[given]
            and assigned in (None, trial.row.runner is not None)
        ]

    def teardown(self) -> None:
        for copied in self.copies:
            copied.database.dispose()


# --- the tests --------------------------------------------------------------------------------------------------------

# An engine that is ten times as fast gets ten times as many examples. Whoever looks for a bug gives it minutes.
SECONDS = 4.0
BATCH = settings(
    max_examples=10,
    stateful_step_count=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


def live(first: SqlStorage, second: SqlStorage) -> None:
    """Let trials live and die, each time in another experiment of the same database."""
    machine: Any = lambda: LifeCycle(first, second)  # noqa: E731 - called as a class would be
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        run_state_machine_as_test(machine, settings=BATCH)


def test_two_runners_with_a_storage_each(shared_storage: SqlStorage, shared_config: dict[str, Any]) -> None:
    with SqlStorage(shared_config) as second:
        live(shared_storage, second)


def test_two_runners_with_one_storage(private_storage: SqlStorage) -> None:
    live(private_storage, private_storage)
