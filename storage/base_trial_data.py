"""Reading a trial."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from .base_tunable_config_data import TunableConfigData
    from .base_tunable_config_trial_group_data import TunableConfigTrialGroupData


class TrialData(ABC):
    """A stored trial; equal to another one of the same experiment and id."""

    def __init__(
        self,
        *,
        experiment_id: str,
        trial_id: int,
        tunable_config_id: int,
        ts_start: dt.datetime,
        ts_end: dt.datetime | None,
        status: Status,
        trial_runner_id: int | None = None,
    ) -> None:
        self._experiment_id = experiment_id
        self._trial_id = trial_id
        self._tunable_config_id = tunable_config_id
        self._ts_start = ts_start
        self._ts_end = ts_end
        self._status = status
        self._trial_runner_id = trial_runner_id

    def __repr__(self) -> str:
        return (
            f"Trial :: {self._experiment_id}:{self._trial_id} cid:{self._tunable_config_id} "
            f"rid:{self._trial_runner_id} {self._status.name}"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrialData):
            return NotImplemented
        return (self._experiment_id, self._trial_id) == (other._experiment_id, other._trial_id)

    def __hash__(self) -> int:
        return hash((self._experiment_id, self._trial_id))

    @property
    def experiment_id(self) -> str:
        """The experiment that the trial belongs to."""
        return self._experiment_id

    @property
    def trial_id(self) -> int:
        """The trial's id, unique in its experiment."""
        return self._trial_id

    @property
    def trial_runner_id(self) -> int | None:
        """The runner that held the trial."""
        return self._trial_runner_id

    @property
    def ts_start(self) -> dt.datetime:
        """When it started, or is to start (UTC)."""
        return self._ts_start

    @property
    def ts_end(self) -> dt.datetime | None:
        """When it was completed (UTC), or None."""
        return self._ts_end

    @property
    def status(self) -> Status:
        """The status."""
        return self._status

    @property
    def tunable_config_id(self) -> int:
        """The id of its tunable config."""
        return self._tunable_config_id

    @property
    @abstractmethod
    def tunable_config(self) -> TunableConfigData:
        """Its tunable config."""

    @property
    @abstractmethod
    def tunable_config_trial_group(self) -> TunableConfigTrialGroupData:
        """The group of the experiment's trials with the same config."""

    @property
    @abstractmethod
    def results_df(self) -> pd.DataFrame:
        """Final metrics, columns `metric, value`."""

    @property
    @abstractmethod
    def results_dict(self) -> dict[str, Any]:
        """Final metrics, metric → value."""

    @property
    @abstractmethod
    def telemetry_df(self) -> pd.DataFrame:
        """Telemetry, columns `ts` (UTC), `metric`, `value`, ordered by ts, then metric."""

    @property
    @abstractmethod
    def metadata_df(self) -> pd.DataFrame:
        """Metadata, columns `parameter, value`."""

    @property
    @abstractmethod
    def metadata_dict(self) -> dict[str, Any]:
        """Metadata, parameter → value."""
