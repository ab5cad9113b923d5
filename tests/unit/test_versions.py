"""The versions that are claimed are those that are tested: docs, dialects, environments of tox and CI say the same."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

import matrix
import newest_python
import servers
from trialstore.dialects.registry import dialect_class

ROOT = Path(__file__).parents[2]
ENGINES = {
    "SQLite": "sqlite",
    "DuckDB": "duckdb",
    "PostgreSQL": "postgresql",
    "MariaDB": "mysql",
    "MySQL": "mysql",
}
"""Name in the docs → its dialect."""


def test_the_docs_name_a_version_of_every_engine_and_tox_tests_it() -> None:
    assert set(ENGINES.values()) == set(matrix.ENGINES)
    assert set(matrix.ENGINES) <= set(settings("tox.ini")["tox"]["env_list"].split())


def test_ci_runs_each_command_of_the_readme() -> None:
    commands = re.findall(r"<!-- command: (\w+) -->", text("README.md"))
    assert re.findall(r"^run_command (\w+)$", text(".ci/run"), re.MULTILINE) == commands == ["demo", "test", "long"]


def test_the_commands_of_the_readme_run_every_environment_but_those_that_say_that_they_are_not_part_of_them() -> None:
    tox = settings("tox.ini")
    label, _, names = tox["tox"]["labels"].strip().partition(" = ")
    assert f"tox -m {label}\n" in text("README.md")
    run = [*tox["tox"]["env_list"].split(), *names.split(", ")]
    parts, others = set(), set()
    for section in tox.sections():
        kind, _, name = section.partition(":")
        if kind == "testenv" and name:
            (others if "not part of `tox`" in tox[section]["description"] else parts).update(expanded(name))
    assert len(set(run)) == len(run)
    assert set(run) == {*parts, "py313"} - {"py310", "py311", "py312"}  # those that a machine may lack
    assert not others & set(run)


def expanded(name: str) -> list[str]:
    """The environments of a section of tox.ini: `py{310, 311}` is two."""
    before, brace, rest = name.partition("{")
    return [f"{before}{one.strip()}" for one in rest.rstrip("}").split(",")] if brace else [name]


@pytest.mark.parametrize("server", [*matrix.FILE_MODES, *servers.CHOICES])
def test_one_mode_of_each_engine_and_server_runs_the_whole_contract_suite(server: str) -> None:
    modes = matrix.FILE_MODES.get(server) or matrix.SERVER_MODES[server]
    assert [mode.variant for mode in modes].count(False) == 1
    assert not modes[0].variant


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def settings(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / name, encoding="utf-8")
    return parser


def table(head: str) -> dict[str, list[str]]:
    """The table of docs/dialects.md that begins with this: first cell → the others."""
    lines = text("docs/dialects.md").partition(f"\n{head}")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: others for first, *others in rows}


SERVERS = table("| server or library |")
PACKAGES = table("| | tested |")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def split(cell: str) -> list[str]:
    return cell.split(", ")


def servers_of_docs() -> list[str]:
    """The servers of the docs, by the names that the tests have for them."""
    return [
        f"{name.lower()}-{version}"
        for name, (_, tested, _) in SERVERS.items()
        if name not in ("SQLite", "DuckDB")
        for version in split(tested)
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_the_docs_name_the_version_that_a_dialect_asks_for(name: str) -> None:
    dialect = dialect_class(ENGINES[name])
    least, tested, untested = SERVERS[name]
    assert numbers(least) == dialect.least_versions[name.lower()]
    newest = dialect.newest_tested.get(name.lower())
    assert newest in (None, max(map(numbers, split(tested))))
    assert least in split(tested) or untested.startswith(least.rpartition(".")[0] if name == "MySQL" else least)


def test_every_server_of_the_docs_is_run_by_tox_and_by_ci_and_no_other() -> None:
    environment = settings("tox.ini")["testenv:versions"]
    workflow = re.search(r"\bserver: \[(.*)\]", text(".github/workflows/tests.yml"))
    assert workflow
    assert re.findall(r"--server (\S+)", environment["commands"]) == servers_of_docs()
    assert split(workflow[1]) == servers_of_docs()
    assert {name for name in servers.CHOICES if "-" in name} == set(servers_of_docs())
    assert {"tests/contract", "tests/deploy", "tests/plans"} <= set(environment["commands"].split())


def test_every_python_of_the_docs_is_declared_and_run() -> None:
    tested = split(PACKAGES["Python"][0])
    declared = re.findall(
        r"^Programming Language :: Python :: (3\.\d+)$", settings("setup.cfg")["metadata"]["classifiers"], re.MULTILINE
    )
    assert declared == tested
    assert settings("setup.cfg")["options"]["python_requires"] == f">={tested[0]}"
    workflow = re.search(r"\bpython: \[(.*)\]", text(".github/workflows/tests.yml"))
    assert workflow
    # The newest one comes from Debian's packages, in an environment of its own.
    assert [*re.findall(r"3\.\d+", workflow[1]), newest_python.VERSION] == tested
    assert re.search(r"\btox -e newest_python\n", text(".github/workflows/tests.yml"))
