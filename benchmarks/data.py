"""The same trials for everyone who is measured: 10 tunables, 5 metrics, telemetry of 5 metrics at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

BEGIN = dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc)
DUE_BY = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)
DEFAULTS: dict[str, int | float | str | bool] = {
    **{f"size_{number}": 1 for number in range(5)},
    **{f"ratio_{number}": 0.5 for number in range(3)},
    "mode": "plain",
    "flush": True,
}
MODES = ("plain", "direct", "mapped")
METRICS = ("latency", "p99", "throughput", "errors", "version")
OBJECTIVES = {"latency": "min"}
POINTS_AT_ONCE = 5
Tunables = dict[str, Any]
Metadata = dict[str, Any]
Points = list[tuple[dt.datetime, str, Any]]


def tunables(number: int) -> Tunables:
    """The tunables of the trial of that number; no two trials have the same."""
    return {
        **{f"size_{place}": number + place for place in range(5)},
        **{f"ratio_{place}": (number % 997) / 997 + place for place in range(3)},
        "mode": MODES[number % len(MODES)],
        "flush": number % 2 == 0,
    }


def metadata(number: int) -> Metadata:
    """What a harness notes of a trial when it makes it."""
    return {"repeat_i": number % 3 + 1, "is_defaults": False}


def metrics(number: int) -> dict[str, Any]:
    """The final metrics of a trial, of every type that there is."""
    return {
        "latency": number * 0.37 + 1,
        "p99": number * 1.73 + 2,
        "throughput": 1e6 / (number + 1),
        "errors": number % 7,
        "version": f"v{number % 5}",
    }


def moment(number: int, microseconds: int = 0) -> dt.datetime:
    """When the trial of that number was due, or that much later."""
    return BEGIN + dt.timedelta(seconds=number, microseconds=microseconds)


def points(count: int, number: int = 0) -> Points:
    """Telemetry: five metrics a millisecond."""
    names = [f"sensor_{place}" for place in range(POINTS_AT_ONCE)]
    return [
        (moment(number, 1000 * (at // POINTS_AT_ONCE)), names[at % POINTS_AT_ONCE], at * 0.37 + number)
        for at in range(count)
    ]


def chunks(count: int, size: int = 1000) -> Iterator[range]:
    """The numbers below `count` in pieces."""
    for at in range(0, count, size):
        yield range(at, min(at + size, count))
