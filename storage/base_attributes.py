"""The public interface of what has attributes: experiments and trials, for writing and for reading."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any


class Attributed(ABC):
    """What has attributes: tags, notes, and other values that may be given, changed and deleted at any time.

    A trial's can be changed in any state of it, also when it is completed, by whoever may write to the database: no
    lease is asked for. The attribute `note` is the note that the command line shows.
    """

    @property
    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """The attributes, name → value, by name, as they are stored now; one statement each time. {} where there are
        none."""

    @abstractmethod
    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Give these attributes, all of them or none; others stay as they are. One statement; of two writers of the
        same name, the last one wins.

        Values are int, float, bool, str, None, and nested dicts and lists of these, and come back equal and of the same
        type. Raises ValueRejected, and nothing is written, for another type, for a value of more than 65,535 bytes, for
        a name that does not fit, and for more than 4,000,000 bytes in all; ExperimentMissing or TrialMissing where
        there is no such experiment or trial.
        """

    @abstractmethod
    def delete_attributes(self, names: Iterable[str]) -> None:
        """Delete the attributes of these names, in one statement; names that are not there are no error. Raises
        ValueRejected for what can be no name."""
