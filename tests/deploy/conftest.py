"""Empty databases of every engine, and what all migrations together make of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import servers
from deploy.commands import Run, runner
from engines.databases import Database
from matrix import first_mode
from trialstore.contract.modes import Config
from trialstore.storage import SqlStorage
from upgrade.databases import Structure, structure

_fresh: dict[str, Structure] = {}


@contextmanager
def database(engine: str, folder: Path) -> Iterator[Config]:
    """The config of an empty database."""
    mode = first_mode(engine)
    config = mode.create(folder)
    yield config
    if mode.drop is not None:
        mode.drop(config)


@pytest.fixture
def empty(engine: str, tmp_path: Path) -> Iterator[Config]:
    """The config of an empty database, of every engine in turn."""
    with database(engine, tmp_path) as config:
        yield config


@pytest.fixture
def server_database(engine: str) -> Iterator[Database]:
    """An empty database of a server, and other ways to reach it."""
    server = servers.require(engine)
    name = server.create_database()
    yield Database(server, name)
    server.drop_database(name)


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command `trialstore schema …` on a config."""
    return runner(tmp_path_factory.mktemp("config"))


@pytest.fixture
def fresh(engine: str, tmp_path: Path) -> Structure:
    """What `apply` makes of an empty database."""
    server = servers.chosen(engine)
    if server not in _fresh:
        with (
            database(engine, tmp_path) as config,
            SqlStorage({**config, "schema_policy": "update"}) as storage,
        ):
            _fresh[server] = structure(storage)
    return _fresh[server]
