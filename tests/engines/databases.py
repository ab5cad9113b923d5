"""What the tests of the engines share: databases and users of the real servers, and other connections to them."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import URL

from matrix import ENGINES, FILE_MODES
from servers.base import DatabaseServer, Execute, connected
from trialstore.contract.helpers import make_experiment
from trialstore.storage import SqlStorage, StorageError

SERVERS = tuple(name for name in ENGINES if name not in FILE_MODES)
Config = dict[str, Any]
NOTICED_S = 60.0


def engines(*names: str) -> pytest.MarkDecorator:
    """Run a test once for each of these engines, where it is among those that the run is for."""
    return pytest.mark.parametrize("engine", [pytest.param(name, marks=pytest.mark.engine(name)) for name in names])


on_servers = engines(*SERVERS)


def needs_private(server: DatabaseServer) -> None:
    """Skip the test where the server is not ours to stop, or to set up anew."""
    if not server.private:
        pytest.skip(f"the server of {server.variable} is not ours to change")


@dataclass
class Database:
    """A database of a server, and ways to reach it."""

    server: DatabaseServer
    name: str

    def config(self, **more: Any) -> Config:
        """The administrator's config."""
        return self.server.config(self.name, **more)

    def filled(self) -> Config:
        """As `config`; the database then has the schema and an experiment "Exp" with one pending trial."""
        with SqlStorage(self.config()) as storage, make_experiment(storage) as experiment:
            experiment.new_trial({})
        late = time.monotonic() + NOTICED_S
        while self.connections():  # a server takes a moment to notice that a client has gone
            assert time.monotonic() < late, "connections that were closed are still there"
            time.sleep(0.01)
        return self.config()

    def admin(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Run a statement in this database, past the library."""
        return self.server.admin(sql, *params, database=self.name)

    def other(self) -> contextlib.AbstractContextManager[Execute]:
        """Another connection to this database, past the library."""
        return self.server.session(self.name)

    def connections(self) -> list[int]:
        """The server's numbers of all connections to this database."""
        return [number for (number,) in self.server.admin(CONNECTIONS[self.server.engine], self.name)]

    def end(self, connection: int) -> None:
        """End a connection to this database, as an administrator does."""
        self.server.admin(END[self.server.engine].format(connection))

    def end_connections(self) -> int:
        """End all connections to this database; how many there were."""
        found = self.connections()
        for number in found:
            self.end(number)
        return len(found)

    def tables(self) -> list[str]:
        """The names of its tables."""
        return sorted(name for (name,) in self.admin(TABLES[self.server.engine]))


CONNECTIONS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = %s",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = %s",
}
END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
TABLES = {
    "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = database()",
}
CREATE_USER = {
    "postgresql": ["CREATE ROLE {user} LOGIN PASSWORD {password}"],
    "mysql": ["CREATE USER {user}@'%' IDENTIFIED BY {password}"],
}
DROP_USER = {
    "postgresql": ["REASSIGN OWNED BY {user} TO CURRENT_USER", "DROP OWNED BY {user}", "DROP ROLE {user}"],
    "mysql": ["DROP USER {user}@'%'"],
}
READ = {
    "postgresql": ["GRANT USAGE ON SCHEMA public TO {user}", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"],
    "mysql": ["GRANT SELECT ON {database}.* TO {user}@'%'"],
}
EVERYTHING = {
    "postgresql": ["GRANT ALL ON SCHEMA public TO {user}", "GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}"],
    "mysql": ["GRANT ALL ON {database}.* TO {user}@'%'"],
}


@contextlib.contextmanager
def user_of(database: Database, password: str, rights: dict[str, list[str]] = READ) -> Iterator[Config]:
    """What a config says of a user whose only rights are these; the user is gone afterwards."""
    name, engine = f"user_{secrets.token_hex(6)}", database.server.engine
    words = {"user": name, "password": literal(engine, password), "database": database.name}
    try:
        for statement in (*CREATE_USER[engine], *rights[engine]):
            database.admin(statement.format(**words))
        yield {"username": name, "password": password}
    finally:
        for statement in DROP_USER[engine]:
            database.admin(statement.format(**words))


def literal(engine: str, text: str) -> str:
    """Text as it stands in a statement: only MySQL reads backslashes."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if engine == "postgresql" else "'" + quoted.replace("\\", "\\\\") + "'"


def connection(config: Config) -> contextlib.AbstractContextManager[Execute]:
    """A connection with the settings of a config, past the library."""
    module = "pymysql" if "pymysql" in config["drivername"] else "psycopg"
    return connected(module, URL.create(**config))


def refusal(call: Callable[[], Any]) -> StorageError:
    """The error of the library that a call raises."""
    with pytest.raises(StorageError) as caught:
        call()
    return caught.value
