"""Two write calls on one trial, their statements in every order: each call answers, and the trial ends, as if the calls
had been made one after the other, in the order in which they ended, by the model of a trial's life.

docs/reliability.md tells what that means, and how many orders there are.
"""

from __future__ import annotations

import copy
import datetime as dt
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from engines.databases import Database, on_servers
from engines.stepping import Schedule, Stepper, explore, play
from servers.base import Execute
from trialstore.contract.helpers import MAPPING, TARGETS, at, make_experiment, query, watch
from trialstore.contract.test_life_cycle import Handle, Row, TrialModel, outcome
from trialstore.storage import AlreadyCompleted, SqlStorage, Status, Storage, TrialHeld
from trialstore.storage.values.encoding import decode

HOUR = dt.timedelta(hours=1)
LATER = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)
BY_CLOCK = "by the clock"
"""In place of a time that the server's clock tells, which is looked at nowhere here."""
# --- the calls --------------------------------------------------------------------------------------------------------


@dataclass
class Modeled(TrialModel):
    """The one trial, and how many its experiment has in all."""

    made: int = 1


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
    """What the server's clock tells of a call."""
    if trial.new_lease is not None:
        trial.row.lease_ends = LATER
    trial.new_lease = trial.new_event = None


Real = Callable[[Side], Any]
Model = Callable[[Side, Modeled], Any]


def claim(side: Side) -> list[int | None]:
    return [trial.lease_fence for trial in side.experiment.claim_trials(side.number, lease=HOUR)]


def claim_model(side: Side, trial: Modeled) -> list[int]:
    if not trial.row.status.is_pending() or trial.row.runner not in (None, side.number):
        return []
    trial.claim(side.number, HOUR)
    return [trial.row.fence]


def release_expired_model(_side: Side, trial: Modeled) -> list[int]:
    if not trial.held or not (trial.row.status.is_ready() or trial.row.status.is_running()):
        return []
    trial.release()
    return [trial.trial_id]


def cancel_trials_model(_side: Side, trial: Modeled) -> list[int]:
    if not trial.row.status.is_pending() or trial.held:
        return []
    trial.row.status, trial.row.ts_end = Status.CANCELED, BY_CLOCK
    return [trial.trial_id]


def new_trial_model(_side: Side, trial: Modeled) -> int:
    trial.made += 1
    return trial.made


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
    "cancel_trials": (lambda side: side.experiment.cancel_trials([1]), cancel_trials_model),
    "new_trial": (lambda side: side.experiment.new_trial({}, LATER).trial_id, new_trial_model),
}
PASSES_OVER = ("claim", "release_expired")
ANYBODY = ("start", "complete", "telemetry", "metadata", "set_runner")
FREE = (*ANYBODY, "cancel", "claim", "cancel_trials")
HOLDER = (*ANYBODY, "renew", "give_back")
OTHERS = (*ANYBODY, "claim", "release_expired", "cancel_trials")
PAIRS = {
    "free": [*itertools.combinations_with_replacement(FREE, 2), ("new_trial", "new_trial")],
    "held": [*itertools.product(HOLDER, OTHERS), ("release_expired", "release_expired")],
    "twice held": list(itertools.combinations_with_replacement(HOLDER, 2)),  # by an object and its copy
}
LEAST = {"free": 280, "held": 350, "twice held": 145}
"""How many orders there are at least."""
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
        self.model = Modeled(1, Row(at(0)))
        trials: list[Any] = [real, second.get_trial_by_id(1)]
        claimed = [self.state != "free", self.state == "twice held"]
        if claimed[0]:
            (trials[0],) = first.claim_trials(1, lease=HOUR)
            self.model.claim(1, HOUR)
            clock_has_told(self.model)
        if claimed[1]:
            trials[1] = copy.copy(trials[0])
            trials[1].database = self.storages[1].database
        self.sides = tuple(
            Side(number, experiment, trial, Handle.of(trial, self.model, claimed=held))
            for number, (experiment, trial, held) in enumerate(zip((first, second), trials, claimed, strict=True), 1)
        )

    def expected(self, calls: tuple[str, str], order: Schedule, *, overlapped: bool) -> list[Any]:
        """What the model says of the calls in the order in which they ended; where they overlapped, a call that passes
        over what is being written to may have nothing to do instead."""
        passing = [(1 - number,) for number in (0, 1) if calls[number] in PASSES_OVER]
        return [self.after(each, calls) for each in (order, *(passing if overlapped else ()))]

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
            model.made,
        )

    def stored(self) -> Any:
        """The trial as it is stored, in the shape of `after`."""
        storage = self.storages[0]
        decode_ts = storage.database.dialect.decode_ts
        where = f"WHERE exp_id = '{self.name}' AND trial_id = 1"
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
                None if ts_end is None else BY_CLOCK if decode_ts(ts_end) > at(86_400) else decode_ts(ts_end),
            ),
            (
                {name: decode(text, kind) for name, text, kind in results},
                {name: decode(text, kind) for name, text, kind in metadata},
                {(decode_ts(ts), name): decode(text, kind) for ts, name, text, kind in telemetry},
            ),
            # Those of claims have the time of the server's clock.
            {decode_ts(ts): Status[name] for ts, name in events if decode_ts(ts) < at(86_400)},
            query(storage, f"SELECT count(*) FROM trial WHERE exp_id = '{self.name}'")[0][0],
        )


