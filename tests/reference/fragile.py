"""A mock environment that is interrupted once: what a config for mlos_bench names, in the tests of the command line."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from mlos_bench.environments.mock_env import MockEnv

MARK = "INTERRUPT_AT"
"""A file of this name in the current folder holds the id of the trial to interrupt; the interrupt removes it."""


class FragileEnv(MockEnv):
    """A mock environment whose process gets the signal of Ctrl-C within a trial, if a file says so."""

    def setup(self, tunables: Any, global_config: dict[str, Any] | None = None) -> bool:
        """Note which trial this is."""
        self._trial_id = (global_config or {}).get("trial_id")
        return bool(super().setup(tunables, global_config))

    def run(self) -> Any:
        """Produce the metrics, or be interrupted."""
        mark = Path(MARK)
        if mark.exists() and mark.read_text(encoding="ascii") == str(self._trial_id):
            mark.unlink()
            os.kill(os.getpid(), signal.SIGINT)
        return super().run()
