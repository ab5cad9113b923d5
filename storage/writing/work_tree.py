"""What git knows of the working directory: which commit, of which repository, and whether files differ from it."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .git import head_commit, is_dirty, remote_url
from .machine import Value

FRESH_S = 1.0
"""For how many seconds git is not asked again for the same commit."""
SHARE = 0.02
"""Most of the time that git may take, where it is slow."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOST_LINKS = 5
_REFTABLE = "refs/heads/.invalid"
"""What HEAD says in a repository that keeps its branches in another form than files."""


_Signature = tuple[int, int, int] | None


@dataclass(frozen=True)
class _Commit:
    """The commit of HEAD, "" before the first one and outside of work trees, the folder of git, and the files there
    that say so, each with what changes when git writes it anew; None for one that is not there."""

    name: str
    git_folder: str
    files: dict[str, _Signature]

    def still_holds(self) -> bool:
        return all(_signature(file) == signature for file, signature in self.files.items())


@dataclass(frozen=True)
class _Seen:
    """What the last look found, of which folder, when, and how long it took."""

    folder: str
    commit: _Commit
    values: dict[str, Value]
    at: float
    took: float

    def is_fresh(self) -> bool:
        return time.monotonic() - self.at < max(FRESH_S, self.took / SHARE)

    def is_of(self, folder: str, commit: _Commit) -> bool:
        return self.folder == folder and self.commit == commit


class WorkTree:
    """The git work tree that the working directory is in, if any: `git_commit`, `git_repo` and `git_dirty`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: _Seen | None = None

    def known(self) -> dict[str, Value] | None:
        """What the last look found, if it still holds; this takes some microseconds."""
        seen = self._seen
        if seen is None or not seen.is_fresh() or _folder() != seen.folder or not seen.commit.still_holds():
            return None
        return seen.values

    def look(self, found: dict[str, Value]) -> None:
        """Put the values into `found`, each as soon as it is known. This may take long, and hang."""
        folder = _folder()
        last = self._seen
        commit = _commit(folder, last.commit if last is not None else None)
        if commit.name:
            found["git_commit"] = commit.name
            if last is not None and last.is_of(folder, commit):
                found.update(last.values)  # for those who do not wait longer
        with self._lock:
            seen = self._seen
            if seen is None or not seen.is_of(folder, commit) or not seen.is_fresh():
                began = time.monotonic()
                values = _ask_git(folder, commit.name) if commit.name else {}
                seen = self._seen = _Seen(folder, commit, values, began, time.monotonic() - began)
        found.update(seen.values)


def _folder() -> str:
    return os.getcwd()  # noqa: PTH109 - which is quicker


def _ask_git(folder: str, commit: str) -> dict[str, Value]:
    values: dict[str, Value] = {"git_commit": commit}
    if repo := remote_url(folder):
        values["git_repo"] = repo
    if (dirty := is_dirty(folder)) is not None:
        values["git_dirty"] = dirty
    return values


def _commit(folder: str, last: _Commit | None) -> _Commit:
    """The commit of the work tree that a folder is in: the last one while it holds, as to find it may take long where
    many branches are packed."""
    git_folder = _git_folder(folder)
    if last is not None and last.name and last.git_folder == git_folder and last.still_holds():
        return last
    files: dict[str, _Signature] = {}
    return _Commit(_resolve(git_folder, folder, files) if git_folder else "", git_folder, files)


def _git_folder(folder: str) -> str:
    """The folder with HEAD of the work tree that a folder is in; "" outside of one."""
    for parent in (Path(folder), *Path(folder).parents):
        git_folder = parent / ".git"
        if git_folder.is_file():  # of a worktree or submodule: the file says where the folder is
            git_folder = parent / _read(str(git_folder), {}).removeprefix("gitdir:").strip()
        if (git_folder / "HEAD").exists():
            return str(git_folder)
    return ""


def _resolve(git_folder: str, folder: str, files: dict[str, _Signature]) -> str:
    """The commit of HEAD, by way of branches, which a worktree shares with others, and which may be packed."""
    shared = os.path.join(git_folder, _read(f"{git_folder}/commondir", {}))  # noqa: PTH118 - of text
    name = "HEAD"
    for _ in range(_MOST_LINKS):
        text = _read(f"{git_folder}/{name}", files) or _read(f"{shared}/{name}", files) or _packed(shared, name, files)
        if _COMMIT.fullmatch(text):
            return text
        if not text.startswith("ref:"):
            return ""
        name = text.removeprefix("ref:").strip()
        if name == _REFTABLE:
            files[f"{shared}/reftable/tables.list"] = _signature(f"{shared}/reftable/tables.list")
            return head_commit(folder)
    return ""


def _packed(shared: str, name: str, files: dict[str, _Signature]) -> str:
    packed = _read(f"{shared}/packed-refs", files)
    found = re.search(rf"^([0-9a-f]+) {re.escape(name)}$", packed, re.MULTILINE) if name in packed else None
    return found[1] if found else ""


def _read(file: str, files: dict[str, _Signature]) -> str:
    """The text of a file, "" without one; its signature goes into `files`."""
    files[file] = _signature(file)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _signature(file: str) -> _Signature:
    try:
        found = os.stat(file)  # noqa: PTH116 - which is quicker
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
