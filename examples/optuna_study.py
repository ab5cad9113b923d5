"""An Optuna study that keeps its trials in trialstore: each run of this file adds some to those of all runs before.

Optuna proposes (`ask`), this file measures, trialstore stores, Optuna learns (`tell`). At the start, `load()` gives
back the earlier trials, their tunables with the types they had, and they are added to the study: it goes on where it
was, on this machine or on another one. Optuna's own storage is not used.

    python optuna_study.py [CONFIG]

CONFIG is a file with the config of the storage, or its text; without it, `examples.sqlite` in the current folder.
"""

from __future__ import annotations

import sys
import time
import zlib
from datetime import datetime, timezone
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from trialstore.storage import Status, from_config

CONFIG = '{"drivername": "sqlite", "database": "examples.sqlite"}'
EXPERIMENT = "zlib-optuna"
TRIALS = 15  # that a run adds
SPACE = {"level": IntDistribution(1, 9), "memory": IntDistribution(1, 9), "rle": CategoricalDistribution([False, True])}
DATA = "".join(f"{number:x}," for number in range(20_000)).encode()


def now() -> datetime:
    return datetime.now(timezone.utc)


def seconds_to_send(tunables: dict[str, Any]) -> float:
    """The time to pack the data, measured, and to send them at 10 MB/s, computed."""
    begin = time.perf_counter()
    strategy = zlib.Z_RLE if tunables["rle"] else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(tunables["level"], zlib.DEFLATED, zlib.MAX_WBITS, tunables["memory"], strategy)
    size = len(packer.compress(DATA) + packer.flush())
    return time.perf_counter() - begin + size / 10e6


def main(config: str = CONFIG) -> None:
    """Add trials to the study, and print the best of all runs."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with from_config(config) as storage:
        experiment = storage.experiment(
            experiment_id=EXPERIMENT,
            trial_id=1,
            root_env_config=__file__,  # its repository and commit are stored with the experiment
            description="How to pack for a line of 10 MB/s?",
            tunables={"level": 6, "memory": 8, "rle": False},
            opt_targets={"seconds": "min"},
        )
        with experiment:
            study = optuna.create_study()
            _, configs, scores, _ = experiment.load()
            for params, score in zip(configs, scores, strict=True):
                result = {"value": score["seconds"]} if score else {"state": optuna.trial.TrialState.FAIL}
                study.add_trial(optuna.trial.create_trial(params=params, distributions=SPACE, **result))
            print(f"{len(study.trials)} earlier trials")
            for _ in range(TRIALS):
                asked = study.ask(SPACE)
                trial = experiment.new_trial(asked.params)
                trial.update(Status.RUNNING, now())
                seconds = seconds_to_send(trial.tunables)
                trial.update(Status.SUCCEEDED, now(), {"seconds": seconds})
                study.tell(asked, seconds)
            print(f"{len(study.trials)} trials, the best: {study.best_value} s with {study.best_params}")


if __name__ == "__main__":
    main(*sys.argv[1:])
