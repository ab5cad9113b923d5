"""The table at the end of `tox` shows whatever failed, on an engine or on none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import inherited
import results
import results_table

TESTS = Path(__file__).parents[1]
RUN = "import sys, pytest, results; sys.exit(pytest.main(sys.argv[1:], [results.Results()]))"
TWO = "def test_good():\n    pass\n\n\ndef test_bad():\n    assert False\n"


def rows(
    folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str, **modules: str
) -> tuple[list[list[str]], int]:
    """The cells of the table's rows after a run of these modules, and the exit code."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    file = folder / "tested" / "here.json"
    environment = inherited.environment(PYTHONPATH=str(TESTS), TOX_ENV_NAME="here", **{results.VARIABLE: str(file)})
    command = [sys.executable, "-c", RUN, "-q", "-p", "no:cacheprovider", *arguments, "."]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    code = results_table.table(file.parent)
    lines = [line for line in capsys.readouterr().out.splitlines() if "here" in line]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines], code


def test_tests_without_an_engine_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, code = rows(tmp_path, capsys, test_two=TWO)
    assert [(row[1], row[-3:]) for row in found] == [("none", ["1", "1", "0"])]
    assert code == 1


def test_a_module_that_cannot_be_imported_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, code = rows(tmp_path, capsys, test_broken="import no_such_module")
    assert [row[-2] for row in found] == ["1"]
    assert code == 1


def test_a_run_that_comes_to_no_test_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, code = rows(tmp_path, capsys, "-k", "nothing_of_that_name", test_two=TWO)
    assert [row[-2] for row in found] == ["1"]
    assert "exit code 5" in found[0][2]
    assert code == 1


def test_all_is_well_when_nothing_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, code = rows(tmp_path, capsys, "-k", "test_good", test_two=TWO)
    assert [(row[1], row[-3:]) for row in found] == [("none", ["1", "0", "0"])]
    assert code == 0
