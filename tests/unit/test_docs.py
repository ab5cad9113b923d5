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
