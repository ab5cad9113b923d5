"""Two write calls on one trial, their statements in every order: whatever the order, each call answers, and the trial
ends, as if one of the two had come after the other, by the model of a trial's life.

Two real sessions are stepped statement by statement. One that waits for a lock of the other does not come back from its
step; then only the other can go on. One that is merely slow may be taken for one that waits: the run is still a real
one, of another order.
"""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from engines.databases import Database, on_servers
from trialstore.contract.helpers import MAPPING, TARGETS, at, make_experiment, query, watch
from trialstore.contract.test_life_cycle import Handle, Row, TrialModel, outcome
from trialstore.storage import SqlStorage, Status, Storage
from trialstore.storage.values.encoding import decode

LIMIT = 60.0
"""Longest wait for anything, in seconds; what takes longer hangs."""
BLOCKED = 0.04
"""Seconds after which a statement is taken to wait for the other session."""
HOUR = dt.timedelta(hours=1)
LATER = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)
OPENING = ("begin", "start transaction", "set ", "select set_config")


class Stepper:
    """A call in a thread of its own, which waits before each of its statements until it is let go."""

    def __init__(self, storage: SqlStorage, call: Callable[[], Any]) -> None:
        self._changed = threading.Condition()
        self._allowed = False
        self.waiting = self.done = False
        self.result: Any = None
        self._call = call
        watch(storage, self._gate)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = outcome(self._call)
        except BaseException as error:  # noqa: BLE001 - compared with what should have come
            self.result = error
        with self._changed:
            self.done = True
            self._changed.notify_all()

    def _gate(self, sql: str) -> None:
        if sql.lower().startswith(OPENING):
            return
        with self._changed:
            self.waiting = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._allowed, LIMIT)
            self.waiting = self._allowed = False

    def settle(self, seconds: float) -> bool:
        """Wait until the call is at its next statement or has ended; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.done or (self.waiting and not self._allowed), seconds)

    def step(self) -> None:
        """Let the next statement go, and wait for its end unless it waits itself."""
        with self._changed:
            self._allowed = True
            self._changed.notify_all()
        self.settle(BLOCKED)

    @property
    def ready(self) -> bool:
        """Whether there is a statement to be let go."""
        with self._changed:
            return self.waiting and not self._allowed

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()


Schedule = tuple[int, ...]


def play(steppers: tuple[Stepper, Stepper], schedule: Schedule) -> tuple[Schedule, list[int]]:
    """Step the calls in this order, then the first before the second; the order that it was, and at how many places
    (by their number) there was a choice."""
    taken: list[int] = []
    choices: list[int] = []
    for stepper in steppers:
        assert stepper.settle(LIMIT)
    while not all(stepper.done for stepper in steppers):
        able = [number for number, stepper in enumerate(steppers) if stepper.ready]
        if not able:
            running = [stepper for stepper in steppers if not stepper.done]
            assert any(stepper.settle(LIMIT / 100) for _ in range(100) for stepper in running), "both wait"
            continue
        wanted = schedule[len(taken)] if len(taken) < len(schedule) else 0
        chosen = wanted if wanted in able else able[0]
        if len(able) == 2:
            choices.append(len(taken))
        taken.append(chosen)
        steppers[chosen].step()
        for stepper in steppers:
            stepper.settle(BLOCKED / 4)
    return tuple(taken), choices


def explore(run: Callable[[Schedule], tuple[Schedule, list[int]]]) -> int:
    """Run every order of the statements once; how many there were."""
    todo: list[Schedule] = [()]
    seen: set[Schedule] = set()
    while todo:
        prefix = todo.pop()
        taken, choices = run(prefix)
        seen.add(taken)
        todo.extend((*taken[:place], 1 - taken[place]) for place in choices if place >= len(prefix))
    return len(seen)


# --- the calls --------------------------------------------------------------------------------------------------------


@dataclass
class Side:
    """One of the two callers: what it calls, and the model of that."""

    number: int
    experiment: Storage.Experiment
    trial: Storage.Trial
    handle: Handle

    @property
    def ts(self) -> dt.datetime:
        """A time that only this caller tells."""
        return at(10 + self.number)


def clock_has_told(trial: TrialModel) -> None:
    """What the server's clock tells of a call, which is looked at nowhere here."""
    if trial.new_lease is not None:
        trial.row.lease_ends = LATER
    trial.new_lease = trial.new_event = None


