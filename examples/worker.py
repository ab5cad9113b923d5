"""Workers that share a queue of trials: start as many as you like, on as many hosts as the database has clients.

A worker takes a trial under a lease, keeps the lease while it runs, and stores the result. If one dies, nothing is
lost: when its lease has ended, `release_expired` gives the trial to the next. One that comes back too late gets
LeaseLost.

    python worker.py NUMBER [CONFIG]

CONFIG is a file with the config of the storage, or its text; without it, `examples.sqlite` in the current folder.
"""

from __future__ import annotations

import hashlib
import sys
import time
from datetime import datetime, timedelta, timezone

from trialstore.storage import KeepLease, LeaseLost, Status, Storage, from_config

CONFIG = '{"drivername": "sqlite", "database": "examples.sqlite"}'
EXPERIMENT = "hash-queue"
DEFAULTS = {"size": 1000, "rounds": 10}
LEASE = timedelta(seconds=30)


def measure(tunables: dict[str, int]) -> dict[str, float]:
    """The metrics of one config."""
    begin = time.perf_counter()
    for _ in range(tunables["rounds"]):
        hashlib.sha256(bytes(tunables["size"])).digest()
    return {"seconds": time.perf_counter() - begin}


def work(experiment: Storage.Experiment, runner_id: int) -> int:
    """Run trials until none is due; how many were run."""
    done = 0
    while True:
        experiment.release_expired()
        claimed = experiment.claim_trials(runner_id, lease=LEASE)
        for trial in claimed:
            try:
                with KeepLease(trial, LEASE):
                    trial.update(Status.RUNNING, datetime.now(timezone.utc))
                    metrics = measure(trial.tunables)
                trial.update(Status.SUCCEEDED, datetime.now(timezone.utc), metrics)
                done += 1
            except LeaseLost:
                print(f"trial {trial.trial_id} was taken over", file=sys.stderr)
        if not claimed:
            return done


def main(number: str, config: str = CONFIG) -> None:
    """Fill the queue if this is the first worker, and work."""
    with from_config(config) as storage:
        experiment = storage.experiment(
            experiment_id=EXPERIMENT,
            trial_id=1,
            root_env_config=__file__,
            description="Who hashes what?",
            tunables=DEFAULTS,
            opt_targets={"seconds": "min"},
        )
        with experiment:
            if number == "1":
                experiment.new_trials({"size": size, "rounds": count} for size in (10, 1000) for count in (5, 50, 500))
            print(f"worker {number} ran {work(experiment, int(number))} trials")


if __name__ == "__main__":
    main(*sys.argv[1:])
