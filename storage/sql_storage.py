"""The storage in a SQL database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base_experiment_data import ExperimentData
from .base_storage import Storage
from .base_trial_data import TrialData
from .config.keys import check_config, with_context
from .database.connections import Database
from .objectives import Direction
from .reading.experiment_data import read_experiments
from .reading.html import storage_html
from .reading.search.found import Search
from .schema.policy import open_schema, update_schema
from .tunables.values import Tunables
from .writing.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd


class SqlStorage(Storage):
    """Experiments in the database that the config names; see docs/config.md for the keys.

    Unless `lazy_schema_create` is set, the constructor connects and does to the schema what `schema_policy` allows.
    `context` (name → int, float, bool, str or None) is stored with what the trials run on that this storage starts, in
    addition to what `TrialData.context` names; a value of a name that is found there, too, replaces it. It also may
    stand in the config, where `"context": false` has nothing of all this stored.

    Raises ConfigError for a wrong config, ConnectError and SchemaError when the database cannot be used.
    """

    def __init__(
        self,
        config: dict[str, Any],
        global_config: dict[str, Any] | None = None,
        service: Any = None,
        *,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        checked = check_config(with_context(config, context))
        super().__init__(config, global_config, service)
        self.database = Database(checked)
        """Where the experiments are: sessions and transactions, dialect and migrations. For tools and tests; it neither
        creates nor checks the schema by itself."""
        self._schema_ready = False
        if not checked.lazy_schema_create:
            try:
                self._open()
            except BaseException:
                self.database.dispose()  # nobody gets this storage, so nobody else can close its connections
                raise

    def __repr__(self) -> str:
        return self.database.config.label

    def _repr_html_(self) -> str:
        """For notebooks: the experiments with the latest activity."""
        return storage_html(self._open(), repr(self))

    def __getstate__(self) -> dict[str, Any]:
        """All but connections, compiled statements and what is known of the schema; the copy opens its own."""
        return {**self.__dict__, "_schema_ready": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _open(self) -> Database:
        if not self._schema_ready:
            open_schema(self.database)
            self._schema_ready = True
        return self.database

    def dispose(self) -> None:
        """Close all connections of this process; the storage can be used again and then opens new ones."""
        if self.database.dialect.in_memory():
            self._schema_ready = False
        self.database.dispose()

    def update_schema(self) -> None:
        """Apply the migrations that the database still needs; under `schema_policy` "verify", only check that there
        are none."""
        update_schema(self.database)
        self._schema_ready = True

    @property
    def experiments(self) -> dict[str, ExperimentData]:
        """The stored experiments by id, ascending, for reading."""
        return read_experiments(self._open())

    def find_trials(
        self,
        where: str | None = None,
        *,
        experiment_id: str | None = None,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[TrialData]:
        """The trials that fulfil a condition, in order; see `Storage.find_trials`."""
        search = Search(
            where,
            experiment_id=experiment_id,
            order_by=order_by,
            descending=descending,
            limit=limit,
            offset=offset,
        )
        return search.trials(self._open())

    def find_df(
        self,
        where: str | None = None,
        *,
        experiment_id: str | None = None,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> pd.DataFrame:
        """The trials that fulfil a condition as rows of a data frame; see `Storage.find_df`."""
        search = Search(
            where,
            experiment_id=experiment_id,
            order_by=order_by,
            descending=descending,
            limit=limit,
            offset=offset,
        )
        return search.frame(self._open())

    def experiment(
        self,
        *,
        experiment_id: str,
        trial_id: int,
        root_env_config: str,
        description: str,
        tunables: Tunables,
        opt_targets: Mapping[str, Direction],
        opt_weights: Mapping[str, float] | None = None,
    ) -> Storage.Experiment:
        """An experiment to be entered (`with`), which creates or reloads it; see `Storage.experiment`."""
        return Experiment.prepare(
            self._open(),
            experiment_id=experiment_id,
            trial_id=trial_id,
            root_env_config=root_env_config,
            description=description,
            tunables=tunables,
            opt_targets=opt_targets,
            opt_weights=opt_weights,
        )

    def get_experiment_by_id(
        self, experiment_id: str, tunables: Tunables, opt_targets: Mapping[str, Direction]
    ) -> Storage.Experiment | None:
        """A stored experiment, usable as it is (without entering it), or None; see `Storage.get_experiment_by_id`."""
        return Experiment.find(self._open(), experiment_id, tunables, opt_targets)
