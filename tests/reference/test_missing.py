"""Without mlos_bench, or what it needs, the plug-in says what to install. Runs wherever mlos_bench is or is not."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("missing", ["mlos_bench", "pytz"])
def test_the_error_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import trialstore.storage.mlos_bench"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ImportError: ")
    assert "mlos_bench" in last
    assert "pip install 'trialstore[mlos_bench]'" in last
