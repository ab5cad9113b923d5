"""The demo's harness: creates trials, runs what is pending, stores what was measured."""

from __future__ import annotations

import datetime as dt
import math
import platform
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from trialstore.dialects.errors import AlreadyCompleted, StorageError
from trialstore.storage.base_storage import Storage
from trialstore.storage.status import Status

from .calibrate import calibrate
from .corpus import Corpus, find_sources, read_corpus
from .interrupt import Stopped, StopRequest
from .sampler import Sampler
from .search import RANDOM_CONFIGS, WEIGHTS, Proposal, Search
from .settings import DEFAULTS, WORKLOAD_FILE, SettingRefused
from .workload import WorkloadFailed, run_workload

EXPERIMENT_ID = "sqlite-autotuning"
DESCRIPTION = "Tuning SQLite's settings for a workload of Python's standard library sources"

# Part of the time that trials may fill; the rest goes to the warm-up, to storing, and to slower configs.
_SHARE_OF_TRIALS = 0.75
_GRACE_S = 20.0
_LEAST_TRIAL_LIMIT_S = 10.0
# A trial of the demo takes seconds: one that has been running for so long was left behind by a killed process.
ABANDONED = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class Options:
    """What a run of the demo is to do: number of trials, repeats of each config, and seconds for all of it."""

    experiment_id: str = EXPERIMENT_ID
    trials: int = 30
    repeats: int = 3
    seconds: float = 25.0
    seed: int = 0

    @property
    def seconds_per_trial(self) -> float:
        """Time that a trial of the default config should take."""
        return self.seconds * _SHARE_OF_TRIALS / self.trials

    @property
    def trial_limit_s(self) -> float:
        """Time after which a trial is TIMED_OUT."""
        return max(_LEAST_TRIAL_LIMIT_S, 10 * self.seconds_per_trial)


class Observer(Protocol):
    """Receives the events of a run, to show them."""

    def prepared(self, corpus: Corpus, stored_trials: int) -> None:
        """The workload is ready; the experiment holds so many completed trials already."""

    def trial_begins(self, trial: Storage.Trial) -> None:
        """A trial is about to run."""

    def trial_ended(self, trial: Storage.Trial, status: Status, metrics: dict[str, Any], reason: str) -> None:
        """A trial has ended with this status; `reason` says why it did not succeed."""


@dataclass
class Outcome:
    """What a run of the demo did."""

    completed: int = 0
    succeeded: int = 0
    interrupted: bool = False
    out_of_time: bool = False


class TrialTimedOut(Exception):
    """The trial took longer than a trial may."""


def run_benchmark(storage: Storage, options: Options, observer: Observer, stop: StopRequest) -> Outcome:
    """Run `options.trials` trials, pending ones of an earlier run first, and store them.

    Raises StorageError if the experiment is not one of this demo, or was measured on other files.
    """
    experiment = storage.experiment(
        experiment_id=options.experiment_id,
        trial_id=1,
        root_env_config=str(WORKLOAD_FILE),
        description=DESCRIPTION,
        tunables=DEFAULTS,
        opt_targets=dict.fromkeys(WEIGHTS, "min"),
        opt_weights=WEIGHTS,
    )
    deadline = time.monotonic() + options.seconds + _GRACE_S
    with experiment:
        benchmark = _Benchmark(experiment, options, observer, stop, deadline)
        try:
            benchmark.prepare()
            cancel_abandoned(storage, experiment)
            benchmark.run()
        except Stopped:
            benchmark.outcome.interrupted = True
        return benchmark.outcome


def cancel_abandoned(storage: Storage, experiment: Storage.Experiment) -> None:
    """Cancel trials that have been running since long before: those of a demo that was killed."""
    now = dt.datetime.now(dt.timezone.utc)
    for trial_id, data in storage.experiments[experiment.experiment_id].trials.items():
        if data.status.is_running() and data.ts_start is not None and data.ts_start < now - ABANDONED:
            trial = experiment.get_trial_by_id(trial_id)
            if trial is not None:
                _finish(trial, Status.CANCELED)


def _finish(trial: Storage.Trial, status: Status, metrics: dict[str, Any] | None = None) -> bool:
    try:
        trial.update(status, dt.datetime.now(dt.timezone.utc), metrics)
    except AlreadyCompleted:  # by another process that works on the same experiment
        return False
    return True


