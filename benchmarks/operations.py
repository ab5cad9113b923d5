"""What is measured: for each operation, how it is prepared, what is timed, and how much of the floor it may cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import data
from .contestant import Contestant

Calls = list[Callable[[], object]]
WRITE, BULK, FREE = 1.5, 2.0, None
"""How many times the floor a call may take: writes and load; idempotent bulk telemetry and data frames; no promise."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured: trials in tables, points, calls of a round, and rounds."""

    table: tuple[int, ...] = (1_000, 100_000)
    load: tuple[int, ...] = (1_000, 10_000)
    telemetry: tuple[int, ...] = (1, 100, 10_000)
    telemetry_df: int = 100_000
    experiments: int = 1_000
    batch: int = 100
    due: int = 100
    rounds: int = 15
    heavy_rounds: int = 7
    calls: int = 10
    flat: tuple[int, ...] = (1_000, 100_000)
    memory: tuple[int, ...] = (1_000, 10_000)
    stream: int = 100_000
    seconds: float = 5.0
    processes: tuple[int, ...] = (1, 2, 4, 8, 16)


QUICK = Sizes(
    table=(20, 60),
    load=(20, 60),
    telemetry=(1, 10, 200),
    telemetry_df=500,
    experiments=5,
    batch=5,
    due=12,
    rounds=2,
    heavy_rounds=2,
    calls=2,
    flat=(20, 60),
    memory=(20, 60),
    stream=500,
    seconds=0.3,
    processes=(1, 2),
)
LARGE = Sizes(
    table=(1_000, 100_000, 1_000_000),
    load=(1_000, 10_000, 100_000),
    flat=(1_000, 100_000, 1_000_000),
    memory=(1_000, 10_000, 100_000),
    stream=1_000_000,
)


@dataclass(frozen=True)
class Operation:
    """One row of the table. `prepare`, which is not timed, makes the calls of a round.

    `kind` and `count` (trials in the table, of a batch or to be read; points; experiments) tell other libraries what to
    do.
    """

    name: str
    kind: str
    count: int
    limit: float | None
    rounds: int
    calls: int
    prepare: Callable[[Contestant, int, int], Calls]


def _ts(round_number: int, at: int) -> dt.datetime:
    return data.moment(1000 * round_number + at)


def _wanted(first: int, count: int) -> list[tuple[data.Tunables, dt.datetime, data.Metadata]]:
    return [
        (data.tunables(number), data.moment(number), data.metadata(number)) for number in range(first, first + count)
    ]


def new_trials(contestant: Contestant, first: int, count: int) -> list[Any]:
    """Trials whose tunables no other trial has."""
    return contestant.new_trials(_wanted(first, count))