@dataclass
class Run:
    """What two calls answered, and what is stored of the trial, after one order of their statements."""

    answers: list[Any]
    status: Status
    taken: Schedule
    """Whose each statement was, in turn."""
    order: Schedule
    """In which the calls ended."""


WAITING = {
    "postgresql": (
        "SELECT '', count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    ),
    "mysql": "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'",
}


def waiting(execute: Execute, sql: str) -> int:
    """How many statements wait for a lock, as the server says."""
    ((_name, count),) = execute(sql)
    return int(count)


def run_all(database: Database, state: str, calls: tuple[str, str]) -> list[Run]:
    """Every order of the statements of two calls, each of which is compared with the model."""
    runs: list[Run] = []

    def run(schedule: Schedule) -> tuple[Schedule, list[int]]:
        world = World(storages, state)
        steppers = tuple(
            Stepper(storage, lambda side=side, call=call: CALLS[call][0](side))
            for storage, side, call in zip(storages, world.sides, calls, strict=True)
        )
        taken, choices = play((steppers[0], steppers[1]), schedule, waits)
        for storage, stepper in zip(storages, steppers, strict=True):
            stepper.join()
            watch(storage, lambda _sql: None)
        answers = [stepper.result for stepper in steppers]
        stored = world.stored()
        order = tuple(sorted((0, 1), key=lambda number: steppers[number].ended))
        overlapped = taken not in (tuple(sorted(taken)), tuple(sorted(taken, reverse=True)))
        runs.append(Run(answers, stored[0][0], taken, order))
        assert (answers, *stored) in world.expected(calls, order, overlapped=overlapped), (state, calls, taken, order)
        return taken, choices

    with SqlStorage(database.config()) as first, SqlStorage(database.config()) as second, database.other() as execute:
        storages = first, second
        waits = functools.partial(waiting, execute, WAITING[database.server.engine])
        explore(run)
    return runs


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
    count = sum(len({run.taken for run in run_all(database, state, pair)}) for pair in PAIRS[state])
    record_property("interleavings", count)
    print(f"{len(PAIRS[state])} pairs, {count} interleavings")
    assert count >= LEAST[state]
    assert database.admin(DEADLOCKS[database.server.engine]) == before


WRONG: dict[str, tuple[str, tuple[str, str], Callable[[Run], bool]]] = {
    "set_trial_runner without an answer": (
        *("held", ("give_back", "set_runner")),
        lambda run: not isinstance(run.answers[1], int),
    ),
    "RUNNING, and the database says otherwise": (
        *("held", ("give_back", "start")),
        lambda run: (run.answers[1] is None) != (run.status is Status.RUNNING),
    ),
    "completed already, though it is PENDING": (
        *("held", ("give_back", "complete")),
        lambda run: run.answers[1] is AlreadyCompleted,
    ),
    "telemetry of anybody after a claim": (
        *("free", ("claim", "telemetry")),
        lambda run: bool(run.answers[0]) and run.order == (0, 1) and run.answers[1] is not TrialHeld,
    ),
}
"""What was once the matter with two calls at once."""


@on_servers
@pytest.mark.parametrize("what", WRONG)
def test_what_two_calls_at_once_never_come_to(database: Database, what: str) -> None:
    state, calls, is_wrong = WRONG[what]
    runs = run_all(database, state, calls)
    assert [run for run in runs if is_wrong(run)] == []
    assert {run.order for run in runs} == {(0, 1), (1, 0)}
