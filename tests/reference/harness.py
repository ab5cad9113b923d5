"""A child process that uses a database with mlos_bench: it runs one trial, and prints all that it then reads.

`python harness.py CONFIG EXPERIMENT`, in a git work tree that has environment.jsonc.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone

from mlos_bench.environments.status import Status
from mlos_bench.services.config_persistence import ConfigPersistenceService
from mlos_bench.storage.sql.storage import SqlStorage
from mlos_bench.tunables.tunable_groups import TunableGroups

PARAMS = {
    "size": {"type": "int", "range": [0, 100], "default": 7},
    "mode": {"type": "categorical", "values": ["a", "b"], "default": "a"},
}


def main(config: str, experiment_id: str) -> None:
    """Run a trial, and print everything as JSON."""
    tunables = TunableGroups({"all": {"cost": 1, "params": PARAMS}})
    storage = SqlStorage(json.loads(config), {}, ConfigPersistenceService())
    with storage.experiment(
        experiment_id=experiment_id,
        trial_id=1,
        root_env_config="environment.jsonc",
        description="both write it",
        tunables=tunables,
        opt_targets={"score": "min"},
    ) as experiment:
        trial = experiment.new_trial(tunables, config={"by": "reference"})
        now = datetime.now(timezone.utc)
        trial.update(Status.RUNNING, now)
        trial.update_telemetry(Status.RUNNING, now + timedelta(seconds=1), [(now, "cpu", 0.5)])
        trial.update(Status.SUCCEEDED, now + timedelta(seconds=2), {"score": 1.25})
        ids, configs, scores, status = experiment.load()
    data = storage.experiments[experiment_id].trials
    found = {
        "ids": ids,
        "configs": configs,
        "scores": scores,
        "status": [each.name for each in status],
        "metadata": [data[trial_id].metadata_dict for trial_id in ids],
        "results": [data[trial_id].results_dict for trial_id in ids],
        "telemetry": [list(map(str, data[trial_id].telemetry_df["value"])) for trial_id in ids],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
