"""How to connect: `pytest -p trialstore_toy.modes --pyargs trialstore.contract` runs the suite in these modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from trialstore.contract.modes import Config, Mode

pytest_plugins = ["trialstore.contract.plugin"]


def pytest_trialstore_modes(config: pytest.Config) -> list[Mode]:
    """A file; the suite calls `create` for each test."""

    def create(folder: Path) -> Config:
        return {"drivername": "toy", "database": str(folder / "trials.toy")}

    return [Mode("toy-file", create)]
