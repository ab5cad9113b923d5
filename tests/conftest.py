"""Which engines a run is for, and the servers that it started."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import results
import servers
from matrix import MODES
from trialstore.contract.modes import Mode, needs

pytest_plugins = ["trialstore.contract.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose engines."""
    names = ", ".join(MODES)
    parser.addoption(
        "--engine", action="append", choices=list(MODES), help=f"test this engine only ({names}); repeatable"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "engine(name): the test is of this engine alone")
    # Of several processes, the one that hands out the tests gets all reports.
    if results.VARIABLE in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(results.Results())


def engines(config: pytest.Config) -> list[str]:
    """The engines that the run is for."""
    return config.getoption("--engine") or list(MODES)


@pytest.hookimpl
def pytest_trialstore_modes(config: pytest.Config) -> list[Mode]:
    """The modes of the chosen engines."""
    return [mode for engine in engines(config) for mode in MODES[engine]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of other engines."""
    chosen = engines(config)
    others = [item for item in items for mark in item.iter_markers("engine") if mark.args[0] not in chosen]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with a fixture `engine` once for each engine."""
    if needs(metafunc, "engine"):
        metafunc.parametrize("engine", engines(metafunc.config))


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
