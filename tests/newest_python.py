"""Run pytest on the newest Python: newest_python.py FOLDER ARGUMENT…

The interpreter is the machine's own, where it has one, or that of Debian's newest suite, unpacked into a cache. The
library, built from the work tree, and all that the tests need go into a virtual environment in the folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from servers.errors import ServerMissing
from servers.unpacked import Release

VERSION = "3.14"
RELEASE = Release("unstable", (f"python{VERSION}",), "usr/bin")


def main(folder: Path, arguments: list[str]) -> int:
    """Make the environment, and run pytest there."""
    program = f"python{VERSION}"
    try:
        interpreter = Path(shutil.which(program) or RELEASE.program(program))
    except ServerMissing as reason:
        print(f"NOT TESTED ON Python {VERSION}: {reason}")
        return int(os.environ.get("CI", "").lower() not in ("", "0", "false"))
    root = Path(__file__).resolve().parents[1]
    make = [sys.executable, "-m", "virtualenv", "-q", "--clear", "-p", interpreter, folder]
    # On a busy machine an interpreter's first start takes longer than virtualenv waits by default.
    subprocess.run(make, env={**os.environ, "PY_DISCOVERY_TIMEOUT": "300"}, check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", f"{root}[test,all]"], check=True)
    return subprocess.run([python, "-m", "pytest", *arguments], cwd=root, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
