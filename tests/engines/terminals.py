"""Running the program as a child process: on a terminal of some width, into pipes, files and closed streams."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-c", "from trialstore.storage.cli import main; main()")
INTERRUPTED_PROGRAM = (sys.executable, "-c", "from engines.terminals import main_interrupted; main_interrupted()")
_SET_HERE = (
    *("COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR"),
    *("PYTHONIOENCODING", "PYTHONUTF8", "PYTHONUNBUFFERED"),
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environment(more: Mapping[str, str] = {}) -> dict[str, str]:
    """The environment of a child: without what this one says of its terminal, the tests' helpers importable."""
    kept = {name: value for name, value in os.environ.items() if name not in _SET_HERE and not name.startswith("LC_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), **more}


def run(
    *arguments: str, env: Mapping[str, str] = {}, program: tuple[str, ...] = PROGRAM, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, its output kept unless `more` leads it elsewhere."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.run([*program, *arguments], env=environment(env), check=False, **streams)


def run_in_shell(arguments: str, redirections: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command with redirections of bash, such as `>&-`, or a pipe."""
    script = f'set -o pipefail; "$0" -c "$1" {arguments} {redirections}'
    return run(program=("bash", "-c", script, PROGRAM[0], PROGRAM[2]), **more)


def into_closed_pipe(*arguments: str, env: Mapping[str, str] = {}, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose output goes into a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return run(*arguments, env=env, stdout=writing, **more)
    finally:
        os.close(writing)


def on_terminal(*arguments: str, columns: int, env: Mapping[str, str] = {}, **more: Any) -> tuple[int, str]:
    """The exit code of a command on a terminal of so many columns, and what stands there in the end, escapes too."""
    import fcntl
    import pty
    import struct
    import termios

    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    known = {"TERM": "xterm", "PYTHONIOENCODING": "utf-8", **env}
    with subprocess.Popen(
        [*PROGRAM, *arguments], env=environment(known), stdin=terminal, stdout=terminal, stderr=terminal, **more
    ) as child:
        os.close(terminal)
        parts = []
        try:
            while part := os.read(ours, 65_536):
                parts.append(part)
        except OSError:  # Linux says so when the last one has closed the terminal
            pass
        finally:
            os.close(ours)
    return child.returncode, b"".join(parts).decode(known["PYTHONIOENCODING"], "replace").replace("\r\n", "\n")


def without_escapes(text: str) -> str:
    """What a terminal shows of the text."""
    return _ESCAPES.sub("", text)


def main_interrupted() -> None:
    """The program, and a Ctrl-C as soon as it opens its database or prints."""
    from trialstore.storage.cli import main
    from trialstore.storage.database.connections import Database

    def interrupt(*_arguments: object, **_more: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a child in the background may not have
    Database.__init__ = interrupt  # type: ignore[method-assign]
    main()
