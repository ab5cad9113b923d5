"""What is installed: the packages with their data files, and declarations that must agree with each other."""

from __future__ import annotations

import configparser
import importlib
import pkgutil
import re
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The public classes: users, and configs, name them by these paths.
PUBLIC = (
    "trialstore.storage:SqlStorage",
    "trialstore.storage:from_config",
    "trialstore.storage.base_storage:Storage",
    "trialstore.storage.base_experiment_data:ExperimentData",
    "trialstore.storage.base_trial_data:TrialData",
    "trialstore.storage.base_tunable_config_data:TunableConfigData",
    "trialstore.storage.base_tunable_config_trial_group_data:TunableConfigTrialGroupData",
    "trialstore.storage.sql_storage:SqlStorage",
    "trialstore.storage.status:Status",
    "trialstore.storage.tunables:TunableGroups",
)


def settings(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / name, encoding="utf-8")
    return parser


def words(text: str) -> list[str]:
    """The requirements of a setting, one per line, without blanks and comments."""
    return [line.replace(" ", "") for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize(
    "package", ["trialstore.storage", "trialstore.sql", "trialstore.dialects", "trialstore.contract"]
)
def test_a_package_tells_type_checkers_that_it_is_typed(package: str) -> None:
    assert resources.files(package).joinpath("py.typed").is_file()


def test_the_namespace_belongs_to_no_package_of_ours() -> None:
    assert importlib.import_module("trialstore").__file__ is None


@pytest.mark.parametrize(
    ("package", "folder"), [("trialstore.sql", "sql"), ("trialstore.storage.demo", "storage/demo")]
)
def test_every_sql_file_of_the_source_tree_is_installed_unchanged(package: str, folder: str) -> None:
    files = sorted(file for pattern in ("*.sql", "*.txt", "*.ini") for file in (ROOT / folder).rglob(pattern))
    assert files
    for file in files:
        installed = resources.files(package).joinpath(*file.relative_to(ROOT / folder).parts)
        assert installed.is_file(), f"{file.relative_to(ROOT)} is not installed: see package_data in setup.cfg"
        assert installed.read_bytes() == file.read_bytes()


def test_nothing_is_installed_that_the_source_tree_no_longer_has() -> None:
    listed = {str(file) for file in metadata.files("trialstore") or () if str(file).startswith("trialstore/")}
    known = {f"trialstore/{file.relative_to(ROOT).as_posix()}" for file in ROOT.glob("*/**/*") if file.is_file()}
    known |= {f"trialstore/contract/{file.name}" for file in ROOT.glob("tests/contract/*")}
    assert {name for name in listed - known if "__pycache__" not in name} == set()


def test_every_module_imports_by_itself_in_what_is_installed() -> None:
    declared = words(settings("setup.cfg")["options"]["packages"])
    # The plug-in needs the harness; tests/reference/test_missing.py says what it tells where there is none. The suite
    # for other dialects needs pytest's plugins. A driver's own classes are imported where they are used.
    of_drivers = {f"trialstore.dialects.{name}_limits" for name in ("psycopg", "pymysql")}
    packages = [name for name in declared if name not in ("trialstore.storage.mlos_bench", "trialstore.contract")]
    names = [
        module.name
        for package in packages
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
        if not module.name.endswith("__main__") and module.name not in {"trialstore.storage.mlos_bench", *of_drivers}
    ]
    assert {"trialstore.storage.sql_storage", "trialstore.storage.writing.trial"} <= set(names)
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    child = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr


def test_the_command_trialstore_starts_and_tells_its_version() -> None:
    (command,) = metadata.entry_points(group="console_scripts", name="trialstore")
    assert callable(command.load())
    program = Path(sys.executable).with_name("trialstore")
    child = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert metadata.version("trialstore") in child.stdout


def test_the_storage_run_as_a_module_is_the_command_trialstore() -> None:
    command = [sys.executable, "-m", "trialstore.storage", "--version"]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert child.stdout == f"trialstore {metadata.version('trialstore')}\n"


def test_the_library_tells_the_version_that_is_installed() -> None:
    storage = importlib.import_module("trialstore.storage")
    assert storage.__version__ == metadata.version("trialstore") == settings("setup.cfg")["metadata"]["version"]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_name_is_found_by_its_path_in_a_fresh_process(path: str) -> None:
    module, _, name = path.partition(":")
    command = [sys.executable, "-c", f"from {module} import {name}"]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr


def test_the_license_goes_with_the_package() -> None:
    assert any(file.name == "LICENSE" for file in metadata.files("trialstore") or ())


def test_tox_lints_and_checks_types_with_the_versions_that_the_dev_extra_gives() -> None:
    pinned = {word for word in words(settings("setup.cfg")["options.extras_require"]["dev"]) if "==" in word}
    tox = settings("tox.ini")
    used = {word for env in ("lint", "types") for word in words(tox[f"testenv:{env}"]["deps"]) if "==" in word}
    assert used == pinned - {word for word in pinned if re.match("build|tox", word)}


def test_pre_commit_runs_the_versions_that_the_dev_extra_gives() -> None:
    pinned = set(words(settings("setup.cfg")["options.extras_require"]["dev"]))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"additional_dependencies: \[(\S+)\]", hooks))
    assert used
    assert used <= pinned


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_the_lowest_versions_are_tested_as_setup_cfg_declares_them(python: str) -> None:
    declared = lowest(words(settings("setup.cfg")["options"]["install_requires"]), ">=", python)
    tested = lowest(words(settings("tox.ini")["testenv:lowest"]["deps"]), "==", python)
    assert {name: tested.get(name) for name in declared} == declared


def lowest(requirements: list[str], operator: str, python: str) -> dict[str, tuple[int, ...]]:
    """The greatest version that follows `operator`, by package, of the requirements that hold for a Python version."""
    found: dict[str, tuple[int, ...]] = {}
    for requirement in requirements:
        what, _, marker = requirement.partition(";")
        match = re.match(rf"([\w-]+){operator}([\d.]+)", what)
        if match and _holds(marker, python):
            version = tuple(int(part) for part in f"{match[2]}.0.0".split(".")[:3])
            found[match[1]] = max(version, found.get(match[1], version))
    return found


def _holds(marker: str, python: str) -> bool:
    match = re.fullmatch(r"python_version(<|>=|==)[\"']([\d.]+)[\"']", marker)
    if not marker:
        return True
    assert match, f"a marker that this test cannot read: {marker}"
    this, other = (tuple(map(int, text.split("."))) for text in (python, match[2]))
    return {"<": this < other, ">=": this >= other, "==": this == other}[match[1]]
