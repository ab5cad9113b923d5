"""Another library, in a process and an interpreter of its own: asked by lines of JSON, it answers with seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from .measuring import timed
from .operations import Calls, Operation

ROOT = Path(__file__).resolve().parents[1]
MOST_ROUNDS = 3
MOST_TRIALS = 1000
"""Some of them take seconds for what the library does in milliseconds: they are asked for less."""
MOST_POINTS = 100


class Peer(ABC):
    """Runs in the other process: makes the calls of a round."""

    @abstractmethod
    def calls(self, kind: str, count: int, number: int, calls: int) -> Calls | None:
        """The calls of a round of an operation; None where the library has no such call."""

    def serve(self) -> None:
        """Answer until nobody asks any more."""
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                made = self.calls(**asked)
                answer = {"seconds": None if made is None else timed(made)}
            except Exception as error:  # noqa: BLE001 - whatever it is, that is what is told
                answer = {"error": f"{type(error).__name__}: {error}"}
            sys.__stdout__.write(json.dumps(answer) + "\n")  # type: ignore[union-attr]
            sys.__stdout__.flush()  # type: ignore[union-attr]


class There:
    """The same, seen from here."""

    def __init__(self, label: str, python: str, module: str, *args: str) -> None:
        self.label = label
        self.error = ""
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-m", f"benchmarks.{module}", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": ""},
        )

    def time(self, operation: Operation, number: int) -> list[float] | None:
        """Seconds of each call of a round; None where there is no such call, or it is not asked for."""
        small = operation.count <= (MOST_POINTS if operation.kind.startswith("telemetry") else MOST_TRIALS)
        if self.error or number > MOST_ROUNDS or not small:
            return None
        calls = max(1, operation.calls // 5)
        answer = self._ask({"kind": operation.kind, "count": operation.count, "number": number, "calls": calls})
        if "error" in answer:
            self.error = f"{operation.name}: {answer['error']}"
            return None
        return answer["seconds"]  # type: ignore[no-any-return]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            return {"error": "it has ended"}
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except OSError:
            return {"error": "it has ended"}
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": "it has ended"}  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
