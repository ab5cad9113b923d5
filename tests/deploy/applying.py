"""What child processes of the deployment tests run."""

from __future__ import annotations

from typing import Any

from trialstore.storage.config import check_config
from trialstore.storage.database import Database
from trialstore.storage.deployment import apply_schema


def apply(_pipe: Any, config: dict[str, Any]) -> list[int]:
    """Apply what is pending; the versions that this process applied."""
    database = Database(check_config(config))
    try:
        return [migration.version for migration in apply_schema(database).applied]
    finally:
        database.dispose()
