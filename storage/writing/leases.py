"""Keeping a claimed trial while it runs."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from trialstore.dialects.errors import LeaseLost, StorageError, ValueRejected
from trialstore.dialects.text import logger
from trialstore.storage.base_storage import Storage
from trialstore.storage.values.checks import check_flag
from trialstore.storage.values.encoding import python_value

from .claims import lease_us

_LOG = logger(__name__)

RENEWALS = 3
"""Renewals that fit into a lease: two of them may fail."""
LEAVING_S = 5.0
"""Longest wait for a call that is on its way when the block is left, in seconds."""


class KeepLease:
    """A context manager that renews the lease of a claimed trial in a thread of its own, until the block is left.

    The trial's work goes on in the block. Check `lost` (or call `wait_lost`) to stop work that has become worthless;
    once the trial was taken back, calls that write to it raise LeaseLost in any case. `lost` becomes true then, and
    when, by this process's clock, the lease was not renewed in time, as while the database is unreachable.

    Leaving the block does not give the trial back: complete it, or call `release_lease`. Only if Ctrl-C, SystemExit or
    a cancellation leaves the block is the trial given back, so that a restart need not wait for the lease to end. That
    is logged; a trial that is completed, or lost, stays as it is. Leaving takes no longer than some seconds, whatever
    the database does.

    Args:
        trial: One of `Experiment.claim_trials`.
        lease: Length of each renewal; it is renewed three times in that time. The first renewal is made at once.
        release: Whether the trial is given back when an interrupt or a cancellation leaves the block.

    Raises LeaseLost on entering when the trial is not held any more, ValueRejected for a lease that is no length of
    time and for what is no trial.
    """

    def __init__(
        self, trial: Storage.Trial, lease: dt.timedelta = dt.timedelta(minutes=5), *, release: bool = True
    ) -> None:
        lease_us(lease)
        if not callable(getattr(trial, "renew_lease", None)):
            raise ValueRejected(f"trial is of type {type(trial).__name__}.", "Give a trial of claim_trials().")
        self._trial = trial
        self._lease = lease
        self._release = check_flag(release, "release")
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._why = "another worker may run it"
        self._ends = 0.0
        self._renewing: threading.Thread | None = None

    def __enter__(self) -> KeepLease:
        asked = time.monotonic()
        self._trial.renew_lease(self._lease)
        self._ends = asked + self._lease.total_seconds()
        self._renewing = self._started(self._renew, "lease")
        self._started(self._watch, "end of the lease")
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> Literal[False]:
        """Stop renewing; exceptions go on."""
        self._stop.set()
        deadline = time.monotonic() + LEAVING_S
        if self._renewing is not None:
            self._renewing.join(LEAVING_S)
        if self._release and _comes_from_outside(exc_val) and not self.lost:
            self._started(self._give_back, "release").join(max(0.0, deadline - time.monotonic()))
        return False

    @property
    def lost(self) -> bool:
        """Whether somebody else may have the trial now."""
        if not self._stop.is_set() and self._ends and time.monotonic() >= self._ends:
            self._lost.set()
        return self._lost.is_set()

    def wait_lost(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds, or without end, for the lease to be lost; whether it is. Raises ValueRejected
        for a timeout that is no number."""
        seconds = python_value(timeout)
        if seconds is not None and (type(seconds) not in (int, float) or seconds != seconds):
            raise ValueRejected(f"timeout is no number (type {type(timeout).__name__}).", "Give seconds, or None.")
        return self._lost.wait(None if seconds is None else max(0.0, min(seconds, threading.TIMEOUT_MAX)))

    def check(self) -> None:
        """Raise LeaseLost if the lease is lost."""
        if self.lost:
            raise LeaseLost(f"Trial {self._trial} is not held any more.", f"Stop: {self._why}.")

    def _started(self, what: Callable[[], None], name: str) -> threading.Thread:
        # Daemons: a process that ends waits for none of them.
        thread = threading.Thread(target=what, name=f"{name} of {self._trial!r}", daemon=True)
        thread.start()
        return thread

    def _renew(self) -> None:
        pause = self._lease.total_seconds() / RENEWALS
        while not self._stop.wait(pause) and not self.lost:
            asked = time.monotonic()
            try:
                self._trial.renew_lease(self._lease)
            except LeaseLost as exc:
                _LOG.warning("Trial %s: %s", self._trial, exc.message)
                self._lost.set()
                return
            except StorageError as exc:  # the next renewal may still be in time
                _LOG.warning("Trial %s: the lease was not renewed: %s", self._trial, exc.message)
            except BaseException as exc:  # noqa: BLE001 - logged, and raised by `check`
                # Not a StorageError: the renewals have stopped, and the code that works on the trial must learn of it.
                _LOG.exception("Trial %s: the lease is not renewed any more", self._trial)
                self._why = f"its lease is not renewed any more ({type(exc).__name__}, see the log)"
                self._lost.set()
                return
            else:
                self._ends = max(self._ends, asked + self._lease.total_seconds())

    def _watch(self) -> None:
        """Report the lease as lost when it was not renewed in time, even if a renewal is still under way."""
        while not self._stop.wait(max(0.0, self._ends - time.monotonic())):
            if self.lost:
                _LOG.warning("Trial %s: the lease was not renewed in time", self._trial)
                return

    def _give_back(self) -> None:
        try:
            self._trial.release_lease()
        except LeaseLost:
            return  # completed, or somebody else's
        except StorageError as exc:
            _LOG.warning("Trial %s was not given back, its lease has to end: %s", self._trial, exc.message)
        else:
            _LOG.warning("Trial %s was given back, because its work was interrupted", self._trial)


def _comes_from_outside(exc: BaseException | None) -> bool:
    """Whether an exception says that the work is to end, not that it has failed: Ctrl-C, SystemExit, cancellations of
    asyncio and others, all of which are no `Exception`; but that of concurrent.futures is."""
    return exc is not None and (not isinstance(exc, Exception) or type(exc).__name__ == "CancelledError")
