"""A program of a user, checked as strictly as users check theirs; it is not run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Literal

from typing_extensions import assert_type

from trialstore.storage import SqlStorage, Status, Storage


def tune(targets: Mapping[str, Literal["min", "max"]]) -> None:
    with SqlStorage({"drivername": "sqlite", "database": "bench.sqlite"}) as s:
        assert_type(s, SqlStorage)
        with s.experiment(
            experiment_id="sort",
            trial_id=1,
            root_env_config="",
            description="",
            tunables={"size": 1},
            opt_targets=targets,
        ) as experiment:
            assert_type(experiment, Storage.Experiment)
            trial = experiment.new_trial({"size": 2})
            trial.update(Status.SUCCEEDED, datetime.now(timezone.utc), {"score": 1.5})
