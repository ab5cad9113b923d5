"""How many files a workload needs so that it takes a given time on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .corpus import read_corpus
from .sampler import Sampler
from .settings import DEFAULTS
from .workload import run_workload

LEAST_FILES = 8
_FIRST_FILES = 16
_GROWTH = 3


def calibrate(sources: Sequence[Path], seconds: float, keep_going: Callable[[], None]) -> int:
    """Number of files, from the front of `sources`, with which a run in the default config takes about `seconds`.

    Measures short runs of growing size, so that a slow processor or disk does not make the estimate itself slow.
    """
    count = min(_FIRST_FILES, len(sources))
    _measure(sources[:count], keep_going)  # the first run is slower than all others: files and code are cold
    while True:
        elapsed = _measure(sources[:count], keep_going)
        if elapsed >= seconds / _GROWTH or count == len(sources):
            break
        count = min(count * _GROWTH, len(sources))
    return max(min(int(count * seconds / elapsed), len(sources)), min(LEAST_FILES, len(sources)))


def _measure(paths: Sequence[Path], keep_going: Callable[[], None]) -> float:
    with tempfile.TemporaryDirectory(prefix="trialstore-demo-") as folder:
        measured = run_workload(read_corpus(paths), DEFAULTS, Path(folder), sampler=Sampler(), keep_going=keep_going)
    return max(float(measured.metrics["elapsed_s"]), 1e-6)
