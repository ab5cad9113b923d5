"""Installs packages into an environment of `tox`: `install.py PYTHON ARGUMENT…`, with the arguments of `pip install`.

With uv, where the Python that runs this has it: in seconds instead of half a minute. With that environment's own pip
where there is no uv, where uv fails, or where pip is configured in a way that uv has no word for.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping

SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "no-index": ("UV_NO_INDEX", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}
"""What pip is configured with → uv's environment variable for the same, and what separates several values there."""
HARMLESS = {
    *("cache-dir", "disable-pip-version-check", "no-cache-dir", "no-color", "no-input", "progress-bar", "quiet"),
    *("require-virtualenv", "retries", "root-user-action", "no-python-version-warning", "no-warn-script-location"),
    "user",  # which `tox` sets to 0
}
"""What says nothing of where packages come from, or which."""


def environment(listed: str, known: Mapping[str, str]) -> dict[str, str] | None:
    """The environment variables that give uv what `pip config list` printed; None where uv has no word for some of it.

    What the environment says to uv itself (`known`) comes first.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found:
            found[section][key] = str(ast.literal_eval(value))
    variables: dict[str, str] = {}
    for key, value in (found["global"] | found["install"] | found[":env:"]).items():
        if key in SETTINGS:
            variable, separator = SETTINGS[key]
            variables[variable] = separator.join(value.split())
        elif key not in HARMLESS:
            return None
    # As pip does, of all indexes together the best version.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **variables, **known}


def by_uv(python: str, arguments: list[str]) -> bool:
    """Install with uv, and say whether that was done."""
    if importlib.util.find_spec("uv") is None:
        return False
    configured = subprocess.run(
        [python, "-I", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    variables = environment(configured.stdout, os.environ) if configured.returncode == 0 else None
    if variables is None:
        return False
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *arguments]
    return subprocess.run(command, env=variables, check=False).returncode == 0


if __name__ == "__main__":
    python, *arguments = sys.argv[1:]
    if not by_uv(python, arguments):
        sys.exit(subprocess.run([python, "-I", "-m", "pip", "install", *arguments], check=False).returncode)
