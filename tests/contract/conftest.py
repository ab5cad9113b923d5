"""A fresh database on every engine, and experiments in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.helpers import groups, make_experiment
from contract.modes import MODES, PRIVATE_MODES, SHARED_MODES, Mode
from trialstore.storage import SqlStorage, Storage


@pytest.fixture(params=MODES, ids=lambda mode: mode.name)
def config(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The config of an empty database, on every engine in turn."""
    mode: Mode = request.param
    return mode.make_config(tmp_path)


@pytest.fixture
def storage(config: dict[str, Any]) -> Iterator[SqlStorage]:
    """A storage with an up-to-date schema and nothing in it."""
    with SqlStorage(config) as opened:
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


@pytest.fixture(params=SHARED_MODES, ids=lambda mode: mode.name)
def shared_config(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """As `config`, for those engines only where a second storage can open the same database."""
    mode: Mode = request.param
    return mode.make_config(tmp_path)


@pytest.fixture
def shared_storage(shared_config: dict[str, Any]) -> Iterator[SqlStorage]:
    """A storage whose database another one can open."""
    with SqlStorage(shared_config) as opened:
        yield opened


@pytest.fixture(params=PRIVATE_MODES, ids=lambda mode: mode.name)
def private_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStorage]:
    """A storage that this process alone can see."""
    mode: Mode = request.param
    with SqlStorage(mode.make_config(tmp_path)) as opened:
        yield opened
