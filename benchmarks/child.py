"""Another process with the library: `python -m benchmarks.child loop CONFIG SECONDS` or `memory CONFIG WHAT`."""

from __future__ import annotations

import datetime as dt
import gc
import importlib
import json
import sys
import time
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

from . import data
from .comparing import EXPERIMENT
from .ours import Ours


def loop(config: dict[str, Any], seconds: float) -> int:
    """Create, claim, start, measure and finish trials for so long, as soon as a line comes in; how many."""
    with closing(Ours(config)) as ours:
        ours.enter(EXPERIMENT)
        _say("ready")
        sys.stdin.readline()
        made, end = 0, time.monotonic() + seconds
        number = time.time_ns() % 50_000_000  # others create configs of their own
        while time.monotonic() < end:
            number += 1
            ours.new_trial(data.tunables(number), data.BEGIN, data.metadata(number))
            for trial in ours.claim(1):
                now = dt.datetime.now(dt.timezone.utc)
                ours.start(trial, now)
                ours.telemetry(trial, now, data.points(100))
                ours.finish(trial, dt.datetime.now(dt.timezone.utc), data.metrics(number))
                made += 1
    return made


def memory(config: dict[str, Any], what: str) -> dict[str, float]:
    """Bytes that one call takes at most, and that its result keeps."""
    with closing(Ours(config)) as ours:
        ours.enter(EXPERIMENT)
        calls = {
            "load": ours.load,
            "results_df": ours.results_df,
            "telemetry_df": lambda: ours.telemetry_df(1),
            "telemetry_batches": lambda: sum(batch.num_rows for batch in ours.stored_trial(1).telemetry_batches()),
            "load_telemetry": lambda: ours.experiment.load_telemetry(1),
        }
        ours.experiments()
        for module in ("pandas", "pyarrow.compute"):  # their own memory is not the call's
            importlib.import_module(module)
        ours.experiment.load(10**9)
        gc.collect()
        before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark begins anew
        calls[what]()
        most = _status("VmHWM") - before
        # A process does not give back all that it does not need any more: only Python knows what the result takes.
        tracemalloc.start()
        kept = calls[what]()
        gc.collect()
        size = tracemalloc.get_traced_memory()[0]
        del kept
    return {"most": most, "kept": size}


def _status(name: str) -> int:
    """A line of what Linux tells of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(mode: str, config: str, more: str) -> None:
    """Print what was found as JSON."""
    asked = json.loads(config)
    _say(json.dumps(loop(asked, float(more)) if mode == "loop" else memory(asked, more)))


if __name__ == "__main__":
    main(*sys.argv[1:])
