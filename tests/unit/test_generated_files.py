"""Generated files are what tests/generated_files.py makes; those that need a database are compared in tests/upgrade."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import generated_files
from generated_files import ROOT, description, filled, from_sources, home, main, stale

README = "See [the guide](docs/guide.md#reading), [sql/](sql/) and [a site](https://example.org/page)."


def test_no_generated_file_is_stale() -> None:
    assert list(stale(from_sources())) == [], "run: python tests/generated_files.py"


def test_pages_have_their_generated_parts() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    assert [name for name in generated_files.PARTS if f"<!-- generated: {name} -->" not in pages] == []


def test_a_part_that_has_drifted_is_made_anew_and_the_rest_of_the_page_stays() -> None:
    page = "Before\n<!-- generated: statement -->\nstale text\n<!-- end of generated -->\nafter\n"
    made = filled(page)
    assert "stale text" not in made
    assert "-- name: trial_finish" in made
    assert made.startswith("Before\n")
    assert made.endswith("after\n")


def test_the_command_writes_what_is_stale_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generated_files, "from_sources", lambda: {"page.md": "new"})
    monkeypatch.setattr(generated_files, "ROOT", tmp_path)
    assert main("--sources") == 0
    assert (tmp_path / "page.md").read_text() == "new"
    assert main("--sources") == 0
    assert capsys.readouterr().out == "wrote page.md\n"


def test_the_command_refuses_other_options() -> None:
    program = ROOT / "tests" / "generated_files.py"
    child = subprocess.run([sys.executable, program, "--check"], capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) == (2, "")
    assert "--sources" in child.stdout


def test_without_a_public_address_the_description_names_files_and_links_nowhere() -> None:
    text = description(README, "")
    assert "See the guide (docs/guide.md), sql/ and [a site](https://example.org/page)." in text
    assert text.endswith("files of the source distribution.\n")


def test_with_a_public_address_the_links_of_the_description_are_absolute(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\nproject_urls =\n    Source = https://example.org/tree/main/\n")
    text = description(README, home(tmp_path / "setup.cfg"))
    assert text == (
        "See [the guide](https://example.org/tree/main/docs/guide.md#reading), "
        "[sql/](https://example.org/tree/main/sql/) and [a site](https://example.org/page)."
    )
