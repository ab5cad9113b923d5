"""Merging: the completed trials of other experiments, copied into this one with all that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trialstore.dialects.errors import ExperimentMissing, TrialError, ValueRejected, listed
from trialstore.dialects.text import logger
from trialstore.sql.session import Session
from trialstore.storage.database.connections import Database
from trialstore.storage.tunables.values import config_hash, values_of, with_stored
from trialstore.storage.values import rows
from trialstore.storage.values.checks import check_ids_left, check_name, items_of
from trialstore.storage.values.readers import TYPED

from .configs import find_or_create_configs

_LOG = logger(__name__)

_KEPT = ("trial_runner_id", "ts_start", "ts_end", "status", "context_id")
"""Columns of a trial that stay what they are."""
_COPIES = ("merge_params", "merge_status", "merge_results", "merge_telemetry", "merge_attributes")


def merge_experiments(
    database: Database,
    experiment_id: str,
    tunables: Any,
    source_ids: Iterable[str],
    next_trial_id: Callable[[Session], int],
) -> int | None:
    """Copy what is new in the sources, all in one transaction; the last trial id given, or None if nothing was new.

    `next_trial_id` locks the experiment and returns the first id to use. Raises TrialError or ValueRejected when a
    source is missing, is the experiment itself, or does not fit; nothing is written then.
    """
    id_length = database.dialect.id_length
    given = items_of(source_ids, "experiment_ids", "Give a list of experiment ids.", keys=True)
    wanted = [check_name(source_id, "experiment_ids: an id", id_length) for source_id in given]
    if experiment_id in wanted:
        raise ValueRejected(f"Experiment {experiment_id!r} cannot be merged into itself.", "Leave it out of the list.")

    def merge(tx: Session) -> int | None:
        first = trial_id = next_trial_id(tx)
        sources = [
            _read_source(tx, database, experiment_id, tunables, source_id) for source_id in dict.fromkeys(wanted)
        ]
        completed = {digest: params for source in sources for digest, params in source.completed.items()}
        config_ids = find_or_create_configs(tx, completed)  # of all sources at once, see there
        merged: set[tuple[str, int]] = set()
        for source in sources:
            trials = [row for row in source.trials if (row.origin_exp_id, row.origin_trial_id) not in merged]
            merged.update((row.origin_exp_id, row.origin_trial_id) for row in trials)
            check_ids_left(experiment_id, trial_id, len(trials))
            _copy(tx, experiment_id, source, trials, config_ids, trial_id)
            trial_id += len(trials)
        return trial_id - 1 if trial_id > first else None

    return database.write(merge, repeatable=True)


@dataclass(frozen=True)
class _Source:
    """What is to be merged of one experiment: its trials, and what becomes of their configs.

    `configs` maps a config id of the source to the id to use here: the same id if the config has all of our tunables,
    else the hash of the config completed by our default values. `completed` maps these hashes to rows of PARAM.
    """

    exp_id: str
    trials: Sequence[Any]
    configs: dict[int, int | str]
    completed: dict[str, list[rows.Row]]


def _check_source(tx: Session, experiment_id: str, source_id: str) -> None:
    if tx.one("experiment_get", exp_id=source_id) is None:
        raise ExperimentMissing(
            f"Experiment {source_id!r} does not exist.", "Check the ids: storage.experiments has them."
        )
    ours, theirs = (
        {row.optimization_target: row.optimization_direction for row in tx.many("objective_list", exp_id=exp_id)}
        for exp_id in (experiment_id, source_id)
    )
    if ours != theirs:
        differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        raise TrialError(
            f"Experiment {source_id!r} has other objectives than {experiment_id!r}: {listed(differing)} are in one of "
            "them only, or have another direction.",
            "Only experiments with the same objectives can be merged.",
        )


def _read_source(tx: Session, database: Database, experiment_id: str, tunables: Any, source_id: str) -> _Source:
    """What is new in a source. Raises ValueRejected for a tunable, or a value of one, that this experiment lacks."""
    _check_source(tx, experiment_id, source_id)
    trials = tx.many("merge_trials", exp_id=experiment_id, source_exp_id=source_id)
    names = set(values_of(tunables))
    found = TYPED.by_config(tx.tuples("config_params_of_experiment", exp_id=source_id))
    source = _Source(source_id, trials, {}, {})
    for config_id in sorted({row.config_id for row in trials}):
        values = found[config_id]
        if unknown := sorted(set(values) - names):
            raise ValueRejected(
                f"Experiment {source_id!r} has tunables that this one lacks: {listed(unknown)}.",
                "Add them to this experiment's tunables.",
            )
        completed = with_stored(_defaults(tunables), values)  # raises for a value that our tunables do not admit
        if set(values) == names:
            source.configs[config_id] = config_id
            continue
        digest = source.configs[config_id] = config_hash(completed)
        source.completed[digest] = rows.param_rows(values_of(completed), "Tunable", database.dialect.id_length)
    return source


def _copy(
    tx: Session,
    experiment_id: str,
    source: _Source,
    trials: Sequence[Any],
    config_ids: Mapping[str, int],
    first_trial_id: int,
) -> None:
    """Copy trials of a source, with all that belongs to them, under ids from `first_trial_id` on."""
    if not trials:
        return

    def config_id(of_source: int) -> int:
        kept = source.configs[of_source]
        return config_ids[kept] if isinstance(kept, str) else kept

    tx.bulk(
        "trial_insert",
        ("trial_id", "config_id", *_KEPT),
        [
            (trial_id, config_id(row.config_id), *(getattr(row, column) for column in _KEPT))
            for trial_id, row in enumerate(trials, first_trial_id)
        ],
        exp_id=experiment_id,
        creation_id=None,
    )
    tx.bulk(
        "lineage_insert",
        ("trial_id", "source_exp_id", "source_trial_id"),
        [(trial_id, row.origin_exp_id, row.origin_trial_id) for trial_id, row in enumerate(trials, first_trial_id)],
        exp_id=experiment_id,
    )
    merged = {"first_trial_id": first_trial_id, "last_trial_id": first_trial_id + len(trials) - 1}
    for statement in _COPIES:
        tx.execute(statement, exp_id=experiment_id, source_exp_id=source.exp_id, **merged)
    _LOG.info("Merged %d trials of experiment %s into %s", len(trials), source.exp_id, experiment_id)


def _defaults(tunables: Any) -> Any:
    copied = tunables.copy()
    return copied.restore_defaults() if hasattr(copied, "restore_defaults") else copied
