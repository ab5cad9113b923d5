"""mlos-bench: `python -m benchmarks.peer_mlos CONFIG`, with an interpreter that has it.

Its SQL storage has the calls that the library took over; claims and batches it has not.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlos_bench.environments.status import Status
from mlos_bench.services.config_persistence import ConfigPersistenceService
from mlos_bench.storage.sql.storage import SqlStorage
from mlos_bench.tunables.tunable_groups import TunableGroups

from . import data
from .operations import Calls, bound
from .peer import Peer

PARAMS: dict[str, Any] = {
    **{f"size_{place}": {"type": "int", "range": [0, 100_000_000], "default": 1} for place in range(5)},
    **{f"ratio_{place}": {"type": "float", "range": [0, 10], "default": 0.5} for place in range(3)},
    "mode": {"type": "categorical", "values": list(data.MODES), "default": "plain"},
    "flush": {"type": "categorical", "values": ["True", "False"], "default": "True"},
}


class Mlos(Peer):
    """A storage, and the experiments that were entered."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._storage: Any = None
        self._experiments: dict[str, Any] = {}

    def opened(self) -> Any:
        """Another storage."""
        return SqlStorage(dict(self._config), {}, ConfigPersistenceService())

    def tunables(self, number: int) -> Any:
        """The tunables of the trial of that number."""
        values = {**data.tunables(number), "flush": str(number % 2 == 0)}
        return TunableGroups({"all": {"cost": 1, "params": PARAMS}}).assign(values)

    def experiment(self, name: str) -> Any:
        """The experiment of that name, entered."""
        if self._storage is None:
            self._storage = self.opened()
        if name not in self._experiments:
            self._experiments[name] = self._storage.experiment(
                experiment_id=name,
                trial_id=1,
                root_env_config="environment.jsonc",
                description="a benchmark",
                tunables=self.tunables(0),
                opt_targets=dict(data.OBJECTIVES),
            ).__enter__()
        return self._experiments[name]

    def new(self, name: str, number: int) -> Any:
        """A new trial."""
        tunables = self.tunables(number)
        return self.experiment(name).new_trial(tunables, data.moment(number), data.metadata(number))

    def filled(self, trials: int, waiting: int = 0) -> Any:
        """An experiment of so many completed trials, and some that wait."""
        name = f"filled_{trials}_{waiting}"
        if name not in self._experiments:
            for number in range(trials):
                trial = self.new(name, number)
                if number < trials - waiting:
                    trial.update(Status.RUNNING, data.moment(number))
                    trial.update(Status.SUCCEEDED, data.moment(number, 9), data.metrics(number))
        return self._experiments[name]

    def calls(self, kind: str, count: int, number: int, calls: int) -> Calls | None:
        """The calls of a round of an operation."""
        made = getattr(self, f"round_{kind.replace(' ', '_')}", None)
        return None if made is None else made(count, number, calls)  # type: ignore[no-any-return]

    def round_open(self, _count: int, _number: int, calls: int) -> Calls:
        return [self.opened] * calls

    def round_new_trial(self, _count: int, number: int, calls: int) -> Calls:
        experiment = self.experiment("bench")
        wanted = [(self.tunables(1000 * number + at), data.moment(at), data.metadata(at)) for at in range(calls)]
        return [bound(experiment.new_trial, *each) for each in wanted]

    def _started(self, number: int, calls: int) -> list[Any]:
        trials = [self.new("bench", 1_000_000 + 1000 * number + at) for at in range(calls)]
        for trial in trials:
            trial.update(Status.RUNNING, data.moment(0))
        return trials

    def round_start(self, _count: int, number: int, calls: int) -> Calls:
        trials = [self.new("bench", 2_000_000 + 1000 * number + at) for at in range(calls)]
        return [bound(trial.update, Status.RUNNING, data.moment(0)) for trial in trials]

    def round_finish(self, _count: int, number: int, calls: int) -> Calls:
        return [
            bound(trial.update, Status.SUCCEEDED, data.moment(1), data.metrics(number))
            for trial in self._started(number, calls)
        ]

    def round_telemetry(self, count: int, number: int, calls: int) -> Calls:
        points = data.points(count)
        return [
            bound(trial.update_telemetry, Status.RUNNING, data.moment(1), points)
            for trial in self._started(100 + number, calls)
        ]

    def round_telemetry_again(self, count: int, number: int, calls: int) -> Calls:
        made = self.round_telemetry(count, 100 + number, calls)
        for call in made:
            call()
        return made

    def round_pending(self, count: int, _number: int, _calls: int) -> Calls:
        experiment = self.filled(count, min(100, count // 2))
        return [lambda: list(experiment.pending_trials(data.DUE_BY, running=False))]

    def round_load(self, count: int, _number: int, _calls: int) -> Calls:
        return [self.filled(count).load]

    def round_results_df(self, count: int, _number: int, _calls: int) -> Calls:
        self.filled(count)
        stored = self._storage.experiments[f"filled_{count}_0"]
        return [lambda: stored.results_df]

    def round_experiments(self, count: int, _number: int, _calls: int) -> Calls:
        if len(self._experiments) < count:
            for number in range(count):
                self.experiment(f"one_of_many_{number}")
        return [lambda: self._storage.experiments]


def main(config: str) -> None:
    """Answer questions, in a git work tree that has the file that an experiment must name."""
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    origin = ["remote", "add", "origin", "https://example.org/x.git"]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.chdir(folder)
        Path("environment.jsonc").write_text("{}", encoding="utf-8")
        for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "start"], origin):
            subprocess.run(["git", *arguments], check=True, capture_output=True)
        Mlos(json.loads(config)).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
