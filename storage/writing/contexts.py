"""What a trial runs on, as a row of the database that equal contexts share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from trialstore.dialects.errors import PermissionDenied, StorageError
from trialstore.dialects.text import logger
from trialstore.sql.session import Session
from trialstore.storage.config.keys import LONGEST_CONTEXT_TEXT
from trialstore.storage.database.connections import Database
from trialstore.storage.values.encoding import encode, is_storable
from trialstore.storage.values.rows import Row

from . import gathering
from .machine import Value

_LOG = logger(__name__)

_VALUE = ("key_id", "key_value", "value_type")


def begin_context(database: Database) -> None:
    """Begin to find out what trials will run on, if that is to be stored."""
    if database.config.context is not None:
        gathering.begin()


def current_context(database: Database) -> str | None:
    """The hash of what a trial that starts now runs on, stored in the database when it is the first trial there that
    does; None where nothing is to be stored, or could be: that stops no trial."""
    given = database.config.context
    if given is None:
        return None
    found = gathering.gathered()
    key = tuple(found.items())
    if key not in database.contexts:
        rows = _rows(found, given)
        digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
        try:
            _store(database, digest, rows)
        except StorageError as error:
            _LOG.warning("What trials run on is not stored: %s", error)
            if not isinstance(error, PermissionDenied):
                return None  # the next trial may have more luck
            database.contexts[key] = None
        else:
            database.contexts[key] = digest
    return database.contexts[key]


def _rows(found: dict[str, Value], given: Sequence[Row]) -> list[Row]:
    """The values that were found, and those that the harness gave, which count where both have one; ordered by name."""
    rows = {name: Row(name, *encode(value, name)) for name, value in found.items() if _fits(value)}
    return sorted((rows | {row.name: row for row in given}).values())


def _fits(value: Value) -> bool:
    return not isinstance(value, str) or (len(value) <= LONGEST_CONTEXT_TEXT and is_storable(value))


def _store(database: Database, digest: str, rows: Sequence[Row]) -> None:
    if database.read_one(lambda tx: tx.scalar("context_find", context_hash=digest)) is not None:
        return

    def insert(tx: Session) -> None:
        context_id = tx.new_id("context_insert", context_hash=digest)
        if context_id is not None:  # otherwise another process was faster
            tx.bulk("context_value_insert", _VALUE, rows, context_id=context_id)

    database.write(insert, repeatable=True)
