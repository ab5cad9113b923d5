"""Finding the programs of servers, and installing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers import ServerMissing, binaries


@pytest.fixture
def no_apt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """Lets root install without apt-get being run; the list takes its arguments."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(binaries, "apt_get", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(binaries, "APT_LOCK", tmp_path / "lock")
    monkeypatch.setattr(binaries, "POLICY", tmp_path / "policy")
    monkeypatch.setenv("PATH", str(make_program(tmp_path / "path" / "apt-get").parent))
    monkeypatch.setattr(binaries, "VERSIONED", (f"{tmp_path}/*/bin",))
    monkeypatch.setattr(binaries, "UNVERSIONED", ())
    return calls


def make_program(path: Path) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


def test_newest_version_comes_before_path(no_apt: list[tuple[str, ...]], tmp_path: Path) -> None:
    make_program(tmp_path / "path" / "initdb")
    make_program(tmp_path / "9.6" / "bin" / "initdb")
    newest = make_program(tmp_path / "15" / "bin" / "initdb")
    make_program(tmp_path / "16" / "bin" / "psql")
    assert binaries.need_program("initdb", "postgresql") == newest
    assert no_apt == []


def test_path_is_searched(no_apt: list[tuple[str, ...]], tmp_path: Path) -> None:
    program = make_program(tmp_path / "elsewhere" / "initdb")
    (tmp_path / "path" / "initdb").symlink_to(program)
    assert binaries.search("initdb") == program
    assert binaries.search("postgres") is None


@pytest.mark.parametrize("policy", [None, "exit 0"])
def test_installs_without_starting_services(
    policy: str | None, no_apt: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if policy:
        binaries.POLICY.write_text(policy)

    def apt_get(*arguments: str) -> None:
        assert binaries.POLICY.read_text() == (policy or "#!/bin/sh\nexit 101\n")
        no_apt.append(arguments)
        if arguments[0] == "install":
            make_program(tmp_path / "15" / "bin" / "initdb")

    monkeypatch.setattr(binaries, "apt_get", apt_get)
    for _ in range(2):
        assert binaries.need_program("initdb", "postgresql").name == "initdb"
    assert no_apt == [("update",), ("install", "--yes", "--no-install-recommends", "postgresql")]
    assert binaries.POLICY.exists() == bool(policy)


def test_install_that_does_not_help(no_apt: list[tuple[str, ...]]) -> None:
    with pytest.raises(ServerMissing, match="initdb is still not found after apt-get install postgresql"):
        binaries.need_program("initdb", "postgresql")


@pytest.mark.parametrize("root, why", [(False, "this user is not root"), (True, "there is no apt-get")])
def test_machines_that_cannot_install(
    root: bool, why: str, no_apt: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
    if root:
        (tmp_path / "path" / "apt-get").unlink()
    with pytest.raises(ServerMissing, match=f"program initdb is not found, and {why}"):
        binaries.need_program("initdb", "postgresql")
    assert no_apt == []


def test_failed_install_shows_the_end_of_its_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    apt_get = make_program(tmp_path / "apt-get")
    apt_get.write_text("#!/bin/sh\necho no network\nexit 100\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissing, match=r"apt-get .*update exited with 100: no network"):
        binaries.apt_get("update")


def test_missing_driver() -> None:
    with pytest.raises(ServerMissing, match=r"no_such_driver is not installed \(pip install 'trialstore\[mysql\]'\)"):
        binaries.need_module("no_such_driver", "mysql")
