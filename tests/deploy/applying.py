"""What child processes of the deployment tests run."""

from __future__ import annotations

from typing import Any

from trialstore.storage.config.keys import check_config
from trialstore.storage.database.connections import Database
from trialstore.storage.schema.deployment import apply_schema


def apply(_pipe: Any, config: dict[str, Any]) -> list[int]:
    """Apply what is pending; the versions that this process applied."""
    database = Database(check_config(config))
    try:
        return [migration.version for migration in apply_schema(database).applied]
    finally:
        database.dispose()
