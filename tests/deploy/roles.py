"""A database on a server with the three roles of `trialstore schema grants`: owner, app and reader."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

import servers
from deploy.clients import apply_script
from trialstore.dialects.registry import engine_class
from trialstore.sql.grants import Names, make_grants
from trialstore.storage import SqlStorage

# How an administrator makes a role that may log in, and removes it.
CREATE = {
    "postgresql": "CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'",
    "mysql": "CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'",
}
DROP = {"postgresql": 'DROP ROLE IF EXISTS "{name}"', "mysql": "DROP USER IF EXISTS '{name}'@'%'"}


@dataclass
class Roles:
    """Three roles of a server, and who else is made beside them; their names need quotes."""

    engine: str
    passwords: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mark = secrets.token_hex(4)
        self.owner, self.app, self.reader, self.outsider = (
            f"{word}-{mark}" for word in ("Owner", "App", "Reader", "Outsider")
        )
        for name in (self.owner, self.app, self.reader, self.outsider):
            self.passwords[name] = secrets.token_hex(8)
            servers.require(self.engine).admin(CREATE[self.engine].format(name=name, password=self.passwords[name]))

    def database(self, *, migrated: bool = True) -> str:
        """The name of a new database that the roles may use, whose schema the owner has brought up to date."""
        name = servers.require(self.engine).create_database()
        self.grant(name)
        if migrated:
            with SqlStorage({**self.config(self.owner, name), "schema_policy": "update"}):
                pass
            self.grant(name)
        return name

    def grant(self, database: str) -> None:
        """Run the script with the server's own client."""
        names = Names(self.owner, self.app, self.reader, database)
        assert len(set(asdict(names).values())) == 4
        done = apply_script(
            self.engine,
            servers.require(self.engine).config(database),
            make_grants(engine_class(self.engine), names),
        )
        assert (done.code, done.errors) == (0, "")

    def config(self, role: str, database: str, **more: Any) -> dict[str, Any]:
        """The config of a storage that one of the roles opens, under the policy of an application."""
        server = servers.require(self.engine)
        login = {"username": role, "password": self.passwords[role], "schema_policy": "verify"}
        return {**server.config(database), **login, **more}

    def drop(self) -> None:
        """Remove the roles, whose databases are gone."""
        for name in self.passwords:
            servers.require(self.engine).admin(DROP[self.engine].format(name=name))
