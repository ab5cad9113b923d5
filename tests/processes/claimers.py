"""What children do with trials that they, or their parents, have claimed."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from processes.fleet import points_of, results_of
from processes.helpers import LIMIT, listen, make_experiment, say
from processes.workers import at
from trialstore.contract.helpers import watch
from trialstore.storage import KeepLease, SqlStorage, Status, Storage, StorageError

HOUR = dt.timedelta(hours=1)
SHORT = dt.timedelta(seconds=0.5)


def at_commit(storage: SqlStorage, number: signal.Signals) -> None:
    """Let this process get a signal when it has written all of a transaction, and not committed it."""
    watch(storage, lambda sql: sql == "commit" and os.kill(os.getpid(), number))


def complete_given(_pipe: Connection, trial: Storage.Trial) -> int | None:
    """Bring a trial to its end that the parent has claimed."""
    complete(trial)
    trial.database.dispose()  # type: ignore[attr-defined]
    return trial.lease_fence


def complete(trial: Storage.Trial) -> None:
    """Bring a claimed trial to its end."""
    claim = (trial.trial_id, trial.lease_fence)
    trial.update(Status.RUNNING, at(1))
    trial.update_telemetry(Status.RUNNING, at(2), points_of(*claim))
    trial.renew_lease(HOUR)
    trial.update(Status.SUCCEEDED, at(9), results_of(*claim, "child"))


def claim_all(pipe: Connection, given: Storage.Experiment | dict[str, Any], runner: int) -> list[int]:
    """Claim and complete trials one by one until there are none; their ids."""
    if isinstance(given, dict):
        with SqlStorage(given) as storage, make_experiment(storage) as experiment:
            return claim_all(pipe, experiment, runner)
    ids = []
    while found := given.claim_trials(runner, lease=HOUR):
        complete(found[0])
        ids.append(found[0].trial_id)
    given.database.dispose()  # type: ignore[attr-defined]
    return ids


def run_until(pipe: Connection, config: dict[str, Any], last: str) -> None:
    """Claim a trial and bring it to its end; after the step of that name wait to be killed, or be killed in it."""

    def done(step: str) -> None:
        say(pipe, step)
        if step == last:
            listen(pipe, "never")

    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        (trial,) = experiment.claim_trials(1, lease=SHORT)
        claim = (trial.trial_id, trial.lease_fence)
        done("claimed")
        trial.update(Status.RUNNING, at(1))
        done("running")
        trial.update_telemetry(Status.RUNNING, at(2), points_of(*claim))
        done("sent")
        if last == "writing":
            at_commit(storage, signal.SIGKILL)
        trial.update(Status.SUCCEEDED, at(9), results_of(*claim, "child"))
        done("done")


def write_late(pipe: Connection, config: dict[str, Any]) -> tuple[list[str], bool]:
    """Claim a trial and start it; then, when the parent says so, try everything that a holder may do.

    The errors' names, and whether `KeepLease` has noticed.
    """
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        listen(pipe, "made")
        (trial,) = experiment.claim_trials(1, lease=SHORT)
        trial.update(Status.RUNNING, at(1))
        with KeepLease(trial, SHORT) as keep:
            say(pipe, "running")
            listen(pipe, "go on")
            writes: list[Callable[[], Any]] = [
                lambda: trial.update_telemetry(Status.RUNNING, at(5), points_of(1, 99)),
                lambda: trial.add_new_config_data({"late": 1}),
                lambda: trial.update(Status.SUCCEEDED, at(6), results_of(1, 99, "late")),
                lambda: trial.update(Status.FAILED, at(6)),
                lambda: trial.update(Status.RUNNING, at(7)),
                lambda: trial.renew_lease(SHORT),
                trial.release_lease,
            ]
            return [refusal(write) for write in writes], keep.wait_lost(LIMIT)


def refusal(write: Callable[[], Any]) -> str:
    """The name of the library's error that a call raises."""
    try:
        write()
    except StorageError as exc:
        return type(exc).__name__
    return "nothing"


def pause_before_commit(pipe: Connection, config: dict[str, Any]) -> None:
    """Claim a trial, and stop this process (SIGSTOP) when all of its result is written but not committed."""
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        (trial,) = experiment.claim_trials(1, lease=SHORT)
        say(pipe, "claimed")
        at_commit(storage, signal.SIGSTOP)
        trial.update(Status.SUCCEEDED, at(6), results_of(1, 1, "first"))


def pause_in_claim(pipe: Connection, config: dict[str, Any]) -> list[int]:
    """Claim a trial, and stop this process (SIGSTOP) when that is written but not committed; the ids."""
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        listen(pipe, "made")
        at_commit(storage, signal.SIGSTOP)
        return [trial.trial_id for trial in experiment.claim_trials(1, lease=HOUR)]
