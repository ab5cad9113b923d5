"""What the children of the disk tests run."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from processes.helpers import file_config, make_experiment
from processes.workers import at, nobody, run_trial, tunables_of
from trialstore.storage import SqlStorage, Storage, StorageError

Told = tuple[str, str, str]
"""Class, message and hint of an error."""


def fill(experiment: Storage.Experiment) -> tuple[list[int], Told]:
    """Create trials until one is refused; the ids that were acknowledged, and the error."""
    ids: list[int] = []
    try:
        while True:
            ids.append(experiment.new_trial(tunables_of(len(ids)), at(0), {"padding": "x" * 500}).trial_id)
    except StorageError as exc:
        return ids, (type(exc).__name__, exc.message, exc.hint)


@contextmanager
def no_larger_than(size: int) -> Iterator[None]:
    """No file of this process may become larger; what Python gets for trying is an error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill_until_limit(_pipe: Connection, path: Path, size: int, more: dict[str, Any]) -> tuple[list[int], Told, int]:
    """Create trials until the file may not grow, then one whole one without the limit: `fill`'s answer, its id."""
    with SqlStorage(file_config(path, **more)) as storage, make_experiment(storage) as experiment:
        with no_larger_than(size):
            ids, _ = fill(experiment)
            more, told = fill(experiment)  # with configs that are there already
            assert experiment.load()[0] == []  # reading goes on
        return [*ids, *more], told, run_trial(experiment, 0, nobody).trial_id


def write_without_right(_pipe: Connection, path: Path, user: int, more: dict[str, Any]) -> tuple[list[Any], int]:
    """Write, lose the right to it (as another user than root), and get it back; what each attempt brought."""
    answers: list[Any] = []

    def attempt(experiment: Storage.Experiment) -> None:
        try:
            answers.append(experiment.new_trial({}, at(0)).trial_id)
        except StorageError as exc:
            answers.append((type(exc).__name__, exc.message, exc.hint))

    with (
        ExitStack() as ending,
        SqlStorage(file_config(path, **more)) as storage,
        make_experiment(storage) as experiment,
    ):
        attempt(experiment)
        storage.dispose()
        if os.geteuid() == 0:  # who may write to any file
            os.chown(path, user, user)
            os.seteuid(user)
            ending.callback(os.seteuid, 0)  # what measures coverage writes its own file in the end
        path.chmod(0o444)
        path.parent.chmod(0o555)
        attempt(experiment)
        attempt(experiment)
        path.parent.chmod(0o755)
        path.chmod(0o644)
        attempt(experiment)
        return answers, len(storage.experiments["Shared"].trials)