Real = Callable[[Side], Any]
Model = Callable[[Side, TrialModel], Any]


def claim(side: Side) -> list[int | None]:
    return [trial.lease_fence for trial in side.experiment.claim_trials(side.number, lease=HOUR)]


def claim_model(side: Side, trial: TrialModel) -> list[int]:
    if not trial.row.status.is_pending() or trial.row.runner not in (None, side.number):
        return []
    trial.claim(side.number, HOUR)
    return [trial.row.fence]


def release_expired_model(_side: Side, trial: TrialModel) -> list[int]:
    if not trial.held or not (trial.row.status.is_ready() or trial.row.status.is_running()):
        return []
    trial.release()
    return [trial.trial_id]


def points(side: Side) -> list[tuple[dt.datetime, str, Any]]:
    """Both tell of the same moment; who comes first is right."""
    return [(at(5), "cpu", side.number), (at(6 + side.number), "cpu", 0.5)]


CALLS: dict[str, tuple[Real, Model]] = {
    "start": (
        lambda side: side.trial.update(Status.RUNNING, side.ts),
        lambda side, _: side.handle.start(Status.RUNNING, side.ts, None),
    ),
    "complete": (
        lambda side: side.trial.update(Status.SUCCEEDED, side.ts, {"score": side.number}),
        lambda side, _: side.handle.complete(Status.SUCCEEDED, side.ts, {"score": side.number}),
    ),
    "cancel": (
        lambda side: side.trial.update(Status.CANCELED, side.ts),
        lambda side, _: side.handle.complete(Status.CANCELED, side.ts, None),
    ),
    "telemetry": (
        lambda side: side.trial.update_telemetry(Status.RUNNING, side.ts, points(side)),
        lambda side, _: side.handle.append(Status.RUNNING, side.ts, points(side)),
    ),
    "metadata": (
        lambda side: side.trial.add_new_config_data({"a": side.number}),
        lambda side, _: side.handle.add_metadata({"a": side.number}),
    ),
    "set_runner": (
        lambda side: side.trial.set_trial_runner(side.number),
        lambda side, _: side.handle.set_runner(side.number),
    ),
    "claim": (claim, claim_model),
    "release_expired": (lambda side: side.experiment.release_expired(LATER), release_expired_model),
    "renew": (lambda side: side.trial.renew_lease(2 * HOUR), lambda side, _: side.handle.renew(2 * HOUR)),
    "give_back": (lambda side: side.trial.release_lease(), lambda side, _: side.handle.give_back()),
}
PASSES_OVER = ("claim", "release_expired")
ANYBODY = ("start", "complete", "telemetry", "metadata", "set_runner")
FREE = (*ANYBODY, "cancel", "claim")
HOLDER = (*ANYBODY, "renew", "give_back")
OTHERS = (*ANYBODY, "claim", "release_expired")
PAIRS = {
    "free": list(itertools.combinations_with_replacement(FREE, 2)),
    "held": [*itertools.product(HOLDER, OTHERS), ("release_expired", "release_expired")],
    "twice held": list(itertools.combinations_with_replacement(HOLDER, 2)),  # by an object and its copy
}
_numbers = itertools.count(1)


