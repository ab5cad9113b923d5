"""Timing calls in turns, so that whatever else the machine does meets all sides alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .contestant import Contestant
from .operations import Calls, Operation


class Timed(Protocol):
    """Whoever can be timed at an operation."""

    label: str

    def time(self, operation: Operation, number: int) -> list[float] | None:
        """Seconds of each call of a round; None where there is no such call."""


class Here:
    """A contestant in this process."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.label = contestant.label

    def time(self, operation: Operation, number: int) -> list[float] | None:
        """Seconds of each call of a round."""
        return timed(operation.prepare(self.contestant, number, operation.calls))


def timed(calls: Calls) -> list[float]:
    """Seconds of each call, with the garbage of what was before collected first."""
    gc.collect()
    seconds = []
    for call in calls:
        begin = time.perf_counter()
        kept = call()
        seconds.append(time.perf_counter() - begin)
        del kept
    return seconds


@dataclass
class Measured:
    """The times of one operation: side → round → seconds a call."""

    name: str
    limit: float | None
    rounds: dict[str, list[list[float]]] = field(default_factory=dict)

    def seconds(self, label: str) -> float | None:
        """The median of all calls."""
        found = [second for each in self.rounds.get(label, ()) for second in each]
        return statistics.median(found) if found else None

    def ratio(self, label: str = "trialstore", to: str = "floor") -> tuple[float, float, float] | None:
        """Median to median, and the quartiles of the ratios of single rounds."""
        ours, floor = self.seconds(label), self.seconds(to)
        if ours is None or floor is None:
            return None
        pairs = zip(self.rounds[label], self.rounds[to], strict=False)  # others are asked for fewer rounds
        single = sorted(statistics.median(one) / statistics.median(other) for one, other in pairs)
        if len(single) < 2:
            return ours / floor, single[0], single[0]
        low, _, high = statistics.quantiles(single, n=4, method="inclusive")
        return ours / floor, low, high

    def least(self, label: str = "trialstore", to: str = "floor") -> float | None:
        """The ratio of the quickest calls: what is left where the machine has much else to do."""
        both = [[second for each in self.rounds.get(side, ()) for second in each] for side in (label, to)]
        return min(both[0]) / min(both[1]) if all(both) else None

    @property
    def missed(self) -> bool:
        """Whether it costs more than it may."""
        found = self.ratio()
        return self.limit is not None and found is not None and found[0] > self.limit

    def as_json(self) -> dict[str, Any]:
        """All that was measured."""
        found = self.ratio()
        return {
            "operation": self.name,
            "limit": self.limit,
            "median_seconds": {label: self.seconds(label) for label in self.rounds},
            "least_ratio": self.least(),
            "ratio": None if found is None else dict(zip(("median", "low", "high"), found, strict=True)),
            "seconds": self.rounds,
        }


def measure(
    operations: Sequence[Operation],
    sides: Sequence[Timed],
    told: Callable[[Measured], None] = lambda _measured: None,
) -> list[Measured]:
    """Time the operations one after the other, the sides in turns; a first round warms up and is thrown away."""
    found = []
    for operation in operations:
        measured = Measured(operation.name, operation.limit)
        for number in range(operation.rounds + 1):
            # Whoever comes first in a round may find other caches than the next one.
            for side in sides if number % 2 else reversed(sides):
                seconds = side.time(operation, number)
                if number and seconds is not None:
                    measured.rounds.setdefault(side.label, []).append(seconds)
        found.append(measured)
        told(measured)
    return found
