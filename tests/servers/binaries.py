"""Where the programs of a server are, and how they get there."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from servers.errors import ServerMissing

# Debian and others keep one folder per PostgreSQL version, away from PATH; what stands on PATH may be a wrapper.
VERSIONED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
UNVERSIONED = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec", "/usr/local/pgsql/bin")
POLICY = Path("/usr/sbin/policy-rc.d")
APT_LOCK = Path("/run/trialstore-tests-apt.lock")


def need_module(name: str, extra: str) -> None:
    """Raise ServerMissing if a driver is not installed, since a server would be of no use."""
    if importlib.util.find_spec(name) is None:
        raise ServerMissing(f"Python module {name} is not installed (pip install 'trialstore[{extra}]')")


def need_program(name: str, package: str) -> Path:
    """The path of a program, whose Debian package is installed if need be and if this process may."""
    found = search(name)
    if found is None:
        install(name, package)
        found = search(name)
    if found is None:
        raise ServerMissing(f"program {name} is still not found after apt-get install {package}")
    return found


def search(name: str) -> Path | None:
    """The newest versioned program of that name, or else the first one on PATH and in the usual folders."""
    folders = [folder for pattern in VERSIONED for folder in Path("/").glob(pattern.lstrip("/"))]
    folders.sort(key=_version, reverse=True)
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath), *UNVERSIONED])
    found = shutil.which(name, path=path)
    # Programs look for their own files beside where they really are.
    return None if found is None else Path(found).resolve()


def install(name: str, package: str) -> None:
    """Install a Debian package without starting its service, or raise ServerMissing."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        why = "this user is not root" if os.geteuid() != 0 else "there is no apt-get"
        raise ServerMissing(f"program {name} is not found, and {why}, so package {package} cannot be installed")
    with APT_LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The process that had the lock before may have installed it.
        if search(name) is None:
            with _no_services():
                apt_get("update")
                apt_get("install", "--yes", "--no-install-recommends", package)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting what they install; a policy that the machine already has is left alone."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def apt_get(*arguments: str) -> None:
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServerMissing(f"{' '.join(command)} did not end in 15 minutes") from None
    if done.returncode:
        raise ServerMissing(f"{' '.join(command)} exited with {done.returncode}: {done.stdout[-1000:].strip()}")


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(folder)))
