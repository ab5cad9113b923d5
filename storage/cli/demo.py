"""The command `trialstore demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from trialstore.dialects.errors import StorageError
from trialstore.storage.demo.benchmark import EXPERIMENT_ID, Options, Outcome, run_benchmark
from trialstore.storage.demo.interrupt import StopRequest
from trialstore.storage.demo.settings import DEFAULTS, TARGET_SYSTEM

from .output import print_command, print_text, say, shell_word
from .streams import INTERRUPTED, fitted
from .target import Target, storage_options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from trialstore.storage.base_storage import Storage
    from trialstore.storage.demo.corpus import Corpus
    from trialstore.storage.status import Status

_PLOT_FILE = "trialstore-demo.png"
_PLOT_SUFFIXES = (".png", ".svg", ".pdf")


def _check_plot(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        if Path(value).suffix.lower() not in _PLOT_SUFFIXES:
            raise click.BadParameter(f"the file must end with one of {', '.join(_PLOT_SUFFIXES)}.")
        if not Path(value).absolute().parent.is_dir():
            raise click.BadParameter("the folder does not exist.")
        if Path(value).is_dir():
            raise click.BadParameter("this is a folder.")
    return value


@click.command("demo")
@click.option("--trials", type=click.IntRange(1), default=Options.trials, show_default=True, help="Trials to run.")
@click.option(
    "--repeats", type=click.IntRange(1), default=Options.repeats, show_default=True, help="Trials per config."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=Options.seconds,
    show_default=True,
    help="Time budget for all trials, in seconds; the first run chooses the workload's size by it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random search.")
@click.option(
    "--plot",
    "plot_file",
    metavar="FILE",
    callback=_check_plot,
    show_default=_PLOT_FILE,
    help="Where to draw the best so far (.png, .svg, .pdf).",
)
@click.option(
    "--experiment",
    metavar="NAME",
    default=EXPERIMENT_ID,
    show_default=True,
    help="Experiment to create or to continue.",
)
@storage_options
@click.pass_context
def demo(
    ctx: click.Context,
    target: Target,
    trials: int,
    repeats: int,
    seconds: float,
    seed: int,
    plot_file: str | None,
    experiment: str,
) -> None:
    """Run a small autotuning benchmark and store it.

    Tunes the settings of SQLite for a workload of Python's own sources, in a temporary folder (set TMPDIR to measure
    another disk). Run again, it goes on with the same experiment.
    """
    from .output import console

    out = console()
    options = Options(experiment, trials, repeats, seconds, seed)
    with target.open() as storage, StopRequest() as stop:
        with Display(out, options.trials, storage) as display:
            outcome = run_benchmark(storage, options, display, stop)
        if outcome.interrupted:
            _say_interrupted(target, experiment, outcome)
            ctx.exit(INTERRUPTED)
        _finish(out, target, storage, experiment, plot_file, outcome)


def _say_interrupted(target: Target, experiment: str, outcome: Outcome) -> None:
    say(f"Interrupted; {outcome.completed} trials of this run are stored.", err=True)
    say(f"To go on: {' '.join(_demo_words(target, experiment))}", err=True)


def _finish(
    out: Console, target: Target, storage: Storage, experiment: str, plot_file: str | None, outcome: Outcome
) -> None:
    from trialstore.storage.demo.plot import can_draw

    from .demo_report import draw, print_report

    if outcome.out_of_time:
        out.print("The time is up: trials that are still pending run when the demo is started again.\n")
    if outcome.completed and not outcome.succeeded:
        raise StorageError(
            "No trial has succeeded.",
            f"See why: {' '.join(_show_words(target, experiment, '--trial', 'ID'))}",
        )
    data = storage.experiments[experiment]
    print_report(out, data)
    if plot_file is not None and not can_draw():
        out.print("No picture without matplotlib: pip install 'trialstore[plot]'\n")
    written = draw(out, data, Path(plot_file or _PLOT_FILE))
    out.print("Look at the data:", style="bold")
    print_command(out, ["trialstore", "list", *target.words])
    for options in ((), ("--trial", "1"), ("--csv", "trials.csv")):
        print_command(out, _show_words(target, experiment, *options))
    if written:
        print_text(out, f"The plot of the best so far is {written}.")
    out.print("More trials:")
    print_command(out, _demo_words(target, experiment))


def _show_words(target: Target, experiment: str, *options: str) -> list[str]:
    """The command that shows the experiment; where its id looks like an option, behind `--`."""
    name = shell_word(experiment)
    if experiment.startswith("-"):
        return ["trialstore", "show", *target.words, *options, "--", name]
    return ["trialstore", "show", name, *target.words, *options]


def _demo_words(target: Target, experiment: str) -> list[str]:
    named = [] if experiment == EXPERIMENT_ID else [f"--experiment={shell_word(experiment)}"]
    return ["trialstore", "demo", *named, *target.words]


class Display:
    """Shows the trials as they run: a progress bar on a terminal that can move its cursor, lines elsewhere."""

    def __init__(self, out: Console, trials: int, storage: Storage) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._out = out
        self._trials = trials
        self._storage = storage
        self._done = 0
        self._animated = out.is_terminal and not out.is_dumb_terminal
        # "…" takes the room of three where an encoding lacks it.
        cut: Literal["ellipsis", "crop"] = "ellipsis" if fitted("…", out.encoding) == "…" else "crop"
        what = Column(ratio=1, no_wrap=True, overflow=cut)
        self._progress: Progress = Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, table_column=what),
            console=out,
            expand=True,
            transient=True,
            disable=not self._animated,
        )
        self._task = self._progress.add_task("sizing the workload for this machine", total=trials)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def prepared(self, corpus: Corpus, stored_trials: int) -> None:
        """Say what is tuned, on what data, and where the results go."""
        print_text(
            self._out,
            f"Tuning {TARGET_SYSTEM} for {len(corpus.files)} files of Python's library "
            f"({corpus.lines:,} lines, {corpus.size_bytes / 1e6:.1f} MB); results go to {self._storage!r}.",
        )
        if stored_trials:
            self._out.print(f"Going on after {stored_trials} completed trials.")
        self._out.print()

    def trial_begins(self, trial: Storage.Trial) -> None:
        """Show what is tried."""
        from .output import settings

        self._progress.update(self._task, description=settings(trial.tunables, DEFAULTS))

    def trial_ended(self, trial: Storage.Trial, status: Status, metrics: dict[str, Any], reason: str) -> None:
        """Show how it went."""
        from .output import settings

        self._done += 1
        self._progress.update(self._task, completed=self._done)
        if reason:
            print_text(self._out, f"Trial {trial.trial_id} {status.name}: {reason}")
        elif not self._animated:
            times = f"{metrics['elapsed_s']:.3f} s, p95 {metrics['p95_query_ms']:.2f} ms"
            print_text(
                self._out,
                f"{self._done}/{self._trials}  trial {trial.trial_id}  {times}  {settings(trial.tunables, DEFAULTS)}",
            )
