"""Have mlos_bench accept our class in storage configs, and start mlos_bench so. See docs/mlos_bench.md."""

from __future__ import annotations

import runpy
from typing import Any

from mlos_bench.config.schemas import ConfigSchema

from trialstore.dialects.errors import ConfigError

CLASS = "trialstore.storage.mlos_bench.SqlStorage"


def accept_in_configs() -> None:
    """Let mlos_bench, in this process, load storage configs that name our class; it checks all else as before.

    mlos_bench validates a config before it imports the class, by a JSON schema that lists its own classes only. The
    keys of our class are checked by the class itself. Raises ConfigError where that schema is not as it is known here.
    """
    schema: dict[str, Any] = ConfigSchema.STORAGE.schema
    try:
        names, cases = schema["properties"]["class"]["enum"], schema["oneOf"]
    except (KeyError, TypeError):
        raise ConfigError(
            "This version of mlos_bench checks storage configs in a way that is not known here.",
            "Start mlos_bench itself, with MLOS_BENCH_SKIP_SCHEMA_VALIDATION=true in the environment.",
        ) from None
    if CLASS not in names:
        names.append(CLASS)
        cases.append({"properties": {"class": {"const": CLASS}}})


def run_harness() -> None:
    """Run mlos_bench's command line, with our class accepted; the arguments are its own."""
    accept_in_configs()
    runpy.run_module("mlos_bench.run", run_name="__main__", alter_sys=True)
