"""The environment of runs of pytest inside a test."""

from __future__ import annotations

import os


def environment(**more: str) -> dict[str, str]:
    """This process's environment variables and more, without coverage, whose settings name folders of the work tree."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("COV")}, **more}
