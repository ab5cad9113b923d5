"""A home-made harness: a grid of plain dicts, every config measured once, every result stored as it arrives.

The queue is in the database. A run that was stopped goes on with the next start: what is due and what was cut off is
measured, what has a result is not. A config that the benchmark refuses is stored as FAILED, which is a result too.

    python home_made_harness.py [CONFIG]

CONFIG is a file with the config of the storage, or its text; without it, `examples.sqlite` in the current folder.
"""

from __future__ import annotations

import itertools
import lzma
import sys
import time
from datetime import datetime, timezone
from typing import Any

from trialstore.storage import Status, from_config

CONFIG = '{"drivername": "sqlite", "database": "examples.sqlite"}'
EXPERIMENT = "lzma-grid"
DEFAULTS = {"preset": 6, "lc": 3, "lp": 0}
GRID = [dict(zip(DEFAULTS, values, strict=True)) for values in itertools.product((0, 1), (0, 3), (0, 2))]
DATA = "".join(f"{number:x}," for number in range(50_000)).encode()


def now() -> datetime:
    return datetime.now(timezone.utc)


def measure(tunables: dict[str, Any]) -> dict[str, Any]:
    """The metrics of one config. Raises LZMAError for one that cannot be: lc + lp must not be more than 4."""
    begin = time.perf_counter()
    packed = lzma.compress(DATA, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, **tunables}])
    return {"seconds": time.perf_counter() - begin, "bytes": len(packed)}


def main(config: str = CONFIG) -> None:
    """Measure what has no result yet, and print all results."""
    with from_config(config) as storage:
        experiment = storage.experiment(
            experiment_id=EXPERIMENT,
            trial_id=1,
            root_env_config=__file__,  # its repository and commit are stored with the experiment
            description="Which settings pack fast, and which small?",
            tunables=DEFAULTS,
            opt_targets={"seconds": "min", "bytes": "min"},
        )
        with experiment:
            known = [each.config_dict for each in storage.experiments[EXPERIMENT].tunable_configs.values()]
            experiment.new_trials(tunables for tunables in GRID if tunables not in known)
            # RUNNING ones were cut off, as this is the only process; several processes would use claim_trials().
            for trial in experiment.pending_trials(now(), running=True):
                if trial.status.is_pending():
                    trial.update(Status.RUNNING, now())
                try:
                    metrics = measure(trial.tunables)
                    trial.update(Status.SUCCEEDED, now(), metrics)
                except lzma.LZMAError:
                    trial.update(Status.FAILED, now())
        shown = storage.experiments[EXPERIMENT].results_df.filter(regex=r"^(trial_id|status|config\.|result\.)")
        print(shown.to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
