"""A run that tracks so many values of a metric, with trialstore and with experiment trackers: seconds from its start to
the moment at which all of it is stored.

    python -m benchmarks.trackers [ENGINE…] [--python NAME=INTERPRETER]… [--values N]… [--rounds N] [--folder DIR]

The comparison that MLtraq publishes (https://mltraq.com/benchmarks/speed/), on this machine: float values, everything
else that a tracker collects turned off, local files. Trackers are measured where an interpreter has them, each in a
process of its own: MLflow, Aim, W&B, Neptune and Comet (these three offline), MLtraq. A file on a disk shows what it
costs to keep data there; a folder in memory (--folder /dev/shm) what the software itself takes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VALUES = (1, 100, 1_000, 10_000)
ROUNDS = 10
PATIENCE_S = 60.0
"""A contestant that takes longer for a run is not asked for longer ones."""
METRIC = "loss"
Track = Callable[[int, int], None]
"""Starts run number so-and-so, tracks so many values, ends the run."""


# --- trialstore -------------------------------------------------------------------------------------------------------


@contextmanager
def trialstore(config: dict[str, Any], *, one_call: bool) -> Iterator[Track]:
    """Each value by a call of the telemetry writer, or all of them by one call of `update_telemetry`."""
    import datetime as dt

    from trialstore.storage import SqlStorage, Status

    def now() -> dt.datetime:
        return dt.datetime.now(dt.timezone.utc)

    with (
        SqlStorage({**config, "schema_policy": "update"}) as storage,
        storage.experiment(
            experiment_id="runs",
            trial_id=1,
            root_env_config="",
            description="",
            tunables={"lr": 0.1},
            opt_targets={METRIC: "min"},
        ) as experiment,
    ):

        def track(number: int, values: int) -> None:
            trial = experiment.new_trial({"lr": float(number)})
            trial.update(Status.RUNNING, now())
            if one_call:
                start = now()
                points = [(start + dt.timedelta(microseconds=step), METRIC, step / 7) for step in range(values)]
                trial.update_telemetry(Status.RUNNING, start, points)
            else:
                with trial.telemetry_writer() as telemetry:
                    for step in range(values):
                        telemetry.add(METRIC, step / 7)
            trial.update(Status.SUCCEEDED, now(), {METRIC: 0.0})

        yield track


# --- trackers, each by the calls of its own manual --------------------------------------------------------------------


@contextmanager
def mltraq(folder: str) -> Iterator[Track]:
    """One experiment a run: what is tracked is kept in memory until `persist` writes it as one value."""
    import mltraq as library

    session = library.create_session(f"sqlite:///{folder}/mltraq.db")

    def track(number: int, values: int) -> None:
        experiment = session.create_experiment(f"run{number}")
        with experiment.run() as run:
            run.fields.tracked = library.Sequence()
            for step in range(values):
                run.fields.tracked.append(**{METRIC: step / 7})
        experiment.persist()

    yield track


@contextmanager
def mlflow(folder: str) -> Iterator[Track]:
    """A SQLite file, its default store; each value is a call that stores it."""
    import mlflow as library

    library.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    library.set_experiment("runs")

    def track(_number: int, values: int) -> None:
        with library.start_run():
            for step in range(values):
                library.log_metric(METRIC, step / 7, step=step)

    yield track


@contextmanager
def aim(folder: str) -> Iterator[Track]:
    """Its own files; values are queued, and written when the run is closed at the latest."""
    import aim as library

    def track(_number: int, values: int) -> None:
        run = library.Run(
            repo=folder, system_tracking_interval=None, log_system_params=False, capture_terminal_logs=False
        )
        for step in range(values):
            run.track(step / 7, name=METRIC, step=step)
        run.close()

    yield track


@contextmanager
def wandb(folder: str) -> Iterator[Track]:
    """Offline: a file a run, written by a process of its own."""
    import wandb as library

    def track(_number: int, values: int) -> None:
        settings = library.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True)
        with library.init(project="runs", dir=folder, mode="offline", settings=settings) as run:
            for step in range(values):
                run.log({METRIC: step / 7})

    yield track


@contextmanager
def neptune(folder: str) -> Iterator[Track]:
    """Offline: files in the current folder."""
    import neptune as library

    os.chdir(folder)

    def track(_number: int, values: int) -> None:
        quiet = dict.fromkeys(
            ("capture_stdout", "capture_stderr", "capture_hardware_metrics", "capture_traceback", "git_ref"), False
        )
        with library.init_run(mode="offline", source_files=[], **quiet) as run:
            series = run[METRIC]
            for step in range(values):
                series.append(step / 7)

    yield track


@contextmanager
def comet_ml(folder: str) -> Iterator[Track]:
    """Offline: an archive a run, written at its end."""
    import comet_ml as library

    def track(_number: int, values: int) -> None:
        experiment = library.OfflineExperiment(
            project_name="runs",
            workspace="nobody",
            offline_directory=folder,
            disabled=False,
            display_summary_level=0,
            **dict.fromkeys(
                (
                    *("log_code", "log_graph", "auto_param_logging", "auto_metric_logging", "parse_args"),
                    *("auto_output_logging", "log_env_details", "log_git_metadata", "log_git_patch"),
                ),
                False,
            ),
        )
        for step in range(values):
            experiment.log_metric(METRIC, step / 7, step=step)
        experiment.end()

    yield track


TRACKERS: dict[str, Callable[[str], Any]] = {
    one.__name__: one for one in (mltraq, mlflow, aim, wandb, neptune, comet_ml)
}


# --- measuring --------------------------------------------------------------------------------------------------------


def measure(track: Track, counts: list[int], rounds: int) -> dict[int, float | None]:
    """Median seconds of a run by how many values it tracks, after one run that is not counted; None for more values
    than a contestant manages in good time."""
    track(0, 1)
    numbers = iter(range(1, 1_000_000))
    found: dict[int, float | None] = {}
    for count in counts:
        seconds: list[float] = []
        while len(seconds) < rounds and sum(seconds) < PATIENCE_S:
            started = time.perf_counter()
            track(next(numbers), count)
            seconds.append(time.perf_counter() - started)
        found[count] = statistics.median(seconds)
        if seconds[-1] > PATIENCE_S / 10:
            return {**dict.fromkeys(counts), **found}
    return found


def in_process(python: str, name: str, folder: str, counts: list[int], rounds: int) -> dict[int, float | None] | str:
    """The same for a tracker in its own interpreter, or why it was not measured."""
    command = [
        python,
        "-W",
        "ignore",
        "-m",
        "benchmarks.trackers",
        "--serve",
        name,
        folder,
        json.dumps(counts),
        str(rounds),
    ]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it ended"])[-1][:200]
    return {int(count): seconds for count, seconds in json.loads(done.stdout.splitlines()[-1]).items()}


def serve(name: str, folder: str, counts: str, rounds: str) -> None:
    """In the other interpreter: measure one tracker."""
    with TRACKERS[name](folder) as track:
        found = measure(track, json.loads(counts), int(rounds))
    print(json.dumps(found))


def main(engines: list[str], pythons: dict[str, str], counts: list[int], rounds: int, folder: str | None) -> None:
    """Print the table; what is in a given folder is files only, since servers keep their data where they are."""
    from .databases import databases_of

    rows: dict[str, dict[int, float | None] | str] = {}
    with tempfile.TemporaryDirectory(dir=folder) as parent:
        for engine in engines:
            for how, one_call in (("one call", True), ("a call each", False)):
                with (
                    databases_of(engine, Path(parent)) as databases,
                    trialstore(databases.create(), one_call=one_call) as track,
                ):
                    rows[f"trialstore, {databases.version}, {how}"] = measure(track, counts, rounds)
        for name, python in pythons.items():
            where = Path(parent, name)
            where.mkdir()
            rows[name] = in_process(python, name, str(where), counts, rounds)
    print("| | " + " | ".join(f"{count:,}" for count in counts) + " |")
    print("|---" * (len(counts) + 1) + "|")
    for label, found in rows.items():
        cells = [found] if isinstance(found, str) else [_shown(found[count]) for count in counts]
        print(f"| {label} | " + " | ".join(cells) + " |")


def _shown(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _program() -> None:
    import click

    from .databases import ENGINES

    @click.command(help=__doc__)
    @click.argument("engines", nargs=-1, type=click.Choice(ENGINES))
    @click.option(
        "--python", "pythons", multiple=True, metavar="NAME=INTERPRETER", help="An interpreter with a tracker."
    )
    @click.option("--values", "counts", multiple=True, type=int, default=VALUES, help="Values of a run.")
    @click.option("--rounds", default=ROUNDS, help="Runs of each length.")
    @click.option("--folder", help="Where files are written; default: the system's folder for temporary files.")
    def program(
        engines: tuple[str, ...], pythons: tuple[str, ...], counts: tuple[int, ...], rounds: int, folder: str | None
    ) -> None:
        named = dict(one.split("=", 1) for one in pythons)
        if unknown := set(named) - set(TRACKERS):
            raise click.UsageError(f"no tracker {', '.join(sorted(unknown))}; there are {', '.join(TRACKERS)}.")
        chosen = list(engines) or [one for one in ENGINES if folder is None or one in ("sqlite", "duckdb")]
        main(chosen, named, list(counts), rounds, folder)

    program()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        _program()