class _Benchmark:
    def __init__(
        self,
        experiment: Storage.Experiment,
        options: Options,
        observer: Observer,
        stop: StopRequest,
        deadline: float,
    ) -> None:
        self.experiment = experiment
        self.options = options
        self.observer = observer
        self.stop = stop
        self.deadline = deadline
        self.outcome = Outcome()
        self.search = Search(options.seed)
        self.corpus = Corpus((), "")
        self.default_planned = False

    # --- the workload -------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Choose the files, as many as earlier trials had, and give the search the results of those trials."""
        sources = find_sources()
        earlier = self._earlier_metadata()
        if earlier is None:
            count = calibrate(sources, self.options.seconds_per_trial, self.stop.check)
            self.corpus = read_corpus(sources[:count])
        else:
            self.corpus = read_corpus(sources[: earlier["corpus_files"]])
            if self.corpus.fingerprint != earlier["corpus"]:
                raise StorageError(
                    f"Experiment {self.experiment.experiment_id!r} was measured on the sources of another Python.",
                    "New times could not be compared with those: start another experiment with --experiment NAME.",
                )
        trial_ids, configs, scores, _status = self.experiment.load()
        for config, scored in zip(configs, scores, strict=True):
            self.search.observe(config, scored)
        self.observer.prepared(self.corpus, len(trial_ids))

    def _earlier_metadata(self) -> dict[str, Any] | None:
        last = self.experiment.get_trial_by_id(self.experiment.trial_id - 1)
        if last is None:
            return None
        metadata = last.config()
        if not isinstance(metadata.get("corpus_files"), int) or not isinstance(metadata.get("corpus"), str):
            raise StorageError(
                f"Experiment {self.experiment.experiment_id!r} was not made by this demo.",
                "Start another one with --experiment NAME.",
            )
        return metadata

    # --- trials -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run trials until there are enough of them, or until the time is up."""
        while self.outcome.completed < self.options.trials:
            self.stop.check()
            if time.monotonic() > self.deadline:
                self.outcome.out_of_time = True
                return
            # One at a time: another process may take the next one meanwhile.
            due = list(self.experiment.pending_trials(dt.datetime.now(dt.timezone.utc), running=False))
            if due:
                self.run_trial(due[0])
            else:
                self.create_trials(self.options.trials - self.outcome.completed)

    def create_trials(self, most: int) -> None:
        """Create PENDING trials, at most so many: of the first configs in turns, later of one config after another.

        Each run begins with the default config, for the machine may be faster or slower than at the run before.
        """
        proposals = []
        wanted = 1
        if not self.default_planned:
            wanted += RANDOM_CONFIGS if self.search.configs == 0 else 1
            proposals.append(Proposal(dict(DEFAULTS), "default"))
            self.search.plan(DEFAULTS)
            self.default_planned = True
        while len(proposals) < min(wanted, math.ceil(most / self.options.repeats)):
            proposals.append(self.search.propose())
            self.search.plan(proposals[-1].config)
        runs = [(proposal, repeat) for repeat in range(1, self.options.repeats + 1) for proposal in proposals]
        for proposal, repeat in runs[:most]:
            self.experiment.new_trial(proposal.config, config=self._metadata(proposal, repeat))

    def _metadata(self, proposal: Proposal, repeat: int) -> dict[str, Any]:
        return {
            "repeat_i": repeat,
            "is_defaults": proposal.config == DEFAULTS,
            "origin": proposal.origin,
            "seed": self.options.seed,
            "corpus": self.corpus.fingerprint,
            "corpus_files": len(self.corpus.files),
            "corpus_lines": self.corpus.lines,
            "system": {
                "sqlite": sqlite3.sqlite_version,
                "python": platform.python_version(),
                "machine": platform.machine(),
                "host": platform.node(),
            },
        }

    def run_trial(self, trial: Storage.Trial) -> None:
        """Run one trial and store how it ended. Stopped is raised on after the trial is stored as CANCELED."""
        self.observer.trial_begins(trial)
        trial.update(Status.RUNNING, dt.datetime.now(dt.timezone.utc))
        try:
            metrics = self.measure(trial)
        except Stopped:
            _finish(trial, Status.CANCELED)
            raise
        except TrialTimedOut as exc:
            self.end_trial(trial, Status.TIMED_OUT, None, str(exc))
        except (SettingRefused, WorkloadFailed, sqlite3.Error, OSError) as exc:
            self.end_trial(trial, Status.FAILED, None, f"{type(exc).__name__}: {exc}")
        else:
            self.end_trial(trial, Status.SUCCEEDED, metrics)

    def measure(self, trial: Storage.Trial) -> dict[str, Any]:
        """Run the workload in a folder of its own, sending telemetry between its phases."""
        begun = time.monotonic()
        sampler = Sampler()

        def send() -> None:
            trial.update_telemetry(Status.RUNNING, dt.datetime.now(dt.timezone.utc), sampler.drain())

        def check() -> None:
            self.stop.check()
            if time.monotonic() - begun > self.options.trial_limit_s:
                raise TrialTimedOut(f"took more than {self.options.trial_limit_s:.0f} s")

        with tempfile.TemporaryDirectory(prefix="trialstore-demo-") as folder:
            measured = run_workload(
                self.corpus, trial.tunables, Path(folder), sampler=sampler, between=send, keep_going=check
            )
        return dict(measured.metrics)

    def end_trial(self, trial: Storage.Trial, status: Status, metrics: dict[str, Any] | None, reason: str = "") -> None:
        """Store how a trial ended, and learn from it."""
        if reason:
            trial.add_new_config_data({"reason": reason})
        if _finish(trial, status, metrics):
            self.search.observe(trial.tunables, metrics)
            self.outcome.completed += 1
            self.outcome.succeeded += status.is_succeeded()
            self.observer.trial_ended(trial, status, metrics or {}, reason)
