"""The look at a database before the first pending statement is run: whether all that the statements name is there under
that name, and whether nothing of others stands in their way.

The statements are gone through in order on what the catalogue says, without running them: what one drops or adds is
gone or there for the next. What others have, and which step a server refuses for it, is the engine's own; its statement
`schema_hindrances` says it in rows of

    hinders       table, sequence, index, foreign key: none can be made of the name `table_name`; name: none of the
                  first three
                  add: the table cannot get a column `part`
                  change: no column `part` of the table can get another type (all columns, where `part` is NULL)
                  text: the same for a type that has no length
                  key: the key `part` of the table cannot be dropped
                  alter: the table cannot be altered; convert: its text cannot be converted
                  instant: it cannot be altered at once; inplace: nor beside its writers; rebuild: not written anew so
    table_name, part
    kind, name    what it is that stands in the way, for people
    owner         the table that a foreign key belongs to, by which a statement may drop it before
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from trialstore.dialects.errors import ErrorKind, MigrationBlocked, PermissionDenied, QueryError, StorageError, listed

from .lint import load_rules
from .rights import GIVE_RIGHTS, lacking_rights
from .session import Session
from .steps import Action, Step
from .structure import COLUMN, FOREIGN, INDEX, INVALID, INVISIBLE, UNIQUE, Fact, expected_facts, read_facts
from .touching import Does, Thing, Touch, read_touches
from .views import VIEWS

PRIMARY = "primary key"
_HINDERED = {"": ("alter",), "inplace": ("alter", "inplace"), "instant": ("alter", "inplace", "instant")}
_NAMED = ("table", "sequence", "index", "name", "foreign key")
_SEQUENCE = re.compile(r"\bnextval\('(\w+)'")
_NAMES = (
    "Give what was renamed its old name again, and move what has a name of ours out of the way; 'trialstore schema "
    "verify' lists all differences."
)
_OTHERS = (
    "Drop what depends on it, keeping its definition, run this again, and create it anew afterwards (docs/dba.md has "
    "an example)."
)

_ROWS = (
    "Ids compare by byte afterwards: give these rows the ids of their parents, letter by letter, or delete them "
    "(docs/dba.md has the statements)."
)


@dataclass(frozen=True)
class Hindrance:
    """What stands in the way of a step, and which."""

    hinders: str
    table: str
    part: str
    kind: str
    name: str
    owner: str


@dataclass(frozen=True)
class Obstacle:
    """What is not as a step needs it."""

    what: str
    step: Step
    foreign: bool = False
    """It is something of others that depends on what the step changes."""
    rows: bool = False
    """It is in the rows, not in the structure."""

    def __str__(self) -> str:
        return f"{self.what} ({self.step})"


def check_ready(session: Session, folder: str | Path, to_do: Iterable[Step], *, rights: bool = True) -> None:
    """Raise MigrationBlocked, which lists all that stands in the way of the steps; PermissionDenied if it is nothing
    but `rights` that this login lacks, which are looked at unless that is off. Only SELECTs are run."""
    to_do = [step for step in to_do if step.action is Action.EXECUTE]
    found = obstacles(session, folder, to_do) if to_do else []
    if to_do and not found:
        found = list(_orphans(session, to_do))
    lacking = lacking_rights(session, folder, to_do) if rights and to_do else []
    if not found and not lacking:
        return
    kinds = {_ROWS if one.rows else _OTHERS if one.foreign else _NAMES for one in found}
    hints = [hint for hint in (_NAMES, _OTHERS, _ROWS) if hint in kinds]
    error: StorageError
    if found:
        what = listed([*map(str, found), *lacking], str, "; ")
        error = MigrationBlocked(
            f"Nothing was changed: the database is not as the pending migrations need it: {what}.",
            " ".join([*hints, *([GIVE_RIGHTS] if lacking else [])]),
        )
        error.step = f"{folder}/{found[0].step.place}"
    else:
        what = f"from {to_do[0]} on, statements would be refused: {'; '.join(lacking)}"
        error = PermissionDenied(f"Nothing was changed: {what}.", GIVE_RIGHTS, ErrorKind.PERMISSION)
        error.step = f"{folder}/{to_do[0].place}"
    raise error


def _orphans(session: Session, to_do: Sequence[Step]) -> Iterator[Obstacle]:
    """Rows for which a migration would be refused, as its statements before_NNNN… find them. Of one that has begun they
    are not asked: its tables are neither as before nor as after it."""
    if to_do[0].migration.version == 1:
        return
    for step in to_do:
        if step.number != 1 or step.in_doubt:
            continue
        for name in [name for name in session.catalogue if name.startswith(f"before_{step.migration.version:04d}")]:
            try:
                rows = session.many(name)
            except QueryError as exc:
                if exc.kind is not ErrorKind.MISSING_OBJECT:  # else a pending migration makes the table
                    raise
                continue
            for row in rows:
                s = "" if row.number == 1 else "s"
                what = f"{row.number:,} row{s} of {row.table_name} have no row of {row.parent} with exactly their ids"
                yield Obstacle(f"{what} ('trialstore sql show {name}' finds them)", step, rows=True)


def obstacles(session: Session, folder: str | Path, to_do: Sequence[Step]) -> list[Obstacle]:
    """All that stands in the way of the steps, in their order."""
    hindrances = [
        Hindrance(
            hinders=row.hinders,
            table=str(row.table_name).upper(),
            part=str(row.part or "").upper(),
            kind=row.kind,
            name=row.name,
            owner=str(row.owner or "").upper(),
        )
        for row in session.many("schema_hindrances")
    ]
    look = _Look(read_facts(session), hindrances)
    syntax = load_rules(Path(folder).parent).syntax
    found: dict[str, Obstacle] = {}
    for step in to_do:
        version = step.migration.version
        look.before, look.after = (expected_facts(folder, number) for number in (version - 1, version))
        touched, how = read_touches(step.migration.statements[step.number - 1], syntax)
        for what, foreign in look.at(touched, _columns(folder, version), how):
            # Of a statement that may have been carried out, nobody knows what it still needs.
            if not step.in_doubt:
                found.setdefault(what, Obstacle(what, step, foreign))
    return list(found.values())


@lru_cache(maxsize=128)
def _columns(folder: str | Path, version: int) -> Mapping[tuple[str, str], Fact]:
    """The columns that the migrations up to a version yield."""
    return {_key(fact): fact for fact in expected_facts(folder, version) if fact.kind == COLUMN}


def _key(fact: Fact) -> tuple[str, str]:
    return fact.table.upper(), fact.columns.upper()


Said = Iterator[tuple[str, bool]]
"""What is not as it should be, and whether it is something of others."""


class _Look:
    """What is there, as far as statements have been gone through."""

    def __init__(self, facts: Iterable[Fact], hindrances: Sequence[Hindrance]) -> None:
        facts = [fact for fact in facts if fact.kind not in VIEWS]
        self.tables = {fact.table.upper(): fact.table for fact in facts}
        self.columns = {_key(fact): fact for fact in facts if fact.kind == COLUMN}
        self.keys = {
            (fact.table.upper(), fact.name.upper(), fact.kind == FOREIGN): fact
            for fact in facts
            if fact.kind != COLUMN and fact.name
        }
        self.primary = {fact.table.upper() for fact in facts if fact.kind == PRIMARY}
        self.taken = {(one.hinders, one.table): one for one in hindrances if one.hinders in _NAMED}
        self.hindrances = hindrances
        self.before: frozenset[Fact] = frozenset()
        """What the migrations before the statement's yield."""
        self.after: frozenset[Fact] = frozenset()
        """The same, with the statement's own."""
        self.algorithm = ""
        self.made: set[str] = set()
        """Tables that a statement has made: nobody else has been at them."""
        self.dropped: set[str] = set()
        """Views that a statement has dropped: what they depended on may change."""

    def at(self, touched: Sequence[Touch], yields: Mapping[tuple[str, str], Fact], how: str) -> Said:
        """What is not as a statement needs it that touches this; after that all is as the statement leaves it."""
        self.algorithm = how
        for touch in touched:
            found = list(self._view(touch) if touch.thing is Thing.VIEW else self._at(touch, yields))
            if not touch.lenient:
                yield from found

    def _at(self, touch: Touch, yields: Mapping[tuple[str, str], Fact]) -> Said:
        if touch.thing in (Thing.TABLE, Thing.SEQUENCE) and touch.does is Does.ADDS:
            yield from self._new(touch.thing.value, touch.table)
            if touch.thing is Thing.TABLE:
                yield from self._named_by_server(touch.table)
            self.made.add(touch.table)
        elif touch.table in self.made:
            kind = {Thing.INDEX: "index", Thing.FOREIGN: "foreign key"}.get(touch.thing)
            if kind and touch.does is Does.ADDS and touch.name:
                yield from self._new(kind, touch.name, touch.table)
        elif touch.table and touch.table not in self.tables:
            yield f"there is no table {touch.table.lower()}", False
        elif touch.thing is Thing.TABLE:
            if touch.does is Does.CHANGES:
                yield from self._not_so(touch.table, *_HINDERED[self.algorithm])
        elif touch.thing is Thing.TEXT:
            yield from self._converted(touch.table, yields)
        elif touch.thing is Thing.COLUMN:
            yield from self._column(touch, yields)
        else:
            yield from self._of_key(touch)

    def _new(self, kind: str, name: str, table: str = "") -> Said:
        one = self.taken.get((kind, name)) or self.taken.get(("name", name))
        # An interrupted run may have made the table, with its foreign keys.
        if one and not (table and one.owner == table):
            of = f" of {one.owner.lower()}" if one.owner else ""
            yield f"{_a(one.kind)} {one.name}{of} is there, and {_a(kind)} of that name is to be made", False

    def _view(self, touch: Touch) -> Said:
        there = self.taken.get(("table", touch.table)) or self.taken.get(("name", touch.table))
        if touch.does is Does.ADDS:
            if there is not None and touch.table not in self.dropped:
                yield f"{_a(there.kind)} {there.name} is there, and a view of that name is to be made", False
            return
        if there is None or there.kind != "view":
            yield f"there is no view {touch.table.lower()}", False
        self.dropped.add(touch.table)

    def _named_by_server(self, table: str) -> Said:
        """What comes with a new table under a name that the server chooses: another one, if that is taken."""
        for fact in sorted(self.after):
            if fact.table.upper() != table:
                continue
            if fact.kind in (PRIMARY, UNIQUE) and fact.name:
                yield from self._new("index", fact.name.upper())
            elif fact.kind == COLUMN and (match := _SEQUENCE.search(fact.detail)):
                yield from self._new("sequence", match[1].upper())

    def _not_so(self, table: str, *hinders: str) -> Said:
        """What keeps a table from being altered in one of these ways."""
        for one in self.hindrances:
            if one.table == table and one.hinders in hinders:
                yield f"table {self.tables[table]} has {one.kind} {one.name}".rstrip(), True

    # --- columns ------------------------------------------------------------------------------------------------------

    def _column(self, touch: Touch, yields: Mapping[tuple[str, str], Fact]) -> Said:
        key, table = (touch.table, touch.name), self.tables[touch.table]
        if touch.does is Does.ADDS:
            there = [f"{table}.{touch.name.lower()}"] if key in self.columns else []
            there += [one.name for one in self.hindrances if (one.hinders, one.table, one.part) == ("add", *key)]
            yield from ((f"there is a column {name} already", False) for name in there)
            self.columns[key] = yields.get(key, Fact(table, COLUMN, touch.name.lower()))
        elif key not in self.columns:
            yield f"there is no column {table}.{touch.name.lower()}", False
        elif touch.does in (Does.CHANGES, Does.SETS):
            after = yields.get(key, self.columns[key])
            if touch.does is Does.SETS or after.detail != self.columns[key].detail:
                yield from self._in_the_way("change", *key)
                if _is_text(after) and not _is_text(self.columns[key]):
                    yield from self._in_the_way("text", *key)
            self.columns[key] = after
        elif touch.does is Does.DROPS:
            yield from self._in_the_way("change", *key)
            del self.columns[key]

    def _converted(self, table: str, yields: Mapping[tuple[str, str], Fact]) -> Said:
        yield from self._not_so(table, "convert")
        for key, fact in list(self.columns.items()):
            after = yields.get(key, replace(fact, detail=""))
            if key[0] == table and _collation(fact) and _collation(fact) != _collation(after):
                yield from self._in_the_way("change", *key)
                self.columns[key] = after

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _of_key(self, touch: Touch) -> Said:
        if touch.does is Does.ADDS:
            yield from self._new_key(touch)
            return
        if touch.thing is Thing.PRIMARY:
            if touch.table not in self.primary:
                yield f"{self.tables[touch.table]} has no primary key", False
            self.primary.discard(touch.table)
            return
        key = next((one for one, fact in self.keys.items() if _means(touch, one, fact)), None)
        if key is None:
            yield self._no_key(touch), False
        elif touch.does is Does.DROPS:
            yield from self._in_the_way("key", *key[:2])
            if self.keys.pop(key).kind == PRIMARY:
                self.primary.discard(key[0])
            for kind in _NAMED:
                self.taken.pop((kind, key[1]), None)

    def _no_key(self, touch: Touch) -> str:
        """That there is no such key, and which is in its place."""
        what = f"there is no {touch.thing.value} {touch.name.lower()}"
        was = next((one for one in self.before if _means(touch, (one.table.upper(), one.name.upper()), one)), None)
        if was is None:
            return what
        now = [one.name for one in self.keys.values() if one.subject == was.subject]
        return f"{what} of {was.table}{f', but one named {listed(now, str)}' if now else ''}"

    def _new_key(self, touch: Touch) -> Said:
        table = self.tables[touch.table]
        if touch.thing is Thing.PRIMARY:
            if touch.table in self.primary:
                yield f"{table} has a primary key already", False
            elif self.algorithm == "inplace":
                yield from self._not_so(touch.table, "rebuild")
            self.primary.add(touch.table)
        foreign = touch.thing is Thing.FOREIGN
        if not touch.name:
            return
        if (touch.table, touch.name, foreign) in self.keys:
            yield f"there is a {touch.thing.value} {touch.name.lower()} of {table} already", False
        elif touch.thing in (Thing.PRIMARY, Thing.INDEX):
            yield from self._new("index", touch.name)
        elif foreign:
            yield from self._new("foreign key", touch.name)
        kind = {Thing.PRIMARY: PRIMARY, Thing.FOREIGN: FOREIGN}.get(touch.thing, "unique key")
        self.keys[touch.table, touch.name, foreign] = Fact(table, kind, "", name=touch.name)

    def _in_the_way(self, hinders: str, table: str, part: str) -> Said:
        for one in self.hindrances:
            if (one.hinders, one.table) != (hinders, table) or one.part not in ("", part):
                continue
            if one.owner in self.tables and (one.owner, one.name.upper(), True) not in self.keys:
                continue  # a foreign key that a statement has dropped before
            if one.kind == "view" and one.name.upper().rpartition(".")[2] in self.dropped:
                continue
            subject = f"column {self.tables[table]}.{part.lower()}" if hinders != "key" else part.lower()
            of = f" of {one.owner.lower()}" if one.owner else ""
            yield f"{one.kind} {one.name}{of} depends on {subject}", True


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _collation(fact: Fact) -> str:
    return fact.detail.partition(" collate ")[2]


def _is_text(fact: Fact) -> bool:
    return fact.detail.startswith("text")


def _means(touch: Touch, key: tuple[object, ...], fact: Fact) -> bool:
    """Whether a statement that touches a key means this one; some name an index alone, without its table."""
    if key[1] != touch.name or touch.table not in ("", key[0]):
        return False
    if touch.thing is Thing.FOREIGN:
        return fact.kind == FOREIGN
    if touch.thing is Thing.INDEX:
        return fact.kind != FOREIGN
    return fact.kind not in (INDEX, INVISIBLE, INVALID)
