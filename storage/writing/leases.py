"""Keeping a claimed trial while it runs."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from types import TracebackType
from typing import Literal

from trialstore.dialects.errors import LeaseLost, StorageError
from trialstore.storage.base_storage import Storage

from .claims import lease_us

_LOG = logging.getLogger(__name__)

RENEWALS = 3
"""Renewals that fit into a lease: two of them may fail."""


class KeepLease:
    """A context manager that renews the lease of a claimed trial in a thread of its own, until the block is left.

    The trial's work goes on in the block. Ask `lost` (or wait on it) to stop work that has become worthless; whoever
    writes to the trial then gets LeaseLost in any case. Leaving the block does not give the trial back: complete it, or
    call `release_lease`.

    Args:
        trial: One of `Experiment.claim_trials`.
        lease: Length of each renewal; it is renewed three times in that time. The first renewal is made at once.

    Raises LeaseLost on entering when the trial is not held any more, ValueRejected for a lease that is no length of
    time.
    """

    def __init__(self, trial: Storage.Trial, lease: dt.timedelta = dt.timedelta(minutes=5)) -> None:
        lease_us(lease)
        self._trial = trial
        self._lease = lease
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {trial!r}", daemon=True)

    def __enter__(self) -> KeepLease:
        self._trial.renew_lease(self._lease)
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> Literal[False]:
        """Stop renewing; exceptions go on."""
        self._stop.set()
        self._thread.join()
        return False

    @property
    def lost(self) -> bool:
        """Whether somebody else may have the trial now."""
        return self._lost.is_set()

    def wait_lost(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds for the lease to be lost; whether it is."""
        return self._lost.wait(timeout)

    def check(self) -> None:
        """Raise LeaseLost if the lease is lost."""
        if self.lost:
            raise LeaseLost(f"Trial {self._trial} is not held any more.", "Stop: another worker may run it.")

    def _renew(self) -> None:
        pause = self._lease.total_seconds() / RENEWALS
        while not self._stop.wait(pause):
            try:
                self._trial.renew_lease(self._lease)
            except LeaseLost as exc:
                _LOG.warning("Trial %s: %s", self._trial, exc.message)
                self._lost.set()
                return
            except StorageError as exc:  # the next renewal may still be in time
                _LOG.warning("Trial %s: the lease was not renewed: %s", self._trial, exc.message)
