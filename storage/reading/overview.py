"""What a list of experiments shows, read in a fixed number of statements however many experiments there are."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from trialstore.sql.session import Session
from trialstore.storage.database.connections import Database
from trialstore.storage.objectives import Direction
from trialstore.storage.status import Status

_NOT_BEGUN = frozenset({Status.PENDING.name, Status.READY.name})
_OPEN = frozenset({*_NOT_BEGUN, Status.RUNNING.name})
_NEVER = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
# LIKE's own characters, and the one that quotes them in the statements.
_SPECIAL = re.compile(r"([!%_])")


@dataclass(frozen=True)
class Progress:
    """How far the trials of an experiment are.

    `trials` has the number of trials by status, in the order of a trial's life; a status that no trial has is left out.
    `last_activity` is when a trial last began or ended, in UTC; a start that is only planned does not count.
    """

    trials: dict[str, int] = field(default_factory=dict)
    last_activity: dt.datetime | None = None

    @property
    def total(self) -> int:
        """Number of trials."""
        return sum(self.trials.values())

    @property
    def open(self) -> int:
        """Number of trials that are not completed."""
        return sum(count for status, count in self.trials.items() if status in _OPEN)

    @property
    def completed(self) -> int:
        """Number of trials that are completed."""
        return self.total - self.open


@dataclass(frozen=True)
class Overview:
    """An experiment in a list: `best` is the best finite value of its first objective among the trials that succeeded,
    None where there is none."""

    experiment_id: str
    description: str | None
    objectives: dict[str, Direction]
    progress: Progress
    best: float | None = None


@dataclass(frozen=True)
class Page:
    """Part of a list, and the length of the whole."""

    experiments: list[Overview]
    total: int


def read_overview(
    database: Database, like: str | None = None, since: dt.datetime | None = None, limit: int | None = None
) -> Page:
    """The experiments, the latest activity first, those without any last.

    Args:
        database: Where they are stored.
        like: Only ids of this form, in which `*` stands for any text and `?` for any character.
        since: Only experiments with some activity since then.
        limit: Maximum number of experiments.
    """
    pattern = "%" if like is None else _SPECIAL.sub(r"!\1", like).replace("*", "%").replace("?", "_")
    fits = re.compile("" if like is None else _regex(like), re.DOTALL)

    def read(tx: Session) -> tuple[Any, Any, Any]:
        return (
            tx.many("experiment_overview", pattern=pattern),
            tx.many("experiment_activity", pattern=pattern),
            tx.many("objective_overview", pattern=pattern),
        )

    experiments, activity, objectives = database.read(read)
    by_id: dict[str, list[Any]] = {}
    for row in activity:
        by_id.setdefault(row.exp_id, []).append(row)
    goals: dict[str, dict[str, Direction]] = {}
    for row in objectives:
        goals.setdefault(row.exp_id, {})[row.optimization_target] = row.optimization_direction
    found = [
        Overview(row.exp_id, row.description, goals.get(row.exp_id, {}), _progress(database, by_id.get(row.exp_id, ())))
        for row in experiments
        if fits.match(row.exp_id)  # LIKE takes small and capital letters for the same on some engines
    ]
    if since is not None:
        found = [one for one in found if (one.progress.last_activity or _NEVER) >= since]
    found.sort(key=lambda one: one.experiment_id)
    found.sort(key=lambda one: one.progress.last_activity or _NEVER, reverse=True)
    return Page(_with_best(database, found[:limit]), len(found))


def _with_best(database: Database, experiments: list[Overview]) -> list[Overview]:
    """The same with their best values, which are read of these only."""
    ids = [one.experiment_id for one in experiments if one.objectives]
    if not ids:
        return experiments
    rows = database.read_one(lambda tx: tx.many("experiment_best", exp_ids=json.dumps(ids)))
    extremes = {(row.exp_id, row.metric): {"min": row.least, "max": row.greatest} for row in rows}

    def best(one: Overview) -> float | None:
        metric, direction = next(iter(one.objectives.items()), ("", "min"))
        return extremes.get((one.experiment_id, metric), {}).get(direction)

    return [replace(one, best=best(one)) for one in experiments]


def read_progress(database: Database, experiment_id: str) -> Progress:
    """How far the trials of one experiment are; one statement on an index."""
    return _progress(database, database.read_one(lambda tx: tx.many("experiment_progress", exp_id=experiment_id)))


def _progress(database: Database, rows: Iterable[Any]) -> Progress:
    found = list(rows)
    counts = {row.status: int(row.trials) for row in found if row.status is not None}
    times = [
        time
        for row in found
        if row.status not in _NOT_BEGUN
        for value in (row.last_start, row.last_end)
        if (time := database.dialect.read_ts(value)) is not None
    ]
    known = [status.name for status in Status if status.name in counts]
    others = sorted(counts.keys() - set(known))
    return Progress({name: counts[name] for name in (*known, *others)}, max(times, default=None))


def _regex(like: str) -> str:
    parts = {"*": ".*", "?": "."}
    return "".join(parts.get(character) or re.escape(character) for character in like) + r"\Z"
