"""Reading the trials of an experiment that share a tunable config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .base_trial_data import TrialData
    from .base_tunable_config_data import TunableConfigData


class TunableConfigTrialGroupData(ABC):
    """The trials of one experiment that ran one tunable config: its repeats."""

    def __init__(self, *, experiment_id: str, tunable_config_id: int, tunable_config_trial_group_id: int) -> None:
        self._experiment_id = experiment_id
        self._tunable_config_id = tunable_config_id
        self._tunable_config_trial_group_id = tunable_config_trial_group_id

    def __repr__(self) -> str:
        return (
            f"TunableConfigTrialGroup :: {self._experiment_id}:{self._tunable_config_trial_group_id} "
            f"cid:{self._tunable_config_id}"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TunableConfigTrialGroupData):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, int]:
        return self._experiment_id, self._tunable_config_id

    @property
    def experiment_id(self) -> str:
        """The experiment that the trials belong to."""
        return self._experiment_id

    @property
    def tunable_config_id(self) -> int:
        """The config that they share."""
        return self._tunable_config_id

    @property
    def tunable_config_trial_group_id(self) -> int:
        """The least trial id of that config in the experiment."""
        return self._tunable_config_trial_group_id

    @property
    @abstractmethod
    def tunable_config(self) -> TunableConfigData:
        """The config that they share."""

    @property
    @abstractmethod
    def trials(self) -> dict[int, TrialData]:
        """The trials of the group by id, ascending."""

    @property
    @abstractmethod
    def results_df(self) -> pd.DataFrame:
        """The rows of the experiment's `results_df` that belong to this group."""
