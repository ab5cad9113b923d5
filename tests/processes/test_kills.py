"""Writing processes that are killed (SIGKILL): what was acknowledged stays, and nothing is there by half."""

from __future__ import annotations

import itertools
import os
import random
import select
import time
from pathlib import Path

import pytest

from processes import workers
from processes.checks import assert_kept, assert_values
from processes.helpers import LIMIT, Child, file_config, make_experiment
from trialstore.storage import SqlStorage

pytestmark = pytest.mark.engine("sqlite")

KILLS = 50
MOST_STEPS = 40
"""A child is killed after at most so many acknowledged steps (four make a trial) …"""
LONGEST_S = 0.008
"""… and so much later, about what two steps take, so that the kill may fall into any part of one."""


def read_lines(child: Child, at_least: int, seconds: float = LIMIT) -> list[str]:
    """What the child writes until it has written so many lines, is silent for so long, or is gone."""
    text = b""
    end = time.monotonic() + seconds
    while text.count(b"\n") < at_least and select.select([child.pipe], [], [], max(0.0, end - time.monotonic()))[0]:
        part = os.read(child.pipe.fileno(), 65536)
        if not part:
            break
        text += part
    *lines, unfinished = text.decode().split("\n")
    assert unfinished == ""
    return lines


def told(lines: list[str]) -> dict[int, str]:
    """The last stage that was acknowledged for each trial."""
    pairs = [line.split() for line in lines if not line.startswith("entered")]
    return {int(trial_id): stage for stage, trial_id in pairs}


def test_a_process_killed_50_times_while_it_writes_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    config = file_config(path)
    chance = random.Random(50)
    known: dict[int, str] = {}
    for number in range(KILLS):
        with Child(workers.write_until_killed, config, number) as child:
            lines = read_lines(child, chance.randrange(MOST_STEPS))
            lines += read_lines(child, MOST_STEPS, chance.uniform(0, LONGEST_S))
            child.kill()
            assert child.process.exitcode == -9, lines
            lines += read_lines(child, 1_000_000)
        with SqlStorage(config) as storage:
            make_experiment(storage).load()
        known = assert_kept(path, {**known, **told(lines)})
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        assert experiment.trial_id == len(known) + 1
        assert_values(storage, path)
    assert "done" in known.values()


def test_a_process_killed_before_any_statement_of_a_trial_leaves_whole_steps_only(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    config = file_config(path)
    known: dict[int, str] = {}
    left_at = set()
    for number in itertools.count(1):
        with Child(workers.write_until_statement, config, number) as child:
            child.process.join(LIMIT)
            if child.process.exitcode == 0:
                break
            assert child.process.exitcode == -9
            lines = read_lines(child, 1_000_000)
        before = len(known)
        known = assert_kept(path, {**known, **told(lines)})
        left_at |= set(list(known.values())[before:])
    assert left_at == {"new", "running", "telemetry"}
    with SqlStorage(config) as storage:
        assert_values(storage, path)
