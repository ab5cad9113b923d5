"""A pytest plugin: `pytest -p deploy.app_modes --pyargs trialstore.contract` runs the contract suite as the app role.

The owner makes each database ready before; the environment variable below says on which kind of server.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import pytest

import servers
from deploy.roles import Roles
from matrix import ServerDatabases
from trialstore.contract.modes import Config, Mode

pytest_plugins = ["trialstore.contract.plugin"]
VARIABLE = "TRIALSTORE_TEST_APP_SERVER"

NOT_FOR_THE_APP = {
    "test_schema_policy": "It makes and changes tables, and the history, which is what the role must not do.",
    "test_dialect::test_a_table_that_is_there_already_is_told_by_its_kind": "It makes a table.",
    "test_dialect::test_an_error_of_the_driver_is_told_by_its_kind_and_without_values": (
        "It reads a table that is not there, on which the role has no rights either: MySQL says that first."
    ),
}
"""Module, or module::test → why the role cannot run it."""


class AppDatabases(ServerDatabases):
    """Databases that the owner has made ready, opened by the application."""

    @cached_property
    def roles(self) -> Roles:
        """The roles, made when the first database is."""
        return Roles(servers.CHOICES[self.server].kind.engine)

    def create(self, folder: Path) -> Config:
        """The config of a ready database: the role cannot fill an empty one."""
        return self.create_ready(folder)

    def create_ready(self, _folder: Path) -> Config:
        """The config of a database with an up-to-date schema."""
        if self._idle:
            name = self._idle.pop()
        else:
            name = self.roles.database()
            self.ready.add(name)
        return self.roles.config(self.roles.app, name)


DATABASES = AppDatabases(os.environ.get(VARIABLE, ""))


def pytest_trialstore_modes(config: pytest.Config) -> list[Mode]:
    """The one mode."""
    servers.choose(DATABASES.server)
    name = f"{DATABASES.server}-app"
    return [Mode(name, DATABASES.create, DATABASES.drop, DATABASES.create_ready, variant=True)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the role cannot do by design, and what no right can matter to."""
    left = [item for item in items if {item.path.stem, _name(item)} & set(NOT_FOR_THE_APP)]
    if not set(NOT_FOR_THE_APP) <= {name for item in left for name in (item.path.stem, _name(item))}:
        raise pytest.UsageError("NOT_FOR_THE_APP names a test that is not there.")
    left += [item for item in items if item.get_closest_marker("once_per_engine")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def _name(item: pytest.Item) -> str:
    return f"{item.path.stem}::{getattr(item, 'originalname', item.name)}"


def pytest_sessionfinish() -> None:
    """Remove what was made on the server, and end it if it is this process's own."""
    if "roles" in vars(DATABASES):
        for name in DATABASES.ready:
            servers.require_named(DATABASES.server).drop_database(name)
        DATABASES.roles.drop()
    servers.stop_all()
