"""Which dialect serves a drivername."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import matrix
from trialstore.dialects import registry
from trialstore.dialects.base import Dialect
from trialstore.dialects.registry import BUILT_IN, dialect_class, engine_class, known_backends
from trialstore.dialects.sqlite import SQLiteDialect
from trialstore.storage import ConfigError, SqlStorage


class ToyDialect(SQLiteDialect):
    """An engine of another package, whose driver is not installed."""

    name = "toy"
    driver = "toydriver"
    driver_module = "toydriver_that_is_not_installed"
    extra = "toy"


class InstalledToyDialect(ToyDialect):
    """The same with a driver that is there."""

    driver_module = "sqlite3"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points as other packages declare them."""
    points = [
        EntryPoint("toy", f"{__name__}:ToyDialect", registry.ENTRY_POINTS),
        EntryPoint("tin", f"{__name__}:InstalledToyDialect", registry.ENTRY_POINTS),
        EntryPoint("wrong", "json:JSONDecoder", registry.ENTRY_POINTS),
    ]
    classes = {"toy": ToyDialect, "tin": InstalledToyDialect}
    monkeypatch.setattr(EntryPoint, "load", lambda point: classes.get(point.name, dict))
    monkeypatch.setattr(
        registry, "entry_points", lambda group, name=None: [point for point in points if name in (None, point.name)]
    )


def test_the_built_in_engine_needs_no_driver_name() -> None:
    assert dialect_class("sqlite") is dialect_class("sqlite+pysqlite") is SQLiteDialect


def test_another_driver_is_refused_and_ours_is_named() -> None:
    with pytest.raises(ConfigError, match="'aiosqlite'") as caught:
        dialect_class("sqlite+aiosqlite")
    assert "'sqlite+pysqlite'" in caught.value.hint


def test_a_missing_driver_names_the_extra_to_install(installed: None) -> None:
    with pytest.raises(ConfigError, match="toydriver_that_is_not_installed") as caught:
        SqlStorage({"drivername": "toy", "database": "x"})
    assert caught.value.hint == "pip install 'trialstore[toy]'"


def test_another_package_can_add_an_engine(installed: None) -> None:
    assert dialect_class("tin") is InstalledToyDialect
    assert {"sqlite", "toy", "tin"} <= set(known_backends())


def test_an_entry_point_that_is_no_dialect_is_refused(installed: None) -> None:
    with pytest.raises(ConfigError, match="no subclass of Dialect"):
        dialect_class("wrong")


def test_an_unknown_engine_lists_those_that_are_known(installed: None) -> None:
    with pytest.raises(ConfigError, match="'oracle'") as caught:
        dialect_class("oracle")
    assert "toy" in caught.value.hint


def test_a_dialect_cannot_be_made_without_its_methods() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Dialect({})  # type: ignore[abstract]


# --- the engines that ship with the library ---------------------------------------------------------------------------


SQL = Path(__file__).parents[2] / "sql"
FILES = {
    *(".sqlfluff", "grants.sql", "lint.ini", "schema.sql", "script.sql", "structure.txt"),
    *("migrations", "queries"),
}


def test_the_tests_run_on_every_engine() -> None:
    assert set(matrix.ENGINES) == {engine_class(backend).name for backend in BUILT_IN}


@pytest.mark.parametrize("engine", matrix.ENGINES)
def test_the_folder_of_an_engine_has_all_that_is_looked_for_there(engine: str) -> None:
    assert FILES - {path.name for path in (SQL / engine).iterdir()} == set()
