"""A wheel that is built where older versions were built before."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("storage", "sql", "dialects", "tests/contract")
BESIDE = ("pyproject.toml", "setup.cfg", "setup.py", "MANIFEST.in", "LICENSE", "docs/package_description.md")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def test_files_that_an_older_build_left_are_not_in_the_wheel(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name in SOURCES:
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        (clone / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    older = clone / "build" / "lib" / "trialstore" / "sql" / "common" / "renamed_since.sql"
    older.parent.mkdir(parents=True)
    older.write_text("-- name: config_insert\nSELECT 1;\n", encoding="utf-8")
    command = [sys.executable, "-c", BUILD, str(tmp_path)]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("trialstore/")}
    assert not {name for name in names if name.endswith(older.name)}
    assert {"trialstore/storage/sql_storage.py", "trialstore/storage/py.typed"} <= names
    assert {f"trialstore/{file.relative_to(ROOT).as_posix()}" for file in (ROOT / "sql").rglob("*.sql")} <= names
    # Nor is anything left for the next one.
    assert [file for file in (clone / "build").rglob("*") if file.is_file()] == [older]
