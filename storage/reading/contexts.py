"""What the trials of an experiment ran on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from trialstore.sql.session import Session
from trialstore.storage.database.connections import Database
from trialstore.storage.values.readers import TYPED

_NEVER = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


@dataclass(frozen=True)
class Context:
    """Something that trials ran on, name → value, and how many trials of the experiment did; `first_start` and
    `last_start` (UTC) are the times when the first and the last of them started.

    `context_id` is None, and there are no values, for trials of which it is not stored.
    """

    context_id: int | None
    trials: int
    first_start: dt.datetime | None
    last_start: dt.datetime | None
    values: dict[str, Any]


def read_contexts(database: Database, experiment_id: str) -> list[Context]:
    """What those trials of an experiment ran on that have begun, in the order in which the first ones started."""

    def read(tx: Session) -> tuple[Any, Any]:
        return (
            tx.many("context_use", exp_id=experiment_id),
            tx.tuples("context_values_of_experiment", exp_id=experiment_id),
        )

    use, rows = database.read(read)
    values = TYPED.values_by_id(rows)
    read_ts = database.dialect.read_ts
    found = [
        Context(
            row.context_id,
            int(row.trials),
            read_ts(row.first_start),
            read_ts(row.last_start),
            values.get(row.context_id, {}),
        )
        for row in use
    ]
    return sorted(found, key=lambda one: (one.context_id is None, one.first_start or _NEVER))
