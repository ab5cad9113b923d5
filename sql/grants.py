"""The rights of the three roles that a schema on a server is used with, as a script for the engine's own client.

The text is in `sql/<engine>/grants.sql`, with the default names in the engine's quotes: these quoted names are replaced
by the names given. Where an account consists of a name and a host, the host in the file is `%`. A database name that is
written with backslashes is a pattern there, so the new name is escaped as well. `-- client: …` stands for a command of
the client. A file without statements belongs to an engine without roles; its comments say what to use instead.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import ConfigError

from .scripts import CLIENT, engine_file

FILE = "grants.sql"
LONGEST = 63
"""Bytes of a name; some engines would cut a longer one in silence."""

_QUOTED = re.compile(
    r"(?P<quote>[\"`])trialstore(?P<escape>\\)?_(?P<role>owner|app|reader|database)(?P=quote)"
    r"(?P<account>@(?P=quote)%(?P=quote))?"
)
_LINTER = "-- noqa"


@dataclass(frozen=True)
class Names:
    """The names of the roles, and of the database that they may use."""

    owner: str = "trialstore_owner"
    app: str = "trialstore_app"
    reader: str = "trialstore_reader"
    database: str = "trialstore"


def make_grants(dialect: type[Dialect], names: Names) -> str:
    """The script that gives the roles their rights. Needs neither a connection nor a driver.

    Raises ConfigError for a name that cannot be quoted, for roles that are the same, and where the engine has no roles.
    """
    lines = engine_file(dialect, FILE).read_text(encoding="utf-8").splitlines()
    if all(line.startswith("--") or not line.strip() for line in lines):
        advice = " ".join(line.removeprefix("--").strip() for line in lines)
        raise ConfigError(f"{dialect.name} has no roles, so that there is nothing to grant.", advice.strip())
    chosen = asdict(names)
    for key, name in chosen.items():
        _check(key, name)
    if len({names.owner, names.app, names.reader}) < 3:
        raise ConfigError("Owner, app and reader must be three different roles.", "Give each a different name.")
    text = "\n".join(line.removeprefix(CLIENT) for line in lines if not line.startswith(_LINTER))
    return _QUOTED.sub(lambda found: _in_place_of(found, chosen[found["role"]]), text) + "\n"


def _in_place_of(found: re.Match[str], name: str) -> str:
    """A name in the quotes that the file has round the default one."""

    def quoted(part: str) -> str:
        return found["quote"] + part.replace(found["quote"], found["quote"] * 2) + found["quote"]

    if found["account"]:
        user, at, host = name.rpartition("@")
        return f"{quoted(user)}@{quoted(host)}" if at else f"{quoted(name)}@{quoted('%')}"
    return quoted(re.sub(r"([_%])", r"\\\1", name) if found["escape"] else name)


def _check(key: str, name: str) -> None:
    if not name or not name.isprintable() or "\\" in name or name != name.strip():
        raise ConfigError(
            f"--{key}: {name!r} cannot be quoted as a name.",
            "Names are printable, without backslashes, and neither begin nor end with a blank.",
        )
    if name.startswith("@") or name.endswith("@"):
        raise ConfigError(f"--{key}: {name!r} has no name before or no host after the '@'.", "Give NAME or NAME@HOST.")
    if len(name.encode()) > LONGEST:
        raise ConfigError(f"--{key}: {name!r} is longer than {LONGEST} bytes.", "Engines cut such names: shorten it.")
