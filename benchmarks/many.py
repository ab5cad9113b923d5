"""Many processes at once, and the memory of one: what is measured in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from . import operations
from .comparing import EXPERIMENT, one
from .databases import Config, Databases
from .operations import Sizes
from .ours import Ours
from .peer import ROOT

ONE_PROCESS = ("duckdb",)
"""Engines whose database only one process may write."""


def throughput(engine: str, databases: Databases, sizes: Sizes, told: Callable[[str], None]) -> dict[int, float]:
    """Processes → trials a second that all of them together create, claim, start, measure and finish."""
    found = {}
    for processes in sizes.processes:
        if processes > 1 and engine in ONE_PROCESS:
            break
        config = databases.create()
        with closing(Ours(config)) as first:
            first.enter(EXPERIMENT)
        command = [sys.executable, "-m", "benchmarks.child", "loop", json.dumps(config), str(sizes.seconds)]
        found[processes] = sum(together([command] * processes)) / sizes.seconds
        told(f"{processes} processes: {found[processes]:.0f} trials/s")
    return found


def peer_throughput(python: str, where: Callable[[], str], sizes: Sizes) -> dict[int, float]:
    """The same through Optuna's RDB storage; `where` makes a URL. Empty where Optuna cannot."""
    found = {}
    for processes in sizes.processes:
        command = [python, "-W", "ignore", "-m", "benchmarks.peer_optuna", "rdb", where(), str(sizes.seconds)]
        made = together([command] * processes)
        if not made:
            break
        found[processes] = sum(made) / sizes.seconds
    return found


def together(commands: Sequence[list[str]]) -> list[int]:
    """Start processes that say "ready", let all of them go at once, and return the numbers that they print."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    started: list[subprocess.Popen[str]] = []
    for command in commands:
        started.append(subprocess.Popen(command, text=True, cwd=ROOT, **pipes))
        if len(started) == 1:
            started[0].stdout.readline()  # type: ignore[union-attr]  # it may still have tables to create
    for process in started[1:]:
        process.stdout.readline()  # type: ignore[union-attr]
    found = []
    for process in started:
        try:
            process.stdin.write("go\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            pass  # it has ended, and says nothing
    for process in started:
        answer = process.communicate()[0].strip()
        found += [int(answer)] if answer.isdigit() else []
    return found


def memory(engine: str, databases: Databases, sizes: Sizes) -> list[dict[str, Any]]:
    """Of reading calls: the most that they take, and what their result keeps, in bytes."""
    found = []
    for trials in sizes.memory:
        with one(Ours, engine, databases, trials) as ours:
            config = ours.config
        found += [{"call": call, "of": trials, **_memory(config, call)} for call in ("load", "results_df")]
    with one(Ours, engine, databases) as ours:
        config = ours.config
        operations.write_points(ours, sizes.stream)
    calls = ("load_telemetry", "telemetry_df", "telemetry_batches")
    return found + [{"call": call, "of": sizes.stream, **_memory(config, call)} for call in calls]


def _memory(config: Config, call: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.child", "memory", json.dumps(config), call]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found
