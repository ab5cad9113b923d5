"""Opening the storage that a config file describes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trialstore.dialects.errors import ConfigError

from .base_storage import Storage
from .config.file import describe, load_config, read_object
from .sql_storage import SqlStorage
from .values.checks import items_of


def from_config(config: str, global_configs: list[str] | None = None, **kwargs: Any) -> Storage:
    """Open the storage that a config file describes.

    `config` is the path of a JSON5 file or JSON5 text; it holds `{"class": ..., "config": {...}}` or the config alone.
    `global_configs` are more files or texts, merged in order, and `kwargs` overlay them: together they are the
    storage's `global_config` and supply the values of `$NAME` references, before the environment does.
    Raises `ConfigError`, which names the file and the key, and what the storage itself raises.
    """
    global_config: dict[str, Any] = {}
    if isinstance(global_configs, (str, bytes)) or not isinstance(global_configs, Iterable | None):
        raise ConfigError(
            f"global_configs are of type {type(global_configs).__name__}.", "Give a list of files or JSON5 texts."
        )
    for source in [] if global_configs is None else items_of(global_configs, "global_configs", "Give a list."):
        global_config.update(read_object(source, describe(source)))
    global_config.update(kwargs)
    settings = load_config(config, global_config)

    try:
        return SqlStorage(config=settings, global_config=global_config)
    except ConfigError as exc:
        raise ConfigError(f"{describe(config)}: {exc.message}", exc.hint) from None
