"""What is measured: the calls that the library and the floor both answer, on one database each."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import Any

from .data import Metadata, Points, Tunables

LEASE = dt.timedelta(minutes=5)
RUNNER = 7


class Contestant(ABC):
    """One way to store trials. A trial is whatever `new_trial` returns and the other calls take."""

    label: str
    config: dict[str, Any]

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""

    @abstractmethod
    def enter(self, exp_id: str) -> None:
        """Create an experiment, or continue it; the calls below are about the one that was entered last."""

    @abstractmethod
    def open_and_close(self) -> None:
        """Open another storage on the same database, see that its schema is up to date, and close it."""

    @abstractmethod
    def new_trial(self, tunables: Tunables, ts_start: dt.datetime, metadata: Metadata) -> Any:
        """A new PENDING trial."""

    @abstractmethod
    def new_trials(self, wanted: list[tuple[Tunables, dt.datetime, Metadata]]) -> list[Any]:
        """New PENDING trials in one transaction."""

    @abstractmethod
    def start(self, trial: Any, ts: dt.datetime) -> None:
        """The trial is RUNNING."""

    @abstractmethod
    def finish(self, trial: Any, ts: dt.datetime, metrics: dict[str, Any]) -> None:
        """The trial has SUCCEEDED, with these metrics."""

    @abstractmethod
    def telemetry(self, trial: Any, ts: dt.datetime, points: Points) -> None:
        """Points of a RUNNING trial; those that are there already are left as they are."""

    @abstractmethod
    def pending(self) -> list[Any]:
        """PENDING trials that are due, with tunables and metadata."""

    @abstractmethod
    def claim(self, limit: int) -> list[Any]:
        """Due trials, which are READY and held under a lease from now on, with tunables and metadata."""

    @abstractmethod
    def load(self) -> tuple[list[int], list[dict[str, Any]], list[dict[str, Any] | None], list[str]]:
        """Ids, tunables, metrics and status of the completed trials."""

    @abstractmethod
    def results_df(self) -> Any:
        """A row a trial: its columns, tunables and metrics."""

    @abstractmethod
    def telemetry_df(self, trial_id: int) -> Any:
        """A row a point."""

    @abstractmethod
    def experiments(self) -> dict[str, Any]:
        """All experiments by id."""
