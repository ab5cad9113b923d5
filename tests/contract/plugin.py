"""The pytest plugin of the contract suite: a fresh database in every mode, and experiments in it.

The modes come from the hook `pytest_trialstore_modes`, which the author of a dialect implements. Tests by hypothesis
run without time limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from trialstore.contract.helpers import groups, make_experiment
from trialstore.contract.modes import Mode, needs
from trialstore.storage import SqlStorage, Storage
from trialstore.storage.writing import gathering

# How long an example takes is a matter of the machine and of what else runs on it. Settings of a single test start out
# from these; where they name health checks they replace the list.
settings.register_profile("trialstore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trialstore")

# Fixtures that run once in each mode, and which modes they are for.
_CONFIGS: dict[str, Callable[[Mode], bool]] = {
    "config": lambda mode: True,
    "shared_config": lambda mode: mode.reopens,
    "process_config": lambda mode: mode.many_processes,
    "private_config": lambda mode: not mode.reopens,
}


class Hooks:
    """Hooks that this plugin calls."""

    @staticmethod
    def pytest_trialstore_modes(config: pytest.Config) -> list[Mode]:  # type: ignore[empty-body]
        """The modes to run the contract suite in."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "once_per_engine(reason): how the database is connected to cannot matter to the test: no mode that is a "
        "variant of another one runs it",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let the hook be implemented."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test once in each mode that its fixtures are for."""
    found = metafunc.config.hook.pytest_trialstore_modes(config=metafunc.config)
    modes = [mode for several in found for mode in several]
    if metafunc.definition.get_closest_marker("once_per_engine"):
        modes = [mode for mode in modes if not mode.variant]
    for name, fits in _CONFIGS.items():
        if needs(metafunc, name):
            chosen = [pytest.param(mode, id=mode.name) for mode in modes if fits(mode)]
            nothing = pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"no mode of this run is for {name}"))
            metafunc.parametrize(name, chosen or [nothing], indirect=True, scope="function")


def _database(request: pytest.FixtureRequest, folder: Path) -> Iterator[dict[str, Any]]:
    mode: Mode = request.param
    opened = {"storage", "shared_storage", "process_storage", "private_storage"} & set(request.fixturenames)
    config = (mode.create_ready if opened and mode.create_ready else mode.create)(folder)
    yield config
    if mode.drop is not None:
        mode.drop(config)


@pytest.fixture(scope="session", autouse=True)
def _same_context_everywhere() -> Iterator[None]:
    """What trials run on is the same on every machine, whatever its speed and the state of its work tree."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gathering, "begin", lambda: None)
        patched.setattr(gathering, "gathered", lambda: {"host_name": "a host", "cpus": 8})
        yield


@pytest.fixture
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The config of an empty database, in every mode in turn."""
    yield from _database(request, tmp_path)


@pytest.fixture
def shared_config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """As `config`, in those modes only where a second storage can open the same database."""
    yield from _database(request, tmp_path)


@pytest.fixture
def process_config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """As `config`, in those modes only where another process can open the same database."""
    yield from _database(request, tmp_path)


@pytest.fixture
def private_config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """As `config`, in those modes only where no second storage can open the same database."""
    yield from _database(request, tmp_path)


@pytest.fixture
def storage(config: dict[str, Any]) -> Iterator[SqlStorage]:
    """A storage with an up-to-date schema and nothing in it."""
    with SqlStorage(config) as opened:
        yield opened


@pytest.fixture
def shared_storage(shared_config: dict[str, Any]) -> Iterator[SqlStorage]:
    """A storage whose database another one can open."""
    with SqlStorage(shared_config) as opened:
        yield opened


@pytest.fixture
def process_storage(process_config: dict[str, Any]) -> Iterator[SqlStorage]:
    """A storage whose database another process can open."""
    with SqlStorage(process_config) as opened:
        yield opened


@pytest.fixture
def private_storage(private_config: dict[str, Any]) -> Iterator[SqlStorage]:
    """A storage that nothing else can see."""
    with SqlStorage(private_config) as opened:
        yield opened


@pytest.fixture
def experiment(storage: SqlStorage) -> Iterator[Storage.Experiment]:
    """An entered experiment whose tunables are a mapping."""
    with make_experiment(storage) as entered:
        yield entered


@pytest.fixture
def experiment_groups(storage: SqlStorage) -> Iterator[Storage.Experiment]:
    """An entered experiment whose tunables are TunableGroups."""
    with make_experiment(storage, "Groups", tunables=groups()) as entered:
        yield entered
