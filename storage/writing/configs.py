"""Tunable configs: found by their hash, or created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trialstore.dialects.errors import ErrorKind, QueryError
from trialstore.sql.session import Session
from trialstore.storage.values.rows import PARAM, Row

from .claims import id_list


def find_or_create_configs(tx: Session, wanted: Mapping[str, Sequence[Row]]) -> dict[str, int]:
    """Hash → id of the config with this hash; created with its values (rows of PARAM) unless it exists, by whomever.

    Raises a QueryError that has the transaction run again when another process stores one of them at the same moment.
    """
    found = _find(tx, list(wanted))
    if missing := [digest for digest in wanted if digest not in found]:
        found |= _create(tx, missing)
        params = [(found[digest], *row) for digest in missing for row in wanted[digest]]
        tx.bulk("config_param_insert", ("config_id", *PARAM), params)
    return found


def _find(tx: Session, hashes: Sequence[str]) -> dict[str, int]:
    if len(hashes) == 1:
        config_id = tx.scalar("config_find", config_hash=hashes[0])
        return {} if config_id is None else {hashes[0]: int(config_id)}
    return {row.config_hash: int(row.config_id) for row in tx.many("config_find_all", hashes=id_list(hashes))}


def _create(tx: Session, hashes: Sequence[str]) -> dict[str, int]:
    if len(hashes) == 1:
        new_id = tx.new_id("config_insert", config_hash=hashes[0])
        created = {} if new_id is None else {hashes[0]: new_id}
    else:
        number = tx.bulk("config_insert_all", ("config_hash",), [(digest,) for digest in hashes])
        created = _find(tx, hashes) if number == len(hashes) else {}
    if not created:
        raise QueryError("Another process stores the same config.", "Run it again.", ErrorKind.DEADLOCK)
    return created
