"""The states that a trial or an experiment can be in."""

from __future__ import annotations

import enum

from trialstore.dialects.text import logger

from .values.encoding import python_value

_LOG = logger(__name__)


class Status(enum.Enum):
    """The state of a trial or an experiment; the numbers are those of mlos_bench."""

    UNKNOWN = 0
    PENDING = 1
    READY = 2
    RUNNING = 3
    SUCCEEDED = 4
    CANCELED = 5
    FAILED = 6
    TIMED_OUT = 7

    @staticmethod
    def parse(status: object) -> Status:
        """Return the status that `status` means: a `Status`, a name in any case, a number, or a number as text.

        Blanks around text do not matter. Anything else is `UNKNOWN` and logs a warning; nothing is raised.
        """
        if type(status) is Status:
            return status
        plain = python_value(status)
        found = _from_text(plain) if type(plain) is str else _BY_NUMBER.get(plain) if type(plain) is int else None
        if found is None:
            # The value itself stays out of the log: it may come from a row that was never meant to be a status.
            _LOG.warning("Not a status: a value of type %s; it counts as UNKNOWN.", type(status).__name__)
            return Status.UNKNOWN
        return found

    @staticmethod
    def completed_statuses() -> frozenset[Status]:
        """Return the states that are final: SUCCEEDED, CANCELED, FAILED and TIMED_OUT."""
        return _COMPLETED

    def is_good(self) -> bool:
        """Return whether nothing has gone wrong so far: PENDING, READY, RUNNING or SUCCEEDED."""
        return self in (Status.PENDING, Status.READY, Status.RUNNING, Status.SUCCEEDED)

    def is_completed(self) -> bool:
        """Return whether the state is final: SUCCEEDED, CANCELED, FAILED or TIMED_OUT."""
        return self in _COMPLETED

    def is_pending(self) -> bool:
        """Return whether the status is PENDING."""
        return self is Status.PENDING

    def is_ready(self) -> bool:
        """Return whether the status is READY."""
        return self is Status.READY

    def is_running(self) -> bool:
        """Return whether the status is RUNNING."""
        return self is Status.RUNNING

    def is_succeeded(self) -> bool:
        """Return whether the status is SUCCEEDED."""
        return self is Status.SUCCEEDED

    def is_failed(self) -> bool:
        """Return whether the status is FAILED."""
        return self is Status.FAILED

    def is_canceled(self) -> bool:
        """Return whether the status is CANCELED."""
        return self is Status.CANCELED

    def is_timed_out(self) -> bool:
        """Return whether the status is TIMED_OUT."""
        return self is Status.TIMED_OUT


_COMPLETED = frozenset({Status.SUCCEEDED, Status.CANCELED, Status.FAILED, Status.TIMED_OUT})
_BY_NUMBER = {status.value: status for status in Status}


def _from_text(text: str) -> Status | None:
    word = text.strip()
    if word.isascii() and word.isdecimal():
        # Numbers are compared as text: int() refuses very long digit strings.
        return next((status for status in Status if str(status.value) == (word.lstrip("0") or "0")), None)
    return Status.__members__.get(word.upper()) if word.isascii() else None
