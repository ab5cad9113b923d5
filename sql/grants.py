"""The rights of the three roles that a schema on a server is used with, as a script for the engine's own client.

The text is in `sql/<engine>/grants.sql`, with the default names in the engine's quotes: these quoted names are replaced
by the names given. Where an account consists of a name and a host, the host in the file is `%`. A database name that is
written with backslashes is a pattern there, so the new name is escaped as well. `-- client: …` stands for a command of
the client. What stands between `-- if: create_schema` or `-- if: revoke_public` and `-- end` is left out where that was
not asked for. A file without statements belongs to an engine without roles; its comments say what to use instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import ConfigError

from .names import NAMESPACE, check_name, no_schemas, quoted
from .scripts import CLIENT, engine_file

FILE = "grants.sql"
DEFAULT_SCHEMA = "public"
CREATE_SCHEMA, REVOKE_PUBLIC = "create_schema", "revoke_public"

_QUOTED = re.compile(
    r"(?P<quote>[\"`])trialstore(?P<escape>\\)?_(?P<role>owner|app|reader|database|namespace)(?P=quote)"
    r"(?P<account>@(?P=quote)%(?P=quote))?"
)
_CONDITION = re.compile(r"-- (?:if: (\w+)|end)")
_LINTER = "-- noqa"
_BODY = "$trialstore$"
"""What a file has round the body of a `DO`, in which names stand."""
_EVERYBODY = "public"


@dataclass(frozen=True)
class Names:
    """The names of the roles, and of the database that they may use."""

    owner: str = "trialstore_owner"
    app: str = "trialstore_app"
    reader: str = "trialstore_reader"
    database: str = "trialstore"


def make_grants(
    dialect: type[Dialect],
    names: Names,
    *,
    schema: str | None = None,
    create_schema: bool = False,
    keep_public: bool = False,
) -> str:
    """The script that gives the roles their rights in `schema` (None: the engine's usual one).

    It makes the schema if `create_schema` says so, and takes from everybody the rights on database and schema unless
    `keep_public` does. Needs neither a connection nor a driver.

    Raises ConfigError for a name that cannot be quoted, for roles that are the same, and where the engine has no roles,
    or nothing of what is asked for.
    """
    lines = engine_file(dialect, FILE).read_text(encoding="utf-8").splitlines()
    if all(line.startswith("--") or not line.strip() for line in lines):
        advice = " ".join(line.removeprefix("--").strip() for line in lines)
        raise ConfigError(f"{dialect.name} has no roles, so that there is nothing to grant.", advice.strip())
    if schema is not None and not any(NAMESPACE in line for line in lines):
        raise no_schemas(dialect)
    _check_flags(dialect, lines, create_schema=create_schema and schema is None, keep_public=keep_public)
    if schema is not None:
        dialect.check_schema(schema)
    chosen = {**asdict(names), "schema": DEFAULT_SCHEMA if schema is None else schema}
    for key, name in chosen.items():
        _check(key, name)
    chosen["namespace"] = chosen.pop("schema")
    if len({names.owner, names.app, names.reader}) < 3:
        raise ConfigError("Owner, app and reader must be three different roles.", "Give each a different name.")
    asked = {CREATE_SCHEMA} if create_schema else set()
    asked |= set() if keep_public else {REVOKE_PUBLIC}
    text = "\n".join(line.removeprefix(CLIENT) for line in _asked_for(lines, asked))
    text = text.replace(_BODY, _free_tag(chosen.values()))
    return _QUOTED.sub(lambda found: _in_place_of(found, chosen[found["role"]]), text) + "\n"


def _asked_for(lines: Iterable[str], asked: set[str]) -> Iterator[str]:
    """The lines of a file without its conditions, and without what these leave out."""
    wanted = True
    for line in lines:
        if condition := _CONDITION.fullmatch(line):
            wanted = condition[1] is None or condition[1] in asked
        elif wanted and not line.startswith(_LINTER):
            yield line


def _free_tag(names: Iterable[str]) -> str:
    """A dollar quote that none of the names holds."""
    number, tag = 0, _BODY
    while any(tag in name for name in names):
        number += 1
        tag = f"$trialstore_{number}$"
    return tag


def _in_place_of(found: re.Match[str], name: str) -> str:
    """A name in the quotes that the file has round the default one."""
    quote = found["quote"]
    if found["account"]:
        user, at, host = name.rpartition("@")
        return f"{quoted(user, quote)}@{quoted(host, quote)}" if at else f"{quoted(name, quote)}@{quoted('%', quote)}"
    return quoted(re.sub(r"([_%\\])", r"\\\1", name) if found["escape"] else name, quote)


def _check_flags(dialect: type[Dialect], lines: Iterable[str], *, create_schema: bool, keep_public: bool) -> None:
    if create_schema:
        raise ConfigError("--create-schema: there is no schema to create.", "Name it by --schema.")
    if keep_public and not any(line.endswith(REVOKE_PUBLIC) for line in lines):
        raise ConfigError(
            f"--keep-public: the script for {dialect.name} takes no rights from everybody.", "Leave the option out."
        )


def _check(key: str, name: str) -> None:
    check_name(key, name)
    if name.startswith("@") or name.endswith("@"):
        raise ConfigError(f"--{key}: {name!r} has no name before or no host after the '@'.", "Give NAME or NAME@HOST.")
    if name == _EVERYBODY and key in ("owner", "app", "reader"):
        raise ConfigError(f"--{key}: {name!r} stands for everybody, also in quotes.", "Give a role's name.")
