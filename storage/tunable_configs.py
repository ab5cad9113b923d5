"""Tunable configs: found by their hash, or created."""

from __future__ import annotations

from typing import Any

from trialstore.sql.session import Session


def find_or_create_config(tx: Session, digest: str, param_rows: list[dict[str, Any]]) -> int:
    """The id of the config with this hash; created with its values unless it exists, by whomever."""
    config_id = tx.scalar("config_find", config_hash=digest)
    if config_id is None:
        created = tx.count("config_insert", config_hash=digest)
        config_id = tx.scalar("config_find", config_hash=digest)
        if created:
            tx.bulk("config_param_insert", [{"config_id": config_id, **row} for row in param_rows])
    return int(config_id)
