"""What a migration locks, as its header says it: sentences that people read and programs compare.

    -- locks: ACCESS EXCLUSIVE on trial, trial_status stops everyone; builds indexes; 2 s per 1,000,000 rows.
    -- locks: MySQL: SHARED_UPGRADABLE on trial stops nobody; rewrites the rows; 6 s per 1,000,000 rows.

A sentence has the name that the engine has for the lock, the tables, whom it stops, what is done to the tables
meanwhile, and how long that takes on a small server. One that holds for one of two servers with the same files begins
with its name. A migration that locks nothing that exists says `No lock on tables that exist.`, and one without
statements `Nothing to do here.`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STOPS = ("nobody", "writers", "everyone")
"""Whom a lock stops, the worst last."""
DEFINITION, REFERS, INDEXES, REWRITES = EFFECTS = (
    "changes the definition",
    "is referred to",
    "builds indexes",
    "rewrites the rows",
)
"""What is done to the tables meanwhile, the longest last."""
NO_LOCK = ("No lock on tables that exist.", "Nothing to do here.")

_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")
_LOCK = re.compile(
    r"(?:(?P<server>[A-Z][A-Za-z]+): )?(?P<mode>[A-Z][A-Z_ ]*) on (?P<tables>[a-z_]+(?: [a-z_]+)?(?:, [a-z_]+)*)"
    rf" stops (?P<stops>{'|'.join(STOPS)}); (?P<effect>{'|'.join(EFFECTS)});"
    r" (?:at once|(?P<seconds>\d+(?:\.\d+)?) s per 1,000,000 rows)\."
)


@dataclass(frozen=True)
class Lock:
    """A lock that a migration holds on tables while it does something to them."""

    mode: str
    tables: tuple[str, ...]
    stops: str
    effect: str
    seconds_per_million: float
    """About how long for each million rows of the table; 0 where it does not depend on them."""
    server: str = ""
    """The server that this is about, where it does not hold for all of the engine's."""

    @property
    def rewrites(self) -> bool:
        """Every row is written anew."""
        return self.effect == REWRITES

    @property
    def remakes_keys(self) -> bool:
        """Foreign keys that refer to the tables may be made anew."""
        return self.effect in (INDEXES, REWRITES)

    @property
    def weight(self) -> tuple[bool, int, float, int]:
        """By which the worst of locks is found: one that lasts comes before one that stops more for a moment."""
        lasts = self.seconds_per_million > 0 and self.stops != STOPS[0]
        return lasts, STOPS.index(self.stops), self.seconds_per_million, EFFECTS.index(self.effect)

    def __str__(self) -> str:
        server = f"{self.server}: " if self.server else ""
        took = f"{self.seconds_per_million:g} s per 1,000,000 rows" if self.seconds_per_million else "at once"
        return f"{server}{self.mode} on {', '.join(self.tables)} stops {self.stops}; {self.effect}; {took}."


def parse_locks(text: str) -> tuple[Lock, ...]:
    """The locks that a header names; none for one of NO_LOCK. Raises ValueError with the sentence that is not of the
    form."""
    if text in NO_LOCK:
        return ()
    return tuple(map(_lock, _SENTENCE.split(text)))


def _lock(sentence: str) -> Lock:
    match = _LOCK.fullmatch(sentence)
    if match is None:
        raise ValueError(sentence)
    return Lock(
        mode=match["mode"],
        tables=tuple(match["tables"].split(", ")),
        stops=match["stops"],
        effect=match["effect"],
        seconds_per_million=float(match["seconds"] or 0),
        server=match["server"] or "",
    )


def worst(locks: Iterable[Lock]) -> Lock | None:
    """The lock that others notice most; None where there is none."""
    return max(locks, key=lambda lock: lock.weight, default=None)


def seconds(locks: Sequence[Lock]) -> float:
    """About how long all of it takes where each table has a million rows; of two servers, the slower one."""
    servers = {lock.server for lock in locks} - {""} or {""}
    return max(
        sum(
            lock.seconds_per_million * len(lock.tables)
            for lock in locks
            if lock.effect != REFERS and lock.server in ("", server)
        )
        for server in servers
    )
