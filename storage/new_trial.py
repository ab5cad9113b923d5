"""A trial that is yet to be made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .tunables.values import Tunables


@dataclass(frozen=True)
class NewTrial:
    """What `Experiment.new_trials` makes a trial of.

    Args:
        tunables: All of the experiment's tunables, or a mapping with some of their values.
        ts_start: When the trial is due; now, if not given.
        config: Its metadata, JSON-serialisable.
    """

    tunables: Tunables = field(default_factory=dict)
    ts_start: dt.datetime | None = None
    config: Mapping[str, Any] | None = None
