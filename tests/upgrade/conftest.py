"""Empty databases of every engine, and those of mlos_bench, as they are and opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import servers
from matrix import first_mode
from trialstore.contract.modes import Config
from trialstore.storage import SqlStorage
from upgrade.databases import Structure, structure
from upgrade.reference import REFERENCES, Reference

_fresh: dict[str, Structure] = {}


@contextmanager
def database(engine: str, folder: Path) -> Iterator[Config]:
    """The config of an empty database that opening brings up to date."""
    mode = first_mode(engine)
    config = mode.create(folder)
    yield {**config, "schema_policy": "update"}
    if mode.drop is not None:
        mode.drop(config)


@pytest.fixture
def empty(engine: str, tmp_path: Path) -> Iterator[Config]:
    """The config of an empty database, of every engine in turn."""
    with database(engine, tmp_path) as config:
        yield config


@pytest.fixture
def fresh(engine: str, tmp_path: Path) -> Structure:
    """What all migrations together make of an empty database."""
    return fresh_structure(engine, tmp_path)


def fresh_structure(engine: str, folder: Path) -> Structure:
    server = servers.chosen(engine)
    if server not in _fresh:
        with database(engine, folder) as config, SqlStorage(config) as storage:
            _fresh[server] = structure(storage)
    return _fresh[server]


# --- mlos_bench -------------------------------------------------------------------------------------------------------


@pytest.fixture(
    scope="module",
    params=[pytest.param(each, id=each.name, marks=pytest.mark.engine(each.engine)) for each in REFERENCES],
)
def reference(request: pytest.FixtureRequest) -> Reference:
    """A database of mlos_bench, each in turn."""
    found: Reference = request.param
    return found


@pytest.fixture
def loaded(reference: Reference, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The config of a database as mlos_bench left it."""
    with database(reference.engine, tmp_path) as config:
        reference.load(config)
        yield config


@pytest.fixture
def fresh_twin(reference: Reference, tmp_path: Path) -> Structure:
    """As `fresh`, of mlos_bench's engine."""
    return fresh_structure(reference.engine, tmp_path)


@pytest.fixture(scope="module")
def adopted(
    reference: Reference, tmp_path_factory: pytest.TempPathFactory, server_name: str | None
) -> Iterator[SqlStorage]:
    """A storage that has adopted a database of mlos_bench; for reading only, since a module's tests share it."""
    with database(reference.engine, tmp_path_factory.mktemp("adopted")) as config:
        reference.load(config)
        with SqlStorage(config) as storage:
            yield storage
