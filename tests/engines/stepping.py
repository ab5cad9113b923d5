"""Stepping calls through their statements, one of them at a time, in every order.

A call that waits for a lock of the other does not come back from its step; then only the other can go on. That it waits
is what the server says, so that the orders are the same ones on a slow machine as on a fast one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from trialstore.contract.helpers import watch
from trialstore.contract.test_life_cycle import outcome
from trialstore.storage import SqlStorage

LIMIT = 60.0
"""Longest wait for anything, in seconds; what takes longer hangs."""
GLANCE = 0.002
"""Seconds between two questions to the server about who waits."""
OPENING = ("begin", "start transaction", "set ", "select set_config")
"""What waits for nobody."""


class Stepper:
    """A call in a thread of its own, which waits before each of its statements until it is let go."""

    def __init__(self, storage: SqlStorage, call: Callable[[], Any]) -> None:
        self._changed = threading.Condition()
        self._allowed = False
        self.waiting = self.done = False
        self.ended = 0.0
        self.result: Any = None
        self._call = call
        watch(storage, self._gate)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = outcome(self._call)
        except BaseException as error:  # noqa: BLE001 - compared with what should have come
            self.result = error
        with self._changed:
            self.ended = time.monotonic()
            self.done = True
            self._changed.notify_all()

    def _gate(self, sql: str) -> None:
        if sql.lower().startswith(OPENING):
            return
        with self._changed:
            self.waiting = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._allowed, LIMIT)
            self.waiting = self._allowed = False

    def settle(self, seconds: float) -> bool:
        """Wait until the call is at its next statement or has ended; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.done or (self.waiting and not self._allowed), seconds)

    def step(self) -> None:
        """Let the next statement go."""
        with self._changed:
            self._allowed = True
            self._changed.notify_all()

    @property
    def ready(self) -> bool:
        """Whether there is a statement to be let go."""
        with self._changed:
            return self.waiting and not self._allowed

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()


Schedule = tuple[int, ...]
"""Which of two calls makes each next step."""


def play(steppers: tuple[Stepper, Stepper], schedule: Schedule, waits: Callable[[], int]) -> tuple[Schedule, list[int]]:
    """Step the calls in this order, then the first before the second; the order that it was, and at how many places
    (by their number) there was a choice. `waits` asks the server how many statements wait for a lock."""
    taken: list[int] = []
    choices: list[int] = []
    _rest(steppers, waits)
    while not all(stepper.done for stepper in steppers):
        able = [number for number, stepper in enumerate(steppers) if stepper.ready]
        assert able, "both wait"
        wanted = schedule[len(taken)] if len(taken) < len(schedule) else 0
        chosen = wanted if wanted in able else able[0]
        if len(able) == 2:
            choices.append(len(taken))
        taken.append(chosen)
        steppers[chosen].step()
        _rest(steppers, waits)
    return tuple(taken), choices


def _rest(steppers: tuple[Stepper, Stepper], waits: Callable[[], int]) -> None:
    """Wait until each call is at its next statement, or has ended, or waits for a lock of one that has not ended."""
    late = time.monotonic() + LIMIT
    while not all(stepper.settle(GLANCE) for stepper in steppers):
        assert time.monotonic() < late, "a statement neither ends nor waits for a lock"
        # Where the other has ended, nothing is held any more: who still seems to wait has not woken up yet.
        if any(stepper.ready for stepper in steppers) and waits():
            return


def explore(run: Callable[[Schedule], tuple[Schedule, list[int]]]) -> int:
    """Run every order of the statements once; how many there were."""
    todo: list[Schedule] = [()]
    seen: set[Schedule] = set()
    while todo:
        prefix = todo.pop()
        taken, choices = run(prefix)
        seen.add(taken)
        todo.extend((*taken[:place], 1 - taken[place]) for place in choices if place >= len(prefix))
    return len(seen)
