"""Which schema of a PostgreSQL database holds the tables, and what to say where that is not one that can be used.

One schema serves the look-up of the history, the inspection, migrations and statements alike. It is the one that the
config names; else the one in which the names of our tables are found along search_path; else, where there are no such
tables yet, the first one that new tables would get into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ConfigError, ConnectError, ErrorKind, PermissionDenied, StorageError, listed

LONGEST = 63
"""Bytes of a name; the server cuts a longer one in silence."""
_OF_THE_SERVER = ("pg_", "information_schema")
_USER = "$user"


@dataclass(frozen=True)
class Candidate:
    """A schema that search_path names, as the statement session_candidates describes it."""

    name: str
    exists: bool
    usable: bool
    """This user has the right USAGE on it."""
    holds: bool
    """There are tables of an experiment store in it."""


def check_name(name: str) -> None:
    """Raise ConfigError for what cannot be the name of a schema for tables."""
    if not name:
        raise ConfigError("The name of the schema is empty.", "Name a schema, or leave it out.")
    if len(name.encode()) > LONGEST:
        raise ConfigError(f"The schema's name is longer than {LONGEST} bytes.", "The server would cut it: shorten it.")
    if name.startswith(_OF_THE_SERVER):
        raise ConfigError(f"The schema {name!r} is the server's own.", "Name a schema that is made for tables.")
    if name == _USER:
        raise ConfigError(f"A schema {name!r} cannot be in search_path: it means the user's.", "Name it otherwise.")


def choose(candidates: Sequence[Candidate]) -> str:
    """The schema to use where the config names none.

    Raises ConfigError where several hold tables, PermissionDenied where this user may not use the one that does, or
    any, and ConnectError where search_path names none that is there.
    """
    there = list(
        {one.name: one for one in candidates if one.exists and not one.name.startswith(_OF_THE_SERVER)}.values()
    )
    holding = [one for one in there if one.holds]
    usable = [one for one in holding if one.usable]
    if len(usable) > 1:
        raise ConfigError(
            f"Several schemas hold tables of an experiment store: {_names(usable)}.",
            "Choose one by 'schema' in the config or --schema. Look into each before you remove any.",
        )
    if usable:
        return usable[0].name
    if holding:
        raise not_usable(holding[0].name)
    fit = next((one.name for one in there if one.usable), None)
    if fit is not None:
        return fit
    if there:
        raise not_usable(there[0].name)
    raise ConnectError(
        f"search_path names no schema that is there{': ' if candidates else ''}{_names(candidates)}.",
        "Name one by 'schema' in the config or --schema.",
    )


def check_usable(name: str, usable: bool | None) -> None:
    """Raise ConnectError where there is no such schema (None), PermissionDenied where this user may not use it."""
    if usable is None:
        raise ConnectError(
            f"The database has no schema {name!r}.",
            "Check 'schema' and 'database'. To make it: 'trialstore schema apply --create-schema', or CREATE SCHEMA.",
        )
    if not usable:
        raise not_usable(name)


def not_usable(name: str) -> StorageError:
    """The error of a user without the right USAGE on a schema."""
    return PermissionDenied(
        f"This user lacks the right USAGE on the schema {name!r}.",
        "Ask its owner for GRANT USAGE ON SCHEMA (see 'trialstore schema grants'), or name another by 'schema'.",
        ErrorKind.PERMISSION,
    )


def _names(candidates: Sequence[Candidate]) -> str:
    return listed([one.name for one in candidates], repr)
