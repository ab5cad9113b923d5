"""CPU and memory of a program while a trial runs, stored as telemetry that costs the program next to nothing.

A thread reads both by psutil and hands them to a telemetry writer, which stores them in batches; the database is never
waited for while something is measured.

    python resource_sampler.py [CONFIG]

CONFIG is a file with the config of the storage, or its text; without it, `examples.sqlite` in the current folder.
"""

from __future__ import annotations

import lzma
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

import psutil

from trialstore.storage import Status, Storage, TelemetryWriter, from_config

CONFIG = '{"drivername": "sqlite", "database": "examples.sqlite"}'
EXPERIMENT = "lzma-resources"
DEFAULTS = {"preset": 6}
PRESETS = (0, 3, 6)
EVERY_S = 0.02
DATA = random.Random(0).randbytes(100_000) * 20


@contextmanager
def sampled(telemetry: TelemetryWriter) -> Iterator[None]:
    """Sample this process in a thread, until the block is left."""
    process, done = psutil.Process(), threading.Event()

    def sample() -> None:
        process.cpu_percent()  # the first call begins the interval that the next one measures
        while not done.wait(EVERY_S):
            telemetry.add("cpu_percent", process.cpu_percent())
            telemetry.add("rss_bytes", process.memory_info().rss)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def run(trial: Storage.Trial) -> None:
    """Compress the data, and store what that took."""
    trial.update(Status.RUNNING, datetime.now(timezone.utc))
    with trial.telemetry_writer() as telemetry, sampled(telemetry):
        begin = time.perf_counter()
        size = len(lzma.compress(DATA, preset=trial.tunables["preset"]))
        seconds = time.perf_counter() - begin
    trial.update(Status.SUCCEEDED, datetime.now(timezone.utc), {"seconds": seconds, "bytes": size})


def main(config: str = CONFIG) -> None:
    """Run each preset once more, and print what was seen of it."""
    with from_config(config) as storage:
        experiment = storage.experiment(
            experiment_id=EXPERIMENT,
            trial_id=1,
            root_env_config=__file__,
            description="What does LZMA take?",
            tunables=DEFAULTS,
            opt_targets={"seconds": "min"},
        )
        with experiment:
            for preset in PRESETS:
                trial = experiment.new_trial({"preset": preset})
                run(trial)
                points = experiment.load_telemetry(trial.trial_id)
                largest = max((value for _, metric, value in points if metric == "rss_bytes"), default=0)
                print(f"preset {preset}: {len(points)} points, at most {largest / 1e6:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
