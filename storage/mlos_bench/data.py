"""Reading experiments in mlos_bench: its data classes over ours. See `trialstore.storage.mlos_bench`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mlos_bench.environments.status import Status
from mlos_bench.storage import (
    base_experiment_data,
    base_trial_data,
    base_tunable_config_data,
    base_tunable_config_trial_group_data,
)
from mlos_bench.util import utcify_nullable_timestamp

from trialstore.storage import status as core_status
from trialstore.storage.reading.by_id import with_same_ids
from trialstore.storage.values.encoding import decode
from trialstore.storage.values.readers import UntypedReader, read_by

if TYPE_CHECKING:
    import pandas as pd

    from trialstore.storage.base_experiment_data import ExperimentData
    from trialstore.storage.base_trial_data import TrialData, TunableConfigData, TunableConfigTrialGroupData


_D = TypeVar("_D")


def _text_itself(text: str | None) -> str | None:
    return text


def _parsed(text: str | None) -> Any:
    return decode(text, None)


TEXT = UntypedReader(_text_itself)
"""Reads values as the text that is stored, as mlos_bench's own storage loads them."""
PARSED = UntypedReader(_parsed)
"""Reads values as mlos_bench parses text: a number where it looks like one. Frames show the text."""


def parsed(core: _D) -> _D:
    """The same data of the core, read by PARSED."""
    source: Any = core  # the data of a SQL storage, all of which has a reader
    twin: _D = read_by(PARSED, source)
    return twin


def their_status(status: core_status.Status) -> Status:
    """mlos_bench's status of the same name."""
    return Status[status.name]


