"""What is recorded about the git work tree that a process stands in when a trial starts."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trialstore.storage.writing import work_tree
from trialstore.storage.writing.work_tree import WorkTree

SECRET = "hunter2-s3cret"


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular: no configuration of the user or the system counts."""
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command += ["-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _no_git_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr(work_tree, "FRESH_S", 0.0)  # git is asked each time
    monkeypatch.setattr(work_tree, "SHARE", float("inf"))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, as the working directory."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "file").write_text("one")
    commit(root)
    monkeypatch.chdir(root)
    return root


def commit(folder: Path) -> str:
    """Commit all that is there; the commit."""
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "one more")
    return git(folder, "rev-parse", "HEAD")


def look(tree: WorkTree | None = None) -> dict[str, Any]:
    """What is found out, without a limit on the time."""
    tree, found = tree or WorkTree(), {}
    known = tree.known()
    if known is not None:
        return known
    tree.look(found)
    return found


def test_commit_and_cleanliness(repository: Path) -> None:
    assert look() == {"git_commit": git(repository, "rev-parse", "HEAD"), "git_dirty": False}


@pytest.mark.parametrize(
    ("change", "dirty"),
    [
        (lambda root: (root / "file").write_text("two"), True),
        (lambda root: (root / "file").unlink(), True),
        (lambda root: (root / "new").write_text("of nobody's interest"), False),
        (lambda root: ((root / "new").write_text("x"), git(root, "add", ".")), True),
        (lambda root: os.utime(root / "file", (1, 1)), False),
    ],
    ids=["changed", "deleted", "untracked", "added", "touched"],
)
def test_files_that_differ_from_the_commit(repository: Path, change: Callable[[Path], Any], dirty: bool) -> None:
    tree = WorkTree()
    assert look(tree)["git_dirty"] is False
    change(repository)
    assert look(tree)["git_dirty"] is dirty


def test_a_new_commit_is_seen_at_once_and_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_tree, "FRESH_S", 1000.0)
    monkeypatch.setattr(work_tree, "SHARE", 0.02)
    tree = WorkTree()
    first = look(tree)
    assert tree.known() == first
    with monkeypatch.context() as patched:
        patched.setenv("PATH", "")
        assert look(tree) == first
    second = commit(repository)
    assert tree.known() is None
    assert look(tree) == {"git_commit": second, "git_dirty": False}
    git(repository, "checkout", "--quiet", "-b", "other")
    assert look(tree)["git_commit"] == second
    git(repository, "reset", "--quiet", "--hard", first["git_commit"])
    assert look(tree)["git_commit"] == first["git_commit"]


def test_a_commit_that_still_holds_is_not_looked_for(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a repository with very many packed branches that would take longer than a trial waits."""
    git(repository, "pack-refs", "--all")
    tree = WorkTree()
    first = look(tree)
    (repository / "file").write_text("two")
    with monkeypatch.context() as patched:
        patched.delattr(work_tree, "_packed")
        assert look(tree) == {**first, "git_dirty": True}
    assert look(tree)["git_commit"] != commit(repository) == look(tree)["git_commit"]


def test_a_repository_that_is_made_further_in_is_seen(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = repository / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    tree = WorkTree()
    assert look(tree)["git_commit"] == git(repository, "rev-parse", "HEAD")
    git(inner, "init", "--quiet")
    assert look(tree) == {}
    assert commit(inner) == look(tree)["git_commit"] != git(repository, "rev-parse", "HEAD")


def test_another_working_directory_is_looked_at(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_tree, "FRESH_S", 1000.0)
    tree = WorkTree()
    below = repository / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert look(tree)["git_commit"] == git(repository, "rev-parse", "HEAD")
    monkeypatch.chdir(tmp_path)
    assert look(tree) == {}
    assert tree.known() == {}


@pytest.mark.parametrize("form", ["detached", "packed", "worktree", "worktree, packed", "submodule"])
def test_where_git_keeps_the_commit(
    repository: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository
    if form == "detached":
        git(repository, "checkout", "--quiet", "--detach")
        commit(repository)
    elif form.startswith("worktree"):
        folder = tmp_path / "tree"
        git(repository, "worktree", "add", "--quiet", "-b", "side", str(folder))
        commit(folder)
    elif form == "submodule":
        outer = tmp_path / "outer"
        outer.mkdir()
        git(outer, "init", "--quiet")
        git(outer, "submodule", "--quiet", "add", str(repository), "inner")
        folder = outer / "inner"
        commit(outer)
        commit(folder)
    if "packed" in form:
        git(folder, "pack-refs", "--all")
    monkeypatch.chdir(folder)
    found = look()
    assert found["git_commit"] == git(folder, "rev-parse", "HEAD") != git(tmp_path, "--version")
    assert found["git_dirty"] is False
    if form != "packed":
        assert found["git_commit"] != git(repository, "rev-parse", "main") or form == "detached"


def test_the_url_of_the_repository_has_no_credentials(repository: Path) -> None:
    git(repository, "remote", "add", "origin", f"https://me:{SECRET}@example.com/x.git?token={SECRET}")
    found = look()
    assert found["git_repo"] == "https://example.com/x.git"
    assert SECRET not in str(found)


def test_before_the_first_commit_and_outside_of_work_trees_there_is_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "empty")
    assert look() == {}
    monkeypatch.chdir(tmp_path)
    assert look() == {}


@pytest.mark.parametrize("text", ["", "nonsense", "ref: ../../x", "ref: refs/heads/none", "ref: HEAD", "ref: a\0b"])
def test_a_broken_repository_is_none(repository: Path, text: str) -> None:
    (repository / ".git" / "HEAD").write_text(text)
    assert look() == {}


def test_without_git_the_commit_is_read_from_its_files(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "")
    assert look() == {"git_commit": expected}


def test_branches_in_another_form_are_left_to_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/.invalid\n")  # as where they are in a reftable
    monkeypatch.setattr(work_tree, "head_commit", lambda folder: "c" * 40 if folder == str(repository) else "")
    assert look()["git_commit"] == "c" * 40


def test_a_slow_git_is_not_asked_often(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def slow(_folder: str) -> bool:
        asked.append(time.monotonic())
        time.sleep(0.02)
        return False

    monkeypatch.setattr(work_tree, "is_dirty", slow)
    monkeypatch.setattr(work_tree, "SHARE", 0.0001)
    tree = WorkTree()
    for _ in range(3):
        assert look(tree)["git_dirty"] is False
    assert len(asked) == 1
