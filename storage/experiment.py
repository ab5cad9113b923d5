"""Writing to an experiment."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from trialstore.dialects.errors import ExperimentMissing, TrialError, TrialMissing, ValueRejected
from trialstore.sql.session import Session

from . import rows
from .base_storage import Direction, Storage
from .configs import find_or_create_config
from .database import Database
from .git import git_info
from .merge import merge_experiments
from .status import Status
from .trial import Trial
from .tunable_values import Tunables, config_hash, own_copy, values_of, with_stored, with_values
from .values import LARGEST_INT32, MAX_TEXT, check_mapping, check_name, check_text, int_id, is_name, to_utc

_LOG = logging.getLogger(__name__)

_PENDING = (Status.PENDING.name,) * 3
_PENDING_OR_RUNNING = (Status.PENDING.name, Status.READY.name, Status.RUNNING.name)


class Experiment(Storage.Experiment):
    """An experiment in a SQL database."""

    def __init__(
        self, database: Database, *, git: tuple[str, str], opt_weights: Mapping[str, float], **known: Any
    ) -> None:
        super().__init__(**known)
        self._database = database
        self._git_repo, self._git_commit = git
        self._opt_weights = dict(opt_weights)

    @classmethod
    def prepare(
        cls,
        database: Database,
        *,
        experiment_id: str,
        trial_id: int,
        root_env_config: str,
        description: str,
        tunables: Tunables,
        opt_targets: Mapping[str, Direction],
        opt_weights: Mapping[str, float],
    ) -> Experiment:
        """An experiment whose every part was checked. Raises ValueRejected or ConfigError."""
        id_length = database.dialect.id_length
        check_name(experiment_id, "experiment_id", id_length)
        first_id = int_id(trial_id)
        if first_id is None:
            raise ValueRejected("trial_id is no integer that fits the column.", "Start with 1.")
        check_text(root_env_config, "root_env_config", MAX_TEXT)
        if description is not None:
            check_text(description, "description", MAX_TEXT)
        _check_objectives(opt_targets, opt_weights, id_length)
        repo, commit, path = git_info(root_env_config)
        return cls(
            database,
            git=(check_text(repo, "git_repo", MAX_TEXT), commit),
            opt_weights=opt_weights,
            experiment_id=experiment_id,
            trial_id=first_id,
            root_env_config=path,
            description=description,
            tunables=own_copy(tunables, id_length),
            opt_targets=opt_targets,
        )

    @classmethod
    def find(
        cls, database: Database, experiment_id: str, tunables: Tunables, opt_targets: Mapping[str, Direction]
    ) -> Experiment | None:
        """The stored experiment of that id, or None."""
        _check_objectives(opt_targets, {}, database.dialect.id_length)
        if not is_name(experiment_id, database.dialect.id_length):
            return None

        def read(tx: Session) -> tuple[Any, int | None]:
            row = tx.one("experiment_get", exp_id=experiment_id)
            return row, tx.scalar("trial_last_id", exp_id=experiment_id)

        row, last = database.read(read)
        if row is None:
            return None
        return cls(
            database,
            git=(row.git_repo, row.git_commit),
            opt_weights={},
            experiment_id=experiment_id,
            trial_id=1 if last is None else last + 1,
            root_env_config=row.root_env_config,
            description=row.description,
            tunables=own_copy(tunables, database.dialect.id_length),
            opt_targets=opt_targets,
        )

    @property
    def tunables(self) -> Any:
        """A copy of the tunables, of the kind that the experiment was made with."""
        return self._tunables.copy()

    # --- entering -----------------------------------------------------------------------------------------------------

    def _setup(self) -> None:
        found = self._database.read(self._reload) or self._database.write(self._create)
        if found is None:
            _LOG.info("Created experiment %s", self._experiment_id)
            return
        row, last_trial_id, objectives = found
        if last_trial_id is not None:
            self._trial_id = last_trial_id + 1
        if row.git_commit != self._git_commit:
            _LOG.warning(
                "Experiment %s was begun at git commit %s, now it is %s",
                self._experiment_id,
                row.git_commit or "(none)",
                self._git_commit or "(none)",
            )
        stored = {row.optimization_target: row.optimization_direction for row in objectives}
        if stored != self._opt_targets:
            _LOG.warning(
                "Experiment %s is stored with the objectives %s; this run has %s",
                self._experiment_id,
                stored,
                self._opt_targets,
            )

    def _reload(self, tx: Session) -> tuple[Any, int | None, Any] | None:
        row = tx.one("experiment_get", exp_id=self._experiment_id)
        if row is None:
            return None
        last = tx.scalar("trial_last_id", exp_id=self._experiment_id)
        return row, last, tx.many("objective_list", exp_id=self._experiment_id)

    def _create(self, tx: Session) -> tuple[Any, int | None, Any] | None:
        created = tx.count(
            "experiment_insert",
            exp_id=self._experiment_id,
            description=self._description,
            root_env_config=self._root_env_config,
            git_repo=self._git_repo,
            git_commit=self._git_commit,
        )
        if not created:  # another process was faster
            return self._reload(tx)
        objectives = [
            {
                "exp_id": self._experiment_id,
                "optimization_target": target,
                "optimization_direction": direction,
                "weight": self._opt_weights.get(target),
            }
            for target, direction in self._opt_targets.items()
        ]
        tx.bulk("objective_insert", objectives)
        return None

    # --- trials -------------------------------------------------------------------------------------------------------

    def new_trial(
        self, tunables: Tunables, ts_start: dt.datetime | None = None, config: dict[str, Any] | None = None
    ) -> Trial:
        """A new PENDING trial; see `Storage.Experiment.new_trial`."""
        id_length = self._database.dialect.id_length
        start = to_utc(ts_start, "ts_start") if ts_start is not None else dt.datetime.now(dt.timezone.utc)
        if isinstance(tunables, Mapping):
            chosen = with_values(self._tunables, tunables)
        else:
            chosen = own_copy(tunables, id_length)
            if differing := sorted(set(values_of(chosen)) ^ set(values_of(self._tunables))):
                raise ValueRejected(
                    f"These tunables are not those of the experiment: {', '.join(map(repr, differing))}.",
                    "Give all of the experiment's, or a mapping with some of them.",
                )
        param_rows = rows.param_rows(values_of(chosen), "Tunable", id_length)
        metadata = rows.param_rows({} if config is None else config, "Trial metadata", id_length, nested=True)
        digest = config_hash(chosen)

        def create(tx: Session) -> tuple[int, int]:
            trial_id = self._next_trial_id(tx)
            config_id = find_or_create_config(tx, digest, param_rows)
            tx.count(
                "trial_insert",
                exp_id=self._experiment_id,
                trial_id=trial_id,
                config_id=config_id,
                trial_runner_id=None,
                ts_start=self._database.dialect.encode_ts(start),
                ts_end=None,
                status=Status.PENDING.name,
            )
            key = {"exp_id": self._experiment_id, "trial_id": trial_id}
            tx.bulk("trial_param_insert", [{**key, **row} for row in metadata])
            return trial_id, config_id

        trial_id, config_id = self._database.write(create)
        self._trial_id = trial_id + 1
        return self._trial(trial_id, config_id, chosen, rows.decoded(metadata), Status.PENDING, None)

    def _next_trial_id(self, tx: Session) -> int:
        if tx.one("experiment_lock", exp_id=self._experiment_id) is None:
            raise ExperimentMissing(
                f"Experiment {self._experiment_id!r} does not exist.",
                "Enter it first: with storage.experiment(...) as exp:",
            )
        last = tx.scalar("trial_last_id", exp_id=self._experiment_id)
        # Nobody has created a trial yet: then _trial_id still is the number to start with.
        return self._trial_id if last is None else int(last) + 1

    def _trial(
        self,
        trial_id: int,
        config_id: int,
        tunables: Any,
        config: Mapping[str, Any],
        status: Status,
        trial_runner_id: int | None,
    ) -> Trial:
        return Trial(
            self._database,
            tunables=tunables,
            experiment_id=self._experiment_id,
            trial_id=trial_id,
            tunable_config_id=config_id,
            opt_targets=self._opt_targets,
            config=config,
            status=status,
            trial_runner_id=trial_runner_id,
        )

    def get_trial_by_id(self, trial_id: int) -> Trial | None:
        """The trial of that id, or None."""
        number = int_id(trial_id)
        if number is None:
            return None

        def read(tx: Session) -> tuple[Any, Any, Any] | None:
            row = tx.one("trial_get", exp_id=self._experiment_id, trial_id=number)
            if row is None:
                return None
            metadata = tx.many("trial_params", exp_id=self._experiment_id, trial_id=number)
            return row, tx.many("config_params", config_id=row.config_id), metadata

        found = self._database.read(read)
        if found is None:
            return None
        row, config, metadata = found
        tunables = self._stored_tunables(number, rows.params(config))
        status = Status.parse(row.status)
        return self._trial(
            number, row.config_id, tunables, rows.plain(rows.params(metadata)), status, row.trial_runner_id
        )

    def _stored_tunables(self, trial_id: int, stored: Mapping[str, rows.Stored]) -> Any:
        try:
            return with_stored(self._tunables, stored)
        except ValueRejected as exc:
            raise TrialError(f"Trial {self._experiment_id}:{trial_id} cannot be run: {exc.message}", exc.hint) from None

    def pending_trials(
        self, timestamp: dt.datetime, *, running: bool, trial_runner_assigned: bool | None = None
    ) -> Iterator[Trial]:
        """Trials that are due; see `Storage.Experiment.pending_trials`."""
        statuses = _PENDING_OR_RUNNING if running else _PENDING
        bounds = (0, 1) if trial_runner_assigned is None else (int(trial_runner_assigned),) * 2
        chosen = {
            "exp_id": self._experiment_id,
            "ts": self._database.dialect.encode_ts(to_utc(timestamp)),
            **{f"status_{number}": status for number, status in enumerate(statuses, start=1)},
            "assigned_min": bounds[0],
            "assigned_max": bounds[1],
        }

        def read(tx: Session) -> tuple[Any, Any, Any]:
            return (
                tx.many("trial_pending", **chosen),
                tx.many("config_params_of_pending", **chosen),
                tx.many("trial_params_of_pending", **chosen),
            )

        trials, config_rows, metadata_rows = self._database.read(read)
        configs = rows.by_config(config_rows)
        metadata = rows.params_by_trial(metadata_rows)
        for row in trials:
            try:
                tunables = self._stored_tunables(row.trial_id, configs[row.config_id])
            except TrialError as exc:  # one such trial must not keep the others from being run
                _LOG.warning("Left out: %s", exc)
                continue
            yield self._trial(
                row.trial_id,
                row.config_id,
                tunables,
                rows.plain(metadata.get(row.trial_id, {})),
                Status.parse(row.status),
                row.trial_runner_id,
            )

    # --- reading back -------------------------------------------------------------------------------------------------

    def load(
        self, last_trial_id: int = -1
    ) -> tuple[list[int], list[dict[str, Any]], list[dict[str, Any] | None], list[Status]]:
        """What an optimizer learns from; see `Storage.Experiment.load`."""
        last = max(-1, min(int(last_trial_id), LARGEST_INT32))
        chosen = {"exp_id": self._experiment_id, "last_trial_id": last}

        def read(tx: Session) -> tuple[Any, Any, Any]:
            return (
                tx.many("trial_load", **chosen),
                tx.many("config_params_of_load", **chosen),
                tx.many("results_of_load", **chosen),
            )

        trials, config_rows, result_rows = self._database.read(read)
        configs = rows.by_config(config_rows)
        results = rows.metrics_by_trial(result_rows)
        status = [Status.parse(row.status) for row in trials]
        scores = [
            rows.plain(results.get(row.trial_id, {})) if ended.is_succeeded() else None
            for row, ended in zip(trials, status, strict=True)
        ]
        return [row.trial_id for row in trials], [rows.plain(configs[row.config_id]) for row in trials], scores, status

    def load_tunable_config(self, config_id: int) -> dict[str, Any]:
        """The values of a config, name → value. Raises LookupError (TrialMissing) for an unknown id."""
        number = int_id(config_id)
        found = () if number is None else self._database.read(lambda tx: tx.many("config_params", config_id=number))
        if not found:
            raise TrialMissing(
                "There is no tunable config of that id.", "Take the id from a trial's tunable_config_id."
            )
        return rows.plain(rows.params(found))

    def load_telemetry(self, trial_id: int) -> list[tuple[dt.datetime, str, Any]]:
        """Telemetry of a trial as `(timestamp in UTC, metric, value)`, ordered by timestamp, then metric."""
        number = int_id(trial_id)
        if number is None:
            return []
        points = self._database.read(lambda tx: tx.many("telemetry", exp_id=self._experiment_id, trial_id=number))
        decode_ts = self._database.dialect.decode_ts
        return [
            (decode_ts(row.ts), row.metric_id, rows.stored(row.metric_value, row.value_type).value) for row in points
        ]

    def merge(self, experiment_ids: list[str]) -> None:
        """Copy the completed trials of other experiments into this one; see `Storage.Experiment.merge`."""
        last = merge_experiments(
            self._database, self._experiment_id, self._tunables, experiment_ids, self._next_trial_id
        )
        if last is not None:
            self._trial_id = last + 1


def _check_objectives(targets: Mapping[str, Direction], weights: Mapping[str, float], id_length: int) -> None:
    check_mapping(targets, "opt_targets")
    check_mapping(weights, "opt_weights")
    for target, direction in targets.items():
        check_name(target, "Objective", id_length)
        if direction not in ("min", "max"):
            raise ValueRejected(
                f"Objective {target!r}: the direction is neither 'min' nor 'max'.", "Give one of the two."
            )
    for target, weight in weights.items():
        if target not in targets:
            raise ValueRejected(f"Weight for {target!r}, which is no objective.", "Add it to opt_targets.")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
            raise ValueRejected(f"The weight of {target!r} is no finite number.", "Give a float.")
