"""Which engines a run is for, and the servers that it started."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import matrix
import results
import servers
from trialstore.contract.modes import Mode, needs

pytest_plugins = ["trialstore.contract.plugin"]
CONFIGS = {"config", "shared_config", "process_config", "private_config"}
"""Fixtures of the contract suite, whose modes name the servers already."""
UNIT = Path(__file__).with_name("unit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose engines and servers."""
    names = ", ".join(matrix.ENGINES)
    parser.addoption(
        "--engine", action="append", choices=matrix.ENGINES, help=f"test this engine only ({names}); repeatable"
    )
    names = ", ".join(servers.CHOICES)
    parser.addoption(
        "--server",
        action="append",
        choices=list(servers.CHOICES),
        help=f"test the engine of this server on it only ({names}); repeatable",
    )
    parser.addoption("--measure", type=Path, help="with --cov: of the tests, measure those below this folder alone")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", "engine(name): the test is of this engine alone")
    config.addinivalue_line("markers", "server(name): the test is of this kind of server (mariadb, mysql) alone")
    # Of several processes, the one that hands out the tests gets all reports.
    if results.VARIABLE in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(results.Results())


def engines(config: pytest.Config) -> list[str]:
    """The engines that the run is for: those that are named, or those of the servers that are named, or all."""
    named = {servers.CHOICES[name].kind.engine: None for name in config.getoption("--server") or ()}
    return config.getoption("--engine") or list(named or matrix.ENGINES)


def chosen_servers(config: pytest.Config) -> list[str]:
    """The servers that the run is for, of each engine at least one."""
    named = config.getoption("--server") or []
    covered = {servers.CHOICES[name].kind.engine for name in named}
    return [*named, *(name for name in servers.DEFAULT if servers.CHOICES[name].kind.engine not in covered)]


@pytest.hookimpl
def pytest_trialstore_modes(config: pytest.Config) -> list[Mode]:
    """The modes of the chosen engines."""
    return [mode for engine in engines(config) for mode in matrix.modes(engine, chosen_servers(config))]


@pytest.fixture(scope="session", autouse=True)
def server_name(request: pytest.FixtureRequest) -> str | None:
    """The server that the test is for, where the run is for several of its engine.

    A fixture that outlives a test and has a database of a server asks for this one, so as not to outlive that server.
    """
    name: str | None = getattr(request, "param", None)
    for each in [name] if name else reversed(chosen_servers(request.config)):
        servers.choose(each)
    return name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with a fixture `engine` once for each engine, and any once for each of an engine's servers."""
    if needs(metafunc, "engine"):
        metafunc.parametrize("engine", engines(metafunc.config))
    chosen = [matrix.servers_of(engine, chosen_servers(metafunc.config)) for engine in engines(metafunc.config)]
    several = [name for names in chosen if len(names) > 1 for name in names]
    if several and not CONFIGS & set(metafunc.fixturenames) and not _is_unit(metafunc):
        # Which engine a test is of is known when its fixtures' parameters are: what does not fit is left out then.
        without = pytest.param(None, id=pytest.HIDDEN_PARAM)
        metafunc.parametrize("server_name", [without, *several], indirect=True, scope="session")


def _is_unit(metafunc: pytest.Metafunc) -> bool:
    return UNIT in metafunc.definition.path.parents


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of other engines, and those that are not for the server that they would be run on."""
    engines_here, servers_here = engines(config), chosen_servers(config)
    items[:] = [item for item in items if _on_right_server(item, servers_here)]
    others = [item for item in items for mark in item.iter_markers("engine") if mark.args[0] not in engines_here]
    others += [item for item in items for mark in item.iter_markers("server") if not _is_of(item, mark.args[0])]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def _on_right_server(item: pytest.Item, servers_here: list[str]) -> bool:
    """Whether a test that was made once for each server, and once for none, is made for one of its engine's."""
    name = results.params_of(item).get("server_name")
    engine = results.engine_of(item)
    candidates = matrix.servers_of(engine, servers_here) if engine else []
    return name in candidates if len(candidates) > 1 else name is None


def _is_of(item: pytest.Item, kind: str) -> bool:
    """Whether a test is run on a server of a kind."""
    name = results.params_of(item).get("server_name")
    engine = results.engine_of(item) or ""
    names = [name] if name else matrix.servers_of(engine, chosen_servers(item.config))
    return any(servers.CHOICES[each].kind.name == kind for each in names)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage of a test outside of the folder that is to be measured: that takes half as long again."""
    folder: Path | None = item.config.getoption("--measure")
    elsewhere = folder is not None and not item.path.is_relative_to(item.config.rootpath / folder)
    coverage = sys.modules.get("coverage") if elsewhere else None
    measuring = coverage and coverage.Coverage.current()
    if not measuring:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Say in each report which mode it is of, and who answered."""
    mode = results.mode_of(item)
    if mode is not None:
        item.user_properties[:] = [("mode", mode), ("version", results.engine_version(mode))]
    return (yield)


def pytest_sessionfinish() -> None:
    """End the servers."""
    servers.stop_all()
