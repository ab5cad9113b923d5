"""Our class through the interface of the versions of mlos_bench after 0.6.2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")
pytestmark = pytest.mark.engine("sqlite")


def test_what_later_versions_ask_for_is_there(tmp_path: Path) -> None:
    script = Path(__file__).with_name("newer.py")
    command = [sys.executable, str(script), str(tmp_path / "newer.sqlite")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "abstract": [],
        "bases": [True, True, True],
        "opt_targets": {"score": "min"},
        "config": {"host": "a", "experiment_id": "New", "trial_id": 1, "trial_runner_id": 4},
        "runners": [4, 4, 4],
        "status": ["Status.PENDING", "Status.SUCCEEDED", "Status.SUCCEEDED"],
    }
