"""Which git repository, commit and path a file has: what an experiment records about the scripts it ran."""

from __future__ import annotations

import os
import re
import subprocess
from typing import NamedTuple

from trialstore.dialects.text import logger
from trialstore.storage.values.checks import as_text

_LOG = logger(__name__)

_TIMEOUT_SECONDS = 10
_STATUS_TIMEOUT_SECONDS = 2
_COMMIT_COLUMN_LENGTH = 40

# Set by git in its own hooks, and by some shells: they would make git answer about another repository than the path's.
_VARIABLES_OF_ANOTHER_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)


class GitInfo(NamedTuple):
    """Where a file stands in a git work tree: the URL of its repository, the commit, the path relative to the root."""

    repo: str
    commit: str
    path: str


def git_info(path: str) -> GitInfo:
    """Return repository, commit and path relative to the git root of the file or folder `path`.

    `repo` is the URL of the remote `origin`, or of the first remote, without user name, password and query; `""`
    without remotes. `commit` is the commit of HEAD, `""` before the first commit. The relative path uses forward
    slashes. Outside a git work tree, or where git is missing or refuses, the answer is `("", "", path)`. Bytes of a
    name that are not UTF-8 become a backslash, an x and two digits. Raises nothing.
    """
    is_folder = _is_folder(path)
    folder, name = (path, "") if is_folder else os.path.split(path)
    folder = folder or os.curdir
    if not path or not _is_folder(folder):
        return GitInfo("", "", as_text(path))
    # The prefix is the folder's path below the root, symbolic links resolved: "" or with a slash at the end.
    answer = _git(folder, "rev-parse", "--is-inside-work-tree", "--show-prefix")
    inside, _, prefix = (answer or "").partition("\n")
    if inside != "true":
        return GitInfo("", "", as_text(path))
    relative = prefix.rstrip("/") or os.curdir if is_folder else prefix + name
    return GitInfo(remote_url(folder), head_commit(folder), as_text(relative))


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir() raises for some paths, such as very long ones


def head_commit(folder: str) -> str:
    """The commit of HEAD of the work tree that a folder is in; "" before the first one, and where git fails."""
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") or ""
    if len(commit) > _COMMIT_COLUMN_LENGTH:
        # A cut hash would look like a SHA-1 commit that does not exist.
        _LOG.warning(
            "The git commit is not recorded: it has %d characters and the database keeps %d (a SHA-256 repository?).",
            len(commit),
            _COMMIT_COLUMN_LENGTH,
        )
        return ""
    return commit


def remote_url(folder: str) -> str:
    """The URL of the remote `origin`, or else of the first one, without user name, password and query; "" without
    remotes."""
    url = _git(folder, "remote", "get-url", "--", "origin")
    if url is None and (remotes := (_git(folder, "remote") or "").splitlines()):
        url = _git(folder, "remote", "get-url", "--", remotes[0])
    return _without_secrets(url or "")


def is_dirty(folder: str) -> bool | None:
    """Whether files that git tracks differ from the commit; None where git fails, or takes too long to tell."""
    submodules = "--ignore-submodules=untracked"
    answer = _git(folder, "status", "--porcelain", "--untracked-files=no", submodules, timeout=_STATUS_TIMEOUT_SECONDS)
    return None if answer is None else bool(answer)


def _without_secrets(url: str) -> str:
    """Return the URL without user name and password, and on the web without what may be a token behind its path."""
    url = _without_user_info(url)
    on_the_web = re.match(r"(?:\w+::)?https?://", url, re.IGNORECASE)  # elsewhere these characters belong to the path
    return re.split("[?#]", url, maxsplit=1)[0] if on_the_web else url


def _without_user_info(url: str) -> str:
    """Return the URL without `user:password@` or `token@`; `git@host:path` stays, as it can hold no secret."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        user, _, host = authority.rpartition("@")
        if separator or ":" in user:
            return scheme + separator + host + rest[len(authority) :]
        return url
    # A password with an unescaped "/" pushes the "@" behind it; what stands after the colon is then no port number.
    if separator and "@" in rest and re.search(r"^[^\[]*:(?!\d*$)", authority):
        return scheme + separator + rest.rpartition("@")[2]
    return url


def _git(folder: str, *arguments: str, timeout: float | None = None) -> str | None:
    """Return what git prints, without the last line end, or None where it fails in any way."""
    environment = {name: text for name, text in os.environ.items() if name not in _VARIABLES_OF_ANOTHER_REPOSITORY}
    environment.update(LC_ALL="C", GIT_OPTIONAL_LOCKS="0")
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout or _TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        _LOG.debug("git %s could not be run: %s", arguments[0], type(error).__name__)
        return None
    if done.returncode != 0:
        reason = _text(done.stderr).partition("\n")[0]
        # Remote URLs may hold a password, so git's own words are logged for no question but those about the work tree.
        _LOG.debug("git %s failed: %s", arguments[0], reason if arguments[0] == "rev-parse" else done.returncode)
        return None
    return _text(done.stdout).removesuffix("\n")


def _text(answer: bytes) -> str:
    r"""What git prints, as text that a database can hold: a byte of a name that is not UTF-8 becomes `\xff`."""
    return answer.decode("utf-8", "backslashreplace")
