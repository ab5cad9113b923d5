"""What is recorded about the git repository of an experiment's scripts."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trialstore.storage.writing.git import git_info


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular: no configuration of the user or the system counts."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def _no_git_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    # Without this, a repository above the temporary folder would be found.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def empty_repository(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "conf" / "deep").mkdir(parents=True)
    (root / "conf" / "deep" / "env.jsonc").write_text("{}")
    (root / "top.jsonc").write_text("{}")
    git(root, "init", "--quiet")
    return root


@pytest.fixture
def repository(empty_repository: Path) -> Path:
    git(empty_repository, "add", ".")
    git(empty_repository, "commit", "--quiet", "--message", "first")
    git(empty_repository, "remote", "add", "origin", "https://example.com/x.git")
    return empty_repository


@pytest.fixture
def outside(tmp_path: Path) -> str:
    file = tmp_path / "elsewhere" / "env.jsonc"
    file.parent.mkdir()
    file.write_text("{}")
    return str(file)


def commit_of(root: Path) -> str:
    return git(root, "rev-parse", "HEAD").strip()


def test_a_file_in_a_repository_gives_url_commit_and_path_from_the_root(repository: Path) -> None:
    commit = commit_of(repository)
    assert len(commit) == 40
    assert git_info(str(repository / "conf" / "deep" / "env.jsonc")) == (
        "https://example.com/x.git",
        commit,
        "conf/deep/env.jsonc",
    )
    assert git_info(str(repository / "top.jsonc"))[2] == "top.jsonc"


def test_a_relative_path_counts_from_the_current_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "conf")
    assert [git_info(path)[2] for path in ("deep/env.jsonc", "../top.jsonc", "new.jsonc", "./deep//../new.jsonc")] == [
        "conf/deep/env.jsonc",
        "top.jsonc",
        "conf/new.jsonc",
        "conf/new.jsonc",
    ]


def test_a_folder_is_answered_for_as_well(repository: Path) -> None:
    assert [git_info(f"{repository}{rest}")[2] for rest in ("", "/", "/conf", "/conf/deep/", "/conf/..")] == [
        ".",
        ".",
        "conf",
        "conf/deep",
        ".",
    ]


def test_a_repository_reached_through_a_symbolic_link_gives_the_path_inside_it(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(repository / "conf", target_is_directory=True)
    assert git_info(str(tmp_path / "link" / "deep" / "env.jsonc"))[2] == "conf/deep/env.jsonc"


def test_unusual_names_are_given_as_they_are(repository: Path) -> None:
    for name in ("with blank", "größe", "-c", "two\nlines", 'quo"te'):
        folder = repository / name
        folder.mkdir()
        assert git_info(str(folder / "e$.jsonc"))[1:] == (commit_of(repository), f"{name}/e$.jsonc")


def test_before_the_first_commit_the_commit_is_empty(empty_repository: Path) -> None:
    git(empty_repository, "remote", "add", "origin", "https://example.com/x.git")
    assert git_info(str(empty_repository / "top.jsonc")) == ("https://example.com/x.git", "", "top.jsonc")


def test_without_remotes_the_url_is_empty(empty_repository: Path) -> None:
    assert git_info(str(empty_repository / "top.jsonc")) == ("", "", "top.jsonc")


def test_without_origin_the_first_remote_counts(empty_repository: Path) -> None:
    git(empty_repository, "remote", "add", "beta", "https://example.com/b.git")
    git(empty_repository, "remote", "add", "alpha", "https://example.com/a.git")
    assert git_info(str(empty_repository / "top.jsonc"))[0] == "https://example.com/a.git"
    git(empty_repository, "remote", "add", "origin", "https://example.com/o.git")
    assert git_info(str(empty_repository / "top.jsonc"))[0] == "https://example.com/o.git"


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://user:secret@example.com/x.git", "https://example.com/x.git"),
        ("https://secret@example.com:8443/x.git", "https://example.com:8443/x.git"),
        ("https://user:sec@ret@example.com/x.git", "https://example.com/x.git"),
        ("https://user:sec/ret@example.com/x.git", "https://example.com/x.git"),
        ("https://user:secret@example.com", "https://example.com"),
        ("ssh://secret@example.com:22/x.git", "ssh://example.com:22/x.git"),
        ("user:secret@example.com:x.git", "example.com:x.git"),
        ("git@example.com:org/x.git", "git@example.com:org/x.git"),
        ("https://example.com/@scope/x.git", "https://example.com/@scope/x.git"),
        ("https://example.com:8443/@scope/x.git", "https://example.com:8443/@scope/x.git"),
        ("https://[::1]/@scope/x.git", "https://[::1]/@scope/x.git"),
        ("https://user:secret@[::1]:8443/x.git", "https://[::1]:8443/x.git"),
        ("/srv/git/a@b:c/x.git", "/srv/git/a@b:c/x.git"),
        ("file:///srv/git/a@b/x.git", "file:///srv/git/a@b/x.git"),
        ("https://example.com/x.git?access_token=secret", "https://example.com/x.git"),
        ("HTTP::https://user:p?secret@example.com/x.git?secret#secret", "HTTP::https://example.com/x.git"),
        ("ssh://example.com/c#.git", "ssh://example.com/c#.git"),
        ("file:///srv/what?/c#.git", "file:///srv/what?/c#.git"),
    ],
)
def test_user_names_and_passwords_are_stripped_from_the_url(empty_repository: Path, url: str, recorded: str) -> None:
    git(empty_repository, "remote", "add", "origin", url)
    assert git_info(str(empty_repository / "top.jsonc"))[0] == recorded


def test_outside_a_work_tree_the_path_comes_back_as_given(outside: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert git_info(outside) == ("", "", outside)
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


def test_inside_the_git_folder_and_in_a_bare_repository_there_is_no_work_tree(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(bare))
    for path in (str(repository / ".git" / "config"), str(bare / "config")):
        assert git_info(path) == ("", "", path)


@pytest.mark.parametrize("path", ["", "missing/env.jsonc", "missing/", "nul\0byte/env.jsonc", "x" * 5000 + "/e"])
def test_an_empty_path_and_a_missing_folder_come_back_as_given(
    path: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    assert git_info(path) == ("", "", path)


def test_without_git_installed_the_path_comes_back_as_given(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(repository / "top.jsonc")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_info(path) == ("", "", path)


def fake_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = folder / "bin" / "git"
    binary.parent.mkdir()
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")


def test_a_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trialstore.storage.writing.git._TIMEOUT_SECONDS", 0.2)
    fake_git(tmp_path, "sleep 3; echo true; echo late/", monkeypatch)
    path = str(repository / "top.jsonc")
    assert git_info(path) == ("", "", path)


def test_a_git_that_refuses_the_repository_is_logged_and_the_path_comes_back_as_given(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # What git does for a repository that belongs to another user (safe.directory).
    fake_git(tmp_path, "echo 'fatal: detected dubious ownership' >&2; exit 128", monkeypatch)
    path = str(repository / "top.jsonc")
    assert git_info(path) == ("", "", path)
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]
    assert "dubious ownership" in caplog.text


def test_git_speaks_no_local_language_and_takes_no_optional_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(tmp_path, 'echo true; echo "$LC_ALL$GIT_OPTIONAL_LOCKS/"', monkeypatch)
    assert git_info(str(tmp_path / "env.jsonc"))[2] == "C0/env.jsonc"


def test_git_never_reads_our_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path, "read line; echo true; echo", monkeypatch)
    code = (
        "import sys; from trialstore.storage.writing.git import git_info;"
        " git_info('env.jsonc'); print(sys.stdin.read())"
    )
    ours = subprocess.run([sys.executable, "-c", code], input="ours", capture_output=True, text=True, check=True)
    assert ours.stdout == "ours\n"


def test_variables_that_point_git_to_another_repository_do_not_count(
    repository: Path, outside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(Path(outside).parent))
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere")
    assert git_info(outside) == ("", "", outside)
    monkeypatch.setenv("GIT_DIR", "nowhere")
    assert git_info(str(repository / "conf" / "env.jsonc")) == (
        "https://example.com/x.git",
        commit_of(repository),
        "conf/env.jsonc",
    )


def test_a_commit_longer_than_the_column_is_not_recorded_and_never_cut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "repo")
    (tmp_path / "repo" / "env.jsonc").write_text("{}")
    git(tmp_path / "repo", "add", ".")
    git(tmp_path / "repo", "commit", "--quiet", "--message", "first")
    assert len(commit_of(tmp_path / "repo")) == 64
    assert git_info(str(tmp_path / "repo" / "env.jsonc")) == ("", "", "env.jsonc")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "64" in caplog.text


def test_passwords_do_not_reach_the_log(repository: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    git(repository, "remote", "set-url", "origin", "https://user:hunter2@example.com/x.git")
    assert "hunter2" not in "".join(git_info(str(repository / "top.jsonc")))
    assert "hunter2" not in caplog.text


def test_a_worktree_gives_the_path_from_its_own_root(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    path = str(tmp_path / "tree" / "conf" / "deep" / "env.jsonc")
    assert git_info(path) == ("https://example.com/x.git", commit_of(repository), "conf/deep/env.jsonc")
