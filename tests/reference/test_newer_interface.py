"""Our class through the interface of mlos_bench's newest source, on every engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from matrix import ENGINES, first_mode

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")

SCRIPT = Path(__file__).with_name("newer.py")
EVERY_ENGINE = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ENGINES]


@pytest.fixture(params=EVERY_ENGINE)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The config of an empty database."""
    mode = first_mode(request.param)
    made = mode.create(tmp_path)
    yield made
    if mode.drop:
        mode.drop(made)


def test_what_the_newest_source_asks_for_is_there(empty_database: dict[str, Any], shared_tree: Path) -> None:
    command = [sys.executable, str(SCRIPT), json.dumps(empty_database)]
    done = subprocess.run(command, cwd=shared_tree, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["misfits"] == []
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=shared_tree, capture_output=True, text=True, check=True)
    assert found == {
        "misfits": [],
        "contexts": [False, True, False, False, True],
        "git": [True, "mock.jsonc", "https://example.org/x.git", commit.stdout.strip()],
        "children": [0, 0],
        "loaded": [
            [1, 2, 3],
            [{"n": "1"}, {"n": "2"}, {"n": "3"}],
            [{"score": "1"}, {"score": "2"}, None],
            ["SUCCEEDED", "SUCCEEDED", "FAILED"],
        ],
        "refused": [True, True],
        "config": {"repeat_i": 3, "host": "a", "more": 1, "experiment_id": "New", "trial_id": 3},
        "held": ["READY", "New:4:4:4"],
        "opt_targets": {"score": "min"},
        "metadata": {"repeat_i": 1, "ran": 1},
        "runners": [1, 2, 3, 4],
        "bases": [True, True, True, True],
    }
