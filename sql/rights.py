"""What the login that would run pending migrations may not do, found by SELECTs before the first of their statements.

Where a server has rights, its statement `schema_rights` says what this login lacks, in rows of

    action        create, view: make a table, a view; drop: drop a view; alter: alter a table; refer: make a foreign key
                  to it; key: add an index or key to it; index: by CREATE INDEX or DROP INDEX; record: write to it
    table_name    of which table; NULL: of any
    why           what is in the way, for people
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from . import history
from .history import HISTORY_TABLE
from .lint import load_rules
from .reading import Syntax
from .session import Session
from .steps import Action, Step
from .touching import Does, Thing, read_touches

GIVE_RIGHTS = (
    "Ask the database's administrator for the right, or to run this as the owner of the tables; 'trialstore schema "
    "grants' prints a script that gives the rights."
)
_KEYS = (Thing.INDEX, Thing.PRIMARY, Thing.CONSTRAINT)
_MAY_NOT = {
    "create": "make",
    "view": "make the views",
    "drop": "drop",
    "alter": "change",
    "refer": "make foreign keys to",
    "key": "add keys to",
    "index": "make or drop indexes of",
    "record": "write to",
}


def lacking_rights(session: Session, folder: str | Path, to_do: Iterable[Step]) -> list[str]:
    """What this login may not do of what the steps do, each with all tables, as far as the server tells."""
    if "schema_rights" not in session.catalogue:
        return []
    rows = session.many("schema_rights")
    if not rows or session.dialect.has_unseen_rights(session):
        return []
    whys: dict[tuple[str, str | None], list[str]] = {}
    for row in rows:
        name = None if row.table_name is None else str(row.table_name).upper()
        whys.setdefault((row.action, name), []).append(row.why)
    first = [("record", HISTORY_TABLE.upper())]
    if not history.exists(session):
        first.append(("create", HISTORY_TABLE.upper()))
    tables: dict[tuple[str, str], dict[str, None]] = {}
    for action, table in (*first, *_actions(to_do, load_rules(Path(folder).parent).syntax)):
        for why in (*whys.get((action, None), ()), *whys.get((action, table), ())):
            tables.setdefault((action, why), {})[table.lower()] = None
    return [
        f"this login may not {_MAY_NOT[action]} {', '.join(names)} ({why})" for (action, why), names in tables.items()
    ]


def _actions(to_do: Iterable[Step], syntax: Syntax) -> Iterator[tuple[str, str]]:
    """What the steps do, and with which tables."""
    made: set[str] = set()
    for step in to_do:
        if step.action is not Action.EXECUTE:
            continue
        touched, _ = read_touches(step.migration.statements[step.number - 1], syntax)
        tables = [touch for touch in touched if touch.thing is Thing.TABLE]
        made |= {touch.table for touch in tables if touch.does is Does.ADDS}
        for touch in touched:
            if touch.thing is Thing.TABLE:
                yield {Does.ADDS: "create", Does.CHANGES: "alter"}.get(touch.does, "refer"), touch.table
            elif touch.thing is Thing.VIEW:
                yield "view" if touch.does is Does.ADDS else "drop", touch.table
            elif touch.thing is Thing.INDEX and not tables:
                # An index alone may be dropped by its name; its table is that of the one made in its place.
                if touch.table:
                    yield "index", touch.table
            elif touch.thing in _KEYS and touch.does is Does.ADDS and touch.table not in made:
                yield "key", touch.table