def writes(sizes: Sizes) -> list[Operation]:
    """Operations on an experiment that begins empty."""

    def opened(side: Contestant, _round: int, calls: int) -> Calls:
        return [side.open_and_close] * calls

    def create(side: Contestant, number: int, calls: int) -> Calls:
        first = 1_000_000 + number * calls
        return [bound(side.new_trial, *each) for each in _wanted(first, calls)]

    def create_many(side: Contestant, number: int, calls: int) -> Calls:
        first = 2_000_000 + number * calls * sizes.batch
        return [bound(side.new_trials, _wanted(first + at * sizes.batch, sizes.batch)) for at in range(calls)]

    def start(side: Contestant, number: int, calls: int) -> Calls:
        trials = new_trials(side, 3_000_000 + number * calls, calls)
        return [bound(side.start, trial, _ts(number, at)) for at, trial in enumerate(trials)]

    def finish(side: Contestant, number: int, calls: int) -> Calls:
        trials = new_trials(side, 4_000_000 + number * calls, calls)
        for at, trial in enumerate(trials):
            side.start(trial, _ts(number, at))
        return [bound(side.finish, trial, _ts(number, at + 100), data.metrics(at)) for at, trial in enumerate(trials)]

    few = max(1, sizes.calls // 5)
    return [
        Operation("open", "open", 0, FREE, sizes.rounds, few, opened),
        Operation("new_trial", "new_trial", 0, WRITE, sizes.rounds, sizes.calls, create),
        Operation(f"new_trials of {sizes.batch}", "new_trials", sizes.batch, WRITE, sizes.rounds, few, create_many),
        Operation("start", "start", 0, WRITE, sizes.rounds, sizes.calls, start),
        Operation("finish with 5 metrics", "finish", 0, WRITE, sizes.rounds, sizes.calls, finish),
        *(_telemetry(sizes, count, again=again) for count in sizes.telemetry for again in (False, True)),
    ]


def _telemetry(sizes: Sizes, count: int, *, again: bool) -> Operation:
    def prepare(side: Contestant, number: int, calls: int) -> Calls:
        trials = new_trials(side, 5_000_000 + 10_000 * count + number * calls + 5000 * again, calls)
        for trial in trials:
            side.start(trial, _ts(number, 0))
        points = data.points(count, number)
        made = [bound(side.telemetry, trial, _ts(number, 1), points) for trial in trials]
        if again:
            for call in made:
                call()
        return made

    calls = sizes.calls if count < 1000 else 1
    name = f"telemetry of {count:,}" + (", repeated" if again else "")
    kind = "telemetry again" if again else "telemetry"
    return Operation(name, kind, count, WRITE if count == 1 else BULK, sizes.rounds, calls, prepare)


def of_table(sizes: Sizes, trials: int) -> list[Operation]:
    """Operations on an experiment of so many trials, the last of which are due."""

    def pending(side: Contestant, _round: int, calls: int) -> Calls:
        return [side.pending] * calls

    def claim(side: Contestant, _round: int, calls: int) -> Calls:
        return [bound(side.claim, 1)] * calls

    # A claim takes a trial away, and there are so many.
    rounds = sizes.heavy_rounds
    claims = max(1, sizes.due // (rounds + 1))
    return [
        Operation(f"pending_trials in {trials:,}", "pending", trials, FREE, rounds, max(1, sizes.calls // 2), pending),
        Operation(f"claim_trials in {trials:,}", "claim", trials, WRITE, rounds, min(claims, sizes.calls), claim),
    ]


def of_ended(sizes: Sizes, trials: int) -> list[Operation]:
    """Operations on an experiment of so many trials, all of which have ended."""

    def load(side: Contestant, _round: int, _calls: int) -> Calls:
        return [side.load]

    def frame(side: Contestant, _round: int, _calls: int) -> Calls:
        return [side.results_df]

    rounds = sizes.heavy_rounds
    return [
        Operation(f"load of {trials:,}", "load", trials, WRITE, rounds, 1, load),
        Operation(f"results_df of {trials:,}", "results_df", trials, BULK, rounds, 1, frame),
    ]


def of_points(sizes: Sizes) -> list[Operation]:
    """Reading the points of the first trial."""

    def read(side: Contestant, _round: int, _calls: int) -> Calls:
        return [bound(side.telemetry_df, 1)]

    count = sizes.telemetry_df
    return [Operation(f"telemetry_df of {count:,}", "telemetry_df", count, FREE, sizes.heavy_rounds, 1, read)]


def write_points(contestant: Contestant, count: int) -> None:
    """A first trial with so many points."""
    (trial,) = new_trials(contestant, 0, 1)
    contestant.start(trial, data.BEGIN)
    points = data.points(count)
    for piece in data.chunks(count, 10_000):
        contestant.telemetry(trial, data.BEGIN, points[piece.start : piece.stop])


def of_experiments(sizes: Sizes) -> list[Operation]:
    """Listing experiments."""

    def read(side: Contestant, _round: int, calls: int) -> Calls:
        return [side.experiments] * calls

    count = sizes.experiments
    calls = max(1, sizes.calls // 5)
    return [Operation(f"experiments, {count:,}", "experiments", count, FREE, sizes.heavy_rounds, calls, read)]


def bound(call: Callable[..., object], *args: Any) -> Callable[[], object]:
    """The call with its arguments."""
    return lambda: call(*args)
