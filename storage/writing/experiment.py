"""Writing to an experiment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trialstore.dialects.errors import ErrorKind, ExperimentMissing, QueryError, ValueRejected, listed
from trialstore.dialects.text import logger
from trialstore.sql.session import Session
from trialstore.storage.attributes import ExperimentAttributes
from trialstore.storage.base_storage import Storage
from trialstore.storage.database.connections import Database
from trialstore.storage.new_trial import NewTrial
from trialstore.storage.objectives import Direction, check_targets, check_weights
from trialstore.storage.status import Status
from trialstore.storage.tunables.values import Tunables, config_hash, own_copy, values_of, with_values
from trialstore.storage.values import rows
from trialstore.storage.values.checks import (
    MAX_TEXT,
    check_ids_left,
    check_name,
    check_path,
    check_text,
    int_id,
    items_of,
    name_or_none,
    to_utc,
)

from .claiming import ClaimableTrials
from .claims import id_list, new_call_id
from .configs import find_or_create_configs
from .contexts import begin_context
from .git import git_info
from .merge import merge_experiments
from .trial import Trial

_LOG = logger(__name__)


@dataclass(frozen=True)
class _Found:
    """A stored experiment: its row, its last trial with the names of that one's tunables, and rows of objectives."""

    row: Any
    last_trial_id: int | None
    objectives: Sequence[Any]
    tunables: frozenset[str]

    @property
    def has_trials(self) -> bool:
        """Whether there is a trial whose tunables are known."""
        return self.last_trial_id is not None


@dataclass(frozen=True)
class _Draft:
    """A trial to be stored: its tunables with their hash and rows, when it is due, and rows of metadata."""

    tunables: Any
    digest: str
    params: list[rows.Row]
    ts_start: Any
    metadata: list[rows.Row]


