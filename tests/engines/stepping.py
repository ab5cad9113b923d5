"""Stepping calls through their statements, one of them at a time, in every order.

A call that waits for a lock of the other does not come back from its step; then only the other can go on. One that is
merely slow may be taken for one that waits: the run is still a real one, of another order.
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
BLOCKED = 0.04
"""Seconds after which a statement is taken to wait for the other session."""
OPENING = ("begin", "start transaction", "set ", "select set_config")
ENDING = ("commit", "rollback")
"""What waits for nobody; when it is done, so is the call, or its attempt."""


class Stepper:
    """A call in a thread of its own, which waits before each of its statements until it is let go."""

    def __init__(self, storage: SqlStorage, call: Callable[[], Any]) -> None:
        self._changed = threading.Condition()
        self._allowed = False
        self._ending = False
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
            self.waiting, self._ending = True, sql.lower() in ENDING
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._allowed, LIMIT)
            self.waiting = self._allowed = False

    def settle(self, seconds: float) -> bool:
        """Wait until the call is at its next statement or has ended; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.done or (self.waiting and not self._allowed), seconds)

    def step(self) -> None:
        """Let the next statement go, and wait for its end unless it waits itself."""
        with self._changed:
            self._allowed = True
            self._changed.notify_all()
            ending = self._ending
        self.settle(LIMIT if ending else BLOCKED)

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


def play(steppers: tuple[Stepper, Stepper], schedule: Schedule) -> tuple[Schedule, list[int]]:
    """Step the calls in this order, then the first before the second; the order that it was, and at how many places
    (by their number) there was a choice."""
    taken: list[int] = []
    choices: list[int] = []
    for stepper in steppers:
        assert stepper.settle(LIMIT)
    while not all(stepper.done for stepper in steppers):
        able = [number for number, stepper in enumerate(steppers) if stepper.ready]
        if not able:
            running = [stepper for stepper in steppers if not stepper.done]
            assert any(stepper.settle(LIMIT / 100) for _ in range(100) for stepper in running), "both wait"
            continue
        wanted = schedule[len(taken)] if len(taken) < len(schedule) else 0
        chosen = wanted if wanted in able else able[0]
        if len(able) == 2:
            choices.append(len(taken))
        taken.append(chosen)
        steppers[chosen].step()
        for stepper in steppers:
            stepper.settle(BLOCKED / 4)
    return tuple(taken), choices


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
