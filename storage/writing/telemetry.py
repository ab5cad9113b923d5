"""Telemetry as it is written: points that were checked, and the statement that stores them.

Reading it is the business of `trialstore.storage.reading.telemetry`; its statements stand in
`sql/queries/trial_data.sql`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import ValueRejected, listed
from trialstore.dialects.text import logger
from trialstore.sql.session import Session
from trialstore.storage.values.checks import check_name, items_of, to_utc
from trialstore.storage.values.encoding import encode

_LOG = logger(__name__)

POINT = ("ts", "metric_id", "metric_value", "value_type")
"""The columns of a stored point."""
PointRow = tuple[Any, str, str | None, str | None]
"""Encoded time, metric, text and type: a plain tuple, since there may be millions."""


def point_rows(metrics: Any, dialect: Dialect, trial: object) -> list[PointRow]:
    """Check `(timestamp, metric, value)` points, and return them as rows of POINT. Of several points of one metric at
    the same microsecond the first is kept; if they differ, a warning names the trial. Raises ValueRejected."""
    points: dict[tuple[Any, str], tuple[str | None, str | None]] = {}
    names: dict[str, tuple[str, str]] = {}  # checked, with what errors call them and their times
    clashes: set[str] = set()
    encode_ts, id_length = dialect.encode_ts, dialect.id_length
    for ts, given, value in _triples(metrics):
        metric = given if type(given) is str else check_name(given, "Metric", id_length)
        if metric not in names:
            names[check_name(metric, "Metric", id_length)] = f"Metric {metric!r}", f"Metric {metric!r}: timestamp"
        what, what_ts = names[metric]
        typed = encode(value, what)
        if points.setdefault((encode_ts(to_utc(ts, what_ts)), metric), typed) != typed:
            clashes.add(metric)
    if clashes:
        _LOG.warning(
            "Trial %s: several values at the same microsecond, the first is kept, of: %s",
            trial,
            listed(sorted(clashes), str),
        )
    return [(ts, metric, text, kind) for (ts, metric), (text, kind) in points.items()]


def add_points(tx: Session, key: Mapping[str, Any], points: Sequence[PointRow]) -> None:
    """Store points of a trial; those that are there stay as they are."""
    tx.bulk("telemetry_insert", POINT, points, **key)


def _triples(metrics: Any) -> list[tuple[Any, Any, Any]]:
    points = items_of(metrics, "telemetry", "Give a list of (timestamp, metric, value).")
    for number, point in enumerate(points):
        if not isinstance(point, (tuple, list)) or len(point) != 3:
            raise ValueRejected(f"telemetry: point {number} is no (timestamp, metric, value).", "Give three parts.")
    return points
