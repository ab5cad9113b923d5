"""Finding what a command names: an experiment, or one of its trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trialstore.dialects.errors import ExperimentMissing, TrialMissing, nearest
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.base_trial_data import TrialData


def find_experiment(experiments: Mapping[str, ExperimentData], experiment_id: str) -> ExperimentData:
    """The experiment of that id. Raises ExperimentMissing, with the nearest id."""
    if experiment_id not in experiments:
        raise experiment_missing(experiments, experiment_id)
    return experiments[experiment_id]


def experiment_missing(experiments: Iterable[str], experiment_id: str) -> ExperimentMissing:
    """The error for an experiment that is not among these, with the nearest id."""
    hint = nearest(experiment_id, experiments) or "There are no experiments yet."
    return ExperimentMissing(f"There is no experiment {experiment_id!r}.", hint)


def find_trial(data: ExperimentData, trial_id: int) -> TrialData:
    """The trial of that id. Raises TrialMissing, with the ids that there are."""
    trials = data.trials
    if trial_id not in trials:
        hint = f"Its trials are {min(trials)} to {max(trials)}." if trials else "It has no trials yet."
        raise TrialMissing(f"Experiment {data.experiment_id!r} has no trial {trial_id}.", hint)
    return trials[trial_id]


def find_named(
    experiments: Mapping[str, ExperimentData], name: str, trial_id: int | None = None
) -> ExperimentData | TrialData:
    """What EXPERIMENT or EXPERIMENT:TRIAL names. Ids may hold colons: the longest id of an experiment that there is
    counts, so that `a:3` is trial 3 of `a` only where no experiment is called `a:3`; `trial_id` names a trial in any
    case. Raises ExperimentMissing or TrialMissing.
    """
    if trial_id is None and name not in experiments:
        experiment_id, _, number = name.rpartition(":")
        if experiment_id in experiments and number.isascii() and number.isdecimal():
            return find_trial(experiments[experiment_id], int(number[:20]))
    data = find_experiment(experiments, name)
    return data if trial_id is None else find_trial(data, trial_id)
