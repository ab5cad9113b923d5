"""Programs of other Debian suites than the machine's own, from packages that are unpacked into a folder, not installed.

No right is needed that a plain user lacks: apt resolves what a package depends on, as if nothing were installed, and
downloads it; dpkg-deb unpacks it. Each program then stands behind a script of its name that starts it through the
folder's own dynamic loader, so that it meets the libraries that it was built for and not those of the machine. The
mirror and the keys are those that the machine has for its own packages.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.errors import ServerMissing

FOLDER_VARIABLE = "TRIALSTORE_TEST_CACHE"
"""Names the folder for what is downloaded; without it, that is below XDG_CACHE_HOME, or /var/cache for root."""
MIRROR_VARIABLE = "TRIALSTORE_TEST_DEBIAN"
"""Names a mirror of Debian; without it, that is the one of the machine's own packages, where these are Debian's."""
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PATIENCE = 900.0
CONFIG = """\
Dir::Etc::SourceList "{work}/sources";
Dir::Etc::SourceParts "{work}/empty";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "{work}/empty";
Dir::State::Lists "{work}/lists";
Dir::State::Status "/dev/null";
Dir::State::Extended_States "{work}/extended_states";
Dir::Cache "{work}/cache";
Dir::Log "{work}";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
"""
SCRIPT = """\
#!/bin/sh
exec {loader}{name} --library-path {libraries} {program} "$@"
"""


@dataclass(frozen=True)
class Release:
    """A server as a suite of Debian has it.

    Args:
        suite: The name of the suite.
        packages: The packages that bring the server, to which comes all that they depend on.
        programs: The folder of its programs, from the root.
        libraries: A folder of libraries that are for these programs alone, from the root.
    """

    suite: str
    packages: tuple[str, ...]
    programs: str
    libraries: str = ""

    def folder(self) -> Path:
        """The root of the unpacked packages, which are fetched now if they never were; raises ServerMissing."""
        cache = cache_folder()
        folder = cache / "_".join((self.suite, *self.packages))
        cache.mkdir(parents=True, exist_ok=True)
        with Path(f"{folder}.lock").open("w") as lock:
            # Of two processes that want it, one fetches it, and the other one waits.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                self._make(folder)
        return folder

    def program(self, name: str) -> Path:
        """The path of one of its programs."""
        return self.folder() / self.programs / name

    def _make(self, folder: Path) -> None:
        """Make the folder under another name, so that what has the right one is whole."""
        growing, work = Path(f"{folder}.new"), Path(f"{folder}.apt")
        with _removed(growing, work):
            for path in (growing, work, work / "empty", work / "lists" / "partial", work / "cache/archives/partial"):
                path.mkdir(parents=True)
            source = f"deb [signed-by={KEYS}] {mirror()} {self.suite} main\n"
            (work / "sources").write_text(source, encoding="ascii")
            (work / "config").write_text(CONFIG.format(work=work), encoding="utf-8")
            environment = {"APT_CONFIG": str(work / "config")}
            run("apt-get", "-q", "update", **environment)
            run("apt-get", "-q", "--yes", "--download-only", "install", *self.packages, **environment)
            for archive in sorted((work / "cache" / "archives").glob("*.deb")):
                run("dpkg-deb", "--extract", str(archive), str(growing))
            for programs in {"usr/bin", "usr/sbin", self.programs}:
                put_behind_scripts(growing, growing / programs, folder, self.libraries)
            growing.chmod(0o755)
            growing.rename(folder)


def cache_folder() -> Path:
    """Where unpacked packages are kept from one run to the next."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).resolve()
    if os.geteuid() == 0:  # whose own cache is closed to the users that servers run as
        return Path("/var/cache/trialstore-tests")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "trialstore-tests"


def mirror() -> str:
    """The URL of a mirror of Debian; raises ServerMissing where none is known, or where its packages cannot be had."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise ServerMissing(f"program {program} is not found, so packages of Debian cannot be fetched")
    if not KEYS.exists():
        raise ServerMissing(f"{KEYS} is not found (apt-get install debian-archive-keyring)")
    named = os.environ.get(MIRROR_VARIABLE)
    if named:
        return named
    form = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    targets = run("apt-get", "indextargets", "--format", form, "Created-By: Packages").split("\n")
    for target in targets:
        origin, _, rest = target.partition(" ")
        label, _, url = rest.partition(" ")
        if origin == label == "Debian":
            return url
    raise ServerMissing(f"this machine's packages are not Debian's, and {MIRROR_VARIABLE} names no mirror")


def put_behind_scripts(root: Path, programs: Path, final: Path, own: str = "") -> None:
    """Replace programs by scripts that start them with the loader and the libraries of the root's future place, where
    `own` is another folder of them."""
    found = _loader(root)
    loader = final / found.relative_to(root)
    # By the name it is called by, Python finds its files and those of a virtual environment. Old loaders keep none.
    name = ' --argv0 "$0"' if b"--argv0" in found.read_bytes() else ""
    patterns = ("lib/*-linux-gnu", "usr/lib/*-linux-gnu", *([own] if own else []))
    folders = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    libraries = ":".join(str(final / path.relative_to(root)) for path in folders)
    for program in sorted(programs.iterdir()) if programs.exists() else ():
        if _is_elf(program):
            # A program looks for its own files, and for others, beside where it is.
            real = program.with_name(f"{program.name}.real")
            program.rename(real)
            text = SCRIPT.format(loader=loader, name=name, libraries=libraries, program=final / real.relative_to(root))
            program.write_text(text, encoding="utf-8")
            program.chmod(0o755)


def run(*command: str, **environment: str) -> str:
    """What a command prints; raises ServerMissing with the end of that if it fails."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServerMissing(f"{' '.join(command)} did not end in {PATIENCE / 60:.0f} minutes") from None
    if done.returncode:
        raise ServerMissing(f"{' '.join(command)} exited with {done.returncode}: {done.stdout[-1000:].strip()}")
    return done.stdout


@contextlib.contextmanager
def _removed(*folders: Path) -> Iterator[None]:
    """Folders that are there neither before, where an earlier run was killed, nor afterwards."""
    try:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        yield
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _loader(root: Path) -> Path:
    """The dynamic loader itself, for links to it point outside."""
    for pattern in ("lib*", "lib*/*-linux-gnu", "usr/lib*", "usr/lib*/*-linux-gnu"):
        for path in sorted(root.glob(f"{pattern}/ld-*.so*")):
            if _is_elf(path):
                return path
    raise ServerMissing(f"the packages in {root} bring no dynamic loader")


def _is_elf(path: Path) -> bool:
    if not stat.S_ISREG(path.lstat().st_mode):
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
