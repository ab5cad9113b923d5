"""A dialect of another package: installed, found by its entry point, and run through the whole contract suite."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import inherited

pytestmark = pytest.mark.engine("sqlite")
SOURCE = Path(__file__).parents[1] / "toy_dialect"

LIST = """
from trialstore.dialects.registry import dialect_class, known_backends
from trialstore.sql.catalogue import load_catalogue
assert "toy" in known_backends()
cls = dialect_class("toy+pysqlite")
print(cls.__module__, load_catalogue(cls.sql_folders)["experiment_list"].why)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables with which Python finds the installed package."""
    # Built from a copy: building leaves files behind.
    source = shutil.copytree(SOURCE, tmp_path_factory.mktemp("source") / "toy")
    target = tmp_path_factory.mktemp("target")
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return inherited.environment(PYTHONPATH=str(target))


def test_the_entry_point_makes_the_engine_known(environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", LIST], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("trialstore_toy The toy looks at its experiments")


def test_the_installed_contract_suite_passes(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "trialstore_toy.modes", "-p", "no:cacheprovider"]
    # Where trialstore is installed from its work tree, its own settings and conftest.py lie beside the suite.
    command += ["-c", "pytest.ini", "--noconftest"]
    command += ["--import-mode=importlib", "--pyargs", "trialstore.contract"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 400
    assert "failed" not in done.stdout
