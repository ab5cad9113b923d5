"""A child process that uses a database with one of the two classes: it runs a trial, and prints all that it reads.

`python alternate.py CLASS CONFIG EXPERIMENT`, in a git work tree that has mock.jsonc.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

from mlos_bench.environments.status import Status
from mlos_bench.tunables.tunable_groups import TunableGroups
from mlos_bench.util import get_class_from_name

GROUPS: dict[str, Any] = {
    "vm": {
        "cost": 100,
        "params": {
            "vmSize": {"type": "categorical", "values": ["Standard_B4ms", "Standard_B2s", "007"], "default": "007"}
        },
    },
    "kernel": {
        "cost": 1,
        "params": {
            "sched_latency_ns": {"type": "int", "range": [0, 10**9], "default": 2000000, "special": [-1]},
            "swap_ratio": {"type": "float", "range": [0, 1], "default": 0.5},
        },
    },
}


def known(value: Any) -> Any:
    """None for what is missing, which pandas makes NaN of."""
    return None if value != value else value


def read(trial: Any) -> dict[str, Any]:
    """All of a trial."""
    telemetry = trial.telemetry_df
    return {
        "status": trial.status.name,
        "times": [str(trial.ts_start), str(trial.ts_end)],
        "runner": trial.trial_runner_id,
        "config": trial.tunable_config.config_dict,
        "config_id": trial.tunable_config_id,
        "results": {name: known(value) for name, value in trial.results_dict.items()},
        "metadata": trial.metadata_dict,
        "telemetry": [[str(ts), metric, known(value)] for ts, metric, value in telemetry.to_numpy().tolist()],
    }


def main(class_name: str, config: str, experiment_id: str) -> None:
    """Run a trial, and print everything as JSON."""
    storage: Any = get_class_from_name(class_name)(config=json.loads(config), global_config={}, service=None)
    tunables = TunableGroups(GROUPS)
    with storage.experiment(
        experiment_id=experiment_id,
        trial_id=1,
        root_env_config="mock.jsonc",
        description="both write it",
        tunables=tunables,
        opt_targets={"score": "min", "throughput": "max"},
    ) as experiment:
        trial = experiment.new_trial(tunables, config={"by": class_name})
        trial.set_trial_runner(2)
        trial.add_new_config_data({"host": "a"})
        now = datetime.now(timezone.utc)
        trial.update(Status.RUNNING, now)
        trial.update_telemetry(Status.RUNNING, now + timedelta(seconds=1), [(now, "cpu", 0.5), (now, "none", None)])
        trial.update(Status.SUCCEEDED, now + timedelta(seconds=2), {"score": 1.25, "throughput": 7, "note": "ok"})
        loaded = experiment.load()
    found = {
        "made": trial.trial_id,
        "loaded": [*loaded[:3], [each.name for each in loaded[3]]],
        "experiments": {
            name: {number: read(each) for number, each in data.trials.items()}
            for name, data in storage.experiments.items()
        },
        "objectives": {name: data.objectives for name, data in storage.experiments.items()},
    }
    storage.dispose()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
