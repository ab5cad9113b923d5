"""Copies of the reference's databases, as they are and opened."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from trialstore.storage import SqlStorage
from upgrade.reference import FIXTURES, REVISIONS, opened


@pytest.fixture(params=REVISIONS)
def fixture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(fixture: str, tmp_path: Path) -> Path:
    """A copy of a database of the reference."""
    return Path(shutil.copyfile(FIXTURES / fixture, tmp_path / "reference.sqlite"))


@pytest.fixture
def storage(file: Path) -> Iterator[SqlStorage]:
    with opened(file) as adopted:
        yield adopted
