"""A private server process in a folder of its own, which vanish with this Python process, however that ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from servers.errors import ServerBroken
from servers.machine import free_port, parent_folder, unprivileged

Command = Sequence["str | Path"]

# Seconds: for a start on a machine that is busy with other tests, and for preparing a data folder there.
PATIENCE = 120.0
# Seconds that sessions of a killed server may take to notice its death.
LINGERING = 30.0


class ServerProcess:
    """One server process and its folder, both in the care of a supervisor (see supervisor.py)."""

    def __init__(self, name: str, accounts: Sequence[str], farewell: signal.Signals, **environment: str) -> None:
        """Make the folder; `accounts` are the users to run as instead of root, `farewell` the signal for the end."""
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self.account = unprivileged(accounts)
        self.pid: int | None = None
        self.port = 0
        self._command: list[str] = []
        self._ready: Callable[[], bool] = bool
        spec = {
            "owner": self._owner,
            "account": self.account,
            # Nothing of the caller's settings (PGOPTIONS, LC_ALL, MYSQL_HOME, …) reaches a server.
            "environment": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **environment},
            "farewell": farewell,
            "prefix": f"ts-{name}-",
            "parent": str(parent_folder(traversable=bool(self.account))),
        }
        self._supervisor = subprocess.Popen(
            # -S: what site-packages does at start, such as measuring coverage, is of no use there.
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py")), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )
        self.folder = Path(self._ask(do="folder"))

    @property
    def owned(self) -> bool:
        """Whether this Python process started the server, rather than a parent that was forked."""
        return os.getpid() == self._owner

    @property
    def running(self) -> bool:
        """Whether the server process is there."""
        return bool(self._ask(do="alive"))

    def listens(self, path: Path) -> bool:
        """Whether somebody listens on a Unix socket; PyMySQL, when it finds nobody there, leaks its own end."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                return False
        return True

    def write(self, name: str, text: str) -> Path:
        """A file in the folder that only the server can read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        if self.account:
            os.chown(path, self.account["user"], self.account["group"])
        return path

    @contextlib.contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Do something that ends the process and removes its folder if it fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def run(self, *command: str | Path) -> None:
        """Run a program that prepares the server, as the server's user."""
        code = self._ask(do="run", command=[str(part) for part in command], patience=PATIENCE)
        if code:
            raise ServerBroken(f"{Path(command[0]).name} exited with {code}: {self.log_tail()}")

    def start_on_free_port(self, command: Callable[[int], Command], ready: Callable[[], bool]) -> None:
        """Start the server on a port that nobody uses; somebody else may take a port just before the server does."""
        self._ready = ready
        late = time.monotonic() + PATIENCE
        for attempts_left in (4, 3, 2, 1, 0):
            self.port = free_port()
            self._command = [str(part) for part in command(self.port)]
            try:
                self._start()
            except ServerBroken:
                if not attempts_left or time.monotonic() > late:
                    raise
            else:
                return

    def restart(self) -> None:
        """Start an ended server again; what a killed one left behind may hold its folder or port for a moment."""
        late = time.monotonic() + LINGERING
        while True:
            try:
                self._start()
            except ServerBroken:
                if time.monotonic() > late:
                    raise
                time.sleep(0.1)
            else:
                return

    def _start(self) -> None:
        self.pid = self._ask(do="start", command=self._command)
        program = Path(self._command[0]).name
        late = time.monotonic() + PATIENCE
        while not self._ready():
            if not self.running:
                raise ServerBroken(f"{program} ended while it started: {self.log_tail()}")
            if time.monotonic() > late:
                self.end(signal.SIGKILL)
                raise ServerBroken(f"{program} was not ready in {PATIENCE:.0f} s: {self.log_tail()}")
            time.sleep(0.02)

    def end(self, number: signal.Signals) -> None:
        """End the server by a signal and wait until it is gone; the folder stays."""
        self._ask(do="end", signal=number)

    def log_tail(self) -> str:
        """The last words of the server or of what prepared it."""
        log = self.folder / "log"
        return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() if log.exists() else "no log"

    def close(self) -> None:
        """End the server, remove the folder, and wait for both; nothing at all in a forked child."""
        if not self.owned or self._supervisor.returncode is not None:
            return
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                pipe.close()
        self._supervisor.wait(PATIENCE)

    def _ask(self, **request: Any) -> Any:
        if not self.owned:
            raise ServerBroken("a server is controlled by the process that started it, not by a forked child")
        stdin, stdout = self._supervisor.stdin, self._supervisor.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            try:
                stdin.write(json.dumps(request).encode() + b"\n")
                line = stdout.readline()
            except (BrokenPipeError, ValueError):
                line = b""
        if not line:
            raise ServerBroken("the server was stopped, or its supervisor is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise ServerBroken(answer["error"])
        return answer["value"]
