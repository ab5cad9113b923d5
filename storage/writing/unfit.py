"""Trials that an experiment cannot run: their tunables or metadata do not fit, or cannot be read."""

from __future__ import annotations

from trialstore.dialects.errors import TrialError, listed
from trialstore.dialects.text import logger

_LOG = logger(__name__)
_SHOWN = 5


class Unfit:
    """The trials that one experiment object has found unfit. Each is looked at once, since neither its config nor the
    experiment's tunables ever change, and is reported once."""

    def __init__(self) -> None:
        self._reasons: dict[int, str] = {}
        self._new: list[int] = []

    def __contains__(self, trial_id: int) -> bool:
        return trial_id in self._reasons

    @property
    def ids(self) -> list[int]:
        """Their ids."""
        return list(self._reasons)

    def add(self, trial_id: int, error: TrialError) -> None:
        """Remember a trial, unless it is known."""
        if trial_id not in self._reasons:
            self._reasons[trial_id] = error.message
            self._new.append(trial_id)

    def report(self, experiment_id: str) -> None:
        """Log those that were not reported yet: the first ones with what is wrong, of the others the ids."""
        new, self._new = sorted(set(self._new)), []
        for trial_id in new[:_SHOWN]:
            _LOG.warning("Left out: %s", self._reasons[trial_id])
        if others := new[_SHOWN:]:
            _LOG.warning("Left out: %d more trials of %s: %s", len(others), experiment_id, listed(others, str))
        if new:
            _LOG.warning(
                "Trials of %s that are left out: unfit_trials() lists, cancel_trials() ends them", experiment_id
            )
