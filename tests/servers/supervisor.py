"""Runs one server process and cleans up after it, also when the process that asked for it was killed.

A script of its own, on the standard library only. The owner writes requests to its standard input, one JSON object a
line, and reads one JSON object for each. When that pipe ends, or the owner is no longer the parent, the server is ended
and its folder removed. The pipe alone would not do: a forked child of the owner holds its writing end too, and may live
longer.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# How often the parent is looked at, in seconds.
GLANCE = 0.5


class Supervisor:
    """One folder and at most one process at a time, run as the account that `spec` names."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.owner: int = spec["owner"]
        self.account: dict[str, Any] = spec["account"]
        self.environment: dict[str, str] = spec["environment"]
        self.farewell: int = spec["farewell"]
        self.child: subprocess.Popen[bytes] | None = None
        self.heard = b""
        self.folder = Path(tempfile.mkdtemp(prefix=spec["prefix"], dir=spec["parent"]))
        self.folder.chmod(0o711)
        if self.account:
            os.chown(self.folder, self.account["user"], self.account["group"])

    def requests(self) -> Iterator[dict[str, Any]]:
        """What the owner asks for, until it is gone."""
        while True:
            line, newline, rest = self.heard.partition(b"\n")
            if newline:
                self.heard = rest
                yield json.loads(line)
            elif self.orphaned(GLANCE):
                return

    def orphaned(self, patience: float) -> bool:
        """Whether the owner is gone, after listening for some seconds; what it says meanwhile is kept."""
        if select.select([0], [], [], patience)[0]:
            data = os.read(0, 65536)
            if not data:
                return True
            self.heard += data
        if self.child is not None:
            self.child.poll()  # so that a process that ended by itself does not stay a zombie
        return os.getppid() != self.owner

    def answer(self, do: str, **details: Any) -> Any:
        """Do what a request asks for."""
        if do == "start":
            return self.start(details["command"])
        if do == "run":
            return self.run(details["command"], details["patience"])
        if do == "end":
            return self.end(details["signal"])
        if do == "alive":
            return self.child is not None and self.child.poll() is None
        return str(self.folder)

    def start(self, command: list[str]) -> int:
        """Start a process, whose id is returned; its output goes to the log."""
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**self.environment, "HOME": str(self.folder), "TMPDIR": str(self.folder)},
                start_new_session=True,
                **self.account,
            )
        return self.child.pid

    def run(self, command: list[str], patience: float) -> int:
        """Run a process to its end, and return its exit code; end one that takes longer than `patience` seconds."""
        self.start(command)
        assert self.child is not None
        late = time.monotonic() + patience
        while self.child.poll() is None:
            if self.orphaned(0.02):
                # Not ended at once: when killed, the programs that initdb runs leave shared memory behind.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.child.wait(10)
                self.end(signal.SIGKILL)
            elif time.monotonic() > late:
                self.end(signal.SIGKILL)
        return self.child.wait()

    def end(self, number: int) -> None:
        """End the process by a signal, and with force if that does not do; then whatever it left in its group."""
        child = self.child
        if child is None or child.poll() is not None:
            return
        # Nobody else waits for the child, so that its id stays its own until then.
        signal_group(child.pid, number)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            signal_group(child.pid, signal.SIGKILL)
            child.wait()
        signal_group(child.pid, signal.SIGKILL)

    def clean_up(self) -> None:
        """End the process and remove the folder, however long what it left behind still writes there."""
        self.end(self.farewell)
        late = time.monotonic() + 30
        while self.folder.exists() and time.monotonic() < late:
            shutil.rmtree(self.folder, ignore_errors=True)
            time.sleep(0.02)


def signal_group(group: int, number: int) -> None:
    """Signal a process and those that it started in its own group, if there are any."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def reply(**content: Any) -> None:
    """Answer the owner; one that is gone is noticed by who listens next."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(content).encode() + b"\n")


def main() -> None:
    """Serve the owner until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    supervisor = Supervisor(json.loads(sys.argv[1]))
    try:
        for request in supervisor.requests():
            try:
                reply(value=supervisor.answer(**request))
            except OSError as error:
                reply(error=str(error))
    finally:
        supervisor.clean_up()


if __name__ == "__main__":
    main()
