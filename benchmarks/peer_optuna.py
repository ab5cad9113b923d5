"""Optuna: `python -m benchmarks.peer_optuna rdb URL` or `journal FILE`.

A trial asked for with 10 parameters stands for new_trial, five attributes and `tell` for finish, `report` of one value
after the other for telemetry. Optuna knows no start of a trial, no batches, and telemetry by step instead of time.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from . import data
from .operations import Calls, bound
from .peer import Peer

SPACE: dict[str, BaseDistribution] = {
    **{f"size_{place}": IntDistribution(0, 100_000_000) for place in range(5)},
    **{f"ratio_{place}": FloatDistribution(0.0, 10.0) for place in range(3)},
    "mode": CategoricalDistribution(data.MODES),
    "flush": CategoricalDistribution((True, False)),
}


class Optuna(Peer):
    """A storage and a study."""

    def __init__(self, kind: str, where: str) -> None:
        self._kind, self._where = kind, where
        self._studies: dict[str, optuna.Study] = {}

    def storage(self) -> Any:
        """A storage that remembers nothing yet."""
        if self._kind == "journal":
            from optuna.storages.journal import JournalFileBackend, JournalStorage

            return JournalStorage(JournalFileBackend(self._where))
        return optuna.storages.RDBStorage(self._where)

    def opened(self, name: str) -> optuna.Study:
        """The study of that name through a new storage."""
        sampler = optuna.samplers.RandomSampler(seed=1)
        return optuna.create_study(storage=self.storage(), study_name=name, sampler=sampler, load_if_exists=True)

    def study(self, name: str) -> optuna.Study:
        """The study of that name."""
        if name not in self._studies:
            self._studies[name] = self.opened(name)
        return self._studies[name]

    def filled(self, trials: int, *, waiting: int = 0) -> str:
        """The name of a study of so many completed trials, and some that wait."""
        name = f"filled_{trials}_{waiting}"
        if name not in self._studies:
            study = self.study(name)
            study.add_trials(
                optuna.trial.create_trial(
                    value=1.0,
                    params={**data.tunables(number), "ratio_0": 0.5, "ratio_1": 1.5, "ratio_2": 2.5},
                    distributions=SPACE,
                    user_attrs=data.metrics(number),
                )
                for number in range(trials - waiting)
            )
            for number in range(waiting):
                study.enqueue_trial(data.tunables(number))
        return name

    def calls(self, kind: str, count: int, number: int, calls: int) -> Calls | None:
        """The calls of a round of an operation."""
        made = getattr(self, f"round_{kind.replace(' ', '_')}", None)
        return None if made is None else made(count, number, calls)  # type: ignore[no-any-return]

    def round_open(self, _count: int, _number: int, calls: int) -> Calls:
        self.study("bench")
        return [lambda: self.opened("bench")] * calls

    def round_new_trial(self, _count: int, _number: int, calls: int) -> Calls:
        return [lambda: self.study("bench").ask(SPACE)] * calls

    def round_finish(self, _count: int, number: int, calls: int) -> Calls:
        study = self.study("bench")

        def finish(trial: optuna.Trial) -> None:
            for name, value in data.metrics(number).items():
                trial.set_user_attr(name, value)
            study.tell(trial, 1.0)

        return [bound(finish, study.ask(SPACE)) for _ in range(calls)]

    def round_telemetry(self, count: int, _number: int, calls: int) -> Calls:
        study = self.study("bench")
        return [bound(report, study.ask(), count) for _ in range(calls)]

    def round_pending(self, count: int, _number: int, calls: int) -> Calls:
        study = self.opened(self.filled(count, waiting=min(100, count // 2)))
        waiting = (optuna.trial.TrialState.WAITING,)
        return [lambda: study.get_trials(deepcopy=False, states=waiting)] * calls

    def round_claim(self, count: int, _number: int, calls: int) -> Calls:
        study = self.study(self.filled(count, waiting=min(100, count // 2)))
        return [study.ask] * calls

    def round_load(self, count: int, _number: int, _calls: int) -> Calls:
        study_id = self.study(self.filled(count))._study_id  # noqa: SLF001 - Optuna tells it nowhere else
        if self._kind == "journal":  # read when it is opened
            return [lambda: self.storage().get_all_trials(study_id, deepcopy=False)]
        return [bound(self.storage().get_all_trials, study_id, False)]

    def round_results_df(self, count: int, _number: int, _calls: int) -> Calls:
        study = self.opened(self.filled(count))
        return [study.trials_dataframe]

    def round_experiments(self, count: int, _number: int, _calls: int) -> Calls:
        if len(self._studies) < count:
            storage = self.storage()
            for number in range(count):
                name = f"one_of_many_{number}"
                self._studies[name] = optuna.create_study(storage=storage, study_name=name)
        return [lambda: optuna.get_all_study_summaries(self.storage(), include_best_trial=False)]


def report(trial: optuna.Trial, count: int) -> None:
    """So many values, each in a call of its own."""
    for step in range(count):
        trial.report(step * 0.37, step)


def loop(optuna_storage: Optuna, name: str, seconds: float) -> int:
    """Create, start, report and finish trials for so long; how many."""
    study = optuna_storage.study(name)
    made, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        trial = study.ask(SPACE)
        report(trial, 100)
        for metric, value in data.metrics(made).items():
            trial.set_user_attr(metric, value)
        study.tell(trial, 1.0)
        made += 1
    return made


def main(kind: str, where: str, seconds: str = "") -> None:
    """Answer questions, or (`seconds`) go on by itself as soon as a line comes in."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    served = Optuna(kind, where)
    if not seconds:
        served.serve()
        return
    served.study("throughput")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps(loop(served, "throughput", float(seconds))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
