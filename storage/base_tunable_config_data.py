"""Reading a tunable config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class TunableConfigData(ABC):
    """A stored set of tunable values."""

    def __init__(self, *, tunable_config_id: int) -> None:
        self._tunable_config_id = tunable_config_id

    def __repr__(self) -> str:
        return f"TunableConfig :: {self._tunable_config_id}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TunableConfigData):
            return NotImplemented
        return self._tunable_config_id == other._tunable_config_id

    def __hash__(self) -> int:
        return hash(self._tunable_config_id)

    @property
    def tunable_config_id(self) -> int:
        """The config's id."""
        return self._tunable_config_id

    @property
    @abstractmethod
    def config_df(self) -> pd.DataFrame:
        """The values, columns `parameter, value`."""

    @property
    @abstractmethod
    def config_dict(self) -> dict[str, Any]:
        """The values, parameter → value."""
