"""Names that a user gives to roles, databases and schemas, as they stand in scripts."""

from __future__ import annotations

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import ConfigError

NAMESPACE = "trialstore_namespace"
"""Stands in quotes for the name of the schema of the tables."""
LONGEST = 63
"""Bytes of a name; some engines would cut a longer one in silence."""


def no_schemas(dialect: type[Dialect]) -> ConfigError:
    """The error of a schema that is named for an engine without schemas in a database."""
    return ConfigError(
        f"--schema: {dialect.name} has no schemas within a database to choose from.",
        "Leave it out; for another store, name another database.",
    )


def quoted(name: str, quote: str = '"') -> str:
    """A name in the engine's quotes, in which nothing but the quote itself has a meaning."""
    return quote + name.replace(quote, quote * 2) + quote


def check_name(option: str, name: str) -> None:
    """Raise ConfigError for a name that cannot be quoted, or would be cut."""
    if not name or not name.isprintable() or name != name.strip():
        raise ConfigError(
            f"--{option}: {name!r} cannot be quoted as a name.",
            "Names are printable, and neither begin nor end with a blank.",
        )
    if len(name.encode()) > LONGEST:
        raise ConfigError(
            f"--{option}: {name!r} is longer than {LONGEST} bytes.", "Engines cut such names: shorten it."
        )