def accepted(constructor: Callable[..., None], known: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the known arguments that this constructor takes: later versions of mlos_bench take more."""
    return {name: value for name, value in known.items() if name in inspect.signature(constructor).parameters}


class SqlExperimentData(base_experiment_data.ExperimentData):
    """A stored experiment, for mlos_bench."""

    def __init__(self, core: ExperimentData) -> None:
        root_env_config, git_repo, git_commit = core.root_env_config
        description: Any = core.description  # may be None, which mlos_bench's types do not say
        super().__init__(
            experiment_id=core.experiment_id,
            description=description,
            root_env_config=root_env_config,
            git_repo=git_repo,
            git_commit=git_commit,
        )
        self._core = core
        self._parsed = parsed(core)

    @property
    def core(self) -> ExperimentData:
        """The `trialstore.storage` data behind this, whose values keep their types."""
        return self._core

    @property
    def objectives(self) -> dict[str, Literal["min", "max"]]:
        """Metric → direction, by weight descending, then name."""
        return self._core.objectives

    @property
    def trials(self) -> dict[int, base_trial_data.TrialData]:
        """Trials by id, ascending."""
        return with_same_ids(self._core.trials, SqlTrialData)

    @property
    def tunable_configs(self) -> dict[int, base_tunable_config_data.TunableConfigData]:
        """Configs that the trials used, by id, ascending."""
        return with_same_ids(self._parsed.tunable_configs, SqlTunableConfigData)

    @property
    def tunable_config_trial_groups(
        self,
    ) -> dict[int, base_tunable_config_trial_group_data.TunableConfigTrialGroupData]:
        """Groups of trials with the same config, by config id, ascending."""
        return with_same_ids(self._core.tunable_config_trial_groups, SqlTunableConfigTrialGroupData)

    @property
    def default_tunable_config_id(self) -> int | None:
        """The config of the first trial whose metadata `is_defaults` is true, else of the first trial, else None."""
        return self._core.default_tunable_config_id

    @property
    def results_df(self) -> pd.DataFrame:
        """One row per trial: ids, times, status, runner, then `config.*` and `result.*`, numeric where every value
        looks like a number."""
        return self._parsed.results_df


class SqlTrialData(base_trial_data.TrialData):
    """A stored trial, for mlos_bench."""

    def __init__(self, core: TrialData) -> None:
        known = {
            "experiment_id": core.experiment_id,
            "trial_id": core.trial_id,
            "tunable_config_id": core.tunable_config_id,
            "trial_runner_id": core.trial_runner_id,
            "ts_start": utcify_nullable_timestamp(core.ts_start, origin="utc"),
            "ts_end": utcify_nullable_timestamp(core.ts_end, origin="utc"),
            "status": their_status(core.status),
        }
        super().__init__(**accepted(super().__init__, known))
        self._core = core
        self._parsed = parsed(core)

    @property
    def trial_runner_id(self) -> int | None:
        """The runner that held the trial."""
        return self._core.trial_runner_id

    @property
    def tunable_config(self) -> base_tunable_config_data.TunableConfigData:
        """Its tunable config."""
        return SqlTunableConfigData(self._core.tunable_config)

    @property
    def tunable_config_trial_group(self) -> base_tunable_config_trial_group_data.TunableConfigTrialGroupData:
        """The group of the experiment's trials with the same config."""
        return SqlTunableConfigTrialGroupData(self._core.tunable_config_trial_group)

    @property
    def results_df(self) -> pd.DataFrame:
        """Final metrics, columns `metric, value`, the values as text."""
        return self._parsed.results_df

    # The base's own way from a frame to a dict makes None a NaN under newer versions of pandas.
    @property
    def results_dict(self) -> dict[str, Any]:
        """Final metrics, metric → value; text that looks like a number is one."""
        return self._parsed.results_dict

    @property
    def telemetry_df(self) -> pd.DataFrame:
        """Telemetry, columns `ts` (UTC), `metric`, `value` (text), ordered by ts, then metric."""
        return self._parsed.telemetry_df

    @property
    def metadata_df(self) -> pd.DataFrame:
        """Metadata, columns `parameter, value`, the values as text."""
        return self._parsed.metadata_df

    @property
    def metadata_dict(self) -> dict[str, Any]:
        """Metadata, parameter → value; text that looks like a number is one."""
        return self._parsed.metadata_dict


class SqlTunableConfigData(base_tunable_config_data.TunableConfigData):
    """A stored set of tunable values, for mlos_bench."""

    def __init__(self, core: TunableConfigData) -> None:
        super().__init__(tunable_config_id=core.tunable_config_id)
        self._core = core
        self._parsed = parsed(core)

    @property
    def config_df(self) -> pd.DataFrame:
        """The values, columns `parameter, value`, the values as text."""
        return self._parsed.config_df

    @property
    def config_dict(self) -> dict[str, Any]:
        """The values, parameter → value; text that looks like a number is one."""
        return self._parsed.config_dict

    @property
    def trials(self) -> list[base_trial_data.TrialData]:
        """The trials of this config in all experiments, by experiment id and trial id."""
        return [SqlTrialData(trial) for trial in self._core.trials]


class SqlTunableConfigTrialGroupData(base_tunable_config_trial_group_data.TunableConfigTrialGroupData):
    """The trials of one experiment that ran one tunable config, for mlos_bench."""

    def __init__(self, core: TunableConfigTrialGroupData) -> None:
        super().__init__(
            experiment_id=core.experiment_id,
            tunable_config_id=core.tunable_config_id,
            tunable_config_trial_group_id=core.tunable_config_trial_group_id,
        )
        self._core = core
        self._parsed = parsed(core)

    def _get_tunable_config_trial_group_id(self) -> int:
        return self._core.tunable_config_trial_group_id

    @property
    def tunable_config(self) -> base_tunable_config_data.TunableConfigData:
        """The config that they share."""
        return SqlTunableConfigData(self._core.tunable_config)

    @property
    def trials(self) -> dict[int, base_trial_data.TrialData]:
        """The trials of the group by id, ascending."""
        return with_same_ids(self._core.trials, SqlTrialData)

    @property
    def results_df(self) -> pd.DataFrame:
        """The rows of the experiment's `results_df` that belong to this group."""
        return self._parsed.results_df