@dataclass
class World:
    """An experiment with one trial, its two callers, and the model."""

    storages: tuple[SqlStorage, SqlStorage]
    state: str
    name: str = field(default_factory=lambda: f"Exp {next(_numbers)}")

    def __post_init__(self) -> None:
        with make_experiment(self.storages[0], self.name) as first:
            real = first.new_trial({}, at(0))
        second = self.storages[1].get_experiment_by_id(self.name, MAPPING, TARGETS)
        assert second is not None
        self.model = TrialModel(1, Row(at(0)))
        trials: list[Any] = [real, second.get_trial_by_id(1)]
        claimed = [self.state != "free", self.state == "twice held"]
        if claimed[0]:
            (trials[0],) = first.claim_trials(1, lease=HOUR)
            self.model.claim(1, HOUR)
            clock_has_told(self.model)
        if claimed[1]:
            trials[1] = copy.copy(trials[0])
            trials[1]._database = self.storages[1]._database
        self.sides = tuple(
            Side(number, experiment, trial, Handle.of(trial, self.model, claimed=held))
            for number, (experiment, trial, held) in enumerate(zip((first, second), trials, claimed, strict=True), 1)
        )

    def expected(self, calls: tuple[str, str]) -> list[Any]:
        """What the model says of the calls, one after the other; a call that passes over what is being written to may
        have nothing to do instead."""
        passing = [(1 - number,) for number in (0, 1) if calls[number] in PASSES_OVER]
        return [self.after(order, calls) for order in ((0, 1), (1, 0), *passing)]

    def after(self, order: tuple[int, ...], calls: tuple[str, str]) -> Any:
        """What the model says of the calls in this order: their answers, and the trial."""
        model = copy.deepcopy(self.model)
        answers: list[Any] = [[], []]
        for number in order:
            side = copy.copy(self.sides[number])
            side.handle = copy.copy(side.handle)
            side.handle.trial, side.handle.metadata = model, {}
            answers[number] = outcome(lambda side=side, number=number: CALLS[calls[number]][1](side, model))
            clock_has_told(model)
        row = model.row
        return (
            answers,
            (row.status, row.runner, row.fence, model.held, row.ts_end),
            (row.results, row.metadata, row.telemetry),
            row.events,
        )

    def stored(self) -> Any:
        """The trial as it is stored, in the shape of `after`."""
        storage = self.storages[0]
        decode_ts = storage._database.dialect.decode_ts
        where = f"WHERE exp_id = '{self.name}'"
        columns = "status, trial_runner_id, lease_fence, lease_ends, ts_end"
        ((status, runner, fence, lease_ends, ts_end),) = query(storage, f"SELECT {columns} FROM trial {where}")
        results = query(storage, f"SELECT metric_id, metric_value, value_type FROM trial_result {where}")
        metadata = query(storage, f"SELECT param_id, param_value, value_type FROM trial_param {where}")
        telemetry = query(storage, f"SELECT ts, metric_id, metric_value, value_type FROM trial_telemetry {where}")
        events = query(storage, f"SELECT ts, status FROM trial_status {where}")
        return (
            (
                Status[status],
                runner,
                fence or 0,
                lease_ends is not None,
                None if ts_end is None else decode_ts(ts_end),
            ),
            (
                {name: decode(text, kind) for name, text, kind in results},
                {name: decode(text, kind) for name, text, kind in metadata},
                {(decode_ts(ts), name): decode(text, kind) for ts, name, text, kind in telemetry},
            ),
            # Those of claims have the time of the server's clock.
            {decode_ts(ts): Status[name] for ts, name in events if decode_ts(ts) < at(86_400)},
        )


@contextmanager
def two_storages(database: Database) -> Iterator[tuple[SqlStorage, SqlStorage]]:
    with SqlStorage(database.config()) as first, SqlStorage(database.config()) as second:
        yield first, second


def check(storages: tuple[SqlStorage, SqlStorage], state: str, calls: tuple[str, str]) -> int:
    """Every order of the statements of two calls; how many there were."""

    def run(schedule: Schedule) -> tuple[Schedule, list[int]]:
        world = World(storages, state)
        expected = world.expected(calls)
        steppers = tuple(
            Stepper(storage, lambda side=side, call=call: CALLS[call][0](side))
            for storage, side, call in zip(storages, world.sides, calls, strict=True)
        )
        taken, choices = play((steppers[0], steppers[1]), schedule)
        for storage, stepper in zip(storages, steppers, strict=True):
            stepper.join()
            watch(storage, lambda _sql: None)
        found = ([stepper.result for stepper in steppers], *world.stored())
        assert found in expected, (state, calls, taken)
        return taken, choices

    return explore(run)


DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    "mysql": "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'",
}


@on_servers
@pytest.mark.parametrize("state", PAIRS)
def test_two_calls_act_as_if_one_came_after_the_other(
    database: Database, state: str, record_property: Callable[[str, object], None]
) -> None:
    before = database.admin(DEADLOCKS[database.server.engine])
    with two_storages(database) as storages:
        count = sum(check(storages, state, pair) for pair in PAIRS[state])
    record_property("interleavings", count)
    print(f"{len(PAIRS[state])} pairs, {count} interleavings")
    assert count >= 3 * len(PAIRS[state])
    assert database.admin(DEADLOCKS[database.server.engine]) == before
