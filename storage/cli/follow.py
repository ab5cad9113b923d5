"""`trialstore show EXP --follow`: how far an experiment is, until its trials are completed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trialstore.dialects.errors import Busy, ConnectError, StorageError
from trialstore.dialects.registry import backend_of_file
from trialstore.dialects.text import clean

from .output import console, moment, say
from .summary import progress_shown, trials_by_status
from .target import Target

if TYPE_CHECKING:
    from trialstore.storage.reading.overview import Progress
    from trialstore.storage.sql_storage import SqlStorage


def follow(target: Target, experiment_id: str, seconds: float, check: Callable[[SqlStorage], object]) -> None:
    """Show the progress of an experiment every few seconds until it has trials and all are completed.

    `check` is called with the storage once, before the first look. What keeps a file or a server from being read for
    a while (a writer that has the file to itself, a restart) is said, and waited for.
    """
    with _shown() as show, closing(_looks(target, experiment_id, check)) as looks:
        for progress in looks:
            if progress is not None:
                show(progress)
                if progress.total and not progress.open:
                    return
            time.sleep(seconds)


def _looks(
    target: Target, experiment_id: str, check: Callable[[SqlStorage], object]
) -> Generator[Progress | None, None, None]:
    """The progress, look by look; None where the database cannot be read at the moment."""
    from trialstore.storage.reading.overview import read_progress

    seen, problem = False, ""
    with ExitStack() as stack:
        storage: SqlStorage | None = None
        while True:
            try:
                if storage is None:
                    storage = stack.enter_context(target.open_to_read())
                if not seen:
                    check(storage)
                progress = read_progress(storage.database, experiment_id)
                seen, problem = True, ""
                if storage.database.dialect.in_process:  # an open file would keep others from writing it
                    stack.close()
                    storage = None
            except (Busy, ConnectError) as exc:
                if not seen and not _is_there(target):
                    raise
                if problem != exc.message:
                    problem = exc.message
                    say(f"Waiting: {clean(problem)}", err=True)
                yield None
            else:
                yield progress


def _is_there(target: Target) -> bool:
    """The target is a file of its engine, so that only another process can keep it from being read."""
    path, drivername = target.config.get("database"), str(target.config.get("drivername"))
    with suppress(OSError, TypeError, StorageError):
        return Path(path).is_file() and backend_of_file(path) == drivername.partition("+")[0]  # type: ignore[arg-type]
    return False


@contextmanager
def _shown() -> Iterator[Callable[[Progress], Any]]:
    """A function that shows progress: on a terminal in one place, elsewhere a line for each change."""
    out = console()
    if not out.is_terminal:
        last = ""

        def print_change(progress: Progress) -> None:
            nonlocal last
            line = _line(progress)
            if line != last:
                last = line
                click.echo(line)

        yield print_change
        return
    with out.status("") as status:
        last_progress: list[Progress] = []

        def update(progress: Progress) -> None:
            last_progress[:] = [progress]
            status.update(_line(progress))

        yield update
    for progress in last_progress:
        say(_line(progress))


def _line(progress: Progress) -> str:
    states = ", ".join(trials_by_status(progress.trials))
    return f"{progress_shown(progress)} done: {states}; last activity {moment(progress.last_activity)}"