class Experiment(ExperimentAttributes, ClaimableTrials):
    """An experiment in a SQL database."""

    def __init__(
        self,
        database: Database,
        *,
        git_repo: str,
        git_commit: str,
        experiment_id: str,
        trial_id: int,
        root_env_config: str,
        description: str,
        tunables: Any,
        opt_targets: Mapping[str, Direction],
        opt_weights: Mapping[str, float],
    ) -> None:
        super().__init__(
            database,
            experiment_id=experiment_id,
            trial_id=trial_id,
            root_env_config=root_env_config,
            description=description,
            tunables=tunables,
            opt_targets=opt_targets,
        )
        self._git_repo, self._git_commit = git_repo, git_commit
        self._opt_weights = dict(opt_weights)
        self._names = frozenset(values_of(self._tunables))  # own_copy has checked them
        begin_context(database)

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
        opt_weights: Mapping[str, float] | None,
    ) -> Experiment:
        """An experiment whose every part was checked. Raises ValueRejected or ConfigError."""
        id_length = database.dialect.id_length
        experiment_id = check_name(experiment_id, "experiment_id", id_length)
        first_id = int_id(trial_id)
        if first_id is None:
            raise ValueRejected("trial_id is no integer that fits the column.", "Start with 1.")
        root_env_config = check_path(root_env_config, "root_env_config", MAX_TEXT)
        if description is not None:
            description = check_text(description, "description", MAX_TEXT)
        targets = check_targets(opt_targets, id_length)
        git = git_info(root_env_config)
        return cls(
            database,
            git_repo=check_text(git.repo, "git_repo", MAX_TEXT),
            git_commit=git.commit,
            opt_weights=check_weights(opt_weights, targets),
            experiment_id=experiment_id,
            trial_id=first_id,
            root_env_config=check_text(git.path, "root_env_config", MAX_TEXT),
            description=description,
            tunables=own_copy(tunables, id_length),
            opt_targets=targets,
        )

    @classmethod
    def find(
        cls, database: Database, experiment_id: str, tunables: Tunables, opt_targets: Mapping[str, Direction]
    ) -> Experiment | None:
        """The stored experiment of that id, or None."""
        id_length = database.dialect.id_length
        own, targets, exp_id = (
            own_copy(tunables, id_length),
            check_targets(opt_targets, id_length),
            name_or_none(experiment_id, id_length),
        )
        if exp_id is None:
            return None

        def read(tx: Session) -> tuple[Any, int | None]:
            row = tx.one("experiment_get", exp_id=exp_id)
            return row, tx.scalar("trial_last_id", exp_id=exp_id)

        row, last = database.read(read)
        if row is None:
            return None
        return cls(
            database,
            git_repo=row.git_repo,
            git_commit=row.git_commit,
            opt_weights={},
            experiment_id=exp_id,
            trial_id=1 if last is None else last + 1,
            root_env_config=row.root_env_config,
            description=row.description,
            tunables=own,
            opt_targets=targets,
        )

    @property
    def git_repo(self) -> str:
        """URL of the git repository that the root configuration is in; "" outside of one."""
        return self._git_repo

    @property
    def git_commit(self) -> str:
        """The commit of that repository; "" where there is none."""
        return self._git_commit

    @property
    def tunables(self) -> Any:
        """A copy of the tunables, of the kind that the experiment was made with."""
        return self._tunables.copy()

    # --- entering -----------------------------------------------------------------------------------------------------

    def _setup(self) -> None:
        found = self.database.read(self._reload) or self.database.write(self._create, repeatable=True)
        if found is None:
            _LOG.info("Created experiment %s", self._experiment_id)
            return
        if found.last_trial_id is not None:
            self._trial_id = found.last_trial_id + 1
        if differing := list(self._differing(found)):
            _LOG.warning(
                "Experiment %s goes on as it was begun; given by this run, but not stored: %s",
                self._experiment_id,
                "; ".join(differing),
            )

    def _differing(self, found: _Found) -> Iterator[str]:
        """What this run was given that differs from what is stored; without values, which have no place in logs."""
        if found.row.git_commit != self._git_commit:
            begun, now = found.row.git_commit or "(none)", self._git_commit or "(none)"
            yield f"the git commit (begun at {begun}, now at {now})"
        for name, stored, given in (
            ("git repository", found.row.git_repo, self._git_repo),
            ("root_env_config", found.row.root_env_config, self._root_env_config),
            ("description", found.row.description, self._description),
        ):
            if given is not None and stored != given:
                yield f"another {name}"
        directions = {each.optimization_target: each.optimization_direction for each in found.objectives}
        weights = {each.optimization_target: each.weight for each in found.objectives}
        ours = self._opt_targets
        for what, names in (
            ("new objectives", ours.keys() - directions.keys()),
            ("without the objectives", directions.keys() - ours.keys()),
            ("another direction of", [name for name in ours.keys() & directions if ours[name] != directions[name]]),
            ("another weight of", [name for name, weight in self._opt_weights.items() if weights.get(name) != weight]),
            (
                "new tunables, which the last trial does not have",
                self._names - found.tunables if found.has_trials else (),
            ),
            ("without the last trial's tunables", found.tunables - self._names),
        ):
            if names:
                yield f"{what} {listed(sorted(names), str)}"

    def _reload(self, tx: Session) -> _Found | None:
        row = tx.one("experiment_get", exp_id=self._experiment_id)
        if row is None:
            return None
        last = tx.scalar("trial_last_id", exp_id=self._experiment_id)
        objectives = tx.many("objective_list", exp_id=self._experiment_id)
        values: Sequence[tuple[Any, ...]] = ()
        if last is not None:
            values = tx.tuples("config_params_of_trials", exp_id=self._experiment_id, ids=id_list([last]))
        tunables = frozenset(name for _config_id, name, *_value in values if name is not None)
        return _Found(row, None if last is None else int(last), objectives, tunables)

    def _create(self, tx: Session) -> _Found | None:
        created = tx.count(
            "experiment_insert",
            exp_id=self._experiment_id,
            description=self._description,
            root_env_config=self._root_env_config,
            git_repo=self._git_repo,
            git_commit=self._git_commit,
        )
        if not created:  # another process was faster
            if (found := self._reload(tx)) is None:  # and it was deleted since
                raise QueryError("Another process deletes the same experiment.", "Run it again.", ErrorKind.DEADLOCK)
            return found
        encode, weights = self.database.dialect.encode_float, self._opt_weights
        objectives = [
            (target, direction, encode(weights[target]) if target in weights else None)
            for target, direction in self._opt_targets.items()
        ]
        columns = ("optimization_target", "optimization_direction", "weight")
        tx.bulk("objective_insert", columns, objectives, exp_id=self._experiment_id)
        return None

    # --- trials -------------------------------------------------------------------------------------------------------

    def new_trial(
        self, tunables: Tunables, ts_start: dt.datetime | None = None, config: dict[str, Any] | None = None
    ) -> Trial:
        """A new PENDING trial; see `Storage.Experiment.new_trial`."""
        (trial,) = self._create_trials([self._draft(NewTrial(tunables, ts_start, config))])
        return trial

    def new_trials(self, trials: Iterable[NewTrial | Tunables]) -> list[Storage.Trial]:
        """New PENDING trials, all of them or none; see `Storage.Experiment.new_trials`."""
        wanted = items_of(trials, "trials", "Give a list of NewTrial, or of tunables.")
        drafts = [self._draft(each if isinstance(each, NewTrial) else NewTrial(each)) for each in wanted]
        return list(self._create_trials(drafts)) if drafts else []

    def _draft(self, wanted: NewTrial) -> _Draft:
        """A trial that was checked and can be stored."""
        id_length, encode_ts = self.database.dialect.id_length, self.database.dialect.encode_ts
        start = dt.datetime.now(dt.timezone.utc) if wanted.ts_start is None else to_utc(wanted.ts_start, "ts_start")
        chosen = self._chosen(wanted.tunables, id_length)
        metadata = {} if wanted.config is None else wanted.config
        return _Draft(
            tunables=chosen,
            params=rows.param_rows(values_of(chosen), "Tunable", id_length, checked=self._names),
            digest=config_hash(chosen),
            ts_start=encode_ts(start),
            metadata=rows.param_rows(metadata, "Trial metadata", id_length, nested=True),
        )

    def _chosen(self, tunables: Tunables, id_length: int) -> Any:
        if isinstance(tunables, Mapping):
            return with_values(self._tunables, tunables)
        chosen = own_copy(tunables, id_length)
        if differing := sorted(set(values_of(chosen)) ^ set(values_of(self._tunables))):
            raise ValueRejected(
                f"These tunables are not those of the experiment: {listed(differing)}.",
                "Give all of the experiment's, or a mapping with some of them.",
            )
        return chosen

    def _create_trials(self, drafts: Sequence[_Draft]) -> list[Trial]:
        creation_id = new_call_id()
        tried: list[int] = []
        configs = {draft.digest: draft.params for draft in drafts}

        def create(tx: Session) -> list[tuple[int, int]]:
            first = self._next_trial_id(tx)
            for earlier in tried if tx.in_doubt else ():
                last = earlier + len(drafts) - 1
                known = {"exp_id": self._experiment_id, "creation_id": creation_id}
                if made := tx.many("trial_created", first_trial_id=earlier, last_trial_id=last, **known):
                    return [(row.trial_id, row.config_id) for row in made]
            check_ids_left(self._experiment_id, first, len(drafts))
            tried.append(first)
            config_ids = find_or_create_configs(tx, configs)
            trials = [
                (trial_id, config_ids[draft.digest], draft.ts_start) for trial_id, draft in enumerate(drafts, first)
            ]
            new = {"status": Status.PENDING.name, "creation_id": creation_id}
            unknown = {"trial_runner_id": None, "ts_end": None, "context_id": None}
            columns = ("trial_id", "config_id", "ts_start")
            tx.bulk("trial_insert", columns, trials, exp_id=self._experiment_id, **new, **unknown)
            metadata = [(trial_id, *row) for trial_id, draft in enumerate(drafts, first) for row in draft.metadata]
            tx.bulk("trial_param_insert", ("trial_id", *rows.PARAM), metadata, exp_id=self._experiment_id)
            return [(trial_id, config_ids[draft.digest]) for trial_id, draft in enumerate(drafts, first)]

        made = self.database.write(create, repeatable=True)
        self._trial_id = made[-1][0] + 1
        return [
            self._trial(trial_id, config_id, draft.tunables, rows.decoded(draft.metadata), Status.PENDING, None)
            for (trial_id, config_id), draft in zip(made, drafts, strict=True)
        ]

    def _next_trial_id(self, tx: Session) -> int:
        if tx.one("experiment_lock", exp_id=self._experiment_id) is None:
            raise ExperimentMissing(
                f"Experiment {self._experiment_id!r} does not exist.",
                "Enter it first: with storage.experiment(...) as exp:",
            )
        last = tx.scalar("trial_last_id", exp_id=self._experiment_id)
        # Nobody has created a trial yet: then _trial_id still is the number to start with.
        return self._trial_id if last is None else int(last) + 1

    def merge(self, experiment_ids: list[str]) -> None:
        """Copy the completed trials of other experiments into this one; see `Storage.Experiment.merge`."""
        last = merge_experiments(
            self.database, self._experiment_id, self._tunables, experiment_ids, self._next_trial_id
        )
        if last is not None:
            self._trial_id = last + 1
