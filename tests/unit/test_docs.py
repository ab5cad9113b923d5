"""The documentation runs as written."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import trialstore.storage
from matrix import ENGINES
from trialstore.storage import SqlStorage, Status

ROOT = Path(__file__).parents[2]


def python_blocks(page: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL))


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md"])
def test_python_blocks_run_in_an_empty_folder(page: str, tmp_path: Path) -> None:
    code = python_blocks(page)
    done = subprocess.run([sys.executable, "-"], input=code, text=True, cwd=tmp_path, capture_output=True, check=False)
    assert code
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_shown_in_the_guide_are_the_real_ones(tmp_path: Path) -> None:
    code = python_blocks("docs/guide.md")
    shown = re.findall(r"print\(error\)  # (.*)", code)
    done = subprocess.run([sys.executable, "-"], input=code, text=True, cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.splitlines() == shown


PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()] == []


SETTING = re.compile(r"set_config\('(\w+)'|(?:SESSION|PRAGMA) (?:/\*\S+ )?(\w+)\s+?=|, SESSION (\w+) =")
OF_MIGRATIONS = {"statement_timeout", "max_statement_time", "sql_require_primary_key"}
"""Settings of migrations alone, and those that only name another one."""


@pytest.mark.parametrize("folder", ENGINES)
def test_each_setting_of_a_session_is_explained(folder: str) -> None:
    source = (ROOT / "sql" / folder / "queries" / "session.sql").read_text(encoding="utf-8")
    names = {name for match in SETTING.findall(source) for name in match if name} - OF_MIGRATIONS
    page = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8").lower()
    assert len(names) > 2
    assert {name for name in names if name.lower() not in page} == set()


def calls_of_an_update() -> Iterator[tuple[str, str]]:
    """Module file and function of each call below a trial's update to SUCCEEDED, in their order."""
    package = Path(trialstore.storage.__file__).parents[1]
    found = []

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            found.append((Path(frame.f_code.co_filename), frame.f_code.co_name))

    with SqlStorage({"drivername": "sqlite"}) as storage:
        made = storage.experiment(
            experiment_id="walk",
            trial_id=1,
            root_env_config="",
            description="",
            tunables={"a": 1},
            opt_targets={"seconds": "min"},
        )
        with made as experiment:
            trial = experiment.new_trial({"a": 2})
            now = dt.datetime.now(dt.timezone.utc)
            trial.update(Status.RUNNING, now)
            sys.setprofile(note)
            try:
                trial.update(Status.SUCCEEDED, now, {"seconds": 1.5})
            finally:
                sys.setprofile(None)
    for file, function in found:
        for root in (package, ROOT):
            if file.is_relative_to(root):
                yield file.relative_to(root).as_posix(), function
                break


def test_the_call_that_the_architecture_follows_goes_that_way() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"`(\w+(?:/\w+)*\.py)`:\s+`(?:\w+\.)?(\w+)`", page)
    assert len(steps) > 9
    calls = calls_of_an_update()
    assert [step for step in steps if step not in calls] == []  # which looks for each one after the one before


# --- the API reference ------------------------------------------------------------------------------------------------


def referenced() -> list[str]:
    """The full names of the API reference, which mkdocstrings explains."""
    return re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)


def object_of(path: str) -> Any:
    """The module, or the thing in a module, of that full name."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def undocumented(path: str, thing: Any, above: tuple[type, ...] = ()) -> Iterator[str]:
    """The public names below a name that have no docstring of their own, nor one that they inherit."""
    if not inspect.getdoc(thing):
        yield path
    if not (inspect.isclass(thing) or inspect.ismodule(thing)) or thing in above:
        return
    for name, member in vars(thing).items():
        code = isinstance(member, (property, classmethod, staticmethod)) or inspect.isfunction(member)
        own = not inspect.ismodule(thing) or getattr(member, "__module__", None) == thing.__name__
        if (code or inspect.isclass(member)) and own and not name.startswith("_"):
            yield from undocumented(f"{path}.{name}", getattr(thing, name), (*above, thing))


def test_the_api_reference_has_every_public_name() -> None:
    named = {path.rpartition(".")[2] for path in referenced() if path.startswith("trialstore.storage.")}
    assert set(trialstore.storage.__all__) - named == {"__version__"}


@pytest.mark.parametrize("path", referenced())
def test_public_names_have_docstrings(path: str) -> None:
    assert list(undocumented(path, object_of(path))) == []


def test_a_public_name_without_a_docstring_is_found() -> None:
    class Thing:
        """A thing."""

        def work(self) -> None:
            pass

        @property
        def size(self) -> int:
            return 1

    Thing.work.__module__ = Thing.__module__ = "trialstore.storage"
    assert list(undocumented("Thing", Thing)) == ["Thing.work", "Thing.size"]


# --- mlos_bench's newest source ---------------------------------------------------------------------------------------


STAND_IN = """\
#!/bin/sh
echo "${0##*/} $*" >> "$SAID"
case "$*" in
    "clone "*) mkdir -p "$4" ;;
    "-m venv "*)
        mkdir -p "$3/bin"
        echo "PATH=$3/bin:\\$PATH" > "$3/bin/activate"
        cp "$0" "$3/bin/pip"
        cp "$0" "$3/bin/pytest" ;;
esac
test "${0##*/}" != pytest || test -d "$TRIALSTORE_MLOS_SOURCE"
"""
"""Writes down how it is called, and makes the folders that git and venv make."""


def test_the_commands_for_the_newest_source_of_mlos_bench_are_one_script(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "mlos_bench.md").read_text(encoding="utf-8")
    block = page.partition("<!-- newest -->\n```sh\n")[2].partition("```")[0]
    for folder in ("bin", "clone"):
        (tmp_path / folder).mkdir()
    for name in ("git", "python3"):
        (tmp_path / "bin" / name).write_text(STAND_IN, encoding="ascii")
        (tmp_path / "bin" / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "SAID": str(tmp_path / "said")}
    subprocess.run(["sh", "-ec", block], cwd=tmp_path / "clone", env=environment, check=True)
    said = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in said] == ["git", "git", "git", "git", "python3", "pip", "pytest"]
    assert f"commit {said[1].removeprefix('git -C ../mlos checkout -q ')} of " in page
    assert (ROOT / said[-1].split()[-1]).is_file()


# --- contributing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_a_page_for_contributors_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:storage|sql|dialects|tests|docs)/[^`\s]*)`", text)
    assert len(named) > 9
    patterns = [path.replace("<engine>", "*").rstrip("/") for path in named]
    assert [path for path in patterns if not list(ROOT.glob(path))] == []
