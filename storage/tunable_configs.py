"""Tunable configs: found by their hash, or created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trialstore.dialects.errors import ErrorKind, QueryError
from trialstore.sql.session import Session

from .claims import id_list


def find_or_create_configs(tx: Session, wanted: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, int]:
    """Hash → id of the config with this hash; created with its values unless it exists, by whomever.

    Raises a QueryError that has the transaction run again when another process stores one of them at the same moment.
    """
    found = _find(tx, wanted)
    if missing := [digest for digest in wanted if digest not in found]:
        created = tx.bulk("config_insert", [{"config_hash": digest} for digest in missing])
        if created != len(missing):
            raise QueryError("Another process stores the same config.", "Run it again.", ErrorKind.DEADLOCK)
        found |= _find(tx, missing)
        tx.bulk(
            "config_param_insert", [{"config_id": found[digest], **row} for digest in missing for row in wanted[digest]]
        )
    return found


def _find(tx: Session, hashes: Any) -> dict[str, int]:
    return {row.config_hash: int(row.config_id) for row in tx.many("config_find_all", hashes=id_list(hashes))}
