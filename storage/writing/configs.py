"""Tunable configs: found by their hash, or created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trialstore.dialects.errors import ErrorKind, QueryError
from trialstore.sql.session import Session
from trialstore.storage.values.rows import PARAM, Row

from .claims import id_list


def find_or_create_configs(tx: Session, wanted: Mapping[str, Sequence[Row]]) -> dict[str, int]:
    """Hash → id of the config with this hash; created with its values (rows of PARAM) unless it exists.

    A transaction that stores a config makes others that store the same one wait. To avoid deadlocks, all configs of a
    transaction are given in one call, and are created in the order of their hashes. Raises a QueryError that has the
    transaction run again when a config that another process has stored at the same moment cannot be seen yet.
    """
    found = _find(tx, list(wanted)) if wanted else {}
    if missing := sorted(digest for digest in wanted if digest not in found):
        made, ours = _create(tx, missing)
        found |= made
        params = [(found[digest], *row) for digest in ours for row in wanted[digest]]
        tx.bulk("config_param_insert", ("config_id", *PARAM), params)
    return found


def _find(tx: Session, hashes: Sequence[str]) -> dict[str, int]:
    if len(hashes) == 1:
        config_id = tx.scalar("config_find", config_hash=hashes[0])
        return {} if config_id is None else {hashes[0]: int(config_id)}
    return {row.config_hash: int(row.config_id) for row in tx.many("config_find_all", hashes=id_list(hashes))}


def _create(tx: Session, hashes: Sequence[str]) -> tuple[dict[str, int], Sequence[str]]:
    """Hash → id, and the hashes of those that this transaction has created: other transactions may have created the
    rest."""
    if len(hashes) == 1:
        new_id = tx.new_id("config_insert", config_hash=hashes[0])
        created, ours = (_find(tx, hashes), hashes[:0]) if new_id is None else ({hashes[0]: new_id}, hashes)
    else:
        number = tx.bulk("config_insert_all", ("config_hash",), [(digest,) for digest in hashes])
        rows = tx.many("config_find_all", hashes=id_list(hashes))
        created = {row.config_hash: int(row.config_id) for row in rows}
        ours = hashes if number == len(hashes) else [row.config_hash for row in rows if row.first_param is None]
    if len(created) < len(hashes):
        raise QueryError("Another process stores the same config.", "Run it again.", ErrorKind.DEADLOCK)
    return created, ours
