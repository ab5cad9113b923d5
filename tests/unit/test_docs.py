"""The documentation runs as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("folder", ["postgresql", "mysql", "duckdb", "sqlite"])
def test_each_setting_of_a_session_is_explained(folder: str) -> None:
    source = (ROOT / "sql" / folder / "queries" / "session.sql").read_text(encoding="utf-8")
    names = {name for match in SETTING.findall(source) for name in match if name} - OF_MIGRATIONS
    page = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8").lower()
    assert len(names) > 2
    assert {name for name in names if name.lower() not in page} == set()
