"""What the tests with mlos_bench share. Without it, those that need it are skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from matrix import first_mode
from reference.commands import make_work_tree

ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("sqlite", "postgresql", "mysql")]


@pytest.fixture(scope="session")
def shared_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One work tree for runs that are compared: the database holds its commit."""
    return make_work_tree(tmp_path_factory.mktemp("harness") / "work")


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The config of an empty database, of each engine that the harness's storage classes are run on."""
    mode = first_mode(request.param)
    config = mode.create(tmp_path)
    yield config
    if mode.drop:
        mode.drop(config)


@pytest.fixture
def sqlite(tmp_path: Path) -> dict[str, Any]:
    """The config of an empty SQLite database, which mlos_bench's own class can use as well."""
    return {"drivername": "sqlite", "database": str(tmp_path / "harness.sqlite")}
