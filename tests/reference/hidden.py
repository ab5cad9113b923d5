"""What mlos_bench keeps in private attributes, and has no other way to: the only place that reads them."""

from __future__ import annotations

from typing import Any


def close_theirs(storage: Any) -> None:
    """Close the connections of a storage of mlos_bench's own class."""
    storage._engine.dispose()  # noqa: SLF001


def service_of(storage: Any) -> Any:
    """The service that a storage was made with."""
    return storage._service  # noqa: SLF001


def global_config_of(storage: Any) -> Any:
    """The global parameters that a storage was made with."""
    return storage._global_config  # noqa: SLF001
